#!/usr/bin/python3
"""Three agents that form a cluster, and whose disks fill up while clients write: a small tmpfs each.

At the end of each test what was acknowledged is there, on all three, and DNS on every agent agrees.
"""

import os
import subprocess
import unittest

from kazoo.exceptions import SystemZookeeperError

import machines
from roster import wait_until
from three_machines import ThreeMachines

MIB = 1 << 20


class FullDisks(ThreeMachines):
    @classmethod
    def prepare(cls):
        for server in cls.servers:
            cls.data(server).mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "none", cls.data(server)], check=True, timeout=20)
            cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.data(server)], check=True, timeout=20)

    @staticmethod
    def data(server):
        return server.directory / "data"

    def fill(self, server, left):
        """Leaves so many bytes free."""
        state = os.statvfs(self.data(server))
        with open(self.data(server) / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, state.f_bavail * state.f_frsize - left)
        self.addCleanup(self.make_room, server)
        wait_until("it is noticed", lambda: server.metrics().get("roster_raft_disk_full") == 1)

    def make_room(self, server):
        (self.data(server) / "filler").unlink(missing_ok=True)

    def test_a_follower_has_no_room(self):
        leader = self.leader()
        full, other = self.others(leader)
        with self.load() as load:
            self.fill(full, 8 * MIB)
            self.wait_for_writes(load, 300, writers=[load.writers[self.servers.index(server)] for server in (leader, other)])
            self.assertTrue(leader.metric("roster_raft_leader"))
            self.make_room(full)

    def refuse_until_there_is_room(self, full):
        """Everywhere, and by its name; reads and sessions go on."""
        with self.load() as load:
            leader = self.leader()
            for server in full:
                self.fill(server, 20 * MIB)
            wait_until("all are refused", lambda: all(isinstance(writer.unknown, SystemZookeeperError) for writer in load.writers))
            acknowledged = load.acknowledged()
            self.assertTrue(self.client(full[0]).get_children("/"))
            self.assertEqual(load.acknowledged(), acknowledged)
            self.assertTrue(leader.metric("roster_raft_leader"))
            for server in full:
                self.make_room(server)

    def test_the_leader_has_no_room(self):
        self.refuse_until_there_is_room([self.leader()])

    def test_nobody_has_room(self):
        self.refuse_until_there_is_room(self.servers)


if __name__ == "__main__":
    machines.enter()
    unittest.main()
