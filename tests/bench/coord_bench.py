#!/usr/bin/python3
"""The coordination core beside Apache ZooKeeper: throughput, processor time, latency, memory.

usage: tests/bench/coord_bench.py [--smoke] [--only PART] [BUILD]      (default build/release)

Starts both servers, syncing every write; loads them by turns with the same program, coord_load; prints each
figure beside its goal. Everything runs on loopback and stops by itself, in less than ten minutes. --smoke is a
short run that shows that it works; its figures mean nothing. PART is throughput, latency, sessions or memory.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve()
parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("--smoke", action="store_true")
parser.add_argument("--only", choices=["throughput", "latency", "sessions", "memory"])
parser.add_argument("build", nargs="?", default="build/release")
arguments = parser.parse_args()
BUILD = pathlib.Path(arguments.build).resolve()
LOAD = BUILD / "tests/bench/coord_load"
os.environ["ROSTER_BINARY"] = str(BUILD / "roster")
sys.path.insert(0, str(here.parents[1] / "system"))

from roster import Agent, free_port, wait_until  # noqa: E402

# sessions and requests under way of each, seconds, rounds by turns, idle sessions and seconds, znodes, fan-outs
if arguments.smoke:
    PIPELINE, SECONDS, ROUNDS, IDLE, IDLE_SECONDS, ZNODES, FANOUTS = (4, 8), 0.2, 1, 50, 0.5, 2000, 2
else:
    PIPELINE, SECONDS, ROUNDS, IDLE, IDLE_SECONDS, ZNODES, FANOUTS = (20, 40), 3, 3, 10_000, 15, 1_000_000, 9
HEAP = "256m" if arguments.smoke else "2g"
FILES = IDLE + 500


class ZooKeeper:
    """Apache ZooKeeper, the Debian package; keeps its port and its directory over stop() and start()."""

    name = "ZooKeeper"

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-zookeeper-"))
        self.port = free_port()
        (self.directory / "zoo.cfg").write_text(
            f"tickTime=2000\ndataDir={self.directory}\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\nmaxClientCnxns=0\nforceSync=yes\n4lw.commands.whitelist=*\n")

    def start(self):
        jars = ":".join(["/etc/zookeeper/conf", *map(str, pathlib.Path("/usr/share/java").glob("*.jar"))])
        with open(self.directory / "log", "a") as log:
            self.process = subprocess.Popen(
                ["java", f"-Xms{HEAP}", f"-Xmx{HEAP}", "-cp", jars,
                 "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.directory / "zoo.cfg")],
                stdout=log, stderr=log, cwd=self.directory)
        begun = time.monotonic()
        wait_until("ZooKeeper serves", self.serves, 120, every=0.02)
        return time.monotonic() - begun

    def serves(self):
        assert self.process.poll() is None, (self.directory / "log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(b"srvr")
            return b"Mode:" in connection.recv(8192)
        return False

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def memory_mb(self):
        """What lives in the heap after a full collection: what the Java attach protocol's `inspectheap` counts."""
        pid = self.process.pid
        door = pathlib.Path(f"/tmp/.java_pid{pid}")
        if not door.exists():
            request = pathlib.Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
            request.touch()
            os.kill(pid, 3)
            wait_until("the JVM listens", door.exists, 20)
            request.unlink()
        with socket.socket(socket.AF_UNIX) as jvm:
            jvm.settimeout(60)
            jvm.connect(str(door))
            jvm.sendall(b"1\0inspectheap\0-live\0\0\0")
            total = b"".join(iter(lambda: jvm.recv(65536), b"")).decode().splitlines()[-1]
        assert total.startswith("Total"), total
        return int(total.split()[2]) / 1e6

    def stop(self):
        self.process.kill()
        self.process.wait(10)

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Roster:
    """Our release binary: a whole agent with its embedded core."""

    name = "roster"

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-bench-"))

    def start(self):
        self.agent = Agent(data_dir=self.directory, session_timeout="30s")
        self.agent.start()
        self.process, self.address = self.agent.process, self.agent.coord
        return time.monotonic() - self.agent.started

    def memory_mb(self):
        """Resident memory: all of the process."""
        return resident_mb(self)

    def stop(self):
        self.agent.stop()

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def resident_mb(server):
    pages = pathlib.Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize() / 1e6


@contextlib.contextmanager
def servers():
    """ZooKeeper and ours, fresh."""
    pair = ZooKeeper(), Roster()
    try:
        for server in pair:
            server.start()
        yield pair
    finally:
        for server in pair:
            server.remove()


def run_load(server, *what):
    """The figures that coord_load prints, a dictionary a line."""
    command = [LOAD, server.address, str(server.process.pid), *map(str, what)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{server.name}: {what}: {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def median(values):
    return sorted(values)[len(values) // 2]


verdicts = []


def say(what, theirs, ours, ratio="", goal="", met=None):
    verdict = "" if met is None or arguments.smoke else "met" if met else "MISSED"
    if verdict:
        verdicts.append(verdict)
    print(f"{what:44} {theirs:>16} {ours:>16} {ratio:>8}   {goal:34} {verdict}".rstrip(), flush=True)


def ms(seconds):
    return f"{seconds * 1000:.2f} ms"


def megabytes(value):
    return f"{value:.0f} MB"


def warm_up(zookeeper, rounds_max=8):
    """Until three rounds are alike within a tenth, or long enough: its compiler is done by then."""
    rates = []
    while len(rates) < (1 if arguments.smoke else rounds_max):
        [figures] = run_load(zookeeper, "mixed", *PIPELINE, SECONDS)
        [create] = run_load(zookeeper, "create", *PIPELINE, SECONDS / 2)
        rates.append(figures["ops"] / figures["seconds"] + create["ops"] / create["seconds"])
        if len(rates) >= 3 and max(rates[-3:]) < 1.1 * min(rates[-3:]):
            break
    print(f"ZooKeeper warmed up in {len(rates)} rounds of {1.5 * SECONDS:.0f} s")


def by_turns(pair, *what):
    """Per server, all the figures of all rounds."""
    figures = {server: [] for server in pair}
    for _ in range(ROUNDS):
        for server in pair:
            os.sync()  # What the other left to be written is not this one's.
            figures[server] += run_load(server, *what)
    return [figures[server] for server in pair]


def throughput(pair):
    warm_up(pair[0])
    for kind, name in (("create", "creates"), ("set", "sets"), ("get", "gets"), ("mixed", "90 % gets, 10 % sets")):
        rates, costs, share = [], [], 0
        for figures in by_turns(pair, kind, *PIPELINE, SECONDS):
            rates.append(median([f["ops"] / f["seconds"] for f in figures]))
            costs.append(median([f["server_cpu"] / f["ops"] for f in figures]))
            # Of one processor, or of what there was of it when others wanted it, too.
            share = median([f["own_cpu"] / f["seconds"] for f in figures])
        limited = share > 0.85
        say(f"{name}/s", f"{rates[0]:.0f}", f"{rates[1]:.0f}", f"{rates[1] / rates[0]:.1f} x",
            f">= 3 x{' (client at its limit)' if limited else ''}",
            True if rates[1] >= 3 * rates[0] else None if limited else False)
        say("  server CPU of each", f"{costs[0] * 1e6:.2f} us", f"{costs[1] * 1e6:.2f} us",
            f"{costs[1] / costs[0]:.2f}", "<= 0.25", costs[1] <= costs[0] / 4)


def disk_syncs(count=1000, octets=200):
    """Seconds of each pwrite with fdatasync into a file that has its blocks: what a lone write cannot do without."""
    with tempfile.NamedTemporaryFile(prefix="roster-bench-", dir=os.environ.get("TMPDIR", "/tmp")) as file:
        file.write(bytes(count * octets))
        file.flush()
        os.fsync(file.fileno())
        taken = []
        for i in range(count):
            begin = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * octets, i * octets)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begin)
    return sorted(taken)


def latency(pair):
    syncs = disk_syncs()
    say("a sync of 200 octets by itself, p50 | p99", ms(syncs[len(syncs) // 2]), ms(syncs[len(syncs) * 99 // 100]))
    warm_up(pair[0])
    theirs, ours = by_turns(pair, "create", 1, 1, SECONDS)
    for name, goal in (("p50", None), ("p99", 0.5)):
        both = [median([f[name] for f in figures]) for figures in (theirs, ours)]
        say(f"lone create, {name}", *map(ms, both), f"{both[1] / both[0]:.2f}", f"< {goal}" if goal else "",
            both[1] < goal * both[0] if goal else None)
    both = [median([f["server_cpu"] / f["ops"] for f in figures]) for figures in (theirs, ours)]
    say("  server CPU of each", *(f"{cost * 1e6:.1f} us" for cost in both), f"{both[1] / both[0]:.2f}")


def sessions(pair):
    warm_up(pair[0], rounds_max=3)
    idle_sessions(pair)  # while what it allocates is not there from before
    fan_out(pair)


def fan_out(pair):
    rows = by_turns(pair, "watch", IDLE, max(1, FANOUTS // ROUNDS))
    both = [median([f["seconds"] for f in figures]) for figures in rows]
    say(f"one change, {IDLE} watchers: last told", *map(ms, both), f"{both[1] / both[0]:.2f}", "< 100 ms", both[1] < 0.1)
    say("  worst of all", *(ms(max(f["seconds"] for f in figures)) for figures in rows))
    say("  server CPU of it", *(ms(median([f["server_cpu"] for f in figures])) for figures in rows))
    say("  client CPU of it", *(ms(median([f["own_cpu"] for f in figures])) for figures in rows))


def idle_sessions(pair):
    rows = []
    for server in pair:
        before = server.memory_mb()
        client = subprocess.Popen([LOAD, server.address, str(server.process.pid), "idle", str(IDLE), str(IDLE_SECONDS)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            row = json.loads(client.stdout.readline())
            row["memory"] = server.memory_mb()
            row["grown"] = row["memory"] - before
        finally:
            client.communicate(timeout=120)
        assert client.returncode == 0
        rows.append(row)
    say(f"{IDLE} sessions opened in", *(f"{row['open_seconds']:.2f} s" for row in rows))
    say(f"{IDLE} idle sessions, pinging: CPU",
        *(f"{row['server_cpu'] / row['seconds'] * 100:.2f} %" for row in rows),
        f"{rows[1]['server_cpu'] / rows[0]['server_cpu']:.2f}")
    say("  live heap | resident memory", *(megabytes(row["memory"]) for row in rows))
    say("  grown by", *(megabytes(row["grown"]) for row in rows), f"{rows[1]['grown'] / rows[0]['grown']:.2f}")
    say("  resident memory of both", *(megabytes(row["resident_mb"]) for row in rows))


def memory(pair):
    rows = [run_load(server, "fill", ZNODES)[0] for server in pair]
    say(f"{ZNODES} znodes of 100 bytes made in", *(f"{row['seconds']:.1f} s" for row in rows))

    def compare(what):
        theirs, ours = (server.memory_mb() for server in pair)
        say(what, megabytes(theirs), megabytes(ours), "", "< 350 MB", ours < 350)
        say("  of its heap", "", "", f"{ours / theirs:.2f}", "< 0.33", ours < theirs / 3)
        say("  resident memory of both", *(megabytes(resident_mb(server)) for server in pair))

    compare("  live heap | resident memory")
    started = []
    for server in pair:
        server.stop()
        started.append(server.start())
    say("  restarted (after kill -9) in", *(f"{seconds:.2f} s" for seconds in started))
    compare("  live heap | resident memory, restarted")


def surroundings():
    """What else there is on the machine: figures taken beside other work are worth less."""
    others = subprocess.run(["ps", "-eo", "pcpu,comm", "--sort=-pcpu", "--no-headers"], capture_output=True, text=True)
    busy = [line.split(None, 1) for line in others.stdout.splitlines()]
    busy = [f"{name} {share} %" for share, name in busy if float(share) >= 5][:6]
    load = os.getloadavg()
    return f"load average {load[0]:.1f}, busy: {', '.join(busy) or 'nothing'}"


def allow_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < FILES:
        sys.exit(f"coord_bench: {IDLE} sessions need {FILES} open files, and this user may have {hard}: "
                 f"run it as root, or raise the limit (prlimit --nofile={FILES})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    allow_files()
    if not LOAD.exists() or not (BUILD / "roster").exists():
        sys.exit(f"coord_bench: build them first: cmake --build {BUILD} --target roster coord_load")
    begun = time.monotonic()
    print(f"{os.cpu_count()} CPUs, {surroundings()}")
    print(f"{'':44} {ZooKeeper.name:>16} {Roster.name:>16} {'ratio':>8}   goal")
    for name, part in (("latency", latency), ("throughput", throughput), ("sessions", sessions), ("memory", memory)):
        if arguments.only in (None, name):
            with servers() as pair:
                part(pair)
    print(f"{verdicts.count('met')} goals met, {verdicts.count('MISSED')} missed; {time.monotonic() - begun:.0f} s; "
          f"{surroundings()}")


if __name__ == "__main__":
    main()
