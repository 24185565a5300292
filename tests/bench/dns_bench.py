#!/usr/bin/python3
"""The DNS face beside a bare echo, Knot, NSD and BIND: server CPU per query, and queries a second.

usage: tests/bench/dns_bench.py [compare|tcp|churn|registrations|million|bomb] [--build build/release] [--seconds 5] [--rounds 3]
                                [--servers echo,roster,knot,nsd,bind] [--rate QUERIES_PER_SECOND] [--changes PER_SECOND] [--smoke]

compare  10,000 services of 3 instances, the same records in every server and the same query files (A, SRV, NXDOMAIN, a mix),
         once at a fixed rate for the CPU of a query and once as fast as it goes. The servers take turns in every round.
tcp      the same A queries over connections that are kept, and over one connection for each.
churn    throughput and latency of the DNS face while 5,000 services a second change, beside itself without changes and the echo.
registrations
         a whole agent under 5,000 changes a second of its core: from acknowledged to answered, and what it holds in memory all along.
million  1,000,000 instances in 50,000 services: build, memory, and queries a second beside 10,000 services; also with names for
         browsing, and with instances as they usually are.
bomb     the time to the reply to 64 KiB of compression pointers, in a query, a NOTIFY and an UPDATE.

One core serves and another asks (dnsperf). Needs the packages dnsperf, knot, nsd, bind9 for the servers that are compared; none
of their services has to run. Everything is on loopback and stops by itself. --smoke is a short run of a mode that shows that it works
(not of million, which takes what it takes); its figures mean nothing.
"""

import argparse
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

DOMAIN = "roster.internal"
SERVICES, INSTANCES = 10_000, 3
SERVING_CPU, ASKING_CPU = 0, 1
PACKAGES = {"dnsperf": "dnsperf", "knotd": "knot", "nsd": "nsd", "named": "bind9"}


def program(name):
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not found:
        raise FileNotFoundError(f"{name} is not installed: apt-get install {PACKAGES[name]}")
    return found


def built(build, name):
    found = build / name
    if not found.exists():
        sys.exit(f"{found} is not there: cmake --preset release && cmake --build --preset release")
    return str(found)


def free_port():
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]
    raise RuntimeError("no free port")


def address(number):
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def write_zone(path):
    """The records that the DNS face makes of the same services."""
    with open(path, "w") as zone:
        zone.write(f"$ORIGIN {DOMAIN}.\n$TTL 1\n@ 3600 SOA ns hostmaster 1 3600 600 86400 1\n@ 3600 NS ns\nns A 127.0.0.1\n")
        for service in range(SERVICES):
            for i in range(INSTANCES):
                number = service * INSTANCES + i
                target = f"0a{number:06x}.addr.dc1"
                zone.write(f"svc-{service}.service A {address(number)}\n")
                zone.write(f"svc-{service}.service SRV 1 1 8000 {target}\n{target} A {address(number)}\n")


def write_queries(folder, services=SERVICES):
    chance = random.Random(1)
    names = [f"svc-{i}.service.{DOMAIN}" for i in range(services)]
    chance.shuffle(names)
    mix = [(f"no-{name} A" if draw < 0.10 else f"{name} {'SRV' if draw < 0.25 else 'AAAA' if draw < 0.40 else 'A'}")
           for name in names for draw in [chance.random()]]
    files = {"A": [f"{name} A" for name in names], "SRV": [f"{name} SRV" for name in names],
             "NXDOMAIN": [f"no-{name} A" for name in names], "mix": mix}
    for kind, lines in files.items():
        pathlib.Path(folder, f"queries.{kind}").write_text("\n".join(lines) + "\n")
    return {kind: os.path.join(folder, f"queries.{kind}") for kind in files}


class Server:
    """A server process on the serving core, with a folder of its own."""

    def __init__(self, name, folder, command, port=None):
        self.name, self.port = name, port
        self.log = open(os.path.join(folder, f"{name}.log"), "w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT,
                                        cwd=folder, start_new_session=True)

    def wait(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.output()[-500:]}")
            if self.port is None:
                found = re.search(r"^port (\d+)", self.output(), re.M)
                self.port = int(found.group(1)) if found else None
            elif self.name == "echo" or self.reply_bytes(f"svc-1.service.{DOMAIN}", 1):
                self.pin()
                return self
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not answer: {self.output()[-500:]}")

    def output(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def reply_bytes(self, name, type):
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.5)
            asking.connect(("127.0.0.1", self.port))
            with contextlib.suppress(OSError):
                asking.send(struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + question + struct.pack("!HH", type, 1))
                reply = asking.recv(65535)
                return len(reply) if reply[3] & 15 in (0, 3) else 0
        return 0

    def tree(self):
        family, found = [self.process.pid], []
        while family:
            pid = family.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    family += [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
        return found

    def pin(self):
        for pid in self.tree():
            for task in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(task), {SERVING_CPU})

    def prefer(self):
        """Before what else runs on this machine: a time slice of something else is 4 ms, which is no latency of the server."""
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setscheduler(int(task), os.SCHED_FIFO, os.sched_param(10))

    def cpu_seconds(self):
        """What the scheduler counted for every thread, to the nanosecond."""
        spent = 0
        for pid in self.tree():
            for task in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    spent += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        return spent / 1e9

    def resident_megabytes(self):
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1e6

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                if self.name != "roster":
                    os.killpg(self.process.pid, signal.SIGTERM)
                self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return self.output()


def start_roster(folder, build, services=SERVICES, instances=INSTANCES, changes=0, browse="*", shape="bare"):
    command = [built(build, "tests/bench/dns_face"), str(services), str(instances), str(changes), "127.0.0.1:0", browse, shape]
    return Server("roster", folder, command).wait(300)


def start_echo(folder, build):
    port = free_port()
    return Server("echo", folder, [built(build, "tests/bench/udp_echo"), str(port)], port).wait()


def start_knot(folder, build):
    port = free_port()
    pathlib.Path(folder, "knot.conf").write_text(
        f"server:\n  rundir: {folder}\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
        f"  answer-rotation: on\n  user: {os.environ.get('USER', 'root')}\ndatabase:\n  storage: {folder}/knot\n"
        f"log:\n  - target: stderr\n    any: error\n"
        f"zone:\n  - domain: {DOMAIN}\n    file: {folder}/zone\n    storage: {folder}/knot\n    zonefile-load: whole\n    journal-content: none\n")
    os.makedirs(os.path.join(folder, "knot"), exist_ok=True)
    return Server("knot", folder, [program("knotd"), "-c", f"{folder}/knot.conf"], port).wait()


def start_nsd(folder, build):
    port = free_port()
    pathlib.Path(folder, "nsd.conf").write_text(
        f"server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{folder}\"\n"
        f"  pidfile: \"{folder}/nsd.pid\"\n  xfrdfile: \"{folder}/xfrd.state\"\n  zonelistfile: \"{folder}/zone.list\"\n"
        f"  xfrdir: \"{folder}\"\n  database: \"\"\n  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n  minimal-responses: yes\n"
        f"  round-robin: yes\n  tcp-count: 500\n"
        f"remote-control:\n  control-enable: no\nzone:\n  name: {DOMAIN}\n  zonefile: zone\n")
    return Server("nsd", folder, [program("nsd"), "-d", "-c", f"{folder}/nsd.conf"], port).wait()


def start_bind(folder, build):
    port = free_port()
    pathlib.Path(folder, "named.conf").write_text(
        f"options {{ directory \"{folder}\"; pid-file \"{folder}/named.pid\"; session-keyfile \"{folder}/session.key\";\n"
        f"  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; minimal-responses yes; allow-query {{ any; }};\n"
        f"  dnssec-validation no; querylog no; tcp-clients 1000; }};\ncontrols {{ }};\n"
        f"zone \"{DOMAIN}\" {{ type primary; file \"{folder}/zone\"; }};\n")
    return Server("bind", folder, [program("named"), "-g", "-n", "1", "-c", f"{folder}/named.conf"], port).wait()


STARTS = {"echo": start_echo, "roster": start_roster, "knot": start_knot, "nsd": start_nsd, "bind": start_bind}


def dnsperf(server, queries, seconds, *more):
    """(queries answered, per second, lost, output)"""
    command = ["taskset", "-c", str(ASKING_CPU), program("dnsperf"), "-s", "127.0.0.1", "-p", str(server.port), "-d", queries,
               "-l", str(seconds), "-t", "2", *map(str, more)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60).stdout
    number = lambda pattern: float((re.search(pattern, output) or ["", "0"])[1])
    return (number(r"Queries completed:\s+(\d+)"), number(r"Queries per second:\s+([\d.]+)"),
            number(r"Queries lost:\s+(\d+)"), output)


def cpu_per_query(server, queries, seconds, *more):
    before = server.cpu_seconds()
    done, rate, lost, _ = dnsperf(server, queries, seconds, *more)
    return (server.cpu_seconds() - before) / max(done, 1) * 1e6, rate, lost


def with_servers(names, folder, build, use):
    running = []
    try:
        for name in names:
            try:
                running.append(STARTS[name](folder, build))
            except (FileNotFoundError, RuntimeError) as problem:
                print(f"{name}: left out: {problem}")
        if "roster" in names and not any(server.name == "roster" for server in running):
            sys.exit("what is to be compared does not run")
        use(running)
    finally:
        for server in running:
            server.stop()


def print_table(title, servers, rows):
    print(f"\n{title}")
    print("".ljust(10) + "".join(server.name.rjust(12) for server in servers))
    for kind, cells in rows:
        print(kind.ljust(10) + "".join(cell.rjust(12) for cell in cells))


def compare(options, folder):
    queries = write_queries(folder)
    write_zone(os.path.join(folder, "zone"))

    def use(servers):
        types = {"A": (f"svc-1.service.{DOMAIN}", 1), "SRV": (f"svc-1.service.{DOMAIN}", 33), "NXDOMAIN": (f"no.service.{DOMAIN}", 1)}
        print_table("octets of a reply", servers,
                    [(kind, [str(server.reply_bytes(*asked)) for server in servers]) for kind, asked in types.items()])
        fixed, fast = {}, {}
        for _ in range(options.rounds):
            for kind, file in queries.items():
                for server in servers:
                    cost, rate, lost = cpu_per_query(server, file, options.seconds, "-c", 20, "-q", 200, "-Q", options.rate)
                    fixed.setdefault((kind, server.name), []).append((cost, lost))
                    _, rate, lost, _ = dnsperf(server, file, options.seconds, "-c", 20, "-q", 200)
                    fast.setdefault((kind, server.name), []).append((rate, lost))
        median = lambda kind, server: statistics.median(cost for cost, _ in fixed[kind, server.name])
        print_table(f"server CPU of a query at {options.rate} queries/s, microseconds (median of {options.rounds})", servers,
                    [(kind, [f"{median(kind, server):.2f}" for server in servers]) for kind in queries])
        echo = [server for server in servers if server.name == "echo"]
        if echo:
            print_table("the same, as a share of the echo's", servers,
                        [(kind, [f"{median(kind, server) / median(kind, echo[0]):.2f}" for server in servers]) for kind in queries])
        print_table("queries/s as fast as they go (median; the asking core may be the limit)", servers,
                    [(kind, [f"{statistics.median(rate for rate, _ in fast[kind, server.name]):.0f}" for server in servers])
                     for kind in queries])
        print_table("queries lost, of all rounds", servers,
                    [(kind, [f"{sum(lost for _, lost in fixed[kind, server.name] + fast[kind, server.name]):.0f}" for server in servers])
                     for kind in queries])

    with_servers(options.servers, folder, options.build, use)


def fresh_connections(server, build, seconds):
    """(server CPU of a query in microseconds, queries a second, failed)"""
    before = server.cpu_seconds()
    output = subprocess.run(["taskset", "-c", str(ASKING_CPU), built(build, "tests/bench/fresh_connections"), str(server.port),
                             str(SERVICES), "100", str(seconds)], capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
    answered, failed, rate = map(float, re.findall(r"\d+", output))
    return (server.cpu_seconds() - before) / max(answered, 1) * 1e6, rate, failed


def tcp(options, folder):
    queries = write_queries(folder)["A"]
    write_zone(os.path.join(folder, "zone"))
    ways = {"kept": lambda server: cpu_per_query(server, queries, options.seconds, "-m", "tcp", "-c", 50, "-q", 500),
            "fresh": lambda server: fresh_connections(server, options.build, options.seconds)}

    def use(servers):
        found = {}
        for _ in range(options.rounds):
            for way, load in ways.items():
                for server in servers:
                    found.setdefault((way, server.name), []).append(load(server))
        for i, title in ((0, "TCP: server CPU of a query, microseconds"), (1, "TCP: queries/s"), (2, "TCP: queries lost")):
            print_table(title + f" (median of {options.rounds})", servers,
                        [(way, [f"{statistics.median(one[i] for one in found[way, server.name]):.2f}" for server in servers])
                         for way in ways])

    with_servers([name for name in options.servers if name != "echo"], folder, options.build, use)


def latencies(server, queries, seconds, rate):
    """Sorted, in milliseconds. dnsperf -v writes a line a query, whose last but one field is the time it took."""
    with tempfile.TemporaryFile("w+", dir="/dev/shm") as lines:
        command = ["nice", "-n", "-20", "taskset", "-c", str(ASKING_CPU), program("dnsperf"), "-s", "127.0.0.1",
                   "-p", str(server.port), "-d", queries, "-l", str(seconds), "-c", "20", "-q", "200", "-Q", str(rate), "-v"]
        subprocess.run(command, stdout=lines, stderr=subprocess.DEVNULL, timeout=seconds + 60)
        lines.seek(0)
        return sorted(float(line.split()[-1]) * 1000 for line in lines if line.startswith("> "))


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def churn(options, folder):
    """Without and with changes by turns, beside the echo, so that what the machine and dnsperf add is seen. As root, for
    the preference that the servers get."""
    queries = write_queries(folder)["mix"]
    starts = {"echo": lambda: start_echo(folder, options.build),
              "0 changes/s": lambda: start_roster(folder, options.build),
              f"{options.changes} changes/s": lambda: start_roster(folder, options.build, changes=options.changes)}
    found, said = {}, {}
    for _ in range(options.rounds):
        for way, start in starts.items():
            server = start()
            try:
                before = server.resident_megabytes()
                _, rate, lost, _ = dnsperf(server, queries, options.seconds, "-c", 20, "-q", 200)
                server.prefer()
                times = latencies(server, queries, options.seconds, int(rate / 2))
                found.setdefault(way, []).append((rate, *(percentile(times, share) for share in (.5, .99, .999)), lost,
                                                  before, server.resident_megabytes()))
            finally:
                said[way] = [line for line in server.stop().splitlines() if line.startswith("changes")]
    print(f"{'':16}{'queries/s':>10}  {'at half of it, ms: p50':>22}{'p99':>8}{'p99.9':>8}{'lost':>8}{'resident, MB':>18}  "
          f"(median of {options.rounds})")
    for way, rounds in found.items():
        rate, half, p99, p999, lost, before, after = (statistics.median(column) for column in zip(*rounds))
        print(f"{way:16}{rate:>10.0f}  {half:>22.3f}{p99:>8.3f}{p999:>8.3f}{lost:>8.0f}{before:>10.1f}{after:>8.1f}")
        for line in said[way]:
            print("  " + line)


def agent_class(options):
    os.environ.setdefault("ROSTER_BINARY", built(options.build, "roster"))
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
    from roster import Agent  # It takes the binary from the environment.
    return Agent


def registrations(options, folder):
    """A whole agent: changes are written to its core, synced, watched, compiled and looked for in its DNS."""
    Agent = agent_class(options)
    queries = write_queries(folder, 1000)["mix"]
    with Agent() as agent:
        load = [built(options.build, "tests/bench/registration_load"), agent.coord, f"127.0.0.1:{agent.dns_port}",
                str(agent.process.pid), str(SERVICES), str(options.changes), str(options.seconds)]
        changing = subprocess.Popen(load, stdout=subprocess.PIPE, text=True)
        asking = None
        for line in changing.stdout:
            print(line.strip(), flush=True)
            if asking is None:  # The services are there.
                asking = subprocess.Popen([program("dnsperf"), "-s", "127.0.0.1", "-p", str(agent.dns_port), "-d", queries, "-l",
                                           str(options.seconds), "-c", "20", "-q", "200", "-Q", str(options.beside)],
                                          stdout=subprocess.PIPE, text=True)
        if changing.wait() != 0:
            sys.exit("registration_load failed")
        for line in (asking.communicate()[0] if asking else "").splitlines():
            if re.search(r"Queries (completed|lost|per second)|Average Latency", line):
                print(line.strip())


def bomb_message(opcode):
    """65,535 octets: 3,000 records, each owned by the end of a chain of 6,000 pointers, each of which leads to the one before."""
    name = b"\x06roster\x08internal\0"
    message = name + struct.pack("!HH", 6, 1)
    data_at, previous, chain = 12 + len(message) + 11, 12, b""
    for i in range(6000):
        chain += struct.pack("!H", 0xC000 | previous)
        previous = data_at + 2 * i
    message += b"\0" + struct.pack("!HHIH", 65280, 1, 0, len(chain)) + chain
    records = (65_535 - 12 - len(message)) // 16
    message += (struct.pack("!H", 0xC000 | previous) + struct.pack("!HHIH", 1, 1, 0, 4) + b"\1\2\3\4") * records
    return struct.pack("!HHHHHH", 1, opcode << 11, 1, 0, 1 + records, 0) + message


def bomb(options, folder):
    """A message made to be walked for ever, over TCP to a whole agent that takes updates; beside it a question of 35 octets."""
    Agent = agent_class(options)
    config = pathlib.Path(folder, "roster.toml")
    config.write_text(f"""data_dir = "{folder}/data"
[dns]
listen = ["127.0.0.1:0"]
[http]
listen = ["127.0.0.1:0"]
[coord]
listen = ["127.0.0.1:0"]
[[dns.key]]
name = "k"
secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQ="
[[dns.update]]
key = "k"
names = ["*"]
""")
    question = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\x06roster\x08internal\0" + struct.pack("!HH", 6, 1)
    with Agent(config=config, data_dir=f"{folder}/data") as agent, \
            socket.create_connection(("127.0.0.1", agent.dns_port), 10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(10)
        for what, message in (("question", question), ("query", bomb_message(0)), ("notify", bomb_message(4)), ("update", bomb_message(5))):
            times = []
            for _ in range(200):
                begun = time.perf_counter()
                connection.sendall(struct.pack("!H", len(message)) + message)
                size = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))[0]
                reply = connection.recv(size, socket.MSG_WAITALL)
                times.append((time.perf_counter() - begun) * 1000)
            times.sort()
            print(f"{what:10} {len(message):6} octets: rcode {reply[3] & 15}, p50 {percentile(times, .5):.3f} ms, max {times[-1]:.3f} ms")


def million(options, folder):
    shapes = ((10_000, 3, "", "bare", "10,000 services of 3, to compare with"), (50_000, 20, "", "bare", "a million, without names for browsing"),
              (50_000, 20, "*", "bare", "a million"), (50_000, 20, "*", "usual", "a million with nodes, tags, metadata and checks"))
    for services, instances, browse, shape, title in shapes:
        queries = write_queries(folder, services)["A"]
        server = start_roster(folder, options.build, services, instances, browse=browse, shape=shape)
        try:
            cost, rate, lost = cpu_per_query(server, queries, options.seconds, "-c", 20, "-q", 200)
            print(f"{title}:\n  " + "\n  ".join(line for line in server.output().splitlines() if not line.startswith("port")))
            print(f"  resident {server.resident_megabytes():.1f} MB; {rate:.0f} queries/s, {cost:.2f} us of CPU a query, lost {lost:.0f}")
        finally:
            server.stop()


def main():
    modes = {"compare": compare, "tcp": tcp, "churn": churn, "registrations": registrations, "million": million, "bomb": bomb}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=modes, default="compare")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=5_000, help="a second")
    parser.add_argument("--beside", type=int, default=20_000, help="queries a second beside the changes of registrations")
    parser.add_argument("--servers", type=lambda text: text.split(","), default=list(STARTS))
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    if options.smoke:
        options.seconds, options.rounds, options.rate, options.changes, options.beside = 1, 1, 2_000, 500, 500
    options.build = options.build.resolve()
    try:
        program("dnsperf")
    except FileNotFoundError as missing:
        sys.exit(str(missing))
    with tempfile.TemporaryDirectory(prefix="roster-dns-bench-") as folder:
        modes[options.mode](options, folder)


if __name__ == "__main__":
    main()
