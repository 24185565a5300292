"""Three servers each of Roster, Apache ZooKeeper and etcd on loopback, every write synced; how each is loaded and written to.

An ensemble has servers with process, start(), kill() and address; leader(); load(), many writes under way; writer(), one.
"""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path += [str(pathlib.Path(__file__).resolve().parents[1] / "system"),
             str(pathlib.Path(__file__).resolve().parents[1] / "system/core")]

import wire  # noqa: E402
from apache_ensemble import ApacheEnsemble  # noqa: E402
from cluster import Server  # noqa: E402
from roster import free_port, wait_until  # noqa: E402

VALUE = b"x" * 100
OPEN = [(31, b"world", b"anyone")]
GRPC = ["-H", "content-type: application/grpc", "-H", "te: trailers"]


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def processor_time(servers):
    """Of all threads of all of them, to the nanosecond."""
    return sum(time.clock_gettime(~server.process.pid << 3 | 2) for server in servers)


class Writer:
    """One client that writes to the one znode, one write after another, at whichever of these servers takes it."""

    def __init__(self, servers):
        self.servers, self.turn, self.connection = servers, 0, None
        self.session, self.password = 0, bytes(16)
        self.ask("create", (b"/written", b"", OPEN, 0))

    def connect(self):
        """To the server whose turn it is; it may refuse, or not be there."""
        address = self.servers[self.turn % len(self.servers)].address
        with contextlib.suppress(OSError):
            self.connection = wire.Connection(address, patience=5)
            self.connection.send(wire.text(struct.pack(">iqiq", 0, 0, 20_000, self.session) + wire.text(self.password) + b"\0"))
            if answer := self.connection.frame():
                _, timeout, self.session = struct.unpack_from(">iiq", answer)
                self.password = answer[20:36]
                assert timeout > 0, "the session has expired"
                return
        self.connection = None

    def ask(self, name, arguments):
        if not self.connection:
            self.connect()
        if self.connection:
            self.connection.send(wire.request(1, name, arguments))
            if self.connection.frame() is not None:
                return True
            self.connection.close()
            self.connection = None
        return False

    def write(self):
        """Returns when it is committed."""
        while not self.ask("setData", (b"/written", VALUE, -1)):
            self.turn += 1
            time.sleep(0.002)

    def close(self):
        self.connection.close()


class OfZooKeepersProtocol:
    """Loaded with coord_load."""

    def load(self, kind, *figures, servers=None):
        command = [self.coord_load, ",".join(server.address for server in servers or self.servers),
                   ",".join(str(server.process.pid) for server in self.servers if server.process.poll() is None),
                   kind, *map(str, figures)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{self.name}: {kind}: {done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    @staticmethod
    def writer(servers):
        return Writer(servers)


class Roster(OfZooKeepersProtocol):
    name = "roster"

    def __init__(self, coord_load, hosts=None, namespaces=(None, None, None)):
        self.coord_load = coord_load
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-bench-"))
        # Addresses that nobody else on this machine has: so the ports are free.
        hosts = hosts or [f"127.78.{os.getpid() % 250}.{i}" for i in (1, 2, 3)]
        peers = [f"{host}:2888" for host in hosts]
        self.servers = [Server(f"n{i}", host, peers, self.directory, (8500, 2181, 2888), namespace,
                               'session_timeout = "30s"') for i, (host, namespace) in enumerate(zip(hosts, namespaces), 1)]

    def __enter__(self):
        for server in self.servers:
            server.start()
        self.wait_whole()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait_whole(self):
        wait_until("all serve", lambda: self.leader() and all(
            server.metrics().get("roster_coord_serving") == 1 and server.links() == 2 for server in self.servers), 60)

    def leader(self):
        return next((server for server in self.servers if server.leads()), None)


class ZooKeeper(OfZooKeepersProtocol):
    name = "ZooKeeper"

    def __init__(self, coord_load):
        self.coord_load = coord_load
        self.ensemble = ApacheEnsemble(java=("-Xms1g", "-Xmx1g"))

    def __enter__(self):
        self.ensemble.__enter__()
        self.servers = self.ensemble.servers
        return self

    def __exit__(self, *_):
        self.ensemble.__exit__()

    def wait_whole(self):
        self.ensemble.wait_serving()

    def leader(self):
        return self.ensemble.leader


class EtcdServer:
    def __init__(self, directory, name, ports, members):
        self.directory, self.address, self.process = directory / name, f"127.0.0.1:{ports[0]}", None
        client, peer = f"http://{self.address}", f"http://127.0.0.1:{ports[1]}"
        self.command = ["etcd", "--name", name, "--data-dir", self.directory, "--listen-client-urls", client,
                        "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                        "--initial-cluster", members, "--quota-backend-bytes", str(8 << 30), "--logger", "zap",
                        "--log-level", "error"]

    def start(self):
        with open(f"{self.directory}.log", "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def ask(self, path, body, timeout=2.0):
        """By etcd's JSON gateway; nothing when it is not to be had."""
        host, port = self.address.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("POST", path, json.dumps(body))
            reply = connection.getresponse()
            text = reply.read()
            return json.loads(text) if reply.status == 200 else None
        return None

    def status(self):
        return self.ask("/v3/maintenance/status", {}) or {}


class EtcdWriter:
    """Puts by the JSON gateway. A put that is lost with its leader is not answered for seconds: so it tries again soon."""

    BODY = {"key": base64.b64encode(b"written").decode(), "value": base64.b64encode(VALUE).decode()}

    def __init__(self, servers):
        self.servers, self.turn = servers, 0

    def write(self):
        while not self.servers[self.turn % len(self.servers)].ask("/v3/kv/put", self.BODY, timeout=0.1):
            self.turn += 1

    def close(self):
        pass


class Etcd:
    """Loaded with h2load: gRPC as its clients speak it, the same put again and again from each client."""

    name = "etcd"

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-etcd-"))
        ports = [free_port() for _ in range(6)]
        members = ",".join(f"e{i}=http://127.0.0.1:{ports[2 * i + 1]}" for i in range(3))
        self.servers = [EtcdServer(self.directory, f"e{i}", ports[2 * i:2 * i + 2], members) for i in range(3)]
        for i in range(3):
            self.body(i).write_bytes(put(f"/bench/key-{i}".encode(), VALUE))

    def body(self, i):
        return self.directory / f"put{i}"

    def __enter__(self):
        for server in self.servers:
            server.start()
        self.wait_whole()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait_whole(self):
        def whole():
            statuses = [server.status() for server in self.servers]
            return all(status.get("leader", "0") != "0" for status in statuses) and self.leader()
        wait_until("etcd serves", whole, 60, every=0.1)

    def leader(self):
        for server in self.servers:
            status = server.process.poll() is None and server.status()
            if status and status.get("leader") == status["header"]["member_id"]:
                return server
        return None

    def revision(self):
        return int(self.leader().status()["header"]["revision"])

    def load(self, _, sessions, outstanding, seconds, servers=None):
        servers = servers or self.servers
        latencies = self.directory / "latencies"
        commands = [["h2load", "-c", str(sessions // len(servers)), "-m", str(outstanding), "-D", f"{seconds * 1000:.0f}ms", "-d", self.body(i),
                     *GRPC, *([f"--log-file={latencies}"] if outstanding == 1 else []),
                     f"http://{server.address}/etcdserverpb.KV/Put"] for i, server in enumerate(servers)]
        latencies.unlink(missing_ok=True)
        before, begun, used = self.revision(), time.monotonic(), processor_time(self.servers)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in pool.map(lambda command: subprocess.run(command, capture_output=True, text=True, timeout=600), commands):
                assert " 0 failed, 0 errored" in done.stdout, f"etcd: {done.stdout}{done.stderr}"
        figures = {"seconds": time.monotonic() - begun, "server_cpu": processor_time(self.servers) - used,
                   "ops": self.revision() - before, "own_cpu": 0.0}
        if outstanding == 1:
            taken = [int(line.split()[2]) / 1e6 for line in latencies.read_text().splitlines()]
            figures |= {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)}
        return figures

    @staticmethod
    def writer(servers):
        return EtcdWriter(servers)


def put(key, value):
    """A gRPC message: etcdserverpb.PutRequest, in protocol buffers."""
    fields = b"".join(bytes([number << 3 | 2, len(field)]) + field for number, field in ((1, key), (2, value)))
    return b"\0" + struct.pack(">I", len(fields)) + fields
