"""Real agents whose cores form one cluster."""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from roster import BINARY, Reply, wait_until


class Server:
    """One agent that is a server of the cluster, from its configuration. Run in a namespace if one is given."""

    def __init__(self, name, host, servers, directory, ports, namespace=None, more=""):
        self.name, self.host, self.namespace = name, host, namespace
        self.directory = directory / name
        self.directory.mkdir(exist_ok=True)
        self.log_path = self.directory / "log"
        self.http_port, self.client_port, peer_port = ports
        self.dns_port = self.http_port + 1
        self.peer_address = f"{host}:{peer_port}"
        self.config = self.directory / "roster.toml"
        self.config.write_text(f"""
node = "{name}"
data_dir = "{self.directory}/data"
[dns]
listen = ["{host}:{self.dns_port}"]
[http]
listen = ["{host}:{self.http_port}"]
[coord]
listen = ["{host}:{self.client_port}"]
peer_listen = "{self.peer_address}"
servers = {servers}
peer_plain = true
{more}
""")
        self.process = None

    def start(self):
        command = [BINARY, "agent", "--config", str(self.config)]
        if self.namespace:
            command = ["ip", "netns", "exec", self.namespace, *command]
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
        return self

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def address(self):
        return f"{self.host}:{self.client_port}"

    def request(self, method, path, body=None, timeout=10):
        connection = http.client.HTTPConnection(self.host, self.http_port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())

    def metrics(self):
        """All metrics without labels; none when it cannot be asked."""
        try:
            text = self.request("GET", "/metrics", timeout=2).body.decode()
        except (OSError, http.client.HTTPException):
            return {}
        return {name: float(value) for name, value in re.findall(r"^(\w+) ([0-9.e+-]+)$", text, re.M)}

    def metric(self, name):
        """Of one that runs, however long it takes to say so."""
        return wait_until(f"{self.name} can be asked", self.metrics)[name]

    def refused(self, reason):
        text = self.request("GET", "/metrics", timeout=2).body.decode()
        return float(re.search(rf'^roster_raft_peer_refused_total{{reason="{reason}"}} (\S+)', text, re.M)[1])

    def dig(self, name, type="A", *options):
        """(rcode, all that dig says)."""
        text = subprocess.run(["dig", f"@{self.host}", "-p", str(self.dns_port), "+tries=1", "+time=2", *options, name, type],
                              capture_output=True, text=True, timeout=20).stdout
        rcode = re.search(r"status: (\w+)", text)
        return (rcode[1] if rcode else None), text

    def leads(self):
        return self.metrics().get("roster_raft_leader") == 1

    def links(self):
        return self.metrics().get("roster_raft_peer_links")

    def cluster(self):
        found = re.search(r"member of a cluster id=\S+ cluster=(\S+)", self.log())
        return found and found[1]


class Cluster(unittest.TestCase):
    """A test with servers of one cluster, each of which ends with it; their logs are shown if it fails."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-cluster-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.servers = []
        self.addCleanup(self.kill_all)

    def kill_all(self):
        for server in self.servers:
            server.kill()
        self.logs = "".join(f"--- log of {server.name} ---\n{server.log()}" for server in self.servers)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(getattr(self, "logs", ""), file=sys.stderr)

    def leader_of(self, servers, but=None):
        leaders = [server for server in servers if server is not but and server.leads()]
        return leaders[0] if len(leaders) == 1 else None

    def wait_for_leader(self, servers, seconds=15.0, but=None):
        return wait_until("one of them leads", lambda: self.leader_of(servers, but), seconds)

    def wait_for_links(self, servers, count):
        wait_until(f"each has {count} links", lambda: all(server.links() == count for server in servers))

    def create(self, server, path, data=b""):
        """One write by a stock client."""
        from kazoo.client import KazooClient
        client = KazooClient(f"{server.host}:{server.client_port}", timeout=5)
        client.start(15)
        try:
            client.create(path, data)
        finally:
            client.stop()
            client.close()

    def make(self, count=3, more=lambda address: ""):
        """That many on the loopback, not started."""
        # Addresses that nobody else on this machine has: so the ports are free.
        hosts = [f"127.77.{os.getpid() % 250}.{i}" for i in range(1, count + 1)]
        addresses = [f"{host}:2888" for host in hosts]
        for i, host in enumerate(hosts, 1):
            self.servers.append(Server(f"n{i}", host, addresses, self.directory, (8500, 2181, 2888), more=more(host)))
        return self.servers
