#!/usr/bin/python3
"""Curator's recipes and those that come with Apache ZooKeeper, unmodified: curator/*Cases.java, all in one JVM per server."""

import re
import subprocess
import unittest

import curator_program
from both_servers import OnRoster, OnZooKeeper

CASE = re.compile(r"^    public void (\w+)\(\)", re.MULTILINE)
EXPECTED = {f"{source.stem}.{name}" for source in curator_program.SOURCES.glob("?*Cases.java")
            for name in CASE.findall(source.read_text())}


class Cases:
    def test_every_case_holds(self):
        done = subprocess.run(curator_program.command("Recipes", self.address), capture_output=True,
                              text=True, timeout=150)
        verdicts = dict(reversed(line.split(" ", 1)) for line in done.stdout.splitlines()
                        if line.startswith(("ok ", "FAILED ")))
        self.assertEqual([name for name, verdict in verdicts.items() if verdict != "ok"], [], done.stdout)
        self.assertEqual((set(verdicts), done.returncode), (EXPECTED, 0), done.stderr)


class CuratorOnRoster(OnRoster, Cases, unittest.TestCase):
    pass


class CuratorOnZooKeeper(OnZooKeeper, Cases, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
