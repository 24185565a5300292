#!/usr/bin/python3
"""The whole agent on three Apache ZooKeeper servers: what holds on one holds here, and while servers come and go."""

import subprocess
import threading
import unittest

from apache_ensemble import ApacheEnsemble
from end_to_end_test import EndToEnd
from kazoo.client import KazooClient
from roster import BINARY, Agent, wait_until


class Lookups:
    """Asks DNS and HTTP for `name`, one after the other, as long as it is entered; remembers every wrong answer."""

    def __init__(self, agent, name, ports):
        self.agent, self.name, self.ports = agent, name, ports
        self.wrong, self.count = [], 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)

    def _run(self):
        while not self.stopping.is_set():
            found = (self.agent.addresses(f"{self.name}.service.roster.internal"), self.agent.healthy_ports(self.name))
            self.count += 1
            if found != (["127.0.0.1"], self.ports):
                self.wrong.append(found)


class OnThreeServers(EndToEnd, unittest.TestCase):
    session_timeout = "10s"  # An election must not outlast it.

    @classmethod
    def setUpClass(cls):
        cls.ensemble = cls.enterClassContext(ApacheEnsemble())
        cls.count = 0

    def setUp(self):
        OnThreeServers.count += 1
        self.chroot = f"/test-{self.count}"
        self.connect = self.ensemble.connect + self.chroot  # The agent makes what is missing of it.
        super().setUp()

    def read(self, path):
        """(data, stat) of a znode, by a client of its own."""
        client = KazooClient(self.connect)
        client.start(20)
        try:
            client.sync(path)
            return client.get(path)
        finally:
            client.stop()
            client.close()

    def session(self):
        return self.read(f"/roster/nodes/{self.agent.node}")[1].ephemeralOwner & (2 ** 64 - 1)

    def knows_the_leader(self):
        leader = self.ensemble.leader
        return leader and self.agent.get("/v1/status/leader").json() == leader.address

    def survive(self, pick):
        """The server that pick() names dies and comes back; what is registered meanwhile comes through."""
        self.register("steady", Port=1)
        session = self.session()
        server = wait_until("there is such a server", lambda: pick(session), 20)
        with Lookups(self.agent, "steady", [1]) as lookups:
            server.kill()
            self.register("meanwhile", Port=2)
            self.assertEqual(self.agent.healthy_ports("meanwhile"), [2])
            wait_until("there is a leader", lambda: self.ensemble.leader, 30)
            self.assertEqual(self.session(), session)
            server.start()
            self.ensemble.wait_serving()
            self.register("afterwards", Port=3)
            seen = lookups.count
            wait_until("lookups go on", lambda: lookups.count > seen + 2, 20)
        self.assertEqual(lookups.wrong, [])
        for service, port in (("steady", 1), ("meanwhile", 2), ("afterwards", 3)):
            self.assertEqual(self.read(f"/services/{service}/{service}@{self.agent.node}")[1].ephemeralOwner
                             & (2 ** 64 - 1), session)
            self.assertEqual(self.agent.healthy_ports(service), [port])

    def test_the_server_it_is_connected_to_may_be_restarted(self):
        self.survive(self.ensemble.server_of)

    def test_a_follower_may_be_restarted(self):
        self.survive(lambda session: next(server for server in self.ensemble.servers if server.mode == "follower"
                                          and server != self.ensemble.server_of(session)))

    def test_the_leader_may_be_restarted(self):
        self.survive(lambda session: self.ensemble.leader)
        # Who leads now is told anew.
        wait_until("the agent knows", self.knows_the_leader)

    def test_the_status_names_the_servers_and_which_of_them_leads(self):
        wait_until("it knows", self.knows_the_leader)
        self.assertEqual(self.agent.get("/v1/status/peers").json(), self.ensemble.connect.split(","))

    def test_the_members_are_the_agents(self):
        with Agent("--node", "second", connect=self.connect, session_timeout="2s"):
            def members():
                return subprocess.run([BINARY, "members", "--http-addr", f"127.0.0.1:{self.agent.http_port}"],
                                      capture_output=True, text=True, timeout=20).stdout

            wait_until("both are members", lambda: "second" in members() and self.agent.node in members())
            self.assertEqual(members().count("alive"), 2)


if __name__ == "__main__":
    unittest.main()
