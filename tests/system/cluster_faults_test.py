#!/usr/bin/python3
"""What machines do to three agents that form a cluster, while clients write: they die, stop, and lose sight of each other.

At the end of each test what was acknowledged is there, on all three, and DNS on every agent agrees.
"""

import json
import time
import unittest


import machines
from roster import wait_until
from three_machines import SESSION_TIMEOUT, ThreeMachines


class Death(ThreeMachines):
    def test_a_follower_is_killed(self):
        leader = self.leader()
        victim = self.others(leader)[0]
        with self.load() as load:
            victim.kill()
            self.wait_for_writes(load, 300)
            self.assertTrue(leader.metric("roster_raft_leader"))
            victim.start()

    def test_the_leader_is_killed(self):
        victim = self.leader()
        with self.load() as load:
            victim.kill()
            self.leader(self.others(victim))
            self.wait_for_writes(load, 300)
            victim.start()

    def test_all_are_restarted_one_after_another(self):
        with self.load() as load:
            for server in self.servers:
                server.process.terminate()
                self.assertEqual(server.process.wait(15), 0)
                self.wait_for_writes(load, 150)
                server.start()
                wait_until("all are whole", self.whole, 30)
                self.wait_for_writes(load, 150)

    def test_all_are_killed_at_once(self):
        with self.load() as load:
            for server in self.servers:
                server.kill()
            for server in self.servers:
                server.start()
            wait_until("all are whole", self.whole, 30)
            self.wait_for_writes(load, 150)


class Standstill(ThreeMachines):
    def test_the_leader_stops_and_goes_on(self):
        old = self.leader()
        with self.load() as load:
            self.stop(old)
            self.leader(self.others(old))
            # Those who are connected to it find out by their own clocks: after two thirds of a timeout.
            self.wait_for_writes(load, 150, writers=[load.writers[self.servers.index(other)] for other in self.others(old)])
            self.go_on(old)
            wait_until("it follows", lambda: not old.leads())

    def test_a_follower_stops_and_goes_on(self):
        leader = self.leader()
        victim = self.others(leader)[0]
        with self.load() as load:
            self.stop(victim)
            self.wait_for_writes(load, 300, writers=[load.writers[self.servers.index(other)] for other in self.others(victim)])
            self.assertTrue(leader.metric("roster_raft_leader"))
            self.go_on(victim)


class Registrations(ThreeMachines):
    def register(self, server, name, port):
        reply = server.request("PUT", "/v1/agent/service/register", json.dumps({"Name": name, "Port": port, "Address": "10.9.9.9"}))
        self.assertEqual(reply.status, 200, reply.body)

    def test_a_service_registered_at_one_agent_is_answered_by_all_until_its_agent_dies(self):
        home = self.others(self.leader())[0]
        rest = self.others(home)
        client = self.client(*rest)
        session = client.client_id[0]
        self.register(home, "here", 8080)
        wanted = ["here.service.roster.internal. 8080"]
        for server in self.servers:
            wait_until(f"{server.name} answers it", lambda server=server: self.answers(server, ["here"]) == wanted)

        killed = time.monotonic()
        home.kill()

        for server in rest:
            wait_until(f"{server.name} answers it no more", lambda server=server: self.answers(server, ["here"]) == [])
        self.assertGreater(time.monotonic() - killed, SESSION_TIMEOUT / 2)
        # On a machine that stands still for a moment another may come to lead, and gives each session its full time.
        self.assertLess(time.monotonic() - killed, 2 * SESSION_TIMEOUT + 3)
        self.assertEqual(client.client_id[0], session)
        client.create("/goes-on")

        home.start()
        for server in self.servers:
            wait_until(f"{server.name} answers it again", lambda server=server: self.answers(server, ["here"]) == wanted, 30)

    def test_a_service_of_an_agent_whose_leader_dies_stays_in_all_answers(self):
        old = self.leader()
        rest = self.others(old)
        self.register(rest[0], "stays", 9090)
        wanted = ["stays.service.roster.internal. 9090"]
        wait_until("the other answers it", lambda: self.answers(rest[1], ["stays"]) == wanted)

        old.kill()
        self.leader(rest)
        client = self.client(*rest)
        gone = wait_until("the dead agent's session has expired", lambda: not client.exists(f"/roster/nodes/{old.name}"), 20)

        self.assertTrue(gone)
        for server in rest:
            self.assertEqual(self.answers(server, ["stays"]), wanted)
        old.start()
        wait_until("all are whole", self.whole, 30)


if __name__ == "__main__":
    machines.enter()
    unittest.main()
