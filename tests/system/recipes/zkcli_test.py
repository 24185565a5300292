#!/usr/bin/python3
"""zkCli.sh, interactive: on the core and on Apache ZooKeeper it prints what zkcli_session.txt says.

`zkcli_test.py record` writes that file anew from Apache ZooKeeper, taking the commands from the old one.
"""

import os
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time
import unittest

from both_servers import PATIENCE, OnRoster, OnZooKeeper, apache_zookeeper

ZKCLI = "/usr/share/zookeeper/bin/zkCli.sh"
SESSION = pathlib.Path(__file__).with_name("zkcli_session.txt")
# Small JVMs that start quickly.
JVM = {**os.environ, "CLIENT_JVMFLAGS": "-Xmx64m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def read_session():
    """[(command, what it prints, the watch events it causes)]."""
    steps = []
    for line in SESSION.read_text().splitlines():
        if line.startswith("> "):
            steps.append((line[2:], [], []))
        elif line.startswith("! "):
            steps[-1][2].append(line[2:])
        elif steps:
            steps[-1][1].append(line)
    return steps


class Shell:
    """One interactive zkCli.sh. Times and zxids are replaced by words; equal zxids by equal words."""

    def __init__(self, address):
        self.process = subprocess.Popen([ZKCLI, "-server", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=JVM)
        self.lines, self.events, self.zxids, self.marks = queue.Queue(), queue.Queue(), {}, 0
        threading.Thread(target=self._read, daemon=True).start()
        self.run("printwatches on")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if event := re.search(r"WatchedEvent state:(\w+) type:(\w+) path:(\S+)", line):
                self.events.put(" ".join(event.groups()))
            elif line and line != "WATCHER::":
                self.lines.put(line)
        self.lines.put(None)

    def _plain(self, line):
        line = re.sub(r"((?:ctime|mtime) = ).*", r"\1TIME", line)
        line = re.sub(r"(ephemeralOwner = )0x[0-9a-f]{2,}", r"\1SESSION", line)
        line = re.sub(r"(ZooKeeper CLI version: 3\.8).*", r"\1", line)
        if line.startswith("[") and line.endswith("]"):  # A set: getEphemerals has no order.
            line = f"[{', '.join(sorted(line[1:-1].split(', ')))}]"
        return re.sub(r"([cmp]Zxid = )(0x[0-9a-f]+)",
                      lambda match: match[1] + self.zxids.setdefault(match[2], f"ZXID{len(self.zxids)}"), line)

    def run(self, command):
        """What the command prints: everything up to the error of a second command that is known to fail."""
        self.marks += 1
        mark = f"/mark-{self.marks}"
        self.process.stdin.write(f"{command}\nget {mark}\n")
        self.process.stdin.flush()
        printed = []
        while (line := self.lines.get(timeout=PATIENCE)) is not None and mark not in line:
            printed.append(self._plain(line))
        return sorted(printed) if command == "whoami" else printed  # As the server has them, in any order.

    def next_event(self):
        try:
            return self.events.get(timeout=PATIENCE)
        except queue.Empty:
            return "no event came"


class Cases:
    def test_a_session_prints_what_it_prints_on_apache_zookeeper(self):
        steps = read_session()
        self.assertGreater(len(steps), 50)
        with Shell(self.address) as shell:
            for command, printed, events in steps:
                with self.subTest(command=command):
                    self.assertEqual(shell.run(command), printed)
                    self.assertEqual([shell.next_event() for _ in events], events)
                    self.assertTrue(shell.events.empty(), "an event too many")
            shell.process.stdin.write("quit\n")
            shell.process.stdin.flush()
            shell.process.wait(PATIENCE)

    def test_one_command_on_the_command_line_prints_and_exits(self):
        def run(*command):
            return subprocess.run([ZKCLI, "-server", self.address, *command], capture_output=True, text=True,
                                  env=JVM, timeout=PATIENCE)

        made = run("create", "/once", "by hand")
        self.assertEqual((made.returncode, "Created /once" in made.stderr + made.stdout), (0, True))
        self.assertIn("by hand", run("get", "/once").stdout)
        self.assertEqual(run("get", "/nowhere").returncode, 1)


class ZkcliOnRoster(OnRoster, Cases, unittest.TestCase):
    pass


class ZkcliOnZooKeeper(OnZooKeeper, Cases, unittest.TestCase):
    pass


def record():
    header = [line for line in SESSION.read_text().splitlines() if line.startswith("# ")]
    commands = [command for command, _, _ in read_session()]
    with apache_zookeeper() as address, Shell(address) as shell:
        text = header
        for command in commands:
            text += [f"> {command}", *shell.run(command)]
            time.sleep(0.3)  # Events have no end.
            while not shell.events.empty():
                text.append(f"! {shell.next_event()}")
    SESSION.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    record() if sys.argv[1:] == ["record"] else unittest.main()
