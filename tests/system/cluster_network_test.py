#!/usr/bin/python3
"""Three agents that form a cluster, and that the network parts while clients write: from each other, both ways or one.

Clients reach every agent all the time: what a minority tells them is part of it. At the end of each test what was
acknowledged is there, on all three, and DNS on every agent agrees.
"""

import json
import unittest

from kazoo.exceptions import ConnectionLoss

import machines
from roster import wait_until
from three_machines import ThreeMachines

STALE_ANSWER, STALE_NXDOMAIN = "EDE: 3 (", "EDE: 19 ("


class Partition(ThreeMachines):
    def machines_of(self, servers):
        return [self.machine[server] for server in servers]

    def writers_of(self, load, servers):
        return [load.writers[self.servers.index(server)] for server in servers]

    def check_that_it_refuses(self, alone, client):
        """It takes no write, by either door, and tells the truth about it."""
        refused = client.create_async("/refused")
        reply = alone.request("PUT", "/v1/agent/service/register", json.dumps({"Name": "refused", "Port": 1}))
        self.assertEqual(reply.status, 500, reply.body)
        with self.assertRaises(ConnectionLoss):
            refused.get(timeout=15)

    def check_that_it_goes_on_answering(self, alone):
        wait_until("it says that nobody is known to lead",
                   lambda: alone.request("GET", "/v1/status/leader").json() == "")
        wait_until("it serves no clients", lambda: alone.metric("roster_coord_serving") == 0)
        reply = wait_until("it says that it is out of touch", lambda: self.of_the_past(alone), 20)
        self.assertEqual([entry["Service"]["Port"] for entry in reply.json()], [7070])
        stale = alone.metric("roster_dns_stale_total")
        rcode, answer = alone.dig("before.service.roster.internal", "SRV")
        self.assertEqual(rcode, "NOERROR")
        self.assertIn("7070", answer)
        self.assertIn(STALE_ANSWER, answer)
        self.assertIn(STALE_NXDOMAIN, alone.dig("nobody.service.roster.internal")[1])
        self.assertEqual(alone.metric("roster_dns_stale_total"), stale + 2)

    @staticmethod
    def of_the_past(server):
        reply = server.request("GET", "/v1/health/service/before?passing")
        return reply if reply.headers["X-Consul-KnownLeader"] == "false" else None

    def check_that_it_is_of_today(self, server):
        self.assertNotIn("EDE", server.dig("before.service.roster.internal", "SRV")[1])
        self.assertEqual(server.request("GET", "/v1/health/service/before").headers["X-Consul-KnownLeader"], "true")

    def register_before(self, server):
        server.request("PUT", "/v1/agent/service/register", json.dumps({"Name": "before", "Port": 7070}))
        self.addCleanup(server.request, "PUT", "/v1/agent/service/deregister/before")
        for each in self.servers:
            wait_until(f"{each.name} answers it",
                       lambda each=each: self.answers(each, ["before"]) == ["before.service.roster.internal. 7070"])

    def minority(self, alone):
        rest = self.others(alone)
        self.register_before(alone)
        client = self.client(alone)
        with self.load() as load:
            self.machine[alone].part(*self.machines_of(rest))
            self.leader(rest)
            self.wait_for_writes(load, 150, writers=self.writers_of(load, rest))
            self.check_that_it_refuses(alone, client)
            self.check_that_it_goes_on_answering(alone)
            self.assertIsNone(self.client(*rest).exists("/refused"))
            self.heal()
        wait_until("what was put off is made up for", lambda: self.answers(rest[0], ["refused"]), 20)
        alone.request("PUT", "/v1/agent/service/deregister/refused")
        for server in self.servers:
            self.check_that_it_is_of_today(server)

    def test_a_leader_alone_refuses_writes_and_goes_on_answering(self):
        self.minority(self.leader())

    def test_a_follower_alone_refuses_writes_and_goes_on_answering(self):
        self.minority(self.others(self.leader())[0])

    def test_without_any_majority_all_go_on_answering(self):
        self.register_before(self.servers[0])
        one, two, three = self.switch.machines
        with self.load(sessions_survive=False):
            one.part(two, three)
            two.part(three)
            for server in self.servers:
                self.check_that_it_goes_on_answering(server)
            self.heal()

    def test_a_leader_that_hears_nobody_is_replaced(self):
        old = self.leader()
        rest = self.others(old)
        with self.load() as load:
            self.machine[old].deafen(*self.machines_of(rest))
            self.leader(rest)
            self.wait_for_writes(load, 150, writers=self.writers_of(load, rest))
            wait_until("the old one no longer leads", lambda: not old.leads())
            self.heal()

    def test_a_leader_that_nobody_hears_is_replaced(self):
        old = self.leader()
        rest = self.others(old)
        with self.load() as load:
            for machine in self.machines_of(rest):
                machine.deafen(self.machine[old])
            self.leader(rest)
            self.wait_for_writes(load, 150, writers=self.writers_of(load, rest))
            wait_until("the old one no longer leads", lambda: not old.leads())
            self.heal()

    def test_a_follower_that_hears_nobody_does_not_disturb_the_others(self):
        leader = self.leader()
        deaf = self.others(leader)[0]
        with self.load() as load:
            term = leader.metric("roster_raft_term")
            self.machine[deaf].deafen(*self.machines_of(self.others(deaf)))
            wait_until("it has lost the leader", lambda: deaf.metric("roster_coord_serving") == 0)
            self.wait_for_writes(load, 150, writers=self.writers_of(load, self.others(deaf)))
            self.heal()
            wait_until("it has found the leader", lambda: deaf.metric("roster_coord_serving") == 1, 30)
            self.assertEqual(leader.metric("roster_raft_term"), term)

    def test_a_follower_that_does_not_hear_the_leader_gets_along(self):
        leader = self.leader()
        deaf = self.others(leader)[0]
        with self.load() as load:
            self.machine[deaf].deafen(self.machine[leader])
            self.wait_for_writes(load, 300, writers=self.writers_of(load, self.others(leader, deaf)))
            self.heal()


if __name__ == "__main__":
    machines.enter()
    unittest.main()
