"""A cluster of real agents as an operator sees it: the command line, the list of servers, stock clients."""

import contextlib
import json
import os
import subprocess

from cluster import Cluster, Server
from roster import BINARY, wait_until


class Operators(Cluster):
    def server(self, known=()):
        """One more, not started; `known` are those it is to ask."""
        i = len(self.servers) + 1
        host = f"127.78.{os.getpid() % 250}.{i}"
        addresses = [server.peer_address for server in known] + [f"{host}:2888"]
        self.servers.append(Server(f"n{i}", host, addresses, self.directory, (8500, 2181, 2888)))
        return self.servers[-1]

    def first(self):
        """A cluster of one."""
        server = self.server().start()
        self.await_leader()
        return server

    def roster(self, *arguments, code=0):
        done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def on(self, server, *arguments, code=0):
        return self.roster(*arguments, "--http-addr", f"http://{server.host}:{server.http_port}", code=code)

    def listed(self, server):
        """By address; none when it cannot be asked."""
        with contextlib.suppress(AssertionError):
            configuration = json.loads(self.on(server, "members", "--servers", "--json"))
            return {found["Address"]: found for found in configuration["Servers"]}
        return {}

    def running(self):
        return [server for server in self.servers if server.process and server.process.poll() is None]

    def leader(self):
        leaders = [server for server in self.running() if server.leads()]
        return leaders[0] if len(leaders) == 1 else None

    def await_leader(self):
        return wait_until("one of them leads", self.leader)

    def client(self, server):
        from kazoo.client import KazooClient
        client = KazooClient(f"{server.host}:{server.client_port}", timeout=5)
        client.start(20)
        self.addCleanup(client.close)
        self.addCleanup(client.stop)
        return client

    def write(self, *paths):
        client = self.client(self.await_leader())
        for path in paths:
            client.create(path, b"there")
        client.stop()

    def assert_has(self, server, *paths):
        client = self.client(server)
        client.sync("/")
        for path in paths:
            self.assertEqual(client.get(path)[0], b"there")
        client.stop()
