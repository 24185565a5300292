#!/usr/bin/python3
"""One agent end to end, in figures: start, memory, registration to answer, death to silence.

usage: tests/bench/agent_bench.py [BINARY]      (default build/release/roster)

Prints each figure beside its goal. Everything runs on loopback and stops by itself.
"""

import contextlib
import http.client
import json
import os
import pathlib
import socket
import struct
import sys
import time

os.environ.setdefault("ROSTER_BINARY", sys.argv[1] if len(sys.argv) > 1 else "build/release/roster")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from roster import Agent, Sample, free_port, wait_until  # noqa: E402

A, SOA = 1, 6


class Resolver:
    """Asks one question again and again, as fast as answers come."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.id = 0

    def ask(self, name, type, timeout=0.05):
        """(rcode, number of answers), or None when nobody answered in time."""
        self.id = (self.id + 1) % 65536
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        self.socket.settimeout(timeout)
        with contextlib.suppress(OSError):
            self.socket.send(struct.pack("!HHHHHH", self.id, 0, 1, 0, 0, 0) + question + struct.pack("!HH", type, 1))
            while True:
                reply = self.socket.recv(65535)
                id, flags, _, answers = struct.unpack("!HHHH", reply[:8])
                if id == self.id:
                    return flags & 15, answers
        return None

    def until(self, name, type, wanted, seconds=10):
        """The moment at which the first reply that satisfies `wanted(rcode, answers)` was read."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            reply = self.ask(name, type)
            if reply and wanted(*reply):
                return time.monotonic()
        raise AssertionError(f"no such answer for {name} within {seconds} s")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def milliseconds(seconds):
    return f"{seconds * 1000:.2f} ms"


def say(what, measured, goal):
    print(f"{what:58} {measured:>34}   goal {goal}", flush=True)


def resident(agent):
    for line in pathlib.Path(f"/proc/{agent.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


def start_to_first_answer(runs=20):
    fresh, again = [], []
    for _ in range(runs):
        port = free_port()
        agent = Agent(dns_listen=f"127.0.0.1:{port}")
        try:
            for times in (fresh, again):
                agent.start(wait=False)
                answered = Resolver(port).until("roster.internal", SOA, lambda rcode, answers: rcode == 0 and answers)
                times.append(answered - agent.started)
                agent.wait_ready()
                agent.kill()
        finally:
            agent.stop()
    for what, times in (("start to first answer, empty data directory", fresh), ("  the same, restarted after kill -9", again)):
        say(what, f"mean {milliseconds(sum(times) / runs)}, max {milliseconds(max(times))}", "< 100 ms")


def memory_and_registration(instances=10_000, services=1_000, timed=1_000):
    with Agent(session_timeout="10s") as agent:
        say("resident memory, idle", f"{resident(agent):.1f} MB", "< 25 MB")
        connection = http.client.HTTPConnection("127.0.0.1", agent.http_port, timeout=60)

        def register(name, id, port):
            connection.request("PUT", "/v1/agent/service/register", json.dumps({"Name": name, "ID": id, "Port": port}))
            reply = connection.getresponse()
            reply.read()
            assert reply.status == 200, reply.status

        resolver = Resolver(agent.dns_port)
        waits, whole = [], []
        for i in range(timed):
            sent = time.monotonic()
            register(f"timed-{i}", f"timed-{i}", 80)
            acknowledged = time.monotonic()
            found = resolver.until(f"timed-{i}.service.roster.internal", A, lambda rcode, answers: rcode == 0 and answers)
            waits.append(found - acknowledged)
            whole.append(found - sent)
        say(f"registration acknowledged -> first answer, over {timed}",
            f"p50 {milliseconds(percentile(waits, .5))}, p99 {milliseconds(percentile(waits, .99))}", "p99 < 5 ms")
        say("  the same, from the request on", f"p50 {milliseconds(percentile(whole, .5))}, p99 {milliseconds(percentile(whole, .99))}", "-")

        begun = time.monotonic()
        for i in range(timed, instances):
            register(f"service-{i % services}", f"instance-{i}", 1 + i % 65535)
        seconds = time.monotonic() - begun
        last = f"service-{(instances - 1) % services}"
        wait_until("all are in the catalog", lambda: any(
            entry["ServiceID"] == f"instance-{instances - 1}" for entry in agent.get(f"/v1/catalog/service/{last}").json()))
        say(f"resident memory, {instances} instances", f"{resident(agent):.1f} MB", "< 60 MB")
        print(f"  (one after the other over one connection: {(instances - timed) / seconds:.0f} registrations/s)")


def killed_to_silence(runs=20):
    times = []
    with Agent() as agent:
        resolver = Resolver(agent.dns_port)
        for i in range(runs):
            with Sample() as sample:
                name = f"victim-{i}"
                agent.put("/v1/agent/service/register", {
                    "Name": name, "Port": sample.port,
                    "Check": {"TCP": f"127.0.0.1:{sample.port}", "Interval": "1s", "Timeout": "500ms"}})
                resolver.until(f"{name}.service.roster.internal", A, lambda rcode, answers: answers)
                killed = time.monotonic()
                sample.kill()
                times.append(resolver.until(f"{name}.service.roster.internal", A,
                                            lambda rcode, answers: rcode == 0 and not answers) - killed)
            agent.put(f"/v1/agent/service/deregister/{name}")
    say(f"process killed -> out of DNS, 1 s TCP check, {runs} runs",
        f"mean {milliseconds(sum(times) / runs)}, max {milliseconds(max(times))}", "< 1200 ms")


if __name__ == "__main__":
    start_to_first_answer()
    memory_and_registration()
    killed_to_silence()
