#!/usr/bin/python3
"""What an operator does with a cluster of real agents: grow and shrink it, save and restore it, recover it."""

import json
import shutil
import unittest

from operators import Operators
from roster import wait_until


class Operated(Operators):
    def test_a_cluster_grows_from_one_to_five_and_shrinks_back(self):
        first = self.first()
        self.write("/one")
        for _ in range(4):
            fresh = self.server([first]).start()
            through = self.servers[-2]  # Any member will do: it asks the one that leads.
            wait_until("it knows the leader", lambda: any(s["Leader"] for s in self.listed(through).values()))
            said = self.on(through, "members", "add", fresh.peer_address, "--voter")
            self.assertIn("has caught up", said)
            self.assertIn("promote done", said)
        self.write("/five")
        wait_until("it knows the leader", lambda: any(s["Leader"] for s in self.listed(self.servers[-1]).values()))
        servers = self.listed(self.servers[-1])
        self.assertEqual({s["Role"] for s in servers.values()}, {"voter"})
        self.assertEqual(len(servers), 5)
        self.assertEqual([s["Leader"] for s in servers.values()].count(True), 1)
        self.assertRegex(self.on(self.await_leader(), "members"), r"(?s)NODE +ADDRESS.*SERVER +ADDRESS +ROLE")

        self.servers[4].kill()
        self.on(first, "members", "remove", self.servers[4].peer_address)
        self.on(first, "members", "demote", self.servers[3].peer_address)
        self.assertEqual(self.listed(first)[self.servers[3].peer_address]["Role"], "stand-by")
        self.on(first, "members", "remove", servers[self.servers[3].peer_address]["ID"])
        self.servers[3].kill()
        self.write("/three")

        leader = self.await_leader()
        rest = [server for server in self.servers[:3] if server is not leader]
        self.on(leader, "members", "remove", rest[0].peer_address)
        rest[0].kill()
        self.on(leader, "members", "remove", leader.peer_address)
        wait_until("the one that is left leads", rest[1].leads)
        leader.kill()
        self.write("/last")
        self.assert_has(rest[1], "/one", "/five", "/three", "/last")
        self.assertEqual(list(self.listed(rest[1])), [rest[1].peer_address])

    def test_what_would_do_harm_is_refused_and_says_what_to_do(self):
        first = self.first()
        self.assertIn("the last voter", self.on(first, "members", "remove", first.peer_address, code=1))
        self.assertIn("no member", self.on(first, "members", "promote", "127.0.0.9:9", code=4))
        self.assertIn("has asked this cluster",
                      self.on(first, "members", "add", "--no-wait", "127.0.0.9:9", code=4))
        for _ in range(2):
            self.on(first, "members", "add", self.server([first]).start().peer_address, "--voter")
        self.servers[1].kill()

        leader = self.await_leader()
        wait_until("it is missed",
                   lambda: not self.listed(leader).get(self.servers[1].peer_address, {}).get("Connected", True))
        said = self.on(leader, "members", "remove", self.servers[2].peer_address, code=1)
        self.assertIn("too few to commit", said)
        self.on(leader, "members", "remove", self.servers[1].peer_address)
        self.on(leader, "members", "remove", self.servers[2].peer_address)

    def test_a_snapshot_is_saved_while_it_runs_and_begins_a_new_cluster(self):
        first = self.first()
        self.write("/kept", "/kept/below")
        holder = self.client(first)
        holder.create("/lock", b"", ephemeral=True)
        file = self.directory / "saved"
        said = self.on(first, "snapshot", "save", file)
        self.assertIn("znodes", said)
        holder.delete("/lock")  # It comes back with the snapshot, and must not stay.
        self.write("/later")
        session, zxid = holder.client_id[0], holder.get("/later")[1].czxid
        found = json.loads(self.roster("snapshot", "inspect", file, "--json"))
        self.assertEqual(found["Below"]["/kept"]["Znodes"], 2)
        self.assertNotIn("/later", found["Below"])
        self.assertEqual([s["Address"] for s in found["Servers"]], [first.peer_address])
        cluster = first.cluster()
        data = first.directory / "data"

        self.assertIn("in use by pid", self.roster("snapshot", "restore", file, "--data-dir", data, "--force", code=1))
        self.assertIn("in use by pid", self.roster("snapshot", "inspect", data, code=1))
        first.kill()
        self.assertIn("--force", self.roster("snapshot", "restore", file, "--config", first.config, code=1))
        said = self.roster("snapshot", "restore", file, "--config", first.config, "--force")
        self.assertIn("raft.replaced", said)
        stored = json.loads(self.roster("snapshot", "inspect", data, "--json"))
        self.assertNotEqual(stored["Cluster"], cluster)
        first.start()

        self.await_leader()
        self.assert_has(first, "/kept", "/kept/below")
        self.assertFalse(self.client(first).exists("/later"))
        # Whoever was connected before, and saw what is no longer there, is told to begin anew at once.
        wait_until("it has another session", lambda: holder.connected and holder.client_id[0] != session, 15)
        self.assertFalse(holder.exists("/lock"))
        self.assertGreater(holder.set("/kept", b"there").mzxid, zxid)
        self.on(first, "members", "add", self.server([first]).start().peer_address, "--voter")
        self.write("/grown")

        damaged = bytearray(file.read_bytes())
        damaged[-20] ^= 1
        file.write_bytes(damaged)
        self.assertIn("damaged", self.roster("snapshot", "inspect", file, code=1))

    def test_a_server_that_is_left_of_three_is_recovered_and_grows_again(self):
        first = self.first()
        for _ in range(2):
            self.on(first, "members", "add", self.server([first]).start().peer_address, "--voter")
        paths = [f"/acknowledged{i}" for i in range(20)]
        self.write(*paths)
        left = self.servers[1]
        leader = self.await_leader()
        wait_until("it has all", lambda: left.metrics().get("roster_raft_applied_index", 0)
                   >= leader.metric("roster_raft_applied_index"))
        data = left.directory / "data"
        self.assertIn("in use by pid", self.roster("recover", "--data-dir", data, "--data-may-be-lost", code=1))
        for server in self.servers:
            server.kill()
        before = json.loads(self.roster("snapshot", "inspect", data, "--json"))

        self.assertIn("nothing was changed", self.roster("recover", "--config", left.config, code=1))
        self.assertEqual(json.loads(self.roster("snapshot", "inspect", data, "--json")), before)
        said = self.roster("recover", "--config", left.config, "--data-may-be-lost")
        self.assertIn("before-recovery", said)
        self.assertEqual(sorted(path.name for path in (data / "coord/raft/before-recovery").iterdir())[-2:],
                         ["cluster", "meta"])
        left.start()

        wait_until("it leads", left.leads)
        self.assert_has(left, *paths)
        gone = self.servers[2].start()  # One of before that comes back is not heard.
        wait_until("it is refused", lambda: left.refused("other_cluster") > 0)
        gone.kill()
        shutil.rmtree(gone.directory / "data")
        gone.config.write_text(gone.config.read_text().replace(first.peer_address, left.peer_address))
        gone.start()
        self.on(left, "members", "add", gone.peer_address, "--voter")
        self.write("/again")
        self.assertEqual({s["Role"] for s in self.listed(left).values()}, {"voter"})


if __name__ == "__main__":
    unittest.main()
