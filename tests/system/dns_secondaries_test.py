#!/usr/bin/env python3
"""Stock BIND and Knot as secondaries of an agent, by NOTIFY, IXFR and AXFR, signed with TSIG."""

import contextlib
import pathlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import unittest

from roster import Agent, free_port, wait_until

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="
OTHER = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMTI="
ZONES = ["roster.internal", "10.in-addr.arpa"]
KEY = f"hmac-sha256:secondary:{SECRET}"


def dig(port, *arguments, key=KEY):
    signed = ["-y", key] if key else []
    run = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), *signed, "+tries=1", "+time=5", "+nocookie", *arguments],
                         capture_output=True, text=True, timeout=30)
    return run.stdout


def records(output):
    """The lines of a transfer in dig's words, without what stands there twice or says how it went."""
    lines = [re.sub(r"\s+", " ", line).lower() for line in output.splitlines() if line and not line.startswith(";")]
    return sorted({line for line in lines if " tsig " not in line})


def zone(port, name=ZONES[0], key=KEY):
    return records(dig(port, name, "AXFR", key=key))


def addresses(port, key=KEY):
    """All that the services of register() have in the zone: a change may take half a second until it is there."""
    return {line.split()[-1] for line in zone(port, key=key) if " in a 10.2." in line}


def serial(port, name=ZONES[0], key=KEY):
    fields = dig(port, name, "SOA", "+short", key=key).split()
    return int(fields[2]) if len(fields) == 7 else None


def rcode_of(message, port, source="127.0.0.1", tls=None):
    with socket.create_connection(("127.0.0.1", port), 5, (source, 0)) as plain, \
            tls.wrap_socket(plain) if tls else contextlib.nullcontext(plain) as connection:
        connection.sendall(struct.pack(">H", len(message)) + message)
        stream = connection.makefile("rb")
        return stream.read(struct.unpack(">H", stream.read(2))[0])[3] & 15


def tls_context(version=ssl.TLSVersion.TLSv1_3, protocols=("dot",)):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def axfr(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 7, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 252, 1)


def nsupdate(agent, *lines):
    script = "\n".join([f"server 127.0.0.1 {agent.dns_port}", f"zone {ZONES[0]}", *lines, "send", ""])
    run = subprocess.run(["nsupdate", "-t", "10", "-y", f"hmac-sha256:other:{OTHER}"], input=script, capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr


class Daemon:
    """A name server of somebody else's, in a directory of its own."""

    def __init__(self, name, command, configuration):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"roster-{name}-"))
        self.port = free_port()
        self.name, self.command, self.configuration = name, command, configuration

    def start(self, agent_port):
        file = self.directory / "conf"
        file.write_text(self.configuration.format(directory=self.directory, port=self.port, agent=agent_port, secret=SECRET))
        self.out = open(self.directory / "log", "w")
        command = [part.format(conf=file) for part in self.command]
        self.process = subprocess.Popen(command, stdout=self.out, stderr=self.out, cwd=self.directory)
        return self

    def stop(self):
        if hasattr(self, "process"):
            self.process.kill()
            self.process.wait(10)
            self.out.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-4000:]


def bind(tls=""):
    return Daemon("bind", ["/usr/sbin/named", "-f", "-n", "1", "-c", "{conf}"], """
options {{ directory "{directory}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{directory}/pid"; session-keyfile "{directory}/session.key"; recursion no; notify no; dnssec-validation no;
  allow-transfer {{ any; }}; allow-query {{ any; }}; empty-zones-enable no; }};
controls {{ }};
logging {{ channel all {{ stderr; severity info; print-category yes; }}; category default {{ all; }}; }};
key secondary {{ algorithm hmac-sha256; secret "{secret}"; }};
""" + "".join(f"""
zone "{name}" {{{{ type secondary; primaries port {{agent}} {{{{ 127.0.0.1 key secondary{tls}; }}}}; file "{name}.db"; }}}};
""" for name in ZONES))


def knot():
    return Daemon("knot", ["/usr/sbin/knotd", "-c", "{conf}"], """
server:
  listen: 127.0.0.1@{port}
  rundir: {directory}
database:
  storage: {directory}
log:
  - target: stderr
    any: info
key:
  - id: secondary
    algorithm: hmac-sha256
    secret: {secret}
remote:
  - id: agent
    address: 127.0.0.1@{agent}
    key: secondary
acl:
  - id: notified
    address: 127.0.0.1
    key: secondary
    action: notify
  - id: asked
    address: 127.0.0.1
    key: secondary
    action: transfer
template:
  - id: default
    storage: {directory}
    master: agent
    acl: [notified, asked]
    semantic-checks: off
zone:
""" + "".join(f"  - domain: {name}\n" for name in ZONES))


class Secondaries(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def agent(self, notify=(), name="alpha", connect="", data_dir=None, port=0, tls="", rule='key = "secondary"'):
        directory = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="roster-transfer-")))
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in notify)
        core = f'connect = "{connect}"' if connect else 'listen = ["127.0.0.1:0"]'
        (directory / "roster.toml").write_text(f"""
node = "{name}"
address = "10.1.0.1"
data_dir = "{data_dir or directory / "data"}"
[dns]
listen = ["127.0.0.1:{port}"]
{tls}
reverse = ["10.0.0.0/8"]
[[dns.key]]
name = "secondary"
secret = "{SECRET}"
[[dns.key]]
name = "other"
secret = "{OTHER}"
[[dns.transfer]]
to = ["127.0.0.1/32"]
{rule}
notify = [{targets}]
[[dns.update]]
key = "other"
names = ["*"]
[[dns.record]]
name = "www"
cname = "web.service"
[[dns.record]]
name = "*.apps"
address = "10.9.9.9"
[http]
listen = ["127.0.0.1:0"]
[coord]
{core}
session_timeout = "2s"
""")
        return self.stack.enter_context(Agent(config=directory / "roster.toml"))

    @staticmethod
    def address(number):
        return f"10.2.{number // 250}.{number % 250}"

    def register(self, agent, number, port=8000):
        agent.put("/v1/agent/service/register",
                  {"Name": f"web{number % 7}", "ID": f"web-{number}", "Address": self.address(number),
                   "Port": port, "Tags": ["blue" if number % 2 else "green", "v1"]})

    @staticmethod
    def transfers(agent, kind, result="sent"):
        text = agent.get("/metrics").body.decode()
        return int(re.search(rf'roster_dns_transfers_total{{kind="{kind}",result="{result}"}} (\d+)', text)[1])

    def in_step(self, agent, daemons, zones=ZONES):
        """Waits until every secondary has the agent's serial of every zone."""
        def behind():
            for name in zones:
                ours = serial(agent.dns_port, name)
                for daemon in daemons:
                    assert daemon.process.poll() is None, daemon.log()
                    theirs = serial(daemon.port, name)
                    if ours is None or theirs != ours:
                        return f"{daemon.name} {name} {theirs} != {ours}"
            return None
        try:
            wait_until("the secondaries are in step", lambda: not behind(), 20, every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}: {behind()}\n" + "\n".join(daemon.log() for daemon in daemons)) from None

    def test_stock_secondaries_stay_in_step_under_churn(self):
        daemons = [bind(), knot()]
        for daemon in daemons:
            self.stack.callback(daemon.stop)
        agent = self.agent([daemon.port for daemon in daemons])
        for daemon in daemons:
            daemon.start(agent.dns_port)
        self.in_step(agent, daemons)

        for number in range(300):
            self.register(agent, number)
            if number >= 40:
                agent.put(f"/v1/agent/service/deregister/web-{number - 40}")

        wait_until("the zone has the last of it", lambda: addresses(agent.dns_port) == set(map(self.address, range(260, 300))))
        self.in_step(agent, daemons)
        for name in ZONES:
            ours = zone(agent.dns_port, name)
            self.assertGreater(len(ours), 40)
            for daemon in daemons:
                self.assertEqual(zone(daemon.port, name), ours, daemon.name)
        self.assertGreaterEqual(self.transfers(agent, "ixfr"), 4)
        # What a secondary answers is what we answer.
        for question in (["web1.service.roster.internal", "A"], ["_web1._tcp.dc1.roster.internal", "SRV"],
                         ["blue.web1.service.roster.internal", "A"], ["-x", "10.2.1.40"],
                         ["www.roster.internal", "CNAME"], ["any.apps.roster.internal", "A"],
                         ["web1.service.roster.internal", "HTTPS"], ["none.service.roster.internal", "A"]):
            answers = [sorted(dig(port, "+short", *question).splitlines())
                       for port in (agent.dns_port, *(daemon.port for daemon in daemons))]
            self.assertEqual(answers[1:], answers[:1] * 2, question)

    def test_what_updates_add_and_remove_comes_to_stock_secondaries_too(self):
        daemons = [bind(), knot()]
        for daemon in daemons:
            self.stack.callback(daemon.stop)
        agent = self.agent([daemon.port for daemon in daemons])
        for daemon in daemons:
            daemon.start(agent.dns_port)
        self.in_step(agent, daemons)

        def changed(*lines):
            """What the steps to this update's version take away, and what they add."""
            before = serial(agent.dns_port)
            nsupdate(agent, *lines)
            wait_until("there is a newer serial", lambda: serial(agent.dns_port) != before)
            self.in_step(agent, daemons, ZONES[:1])  # Nobody is told of a zone in which nothing changed.
            steps = dig(agent.dns_port, ZONES[0], f"IXFR={before}")
            for daemon in daemons:
                self.assertEqual(zone(daemon.port), zone(agent.dns_port), daemon.name)
            return steps

        host = "host.dyn.roster.internal."
        added = changed(f"update add {host} 60 A 10.3.0.1", f"update add {host} 60 TXT x", f"update add deep.a.dyn.roster.internal. 60 CNAME {host}",
                        "update add db.apps.roster.internal. 60 A 10.3.0.2", "update add made.service.roster.internal. 60 A 10.3.0.3")
        lines = [re.sub(r"\s+", " ", line) for line in added.splitlines()]
        self.assertEqual([lines.count(f"{host} 60 IN {rest}") for rest in ("A 10.3.0.1", 'TXT "x"')], [1, 1])
        self.assertIn("made.service.roster.internal. 60 IN A 10.3.0.3", lines)
        self.assertEqual(len(daemons) * [["10.3.0.2"]], [dig(daemon.port, "+short", "db.apps.roster.internal").split() for daemon in daemons])

        taken = changed(f"update delete {host} A", "update add after.dyn.roster.internal. 60 A 10.3.0.4", "update delete made.service.roster.internal.")
        self.assertIn(f"{host} 60 IN A 10.3.0.1", re.sub(r"[ \t]+", " ", taken))
        self.assertNotIn("10.3.0.1", "".join(zone(agent.dns_port)))
        changed(f"update delete {host}", "update delete deep.a.dyn.roster.internal.", "update delete after.dyn.roster.internal.",
                "update delete db.apps.roster.internal.")
        self.assertEqual([line for line in zone(agent.dns_port) if ".dyn." in line or "db.apps" in line], [])
        for daemon in daemons:
            self.assertIn("status: NXDOMAIN", dig(daemon.port, host))
            self.assertEqual(dig(daemon.port, "+short", "db.apps.roster.internal").split(), ["10.9.9.9"], "the wildcard's again")

    def tls_agent(self, **how):
        """An agent, and the port of its TLS."""
        files = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="roster-transfer-")))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=alpha",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-out", files / "crt", "-keyout", files / "key"], check=True, capture_output=True)
        port = free_port()
        tls = f'tls_listen = ["127.0.0.1:{port}"]\ntls_certificate = "{files}/crt"\ntls_key = "{files}/key"'
        return self.agent(tls=tls, **how), port

    def test_zones_go_over_tls_by_the_same_rules(self):
        agent, port = self.tls_agent()
        self.register(agent, 1)
        wait_until("it is in the zone", lambda: any("web1" in line for line in zone(agent.dns_port)))

        for name in ZONES:
            self.assertEqual(records(dig(port, "+tls", name, "AXFR")), zone(agent.dns_port, name))
        kdig = subprocess.run(["kdig", "@127.0.0.1", "-p", str(port), "-y", KEY, "+tls", ZONES[0], "AXFR"], capture_output=True, text=True, timeout=20).stdout
        self.assertEqual(records(kdig), zone(agent.dns_port))
        before = serial(agent.dns_port)
        self.register(agent, 2)
        wait_until("there is a newer serial", lambda: serial(agent.dns_port) != before)
        steps = self.transfers(agent, "ixfr")
        self.assertIn("web2", dig(port, "+tls", ZONES[0], f"IXFR={before}"))
        self.assertEqual(self.transfers(agent, "ixfr"), steps + 1)

        self.assertEqual(records(dig(port, "+tls", ZONES[0], "AXFR", key=None)), [], "without a signature")
        self.assertEqual(records(dig(port, "+tls", ZONES[0], "AXFR", key=f"hmac-sha256:other:{OTHER}")), [], "with another's key")
        self.assertEqual(rcode_of(axfr(ZONES[0]), port, "127.0.0.2", tls_context()), 5, "from elsewhere")

    def test_over_tls_a_zone_goes_only_where_it_is_new_and_for_dns(self):
        agent, port = self.tls_agent(rule="")

        wait_until("it is ready", lambda: rcode_of(axfr(ZONES[0]), port, tls=tls_context()) == 0)
        self.assertEqual(rcode_of(axfr(ZONES[0]), port, tls=tls_context(ssl.TLSVersion.TLSv1_2)), 5)
        self.assertEqual(rcode_of(axfr(ZONES[0]), port, tls=tls_context(protocols=())), 5)
        # What is asked for otherwise is answered there all the same.
        self.assertEqual(rcode_of(axfr("ns." + ZONES[0])[:-4] + b"\0\1\0\1", port, tls=tls_context(ssl.TLSVersion.TLSv1_2, ())), 0)

    def test_a_stock_secondary_takes_its_zones_over_tls(self):
        daemon = bind(" tls ephemeral")
        self.stack.callback(daemon.stop)
        agent, port = self.tls_agent(notify=[daemon.port])
        self.register(agent, 1)
        daemon.start(port)
        self.in_step(agent, [daemon])

        self.register(agent, 2)

        wait_until("there is a newer zone", lambda: any("web2" in line for line in zone(agent.dns_port)))
        self.in_step(agent, [daemon])
        self.assertEqual(zone(daemon.port), zone(agent.dns_port))
        self.assertGreaterEqual(self.transfers(agent, "ixfr"), 1)

    def test_two_agents_have_the_same_zone_with_the_same_serial(self):
        first = self.agent(name="alpha")
        second = self.agent(name="beta", connect=first.coord)
        for number in range(30):
            self.register(first if number % 2 else second, number)
        for number in range(0, 30, 3):
            (first if number % 2 else second).put(f"/v1/agent/service/deregister/web-{number}")

        left = {self.address(number) for number in range(30) if number % 3}
        for agent in (first, second):
            wait_until("its zone has the last of it", lambda agent=agent: addresses(agent.dns_port) == left)
        wait_until("both have one serial", lambda: serial(first.dns_port) == serial(second.dns_port))

        for name in ZONES:
            self.assertEqual(zone(first.dns_port, name), zone(second.dns_port, name))
        plain = dig(second.dns_port, "nothing.roster.internal", "A", key=None)
        self.assertIn(f" {serial(first.dns_port)} ", plain, "a negative answer has it too")

    def test_after_a_restart_the_serial_goes_on_and_older_ones_get_the_whole_zone(self):
        agent = self.agent()
        self.register(agent, 1)
        wait_until("it is in the zone", lambda: any("web1" in line for line in zone(agent.dns_port)))
        before = serial(agent.dns_port)
        self.register(agent, 2)
        wait_until("there is a newer serial", lambda: serial(agent.dns_port) > before)
        self.assertIn("ixfr", dig(agent.dns_port, ZONES[0], f"IXFR={before}").lower())
        steps = self.transfers(agent, "ixfr")
        self.assertGreaterEqual(steps, 1)
        last = serial(agent.dns_port)

        agent.terminate()
        agent.start()
        wait_until("its services are back", lambda: any("web2" in line for line in zone(agent.dns_port)))

        self.assertGreaterEqual(serial(agent.dns_port), last)
        full = self.transfers(agent, "axfr")
        self.assertEqual(records(dig(agent.dns_port, ZONES[0], f"IXFR={before}")), zone(agent.dns_port))
        self.assertEqual(self.transfers(agent, "ixfr"), 0)
        self.assertEqual(self.transfers(agent, "axfr"), full + 2)

    def test_who_may_not_gets_nothing_and_harms_nobody(self):
        agent = self.agent()
        port = agent.dns_port
        with contextlib.ExitStack() as held:
            for _ in range(20):  # half a request each
                connection = held.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                connection.sendall(b"\0\x40" + axfr(ZONES[0])[:9])

            self.assertEqual(rcode_of(axfr(ZONES[0]), port), 5, "without a signature")
            self.assertEqual(rcode_of(axfr(ZONES[0]), port, "127.0.0.2"), 5, "from elsewhere")
            self.assertEqual(zone(port, key=KEY.replace("c2Vj", "AAAA")), [], "with a wrong secret")
            self.assertEqual(zone(port, key=KEY.replace("secondary", "nobody")), [], "with an unknown key")
            self.assertEqual(zone(port, key=f"hmac-sha256:other:{OTHER}"), [], "with another's key")
            self.assertEqual(self.transfers(agent, "axfr", "refused"), 3)
            self.assertEqual(self.transfers(agent, "axfr", "not_auth"), 2)
            self.assertTrue(any(" in soa " in line for line in zone(port)), "the right key does it")
            kdig = subprocess.run(["kdig", "@127.0.0.1", "-p", str(port), "-y", KEY, ZONES[0], "AXFR"],
                                  capture_output=True, text=True, timeout=20).stdout
            self.assertIn("NOERROR", kdig)
            self.assertEqual([line for line in records(kdig)], zone(port))


if __name__ == "__main__":
    unittest.main()
