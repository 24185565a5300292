#!/usr/bin/python3
"""HAProxy follows a service of 40 instances by SRV over UDP, with the configuration in examples/."""

import csv
import io
import pathlib
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import private_host  # noqa: E402
from private_host import Daemon  # noqa: E402
from roster import ROOT, wait_until  # noqa: E402

EXAMPLE = ROOT / "examples/haproxy.cfg"
SOCKET = "/run/haproxy-roster.sock"
SLOTS = 60


class Instances:
    """Listens as instance 0 to 59 do: each says its number to whoever connects."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        for number in range(SLOTS):
            listener = socket.create_server(self.address(number))
            self.selector.register(listener, selectors.EVENT_READ, str(number).encode())
        threading.Thread(target=self.serve, daemon=True).start()

    @staticmethod
    def address(number):
        return f"127.0.10.{number + 1}", 9000 + number

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                connection, _ = key.fileobj.accept()
                with connection:
                    connection.sendall(key.data)


class Haproxy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instances = Instances()
        cls.agent = private_host.agent(tempfile.mkdtemp(dir="/run"), ["127.0.0.1:8600"])
        cls.addClassCleanup(cls.agent.stop)
        cls.agent.start()
        cls.haproxy = Daemon("haproxy", "-db", "-f", str(EXAMPLE))
        cls.haproxy.__enter__()
        cls.addClassCleanup(cls.haproxy.__exit__, None)
        cls.haproxy.wait_for(pathlib.Path(SOCKET).exists)

    def setUp(self):
        self.addCleanup(self.settle, set())

    def settle(self, numbers):
        """Exactly these are registered."""
        known = self.agent.get("/v1/agent/services").json()
        for name in known:
            if int(name.split("-")[1]) not in numbers:
                self.agent.put(f"/v1/agent/service/deregister/{name}")
        for number in numbers:
            if f"web-{number}" not in known:
                self.register(number)

    def register(self, number, **more):
        address, port = self.instances.address(number)
        self.agent.put("/v1/agent/service/register",
                       {"Name": "web", "ID": f"web-{number}", "Address": address, "Port": port, **more})

    def command(self, text):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(SOCKET)
            client.sendall(f"{text}\n".encode())
            return client.makefile().read()

    def slots(self):
        """HAProxy's own word: {address:port: (slot, status, weight)} of what is no empty slot."""
        rows = csv.DictReader(io.StringIO(self.command("show stat web 4 -1").lstrip("# ")))
        return {row["addr"]: (row["svname"], row["status"], row["weight"]) for row in rows
                if row["addr"] and not row["addr"].startswith(":") and not row["status"].startswith("MAINT")}

    def expect_up(self, numbers):
        wanted = {"{}:{}".format(*self.instances.address(number)) for number in numbers}
        wait_until(f"{len(wanted)} servers are up",
                   lambda: {address for address, (_, status, _) in self.slots().items() if status == "UP"} == wanted, 20, every=0.1)

    def reached(self, connections):
        """The instances that answer through HAProxy."""
        found = set()
        for _ in range(connections):
            with socket.create_connection(("127.0.0.1", 8080), 5) as client:
                client.settimeout(5)
                found.add(int(client.recv(16)))
        return found

    def metric(self, start, having=""):
        text = self.agent.get("/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(start) and having in line)

    def test_the_example_is_a_valid_configuration(self):
        checked = subprocess.run(["haproxy", "-c", "-f", str(EXAMPLE)], capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""), checked.stdout)

    def test_forty_instances_are_followed_through_additions_and_removals(self):
        self.settle(set(range(40)))
        self.expect_up(range(40))
        self.assertEqual(self.reached(40), set(range(40)))
        first = self.slots()

        self.settle(set(range(55)))
        self.expect_up(range(55))
        now = self.slots()
        self.assertEqual({address: now[address][0] for address in first}, {address: slot for address, (slot, _, _) in first.items()},
                         "who was there keeps its slot")

        self.settle(set(range(20, 55)))
        self.expect_up(range(20, 55))
        self.assertEqual(self.reached(70), set(range(20, 55)))
        self.assertEqual(self.metric("roster_dns_truncated_total"), 0)
        self.assertEqual(self.metric("roster_dns_queries_total", 'transport="tcp"'), 0)

    def test_an_instance_in_maintenance_leaves_and_comes_back(self):
        self.settle(set(range(40)))
        self.expect_up(range(40))

        for number in range(5):
            self.agent.put(f"/v1/agent/service/maintenance/web-{number}?enable=true&reason=drain")
        self.expect_up(range(5, 40))
        for number in range(5):
            self.agent.put(f"/v1/agent/service/maintenance/web-{number}?enable=false")

        self.expect_up(range(40))

    def test_weights_arrive_and_a_warning_of_weight_0_drains(self):
        self.settle(set(range(40)))
        self.expect_up(range(40))

        self.register(7, Weights={"Passing": 1, "Warning": 0}, Check={"CheckID": "drain", "TTL": "10m", "Status": "passing"})
        self.register(8, Weights={"Passing": 1000, "Warning": 1})
        self.agent.put("/v1/agent/check/warn/drain")
        drained, heavy = ("{}:{}".format(*self.instances.address(number)) for number in (7, 8))

        wait_until("the one is drained", lambda: self.slots().get(drained, ())[1:] == ("UP", "0"), 20)
        wait_until("the other has four times the weight", lambda: self.slots().get(heavy, ())[2:] == ("4",), 20)
        self.assertEqual(self.reached(90), set(range(40)) - {7})
        self.agent.put("/v1/agent/check/pass/drain")
        self.expect_up(range(40))

    def test_without_the_agent_all_servers_stay(self):
        self.settle(set(range(40)))
        self.expect_up(range(40))
        self.agent.kill()
        self.addCleanup(self.agent.start)

        asked = self.asked()
        wait_until("haproxy has asked in vain", lambda: self.asked() > asked + 5, 20)

        self.expect_up(range(40))

    def asked(self):
        """How often HAProxy has asked, or tried to."""
        counts = dict(line.strip().split(":") for line in self.command("show resolvers roster").splitlines() if line.startswith("  "))
        return int(counts["sent"]) + int(counts["snd_error"])


if __name__ == "__main__":
    private_host.enter()
    unittest.main()
