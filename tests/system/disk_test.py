#!/usr/bin/python3
"""Disks that fill up, under real agents: a small tmpfs each, in a mount namespace of the test's own."""

import http.client
import os
import subprocess
import sys
import unittest

MOUNTS_ARE_OURS = "ROSTER_TEST_MOUNTS_ARE_OURS"
if os.geteuid() == 0 and __name__ == "__main__" and MOUNTS_ARE_OURS not in os.environ:
    os.environ[MOUNTS_ARE_OURS] = "1"
    os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])

from kazoo.exceptions import SystemZookeeperError  # noqa: E402
from cluster import Cluster  # noqa: E402
from roster import wait_until  # noqa: E402

MIB = 1 << 20


@unittest.skipUnless(MOUNTS_ARE_OURS in os.environ, "mounting a small file system needs root")
class FullDisk(Cluster):
    def start(self, count):
        for server in self.make(count):
            data = server.directory / "data"
            data.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "none", data], check=True)
            self.addCleanup(subprocess.run, ["umount", "-l", data], capture_output=True)
            server.start()
        return self.servers

    def leader(self):
        return wait_until("one of them leads",
                          lambda: next((server for server in self.servers if server.leads()), None))

    def fill(self, server, left):
        """Leaves so many bytes free."""
        data = server.directory / "data"
        free = os.statvfs(data).f_bavail * os.statvfs(data).f_frsize
        with open(data / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, free - left)

    def free(self, server):
        (server.directory / "data/filler").unlink()

    def client(self, server):
        from kazoo.client import KazooClient
        client = KazooClient(f"{server.host}:{server.client_port}", timeout=10)
        client.start(20)
        self.addCleanup(client.close)
        self.addCleanup(client.stop)
        return client

    def put(self, server, value):
        connection = http.client.HTTPConnection(server.host, server.http_port, timeout=10)
        try:
            connection.request("PUT", "/v1/kv/key", value)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def written(self, client, path):
        try:
            client.create(path, b"x" * 1000)
            return True
        except SystemZookeeperError:
            return False

    def test_writes_are_refused_before_the_disk_is_full_and_go_on_when_there_is_room(self):
        server, = self.start(1)
        client = self.client(self.leader())
        client.create("/before", b"there")
        wait_until("the agent's own session is there", lambda: self.put(server, "1")[0] == 200)
        session = client.client_id

        self.fill(server, 20 * MIB)
        wait_until("it is noticed", lambda: server.metrics().get("roster_raft_disk_full") == 1)

        with self.assertRaises(SystemZookeeperError):
            client.create("/refused")
        self.assertEqual(client.get("/before")[0], b"there")
        status, why = self.put(server, "2")
        self.assertEqual(status, 500)
        self.assertIn("disk", why)
        self.assertGreaterEqual(server.metric("roster_coord_writes_refused_total"), 2)
        fresh = self.client(server)  # Sessions begin and end.
        self.assertEqual(fresh.get("/before")[0], b"there")
        fresh.stop()

        self.free(server)
        wait_until("writes go on", lambda: self.written(client, "/after"))
        self.assertEqual(self.put(server, "3")[0], 200)
        self.assertEqual(client.client_id, session)
        self.assertEqual(server.metric("roster_raft_disk_full"), 0)
        self.assertIn("disk almost full, writes are refused", server.log())

    def test_writes_never_meet_the_end_of_the_disk(self):
        server, = self.start(1)
        client = self.client(self.leader())
        self.fill(server, 36 * MIB)
        client.create("/data")
        refused = 0
        for i in range(4000):  # 40 MB would be more than there is.
            try:
                client.create("/data/item-", b"x" * 10000, sequence=True)
            except SystemZookeeperError:
                refused += 1
                if refused == 100:
                    break

        self.assertEqual(refused, 100)
        self.assertIsNone(server.process.poll())
        self.assertEqual(client.get("/data")[0], b"")

    def test_one_of_three_with_a_full_disk_is_left_behind_and_catches_up(self):
        servers = self.start(3)
        leader = self.leader()
        wait_until("all are linked", lambda: all(server.links() == 2 for server in servers))
        full = next(server for server in servers if server is not leader)
        self.fill(full, 8 * MIB)
        wait_until("it is noticed", lambda: full.metrics().get("roster_raft_disk_full") == 1)
        client = self.client(leader)

        for i in range(20):
            client.create(f"/item{i}", b"x" * 1000)

        self.assertLess(full.metric("roster_raft_applied_index"), leader.metric("roster_raft_applied_index"))
        self.assertGreater(full.metric("roster_raft_put_off_total"), 0)
        self.assertTrue(leader.metric("roster_raft_leader"))
        self.free(full)
        wait_until("it has caught up", lambda: full.metrics().get("roster_raft_applied_index", 0)
                   >= leader.metric("roster_raft_applied_index"))

    def test_a_leader_refuses_what_a_majority_has_no_room_for(self):
        servers = self.start(3)
        leader = self.leader()
        wait_until("all are linked", lambda: all(server.links() == 2 for server in servers))
        client = self.client(leader)
        client.create("/before")
        others = [server for server in servers if server is not leader]
        for server in others:
            self.fill(server, 20 * MIB)

        wait_until("writes are refused", lambda: not self.written(client, f"/{os.urandom(8).hex()}"))

        self.assertTrue(client.exists("/before"))
        self.free(others[0])
        wait_until("writes go on", lambda: self.written(client, "/after"))


if __name__ == "__main__":
    unittest.main()
