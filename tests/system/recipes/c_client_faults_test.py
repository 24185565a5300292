#!/usr/bin/python3
"""ZooKeeper's C client through cut connections and an expired session: core/c_client_faults_test.cpp, on both servers."""

import os
import subprocess
import unittest

from both_servers import Link, OnRoster, OnZooKeeper

PROGRAM = os.environ.get("C_CLIENT_FAULTS", "build/dev/tests/system/core/c_client_faults_test")


class Cases:
    def test_the_c_client_is_content(self):
        link = Link(self.address)
        self.addCleanup(link.close)
        with subprocess.Popen([PROGRAM, link.address, self.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as program:
            said = []
            for line in program.stdout:
                said.append(line.rstrip("\n"))
                if said[-1] in ("cut", "mend"):
                    {"cut": link.cut, "mend": link.mend}[said[-1]]()
                    print("done", file=program.stdin, flush=True)
            errors = program.stderr.read()
        self.assertEqual((said, program.returncode),
                         (["cut", "mend", "cut", "mend", "the C client is content"], 0), errors)


class CClientOnRoster(OnRoster, Cases, unittest.TestCase):
    pass


class CClientOnZooKeeper(OnZooKeeper, Cases, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
