#!/usr/bin/python3
"""Names of others: the agent forwards them to a real server (Knot), which dies, hangs and comes back."""

import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from roster import Agent, free_port, wait_until  # noqa: E402

WEB = "web.service.roster.internal"
CONFIG = """
node = "host1"
data_dir = "{directory}/data"
[dns]
listen = ["127.0.0.1:{port}"]
{dns}
[[dns.key]]
name = "desk"
secret = "{secret}"
[dns.forward]
servers = [{servers}]
timeout = "300ms"
{more}
[http]
listen = ["127.0.0.1:0"]
[coord]
listen = ["127.0.0.1:0"]
"""
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMw=="
ZONE = """$ORIGIN example.
@ 3600 SOA ns.example. root.example. 1 3600 600 86400 60
@ 3600 NS ns
ns 3600 A 192.0.2.1
www 300 A 192.0.2.{last}
alias 300 CNAME www
back 300 CNAME web.service.roster.internal.
nothing 300 CNAME no.service.roster.internal.
round 300 CNAME round.service.roster.internal.
short 1 A 192.0.2.{last}
""" + "\n".join(f"many 300 A 198.51.{i // 250}.{i % 250}" for i in range(500)) + "\n"


class Knot:
    """knotd with the zone example, on one port all its lives."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-knot-"))
        self.port = free_port()
        self.process = None
        self.write(1)
        (self.directory / "knot.conf").write_text(
            f"server:\n  rundir: {self.directory}\n  listen: 127.0.0.1@{self.port}\n  udp-workers: 1\n  tcp-workers: 1\n"
            f"  background-workers: 1\ndatabase:\n  storage: {self.directory}\nzone:\n- domain: example\n"
            f"  file: {self.directory}/zone\n  journal-content: none\n")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def write(self, last):
        (self.directory / "zone").write_text(ZONE.format(last=last))

    def start(self):
        with open(self.directory / "log", "a") as log:
            self.process = subprocess.Popen(["/usr/sbin/knotd", "-c", self.directory / "knot.conf"], stdout=log, stderr=log)

        def serves():
            out = subprocess.run(["dig", "@127.0.0.1", "-p", str(self.port), "+tries=1", "+time=1", "+short", "www.example"],
                                 capture_output=True, text=True).stdout
            return out.startswith("192.0.2.")

        wait_until("knot serves", serves)
        return self

    def signal(self, which):
        self.process.send_signal(which)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def remove(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class Liar:
    """By it, every name is an alias of ours, of which it has something to say in each section; or, of honest.test, nothing."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            if not query:
                return
            self.socket.sendto(self.reply(query), client)

    def reply(self, query):
        end = query.index(b"\0", 12) + 5
        ours = wire(WEB)
        record = struct.pack("!HHIH", 1, 1, 300, 4) + bytes([6, 6, 6, 6])
        alias = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 300, len(ours)) + ours
        if b"honest" in query.lower():  # NXDOMAIN, with the SOA of the root
            soa = wire("ns.test") + wire("root.test") + struct.pack("!IIIII", 1, 1, 1, 1, 86400)
            denial = b"\0" + struct.pack("!HHIH", 6, 1, 86400, len(soa)) + soa
            return query[:2] + struct.pack("!HHHHH", 0x8183, 1, 1, 1, 0) + query[12:end] + alias + denial
        forged = wire("roster.internal") + struct.pack("!HHIH", 2, 1, 300, 6) + wire("evil")
        return (query[:2] + struct.pack("!HHHHH", 0x8180, 1, 2, 1, 1) + query[12:end] + alias + ours + record + forged
                + ours + record)

    def stop(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join(10)
        self.socket.close()


def start_agent(test, servers, dns="", more="", port=0):
    """A class or a test owns it."""
    owner = test.addClassCleanup if isinstance(test, type) else test.addCleanup
    directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-test-"))
    owner(shutil.rmtree, directory, True)
    config = directory / "roster.toml"
    config.write_text(CONFIG.format(directory=directory, port=port, dns=dns, more=more, secret=SECRET,
                                    servers=", ".join(f'"{server}"' for server in servers)))
    agent = Agent(config=config, data_dir=directory / "data")
    owner(agent.stop)
    return agent.start()


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def query(name, id):
    message = struct.pack("!HHHHHH", id, 0x100, 1, 0, 0, 0) + wire(name) + struct.pack("!HH", 1, 1)
    return struct.pack("!H", len(message)) + message


class Forwarder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.knot = Knot()
        cls.addClassCleanup(cls.knot.remove)
        cls.knot.start()
        files = pathlib.Path(tempfile.mkdtemp(prefix="roster-test-"))
        cls.addClassCleanup(shutil.rmtree, files, True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                        "-subj", "/CN=host1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", files / "dns.crt",
                        "-keyout", files / "dns.key"], check=True, capture_output=True)
        cls.certificate = files / "dns.crt"
        cls.liar = Liar()
        cls.addClassCleanup(cls.liar.stop)
        cls.tls_port = free_port()
        cls.agent = start_agent(
            cls, [cls.knot.address],
            dns=f'tls_listen = ["127.0.0.1:{cls.tls_port}"]\ntls_certificate = "{files}/dns.crt"\ntls_key = "{files}/dns.key"',
            more='[[dns.forward.domain]]\nname = "nobody.test"\nservers = ["127.0.0.1:1"]\n'
                 f'[[dns.forward.domain]]\nname = "test"\nservers = ["{cls.liar.address}"]')
        cls.agent.put("/v1/agent/service/register", {"Name": "web", "Address": "10.0.0.1", "Port": 80})
        cls.agent.put("/v1/agent/service/register", {"Name": "elsewhere", "Address": "www.example", "Port": 80})
        cls.agent.put("/v1/agent/service/register", {"Name": "out", "Address": "back.liar.test", "Port": 80})
        cls.agent.put("/v1/agent/service/register", {"Name": "round", "Address": "round.example", "Port": 80})
        wait_until("web is answered", lambda: cls.agent.addresses(WEB) == ["10.0.0.1"])

    def dig(self, *words):
        return subprocess.run(["dig", "@127.0.0.1", "-p", str(self.agent.dns_port), "+tries=1", "+time=4", *words],
                              capture_output=True, text=True, timeout=20).stdout

    def metric(self, name, agent=None):
        text = (agent or self.agent).get("/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    def test_answers_names_of_others_and_ours(self):
        out = self.dig("alias.example")

        self.assertIn("flags: qr rd ra;", out)
        self.assertRegex(out, r"alias\.example\.\s+(300|2\d\d)\s+IN\s+CNAME\s+www\.example\.")
        self.assertRegex(out, r"www\.example\.\s+(300|2\d\d)\s+IN\s+A\s+192\.0\.2\.")
        self.assertRegex(self.dig(WEB), r"flags: qr aa rd ra;")
        self.assertIn("status: NXDOMAIN", self.dig("no.example"))
        self.assertRegex(self.dig("no.example"), r"example\.\s+\d+\s+IN\s+SOA")
        self.assertRegex(self.dig("www.example", "AAAA"), r"status: NOERROR(.|\n)*ANSWER: 0")
        self.assertIn("127.0.0.1", self.dig("localhost"))
        self.assertEqual(self.metric("roster_dns_forward_local_total"), 1)

    def test_answers_again_from_its_cache(self):
        self.dig("ns.example")
        asked = self.metric("roster_dns_upstream_queries_total")

        self.assertRegex(self.dig("NS.example"), r"NS\.example\.\s+3(600|5\d\d)\s+IN\s+A\s+192\.0\.2\.1")

        self.assertEqual(self.metric("roster_dns_upstream_queries_total"), asked)
        self.assertGreaterEqual(self.metric("roster_dns_forward_hits_total"), 1)
        self.assertGreaterEqual(self.metric("roster_dns_forward_cache_entries"), 1)

    def test_large_answers_are_cut_for_udp_and_whole_over_tcp(self):
        self.assertIn("ANSWER: 500", self.dig("+tcp", "many.example"))
        cut = self.dig("+ignore", "+noedns", "many.example")
        self.assertRegex(cut, r"flags: qr tc rd ra;")
        self.assertGreaterEqual(self.metric("roster_dns_upstream_tcp_total"), 1)

    def test_a_signed_question_has_a_signed_answer(self):
        key = ["-y", f"hmac-sha256:desk:{SECRET}"]
        for words in (["www.example"], ["+tcp", "many.example"], ["www.nobody.test"], ["alias.example"]):
            out = self.dig(*key, *words)
            self.assertRegex(out, r"desk\.\s+0\s+ANY\s+TSIG\s+hmac-sha256", words)
            self.assertNotIn("Couldn't verify", out, words)
            self.assertNotIn("could not be validated", out, words)
        self.assertIn("status: NOTAUTH", self.dig("-y", f"hmac-sha256:nobody:{SECRET}", "www.example"))

    def test_a_name_whose_server_is_not_there_is_servfail_at_once(self):
        began = time.monotonic()
        out = self.dig("www.nobody.test")

        self.assertIn("status: SERVFAIL", out)
        self.assertRegex(out, r"EDE: 23 \(Network Error\)")
        self.assertLess(time.monotonic() - began, 2)

    def test_an_alias_of_ours_is_followed_to_the_names_of_others(self):
        wait_until("it is answered", lambda: self.agent.dig("elsewhere.service.roster.internal")[0] == "NOERROR")

        out = self.dig("elsewhere.service.roster.internal")

        self.assertRegex(out, r"elsewhere\.service\.roster\.internal\.\s+\d+\s+IN\s+CNAME\s+www\.example\.")
        self.assertRegex(out, r"www\.example\.\s+\d+\s+IN\s+A\s+192\.0\.2\.1")

    def test_nobody_is_believed_about_our_names_and_what_leads_to_them_is_completed(self):
        for name in ("back.example", "back.liar.test", "back.honest.test", "out.service.roster.internal"):
            wait_until("it is answered", lambda: self.agent.dig(name)[0] == "NOERROR")
            out = self.dig(name)
            self.assertIn("status: NOERROR", out)
            self.assertRegex(out, r"CNAME\s+web\.service\.roster\.internal\.\n" + re.escape(WEB) + r"\.\s+\d+\s+IN\s+A\s+10\.0\.0\.1\n")
            self.assertNotIn("6.6.6.6", out)
            self.assertNotIn("evil", out)
            self.assertEqual("aa" in re.search(r"flags: ([a-z ]+);", out)[1].split(), name.endswith("internal"), out)

        missing = self.dig("nothing.example")
        self.assertIn("status: NXDOMAIN", missing)
        self.assertRegex(missing, r"roster\.internal\.\s+\d+\s+IN\s+SOA")
        wait_until("it is answered", lambda: self.agent.dig("round.service.roster.internal")[0] == "NOERROR")
        self.assertRegex(self.dig("round.example"), r"status: NOERROR(.|\n)*ANSWER: 2,")

        # What is ours is never out of date.
        self.addCleanup(self.agent.put, "/v1/agent/service/register", {"Name": "web", "Address": "10.0.0.1", "Port": 80})
        self.agent.put("/v1/agent/service/register", {"Name": "web", "Address": "10.0.0.2", "Port": 80})
        wait_until("the new address", lambda: self.agent.addresses(WEB) == ["10.0.0.2"])
        self.assertRegex(self.dig("back.liar.test"), r"IN\s+A\s+10\.0\.0\.2\n")

    def ask_both(self, client, name):
        """A name that hangs, and behind it one of ours: the replies, as they come."""
        client.sendall(query(name, 1) + query(WEB, 2))
        stream = client.makefile("rb")
        first = stream.read(struct.unpack("!H", stream.read(2))[0])
        self.assertEqual(self.agent.addresses(WEB), ["10.0.0.1"])
        return first, stream.read(struct.unpack("!H", stream.read(2))[0])

    def test_a_server_that_hangs_holds_up_none_of_our_names(self):
        self.knot.signal(signal.SIGSTOP)
        self.addCleanup(self.knot.signal, signal.SIGCONT)
        tls = ssl.create_default_context(cafile=self.certificate)
        with socket.create_connection(("127.0.0.1", self.agent.dns_port), 10) as plain, \
                socket.create_connection(("127.0.0.1", self.tls_port), 10) as under, \
                tls.wrap_socket(under, server_hostname="127.0.0.1") as secret:
            for client, name in ((plain, "hangs.example"), (secret, "hangs-too.example")):
                first, second = self.ask_both(client, name)
                self.assertEqual(first[:2], b"\0\2")
                self.assertEqual((second[:2], second[3] & 15), (b"\0\1", 2))
        self.assertRegex(self.dig("hangs-as-well.example"), r"SERVFAIL(.|\n)*EDE: 22 \(No Reachable Authority\)")
        self.assertGreaterEqual(self.metric("roster_dns_upstream_timeouts_total"), 2)


class Stale(unittest.TestCase):
    def setUp(self):
        self.knot = Knot()
        self.addCleanup(self.knot.remove)
        self.knot.start()
        self.agent = start_agent(self, [self.knot.address])

    dig = Forwarder.dig
    metric = Forwarder.metric

    def test_what_was_true_is_answered_while_the_server_is_dead_and_what_is_when_it_is_back(self):
        self.assertIn("192.0.2.1", self.dig("short.example"))
        self.knot.kill()

        out = wait_until("its time is over", lambda: (lambda out: out if "EDE" in out else None)(self.dig("short.example")))

        self.assertRegex(out, r"short\.example\.\s+30\s+IN\s+A\s+192\.0\.2\.1")
        self.assertIn("EDE: 3 (Stale Answer)", out)
        self.assertGreaterEqual(self.metric("roster_dns_forward_stale_total"), 1)
        self.assertIn("SERVFAIL", self.dig("www.example"))

        self.knot.write(2)
        self.knot.start()
        wait_until("the new name is answered", lambda: "192.0.2.2" in self.dig("www.example"))
        # Those that failed are left in peace for half a minute.
        wait_until("the new answer", lambda: "192.0.2.2" in self.dig("short.example"), 35, every=0.5)


class Loop(unittest.TestCase):
    metric = Forwarder.metric

    def test_two_agents_that_lead_to_each_other_find_out(self):
        ports = [free_port(), free_port()]
        agents = [start_agent(self, [f"127.0.0.1:{ports[1 - i]}"], port=ports[i]) for i in range(2)]

        # The first one's question went out before the second one was there; the second one's came back.
        wait_until("the loop is found", lambda: sum(self.metric("roster_dns_forward_loops_total", agent) for agent in agents) > 0)
        wait_until("it is said", lambda: any("leads back to this agent" in agent.log() for agent in agents))

        for agent in agents:
            self.assertEqual(agent.dig("www.example", "A", "+time=5")[0], "SERVFAIL")
        sent = [self.metric("roster_dns_upstream_queries_total", agent) for agent in agents]
        self.assertLess(max(sent), 50)

    def test_an_agent_does_not_forward_to_itself(self):
        port = free_port()
        with self.assertRaisesRegex(AssertionError, "is this agent itself"):
            start_agent(self, [f"127.0.0.1:{port}"], port=port)


if __name__ == "__main__":
    unittest.main()
