#!/usr/bin/python3
"""What a cluster of real agents does about its members by itself: one moves, loses its disk, is removed, says goodbye."""

import contextlib
import http.client
import json
import shutil
import signal
import subprocess
import threading
import time
import unittest

from cluster import Server
from operators import Operators
from roster import wait_until


class ThreeServers(Operators):
    def three(self):
        for server in self.make(3):
            server.start()
        self.wait_for_links(self.servers, 2)
        leader = self.await_leader()
        return leader, [server for server in self.servers if server is not leader]

    def found(self, server, address):
        return self.listed(server).get(address, {})

    def await_all_that(self, server, leader):
        wait_until("it has all", lambda: server.metrics().get("roster_raft_applied_index", 0)
                   >= leader.metric("roster_raft_applied_index"))


class Members(ThreeServers):
    def test_a_server_that_comes_back_at_another_address_is_known_there_by_all(self):
        leader, (moved, other) = self.three()
        old = moved.peer_address
        member = self.found(leader, old)["ID"]
        moved.kill()
        moved.peer_address = f"{moved.host}:2999"
        moved.config.write_text(moved.config.read_text().replace(old, moved.peer_address))
        moved.start()

        wait_until("it is known there", lambda: self.found(leader, moved.peer_address).get("Connected"))
        self.assertEqual(self.found(leader, moved.peer_address)["ID"], member)
        self.assertEqual(len(self.listed(leader)), 3)
        self.write("/moved")
        self.await_all_that(moved, leader)
        # Nobody's "servers" have the new address: it is in the configuration that is replicated.
        for server in self.servers:
            server.kill()
        for server in (other, leader, moved):
            server.start()
        self.wait_for_links(self.servers, 2)
        self.write("/again")
        self.assert_has(moved, "/moved", "/again")

    def test_a_server_that_lost_its_disk_takes_its_old_place_as_a_new_member(self):
        leader, (lost, other) = self.three()
        self.write("/before")
        old = self.found(leader, lost.peer_address)["ID"]
        lost.kill()
        shutil.rmtree(lost.directory / "data")
        self.write("/meanwhile")
        lost.start()

        def is_replaced():
            found = self.found(leader, lost.peer_address)
            return found.get("Role") == "voter" and found["ID"] != old
        wait_until("it votes again", is_replaced, 30)
        self.assertEqual(len(self.listed(leader)), 3)
        self.assertIn("takes its old place", leader.log())
        self.assertIn("in the place of member " + old, lost.log())
        other.kill()  # The new one is needed for a majority now.
        self.write("/after")
        self.assert_has(lost, "/before", "/meanwhile", "/after")

    def test_a_server_that_was_removed_is_taken_in_again_with_what_it_has(self):
        leader, (gone, _) = self.three()
        self.write("/before")
        member = self.found(leader, gone.peer_address)["ID"]
        self.on(leader, "members", "remove", gone.peer_address)
        wait_until("it is told", lambda: "no longer a member of this cluster; 'roster members add'" in gone.log())
        self.assertNotIn(gone.peer_address, self.listed(leader))
        self.write("/meanwhile")

        self.on(leader, "members", "add", gone.peer_address, "--voter")

        self.assertEqual(self.found(leader, gone.peer_address)["ID"], member)
        self.assertEqual(self.found(leader, gone.peer_address)["Role"], "voter")
        self.write("/after")
        self.assert_has(gone, "/before", "/meanwhile", "/after")

    def test_a_forming_cluster_names_the_servers_that_it_waits_for(self):
        first, second, third = self.make(3)
        first.start()
        second.start()
        wait_until("it can be asked", first.metrics)
        wait_until("it says so", lambda: f"no answer from {third.peer_address}"
                   in self.on(first, "members", "--servers"))
        third.start()
        self.await_leader()

    def test_a_leader_that_is_terminated_lets_another_lead_at_once(self):
        leader, (other, _) = self.three()
        client = self.client(other)
        client.create("/written")
        pauses, losses, stop = [], [], threading.Event()

        def write():
            last = time.monotonic()
            while not stop.is_set():
                try:
                    client.create("/written/item-", sequence=True)
                except Exception as failure:
                    losses.append(failure)
                    return
                now = time.monotonic()
                pauses.append(now - last)
                last = now

        writer = threading.Thread(target=write)
        writer.start()
        wait_until("it writes", lambda: len(pauses) > 50)
        leader.process.send_signal(signal.SIGTERM)
        self.assertEqual(leader.process.wait(10), 0)
        written = len(pauses)
        wait_until("it goes on writing", lambda: len(pauses) > written + 50 or losses)
        stop.set()
        writer.join(10)

        self.assertEqual(losses, [])
        self.assertIn("leadership handed over", leader.log())
        left = [server for server in self.servers if server is not leader]
        # Nobody had to miss it: no link was lost before another led, and no time-out passed.
        self.assertEqual([server.metric("roster_raft_suspicions_total") for server in left], [0, 0])
        self.assertEqual(len(client.get_children("/written")), len(pauses))
        print(f"longest pause {max(pauses) * 1000:.0f} ms", end=" ", flush=True)


class AgentThatIsNoServer(Server):
    def __init__(self, host, servers, directory):
        super().__init__("plain", host, [], directory, (8500, 2181, 2888))
        connect = ",".join(f"{server.host}:{server.client_port}" for server in servers)
        self.config.write_text(f"""
node = "plain"
data_dir = "{self.directory}/data"
[dns]
listen = ["{host}:8600"]
[http]
listen = ["{host}:{self.http_port}"]
[coord]
connect = "{connect}"
""")


class Clients(ThreeServers):
    def test_an_agent_that_is_no_server_keeps_what_it_registered_when_any_server_dies(self):
        self.three()
        host = self.servers[0].host.rsplit(".", 1)[0] + ".9"
        agent = AgentThatIsNoServer(host, self.servers, self.directory)
        self.addCleanup(agent.kill)
        agent.start()
        body = json.dumps({"Name": "web", "Port": 80, "Address": host})

        def register():
            connection = http.client.HTTPConnection(host, agent.http_port, timeout=5)
            try:
                connection.request("PUT", "/v1/agent/service/register", body)
                with contextlib.closing(connection.getresponse()) as reply:
                    return reply.status == 200
            except OSError:
                return False
        wait_until("it is registered", register, 15)

        def owner():
            client = self.client(self.await_leader())
            client.sync("/")
            (name,) = client.get_children("/services/web")
            stat = client.get("/services/web/" + name)[1]
            client.stop()
            return stat.ephemeralOwner, stat.czxid
        registered = owner()
        self.assertNotEqual(registered[0], 0)

        def losses():
            return agent.metric("roster_client_connection_losses_total")
        for server in self.servers:  # It is connected to one of them.
            server.kill()
            wait_until("it is connected", lambda: agent.metric("roster_client_connects_total") > losses())
            self.assertEqual(owner(), registered)
            server.start()
            self.wait_for_links(self.servers, 2)
        self.assertGreater(losses(), 0)
        answer = subprocess.run(["dig", f"@{host}", "-p", "8600", "web.service.roster.internal", "+short", "+tries=1"],
                                capture_output=True, text=True, timeout=10).stdout
        self.assertEqual(answer.strip(), host)


if __name__ == "__main__":
    unittest.main()
