"""Machines on one switch, each a network namespace, and what networks do to them: silence, loss, delay.

A script calls enter() first. It then runs in namespaces of its own, on the switch; everything made in them, and every
process started, goes with it, however it ends.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

NETWORK = "10.77.0"
INSIDE = "ROSTER_TEST_MACHINES"
PREPARE = 'mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up && exec "$@"'


def unshared(*command):
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *as_root, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
            "sh", "-c", PREPARE, "sh", *command]


def why_not():
    """What keeps this script from having machines; nothing for most."""
    if os.environ.get(INSIDE):
        return None
    if not (shutil.which("nft") and shutil.which("unshare") and shutil.which("ip")):
        return "machines need nftables, iproute2 and util-linux"
    tried = subprocess.run(unshared("nft", "add table inet faults"), capture_output=True, text=True, timeout=20)
    return None if tried.returncode == 0 else f"no namespaces here: {tried.stderr.strip()}"


def enter():
    """Begins the script anew among machines, unless it is there or cannot be."""
    if not os.environ.get(INSIDE) and why_not() is None:
        os.environ[INSIDE] = "1"
        command = unshared(sys.executable, *sys.argv)
        os.execvp(command[0], command)


def run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=20)


class Machine:
    def __init__(self, number):
        self.number = number
        self.namespace, self.port = f"machine{number}", f"port{number}"
        self.address = f"{NETWORK}.{number}"
        self.wire = None  # the process that delays what it sends and is sent
        run("ip", "netns", "add", self.namespace)
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")
        run("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        run("ip", "link", "set", self.port, "master", "switch", "up")
        run("ip", "-n", self.namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.namespace, "link", "set", "eth0", "up")
        self.rule("add table inet faults; add chain inet faults in { type filter hook input priority 0; }")

    def rule(self, text):
        run("ip", "netns", "exec", self.namespace, "nft", text)

    def deafen(self, *others):
        """It no longer hears the others; they hear it. Nobody is told: packets vanish."""
        addresses = ", ".join(other.address for other in others)
        self.rule(f"add rule inet faults in ip saddr {{ {addresses} }} drop")

    def part(self, *others):
        """Neither hears the other."""
        self.deafen(*others)
        for other in others:
            other.deafen(self)

    def lose(self, percent):
        """Of every hundred packets it is sent, so many vanish, by chance."""
        self.rule(f"add rule inet faults in iifname eth0 numgen random mod 100 < {percent} drop")

    def delay(self, seconds):
        """All it sends, and is sent, arrives later by so much. In user space: not every kernel has netem."""
        ends = f"wire{self.number}a", f"wire{self.number}b"
        run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        run("ip", "link", "set", ends[0], "up")
        run("ip", "link", "set", self.port, "nomaster")
        run("ip", "link", "set", ends[1], "master", "switch", "up")
        program = pathlib.Path(__file__).with_name("delaying_wire.py")
        self.wire = subprocess.Popen([sys.executable, program, self.port, ends[0], str(seconds)])

    def heal(self):
        self.rule("flush chain inet faults in")
        if self.wire:
            self.wire.kill()
            self.wire.wait(10)
            self.wire = None
            run("ip", "link", "del", f"wire{self.number}a")
            run("ip", "link", "set", self.port, "master", "switch")

    def remove(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.heal()
        run("ip", "netns", "del", self.namespace)


class Switch:
    """Where they are all plugged in, this process too. Once per process."""

    def __init__(self, machines):
        run("ip", "link", "add", "switch", "type", "bridge")
        run("ip", "addr", "add", f"{NETWORK}.254/24", "dev", "switch")
        run("ip", "link", "set", "switch", "up")
        self.machines = [Machine(number) for number in range(1, machines + 1)]

    def remove(self):
        for machine in self.machines:
            machine.remove()
        run("ip", "link", "del", "switch")
