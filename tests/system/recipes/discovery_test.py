#!/usr/bin/python3
"""Curator's service discovery and the agent see the same services, on the agent's core and on Apache ZooKeeper."""

import subprocess
import unittest

import curator_program
from both_servers import PATIENCE, Agent, wait_until, zookeeper


class Curator:
    """curator/Discovery.java: told by lines, answers by lines."""

    def __init__(self, address):
        self.process = subprocess.Popen(curator_program.command("Discovery", address), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.process.stdin.close()
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().rstrip("\n")


class Cases:
    """`cls.agent` is an agent, `cls.address` where its ensemble is."""

    def test_curator_finds_follows_and_misses_what_the_agent_registers(self):
        first = f"web-1@{self.agent.node}=10.1.2.3:80"  # The id is unique in the ensemble: it is the znode's name.
        second = f"web-2@{self.agent.node}=127.0.0.1:81"
        self.agent.put("/v1/agent/service/register", {"Name": "web", "ID": "web-1", "Address": "10.1.2.3", "Port": 80})
        with Curator(self.address) as curator:
            self.assertEqual(curator.tell("query", "web"), first)
            self.assertEqual(curator.tell("cached", "web"), first)

            self.agent.put("/v1/agent/service/register",
                           {"Name": "web", "ID": "web-2", "Port": 81, "Check": {"TTL": "1h", "Status": "passing"}})
            wait_until("the second is cached",
                       lambda: curator.tell("cached", "web") == f"{first} {second}", PATIENCE)
            self.agent.put("/v1/agent/check/fail/service:web-2")
            wait_until("the second is not enabled", lambda: curator.tell("cached", "web").endswith(":81!"), PATIENCE)
            for service in ("web-1", "web-2"):
                self.agent.put(f"/v1/agent/service/deregister/{service}")
            wait_until("both are gone", lambda: curator.tell("cached", "web") == "", PATIENCE)

    def test_the_agent_answers_for_what_curator_registers_until_its_session_ends(self):
        name = "jobs.service.roster.internal"
        with Curator(self.address) as curator:
            self.assertEqual(curator.tell("register", "jobs", "j1", "10.9.8.7", "4711"), "registered")
            self.assertEqual(curator.tell("register", "jobs", "j2", "10.9.8.8", "4712"), "registered")
            wait_until("DNS has both", lambda: self.agent.addresses(name) == ["10.9.8.7", "10.9.8.8"], PATIENCE)
            ports = sorted(line.split()[6] for line in self.agent.dig(name, "SRV")[1])
            self.assertEqual(ports, ["4711", "4712"])
            self.assertEqual(self.agent.healthy_ports("jobs"), [4711, 4712])

            self.assertEqual(curator.tell("unregister", "j1"), "unregistered")
            wait_until("one is gone", lambda: self.agent.addresses(name) == ["10.9.8.8"], PATIENCE)
            curator.kill()
            wait_until("the other goes with its session", lambda: self.agent.addresses(name) == [], PATIENCE)


class DiscoveryOnRoster(Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = cls.enterClassContext(Agent())
        cls.address = cls.agent.coord


class DiscoveryOnZooKeeper(Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(zookeeper())
        cls.agent = cls.enterClassContext(Agent(connect=cls.address))


if __name__ == "__main__":
    unittest.main()
