"""Three Apache ZooKeeper servers that form an ensemble; each can be killed and started again."""

import contextlib
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

from roster import free_port, wait_until

SMALL = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.forceSync=no")
JARS = ":".join(["/etc/zookeeper/conf", *map(str, pathlib.Path("/usr/share/java").glob("*.jar"))])


class Server:
    def __init__(self, directory, number, port, members, java):
        self.directory, self.port, self.process, self.java = directory / str(number), port, None, java
        self.directory.mkdir()
        (self.directory / "myid").write_text(f"{number}\n")
        (self.directory / "zoo.cfg").write_text(
            f"tickTime=500\ninitLimit=20\nsyncLimit=10\ndataDir={self.directory}\nadmin.enableServer=false\n"
            f"minSessionTimeout=1000\n4lw.commands.whitelist=*\n{members}")

    def start(self):
        with open(self.directory / "log", "a") as log:
            self.process = subprocess.Popen(
                ["java", *self.java, "-cp", JARS,
                 "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.directory / "zoo.cfg")],
                stdout=log, stderr=log, cwd=self.directory)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ask(self, word):
        """The reply to a four-letter word; empty when nobody answers."""
        reply = b""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as connection:
            connection.sendall(word.encode())
            while part := connection.recv(65536):
                reply += part
        return reply.decode()

    @property
    def mode(self):
        """"leader" or "follower"; None while it does not serve."""
        found = re.search(r"Mode: (\w+)", self.ask("srvr"))
        return found and found[1]

    @property
    def sessions(self):
        """The ids of the sessions that are connected here."""
        return [int(sid, 16) for sid in re.findall(r"sid=0x([0-9a-f]+)", self.ask("cons"))]


class ApacheEnsemble:
    def __init__(self, java=SMALL):
        self.java = java

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-ensemble-"))
        ports = [free_port() for _ in range(9)]
        members = "".join(f"server.{i + 1}=127.0.0.1:{ports[3 * i]}:{ports[3 * i + 1]};127.0.0.1:{ports[3 * i + 2]}\n"
                          for i in range(3))
        self.servers = [Server(self.directory, i + 1, ports[3 * i + 2], members, self.java) for i in range(3)]
        try:
            for server in self.servers:
                server.start()
            self.wait_serving()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers:
            if server.process and server.process.poll() is None:
                server.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def connect(self):
        return ",".join(server.address for server in self.servers)

    @property
    def leader(self):
        return next((server for server in self.servers if server.mode == "leader"), None)

    def wait_serving(self):
        wait_until("all three serve", lambda: all(server.mode for server in self.servers) and self.leader, 60, every=0.1)

    def server_of(self, session):
        """The one to which this session is connected."""
        return next((server for server in self.servers if session in server.sessions), None)
