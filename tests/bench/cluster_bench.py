#!/usr/bin/python3
"""Three servers of Roster beside three of Apache ZooKeeper and of etcd: writes, failover, snapshots, and changes in DNS.

usage: tests/bench/cluster_bench.py [--smoke] [--build build/release] [PART ...]      (default: all of them)

throughput  creates and sets a second, 6 clients with 150 under way each, and server CPU of each write
latency     of a lone write, by a client of the leader and of another server
failover    from killing the leader to the next committed write by a client of another server
cut         the same, but the leader's packets to and from the others vanish (in network namespaces)
snapshot    the longest pause of commits while 1,000,000 znodes are snapshotted, and while a server catches up from it
dns         from a change written at one agent to the first DNS answer with it of each of the three

All servers run on loopback and sync every write; the ensembles take turns. Needs Debian's zookeeper, etcd-server and
nghttp2-client for those compared; none of their services has to run. --smoke is a short run that shows that it works;
its figures mean nothing.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import select
import shutil
import socket
import struct
import subprocess
import sys
import time

PARTS = ["throughput", "latency", "failover", "cut", "snapshot", "dns"]
here = pathlib.Path(__file__).resolve()
parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("--smoke", action="store_true")
parser.add_argument("--build", default="build/release")
parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []], default=[])
arguments = parser.parse_args()
BUILD = pathlib.Path(arguments.build).resolve()
LOAD = BUILD / "tests/bench/coord_load"
os.environ["ROSTER_BINARY"] = str(BUILD / "roster")
sys.path.append(str(here.parents[1] / "system"))

import machines  # noqa: E402
from ensembles import Etcd, Roster, ZooKeeper, percentile  # noqa: E402
from roster import wait_until  # noqa: E402

# seconds of a load, rounds by turns, kills, kills of the others, cuts, znodes, changes
if arguments.smoke:
    SECONDS, ROUNDS, KILLS, OTHERS_KILLS, CUTS, ZNODES, CHANGES = 0.5, 1, 1, 1, 1, 2000, 5
else:
    SECONDS, ROUNDS, KILLS, OTHERS_KILLS, CUTS, ZNODES, CHANGES = 4, 3, 20, 10, 10, 1_000_000, 300
CLIENTS, OUTSTANDING = 6, 150

verdicts = []


def say(what, *columns, goal="", met=None):
    verdict = "" if met is None or arguments.smoke else "met" if met else "MISSED"
    if verdict:
        verdicts.append(verdict)
    print(f"{what:46} " + " ".join(f"{column:>14}" for column in columns) + f"   {goal:28} {verdict}".rstrip(), flush=True)


def ms(seconds):
    return f"{seconds * 1000:.2f} ms"


def median(values):
    return sorted(values)[len(values) // 2]


@contextlib.contextmanager
def ensembles():
    """ZooKeeper, etcd and ours, in this order; the others only if they are there."""
    with contextlib.ExitStack() as stack:
        found = [ZooKeeper(LOAD)] if shutil.which("java") and pathlib.Path("/etc/zookeeper/conf").exists() else []
        found += [Etcd()] if shutil.which("etcd") and shutil.which("h2load") else []
        found = [stack.enter_context(one) for one in [*found, Roster(LOAD)]]
        say("", *(one.name for one in found), goal="goal")
        yield found


def warm_up(found):
    """ZooKeeper's compiler: until three rounds are alike within a tenth, or long enough."""
    rates = []
    while len(rates) < (1 if arguments.smoke else 10) and found[0].name == "ZooKeeper":
        figures = found[0].load("create", CLIENTS, OUTSTANDING, SECONDS)
        rates.append(figures["ops"] / figures["seconds"])
        if len(rates) >= 3 and max(rates[-3:]) < 1.1 * min(rates[-3:]):
            break


def by_turns(found, *load, servers=lambda one: None):
    """Per ensemble, the figures of all rounds."""
    figures = [[] for _ in found]
    for _ in range(ROUNDS):
        for one, of in zip(found, figures):
            os.sync()  # What the others left to be written is not this one's.
            of.append(one.load(*load, servers=servers(one)))
    return figures


def throughput():
    with ensembles() as found:
        warm_up(found)
        for kind in ("create", "set"):
            figures = by_turns(found, kind, CLIENTS, OUTSTANDING, SECONDS)
            rates = [median([f["ops"] / f["seconds"] for f in of]) for of in figures]
            costs = [median([f["server_cpu"] / f["ops"] for f in of]) for of in figures]
            best, least = max(rates[:-1], default=0), min(costs[:-1], default=float("inf"))
            say(f"{kind}s/s", *(f"{rate:.0f}" for rate in rates), goal=">= 4 x both", met=rates[-1] >= 4 * best)
            say("  ours is more by", *(f"{rates[-1] / rate:.1f} x" for rate in rates[:-1]))
            say("  server CPU of each, of all three", *(f"{cost * 1e6:.2f} us" for cost in costs),
                goal="<= a quarter of both", met=costs[-1] <= least / 4)


def other(ensemble):
    """A server that does not lead."""
    leader = ensemble.leader()
    return next(server for server in ensemble.servers if server is not leader)


def latency():
    with ensembles() as found:
        warm_up(found)
        for where, servers in (("the leader", lambda one: [one.leader()]), ("another server", lambda one: [other(one)])):
            figures = by_turns(found, "create", 1, 1, SECONDS, servers=servers)
            for name in ("p50", "p99"):
                taken = [median([f[name] for f in of]) for of in figures]
                say(f"lone write at {where}, {name}", *map(ms, taken), goal="p99 below both" if name == "p99" else "",
                    met=taken[-1] < min(taken[:-1], default=1) if name == "p99" else None)
            costs = [median([f["server_cpu"] / f["ops"] for f in of]) for of in figures]
            say("  server CPU of each, of all three", *(f"{cost * 1e6:.1f} us" for cost in costs))


def time_to_next_write(ensemble, take_down):
    """Of a client of another server, from the moment its leader is taken down."""
    leader = ensemble.leader()
    writer = ensemble.writer([server for server in ensemble.servers if server is not leader])
    for _ in range(50):
        writer.write()
    begun = time.monotonic()
    take_down(leader)
    writer.write()
    taken = time.monotonic() - begun
    writer.close()
    return leader, taken


def failover():
    with ensembles() as found:
        columns = []
        for one in found:
            times = []
            for _ in range(KILLS if one.name == "roster" else OTHERS_KILLS):
                leader, taken = time_to_next_write(one, lambda leader: leader.process.kill())
                times.append(taken)
                leader.process.wait(10)
                leader.start()
                one.wait_whole()
            columns.append(times)
        mean, worst = [sum(times) / len(times) for times in columns], [max(times) for times in columns]
        say(f"leader killed -> next write, {KILLS} times: mean", *map(ms, mean), goal="< 200 ms", met=mean[-1] < 0.2)
        say("  max", *map(ms, worst), goal="< 500 ms", met=worst[-1] < 0.5)


def cut():
    """Inside: this process and the servers are on a switch of their own."""
    if not os.environ.get(machines.INSIDE):
        if why := machines.why_not():
            return print(f"cut: left out: {why}")
        smoke = ["--smoke"] if arguments.smoke else []
        command = machines.unshared(sys.executable, here, "--build", BUILD, *smoke, "cut")
        done = subprocess.run(command, env={**os.environ, machines.INSIDE: "1"}, stdout=subprocess.PIPE, text=True, timeout=600)
        assert done.returncode == 0, "cut failed"
        verdicts.extend(line.split()[-1] for line in done.stdout.splitlines() if line.endswith(("met", "MISSED")))
        return print(done.stdout, end="", flush=True)
    switch = machines.Switch(3)
    times = []
    hosts = [machine.address for machine in switch.machines]
    with Roster(LOAD, hosts, [machine.namespace for machine in switch.machines]) as roster:
        machine = dict(zip(roster.servers, switch.machines))
        for _ in range(CUTS):
            rest = lambda lost: [machine[server] for server in roster.servers if server is not lost]  # noqa: E731
            times.append(time_to_next_write(roster, lambda lost: machine[lost].part(*rest(lost)))[1])
            for each in switch.machines:
                each.heal()
            roster.wait_whole()
    say(f"leader cut off -> next write, {CUTS} times: mean", ms(sum(times) / len(times)))
    say("  max", ms(max(times)), goal="< 800 ms", met=max(times) < 0.8)


def snapshot_state(roster):
    """How many have been taken, and whether one is being written."""
    taken = sum(server.metrics()["roster_raft_snapshots_total"] for server in roster.servers)
    return taken, any((server.directory / "data/coord/raft/snapshots/unfinished").exists() for server in roster.servers)


def snapshot():
    with Roster(LOAD) as roster:
        roster.load("fill", ZNODES, servers=[roster.leader()])
        wait_until("those of the filling are written", lambda: not snapshot_state(roster)[1], 120)
        calm, busy = pauses_while_snapshotted(roster)
        say(f"longest pause of commits, {ZNODES} znodes", ms(max(calm, default=0)))
        say(f"  while they are snapshotted, {len(busy)} periods", ms(max(busy, default=0)), goal="< 50 ms", met=max(busy, default=1) < 0.05)
        taken, pauses = pauses_while_caught_up(roster)
        say(f"  while a server catches up, {taken:.1f} s", ms(max(pauses)), goal="< 100 ms", met=max(pauses) < 0.1)


def pauses_while_snapshotted(roster):
    calm, busy, begun = [], [], time.monotonic()
    before = snapshot_state(roster)
    while len(busy) < 5 and time.monotonic() - begun < (2 if arguments.smoke else 180):
        pause = roster.load("set", 3, 8, SECONDS)["pause"]
        after = snapshot_state(roster)
        (busy if before[1] or after[1] or after[0] != before[0] else calm).append(pause)
        before = after
    return calm, busy


def pauses_while_caught_up(roster):
    """A server is away until the others no longer have what it lacks in their logs."""
    away = other(roster)
    rest = [server for server in roster.servers if server is not away]
    away.kill()
    leader = roster.leader()

    def count(what):
        return leader.metrics()[f"roster_raft_{what}"]

    begin = count("applied_index")
    while not arguments.smoke and count("applied_index") < begin + 25_000:  # more than are kept for those who lag
        roster.load("set", 2, 1, 2.0, servers=rest)
    taken = count("snapshots_total")
    while not arguments.smoke and count("snapshots_total") < taken + 2:  # The next may be under way already.
        roster.load("set", CLIENTS, OUTSTANDING, 2.0, servers=rest)
    away.start()
    begun, pauses, missed = time.monotonic(), [], count("applied_index")
    while not pauses or away.metrics().get("roster_raft_applied_index", 0) < missed:
        pauses.append(roster.load("set", 2, 8, 1.0, servers=rest)["pause"])
    assert arguments.smoke or away.metrics()["roster_raft_installs_total"] == 1, "it caught up from the log"
    return time.monotonic() - begun, pauses


class Asker:
    """Asks one agent for one name after another, as fast as answers come."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((server.host, server.dns_port))
        self.number = 0

    def ask(self, name):
        self.number = (self.number + 1) % 65536
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        self.socket.send(struct.pack("!HHHHHH", self.number, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1))

    def is_answered(self):
        number, _, _, answers = struct.unpack_from("!HHHH", self.socket.recv(4096))
        return number == self.number and answers > 0


def change(door, askers, name):
    """Registers it: when that was acknowledged, and when each agent first answered, in seconds from the request on."""
    waiting = {asker.socket: asker for asker in askers}
    answered, acknowledged, begun = {}, None, time.monotonic()
    door.request("PUT", "/v1/agent/service/register", json.dumps({"Name": name, "Port": 80, "Address": "10.1.2.3"}))
    for asker in askers:
        asker.ask(f"{name}.service.roster.internal")
    while waiting or acknowledged is None:
        ready = select.select([*waiting, *([] if acknowledged else [door.sock])], [], [], 0.05)[0]
        if door.sock in ready:
            reply = door.getresponse()
            reply.read()
            assert reply.status == 200, reply.status
            acknowledged = time.monotonic() - begun
        for each in ready or list(waiting):
            if each is door.sock:
                continue
            if ready and waiting[each].is_answered():
                answered[waiting.pop(each)] = time.monotonic() - begun
            else:
                waiting[each].ask(f"{name}.service.roster.internal")
    return acknowledged, [answered[asker] for asker in askers]


def dns():
    with Roster(LOAD) as roster:
        askers = [Asker(server) for server in roster.servers]
        doors = [http.client.HTTPConnection(server.host, server.http_port, timeout=10) for server in roster.servers]
        own, others, whole = [], [], []
        for i in range(CHANGES):
            acknowledged, answered = change(doors[i % 3], askers, f"change-{i}")
            whole += answered
            behind = [max(0.0, each - acknowledged) for each in answered]
            own.append(behind.pop(i % 3))
            others += behind
    for what, times in (("the same agent", own), ("each other agent", others)):
        say(f"change acknowledged -> answer of {what}", f"p50 {ms(percentile(times, .5))}", f"p99 {ms(percentile(times, .99))}",
            goal="p99 < 10 ms", met=percentile(times, .99) < 0.01)
    say("  from the request on, all agents", f"p50 {ms(percentile(whole, .5))}", f"p99 {ms(percentile(whole, .99))}")


def surroundings():
    """What else there is on the machine: figures taken beside other work are worth less."""
    others = subprocess.run(["ps", "-eo", "pcpu,comm", "--sort=-pcpu", "--no-headers"], capture_output=True, text=True)
    busy = [line.split(None, 1) for line in others.stdout.splitlines()]
    busy = [f"{name} {share} %" for share, name in busy if float(share) >= 5][:6]
    return f"load average {os.getloadavg()[0]:.1f}, busy: {', '.join(busy) or 'nothing'}"


def main():
    if not LOAD.exists() or not (BUILD / "roster").exists():
        sys.exit(f"cluster_bench: build them first: cmake --build {BUILD} --target roster coord_load")
    if os.environ.get(machines.INSIDE):
        return cut()
    begun = time.monotonic()
    print(f"{os.cpu_count()} CPUs, {surroundings()}")
    for part in arguments.parts or PARTS:
        globals()[part]()
    print(f"{verdicts.count('met')} goals met, {verdicts.count('MISSED')} missed; {time.monotonic() - begun:.0f} s; {surroundings()}")


if __name__ == "__main__":
    main()
