"""A host of one's own inside this one: its network, its processes, its /etc and its /run.

What a test does there to resolv.conf or to a daemon's configuration, nobody else sees, port 53 is free, and all that it started
ends with it. The whole test file runs inside: `enter(__file__)` starts it again there.
"""

import contextlib
import os
import pathlib
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

from roster import BINARY, Agent, wait_until

INSIDE = "ROSTER_PRIVATE_HOST"
MAKE_HOST = """
ip link set lo up
mount -t tmpfs tmpfs /run
cp -a /etc /run/etc 2>/dev/null || true  # An unprivileged user may not read everything there.
rm -f /run/etc/resolv.conf
mount --bind /run/etc /etc
mkdir -p /etc/roster /run/systemd /run/dbus
: > /etc/resolv.conf
printf '127.0.0.1 localhost\\n' > /etc/hosts
sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf
exec "$@"
"""

ROSTER_TOML = "/etc/roster/roster.toml"
DOMAIN = "roster.internal"


def enter():
    """Goes on inside. Where that cannot be, the test file ends and says so."""
    if os.environ.get(INSIDE):
        return
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    unshare = ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        print("SKIPPED: no namespaces are to be had here")
        sys.exit(0)
    binary = str(pathlib.Path(BINARY).resolve())
    os.execvpe("unshare", [*unshare, "sh", "-ec", MAKE_HOST, "sh", sys.executable, *sys.argv],
               {**os.environ, INSIDE: "yes", "ROSTER_BINARY": binary})


def has_one_user():
    """Started by somebody who is not root, there are no others here."""
    return pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1"


def write_file(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def agent(directory, listen, more=""):
    """The agent of this host, with its configuration where it belongs."""
    addresses = ", ".join(f'"{address}"' for address in listen)
    write_file(ROSTER_TOML, f"""node = "host1"
address = "10.1.2.3"
data_dir = "{directory}"
[dns]
listen = [{addresses}]
reverse = ["10.0.0.0/8"]
{more}
[http]
listen = ["127.0.0.1:0"]
[coord]
listen = ["127.0.0.1:0"]
""")
    return Agent(config=ROSTER_TOML, data_dir=directory)


def register(agent, name, count, address="10.0.{}.{}", port=8000):
    """`count` instances with addresses and ports of their own; they are there when this returns."""
    for i in range(count):
        agent.put("/v1/agent/service/register", {"Name": name, "ID": f"{name}-{i}", "Port": port + i,
                                                 "Address": address.format(i // 250, 1 + i % 250)})
    wait_until(f"{name} has {count} instances", lambda: len(agent.healthy_ports(name)) == count)


def roster(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30)


def getent(name):
    """The distinct addresses that glibc gives to any program."""
    out = subprocess.run(["getent", "ahosts", name], capture_output=True, text=True, timeout=30).stdout
    return sorted({line.split()[0] for line in out.splitlines()})


class Daemon:
    """A program in the foreground, until the end of the `with`. What it says is shown if the test fails."""

    def __init__(self, *command, env=None):
        self.command, self.env = command, {**os.environ, **(env or {})}
        self.log_path = pathlib.Path(f"/run/{os.path.basename(command[0])}-{time.monotonic_ns()}.log")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def __enter__(self):
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.env)
        return self

    def wait_for(self, condition, seconds=15):
        def done():
            assert self.process.poll() is None, f"{self.command} ended with {self.process.returncode}:\n{self.log()}"
            return condition()
        return wait_until(f"{self.command[0]} is ready", done, seconds, every=0.05)

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        if kind is not None:
            print(f"--- log of {self.command} ---\n{self.log()}", file=sys.stderr)


def is_listening(address, port=53):
    """For datagrams. It is looked up: who tried to bind there would be in the way of who is about to."""
    number, = struct.unpack("=I", socket.inet_aton(address))
    return f" {number:08X}:{port:04X} " in pathlib.Path("/proc/net/udp").read_text()


class Upstream:
    """The world's DNS: there are names below "example", all at one address. It remembers what it was asked for."""

    address = "127.0.0.9"
    answer = "93.184.216.34"  # No resolver takes it for a private one.

    def __enter__(self):
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 53))
        self.wake, self.stop = socket.socketpair()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self):
        while self.wake not in select.select([self.socket, self.wake], [], [])[0]:
            message, client = self.socket.recvfrom(4096)
            name, at = [], 12
            while message[at]:
                name.append(message[at + 1:at + 1 + message[at]].decode())
                at += 1 + message[at]
            self.asked.append(".".join(name).lower())
            qtype = struct.unpack("!H", message[at + 1:at + 3])[0]
            exists = self.asked[-1].endswith(".example")
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(self.answer) if exists and qtype == 1 else b""
            header = message[:2] + (b"\x81\x80\0\1" if exists else b"\x81\x83\0\1") + struct.pack("!HHH", 1 if answer else 0, 0, 0)
            self.socket.sendto(header + message[12:at + 5] + answer, client)

    def __exit__(self, *_):
        self.stop.close()
        self.thread.join()
        self.wake.close()
        self.socket.close()


def program(name, where=()):
    """Its path, or nothing."""
    return next((str(path) for path in where if os.access(path, os.X_OK)), None) or shutil.which(
        name, path="/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""))


def queries(agent):
    """How many questions the agent was asked so far."""
    text = agent.get("/metrics").body.decode()
    return sum(float(value) for value in re.findall(r"^roster_dns_queries_total\S* (\S+)$", text, re.M))
