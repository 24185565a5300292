"""Three agents on machines of their own, whose cores form one cluster; what must hold after whatever was done to them."""

import contextlib
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from kazoo.client import KazooClient

import machines
from cluster import Server
from cluster_load import Load, addresses
from roster import wait_until

SESSION_TIMEOUT = 3.0


@unittest.skipIf(machines.why_not(), "no machines of our own")
class ThreeMachines(unittest.TestCase):
    """One cluster for all tests of a class. Each leaves it whole."""

    more = ""

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-machines-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.switch = machines.Switch(3)
        cls.addClassCleanup(cls.switch.remove)
        hosts = cls.switch.machines
        peers = [f"{machine.address}:2888" for machine in hosts]
        cls.servers = [Server(f"n{machine.number}", machine.address, peers, cls.directory, (8500, 2181, 2888),
                              machine.namespace, f'session_timeout = "{SESSION_TIMEOUT}s"\n{cls.more}') for machine in hosts]
        cls.machine = dict(zip(cls.servers, hosts))
        cls.addClassCleanup(lambda: [server.kill() for server in cls.servers])
        cls.prepare()
        for server in cls.servers:
            server.start()
        wait_until("all are whole", cls.whole, 30)

    @classmethod
    def prepare(cls):
        """Before the servers are started."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.heal)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for server in self.servers:
                print(f"--- log of {server.name} ---\n{server.log()}", file=sys.stderr)

    @classmethod
    def whole(cls):
        """One leads, all are linked and serve, and each agent has its catalog."""
        figures = [server.metrics() for server in cls.servers]
        return (sum(of.get("roster_raft_leader", 0) for of in figures) == 1
                and all(of.get("roster_raft_peer_links") == 2 and of.get("roster_coord_serving") == 1 for of in figures)
                and all(server.dig("n1.node.roster.internal")[0] == "NOERROR" for server in cls.servers))

    def leader(self, servers=None, but=None):
        """The one of them that leads, waited for."""
        def leading():
            leaders = [server for server in servers or self.servers if server is not but and server.leads()]
            return leaders[0] if len(leaders) == 1 else None
        return wait_until("one of them leads", leading, 20)

    def others(self, *but):
        return [server for server in self.servers if server not in but]

    def client(self, *servers, **options):
        client = KazooClient(addresses(servers), **{"timeout": 10.0, "randomize_hosts": False, **options})
        self.addCleanup(client.close)
        self.addCleanup(client.stop)
        client.start(20)
        return client

    def heal(self):
        for machine in self.switch.machines:
            machine.heal()

    @contextlib.contextmanager
    def load(self, sessions_survive=True):
        """Writes throughout; then, with everything healed, waits until all are whole, and checks what was promised."""
        root = f"/{self.id().rsplit('.', 1)[1]}"
        load = Load(root, self.servers)
        self.addCleanup(load.close)
        with load:
            self.wait_for_writes(load, 100)
            yield load
            wait_until("all are whole", self.whole, 40)
            self.wait_for_writes(load, 300)
            wait_until("registrations go on at all agents", lambda: all(not registrar.unknown for registrar in load.registrars), 20)
        self.check_writes(load, sessions_survive)
        trees = [self.tree(server, root) for server in self.servers]
        self.assertEqual(trees[0], trees[1])
        self.assertEqual(trees[0], trees[2])
        self.check_services(load)

    def wait_for_writes(self, load, count, seconds=30, writers=None):
        """So many more by each writer."""
        before = {writer: len(writer.created) for writer in writers or load.writers}
        wait_until(f"{count} more writes each", lambda: all(
            writer.fault or len(writer.created) >= before[writer] + count // len(load.writers) for writer in before), seconds)

    def check_writes(self, load, sessions_survive):
        reader = self.client(self.servers[0])
        reader.sync("/")
        for writer in load.writers:
            self.assertIsNone(writer.fault)
            there = set(map(int, reader.get_children(writer.home)))
            self.assertLessEqual(set(writer.created), there)
            self.assertLessEqual(there, set(range(writer.tried)))
            value, stat = reader.get(writer.register)
            self.assertIn(int(value), range(writer.set_done, writer.set_tried + 1))
            self.assertGreaterEqual(stat.version, writer.sets)
            if sessions_survive:
                self.assertEqual(writer.client.client_id[0], writer.session)
                self.assertEqual(reader.exists(writer.ephemeral).ephemeralOwner, writer.session)

    def tree(self, server, root):
        """All that this server has below a path: data and stat by path."""
        client = self.client(server)
        client.sync(root)
        paths = [root]
        for path in paths:
            paths += [f"{path}/{name}" for name in client.get_children(path)]
        asked = [(path, client.get_async(path)) for path in paths]
        return {path: reply.get(timeout=20) for path, reply in asked}

    def check_services(self, load):
        wait_until("what was unknown is registered", lambda: all(registrar.settled() for registrar in load.registrars), 20)
        wanted = sorted(f"{name}.service.roster.internal. {port}" for name, port in load.ports().items())
        self.assertEqual(len(wanted), 9)
        for server in self.servers:
            wait_until(f"{server.name} answers as all do", lambda server=server: self.answers(server, load.ports()) == wanted)

    @staticmethod
    def answers(server, names):
        """What an agent says of services: "name port", as SRV has it."""
        asked = [text for name in names for text in (f"{name}.service.roster.internal", "SRV")]
        lines = subprocess.run(["dig", f"@{server.host}", "-p", str(server.dns_port), "+tries=1", "+time=2", "+noall", "+answer",
                                *asked], capture_output=True, text=True, timeout=60).stdout.splitlines()
        rows = [line.split() for line in lines if not line.startswith(";")]
        return sorted(f"{row[0]} {row[6]}" for row in rows if len(row) > 6)

    def stop(self, server):
        """It does nothing any more, and does not say so."""
        server.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.go_on, server)

    @staticmethod
    def go_on(server):
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGCONT)
