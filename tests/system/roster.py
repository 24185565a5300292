"""The real binary under test: starts agents and ensembles, asks them over HTTP and DNS.

Every port is 0, every wait is for a condition with a deadline, everything started is stopped.
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BINARY = os.environ.get("ROSTER_BINARY", "build/dev/roster")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def wait_until(what, condition, seconds=15.0, every=0.02):
    """The first true value of `condition()`; fails with `what` and the last value at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what} (last: {value!r})")
        time.sleep(every)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def index(self):
        return int(self.headers["X-Consul-Index"])


class Agent:
    """One `roster agent` process. Use as a context manager: it is killed at the end."""

    def __init__(self, *arguments, data_dir=None, connect=None, session_timeout="2s", config=None, env=None,
                 dns_listen="127.0.0.1:0"):
        self.owns_data_dir = data_dir is None
        self.data_dir = pathlib.Path(data_dir or tempfile.mkdtemp(prefix="roster-test-"))
        self.arguments = list(arguments)
        if config:
            self.arguments += ["--config", str(config)]
        else:
            self.arguments += ["--data-dir", str(self.data_dir), "--session-timeout", session_timeout]
        if connect:
            self.arguments += ["--coord-connect", connect]
        if not config:  # A configuration names its own listeners.
            self.arguments += ["--http-listen", "127.0.0.1:0", "--dns-listen", dns_listen]
            self.arguments += [] if connect else ["--coord-listen", "127.0.0.1:0"]
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.log_path = None

    def start(self, wait=True):
        handle, name = tempfile.mkstemp(prefix="roster-log-")
        self.log_path = pathlib.Path(name)
        self.started = time.monotonic()
        self.process = subprocess.Popen([BINARY, "agent", *self.arguments], stderr=handle, stdin=subprocess.DEVNULL,
                                        env=self.env)
        os.close(handle)
        if wait:
            self.wait_ready()
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_ready(self, seconds=20):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the agent ended with {self.process.returncode}:\n{self.log()}")
            return re.search(r"ready node=(\S+) http=\S*?:(\d+)\S* dns=\S*?:(\d+)\S* coord=(\S+)", self.log())

        try:
            match = wait_until("the agent is ready", ready, seconds, every=0.005)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None
        self.node, self.coord = match[1], match[4]
        self.http_port, self.dns_port = int(match[2]), int(match[3])

    def request(self, method, path, body=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout)
        try:
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            connection.request(method, path, body)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def put(self, path, body=None, **options):
        reply = self.request("PUT", path, body, **options)
        assert reply.status == 200, f"PUT {path}: {reply.status} {reply.body!r}"
        return reply

    def dig(self, name, type="A", *options):
        """(rcode, [answer lines as 'name ttl class type rdata'])."""
        out = subprocess.run(["dig", "@127.0.0.1", "-p", str(self.dns_port), "+tries=1", "+time=2", "+noall", "+comments",
                              "+answer", *options, name, type], capture_output=True, text=True, timeout=20).stdout
        rcode = re.search(r"status: (\w+)", out)
        answers = [line for line in out.splitlines() if line and not line.startswith(";")]
        return (rcode[1] if rcode else None), [re.sub(r"\s+", " ", line) for line in answers]

    def addresses(self, name):
        return sorted(line.split()[-1] for line in self.dig(name)[1])

    def healthy_ports(self, service):
        return sorted(entry["Service"]["Port"] for entry in self.get(f"/v1/health/service/{service}?passing").json())

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def terminate(self, seconds=15):
        self.process.terminate()
        return self.process.wait(seconds)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.owns_data_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)
        if self.log_path:
            self.log_path.unlink(missing_ok=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind, *_):
        if kind is not None:
            print(f"--- log of {self.data_dir} ---\n{self.log()}", file=sys.stderr)
        self.stop()


class Sample:
    """The sample service of the quickstart, a real process."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, str(ROOT / "examples/hello_server.py")], stdout=subprocess.PIPE,
                                        text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def __exit__(self, *_):
        self.kill()
        self.process.stdout.close()


GIVEN = set()


def free_port():
    """For a server that must be told one: another each time, and below those that the kernel gives to whoever takes any."""
    while True:
        port = random.randrange(16384, 32768)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            if port not in GIVEN:
                GIVEN.add(port)
                return port


@contextlib.contextmanager
def zookeeper(settings=("tickTime=500", "minSessionTimeout=1000"), properties=()):
    """Apache ZooKeeper, the Debian package, on a free port; yields its connection string."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-zookeeper-"))
    port = free_port()
    (directory / "zoo.cfg").write_text(
        f"dataDir={directory}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
        "maxClientCnxns=0\n4lw.commands.whitelist=*\n" + "".join(f"{setting}\n" for setting in settings))
    jars = ":".join(["/etc/zookeeper/conf", *map(str, pathlib.Path("/usr/share/java").glob("*.jar"))])
    with open(directory / "log", "w") as log:
        server = subprocess.Popen(["java", "-Xmx512m", "-Dzookeeper.forceSync=no", *(f"-D{text}" for text in properties), "-cp", jars,
                                   "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(directory / "zoo.cfg")],
                                  stdout=log, stderr=log, cwd=directory)

    def serving():
        assert server.poll() is None, (directory / "log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"srvr")
            return b"Mode:" in connection.recv(8192)
        return False

    try:
        wait_until("ZooKeeper serves", serving, 40, every=0.1)
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(10)
        shutil.rmtree(directory, ignore_errors=True)
