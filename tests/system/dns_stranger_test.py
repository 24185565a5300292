#!/usr/bin/python3
"""What the agent's DNS gives to strangers: in a network namespace where this host has addresses from far away."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from roster import Agent, wait_until, zookeeper  # noqa: E402

HERE, ALLOWED, FOREIGN = "198.51.100.1", "198.51.100.9", "203.0.113.9"
WEB = "web.service.roster.internal"
CONFIG = """
node = "host1"
data_dir = "{directory}/data"
[dns]
listen = ["{here}:0", "127.0.0.1:0"]
allow = ["198.51.100.0/24"]
rate_limit = 5
tcp_connections_max_per_client = 3
tls_listen = ["{here}:0"]
tls_certificate = "{directory}/dns.crt"
tls_key = "{directory}/dns.key"
[http]
listen = ["127.0.0.1:0"]
[coord]
listen = ["127.0.0.1:0"]
"""


def query(name, options=b"", id=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    opt = b"\0" + struct.pack("!HHIH", 41, 4096, 0, len(options)) + options
    return struct.pack("!HHHHHH", id, 0, 1, 0, 0, 1) + labels + struct.pack("!HH", 1, 1) + opt


def rcode(reply):
    """With the upper bits, which stand in the OPT that follows question and answers of these tests."""
    fields = re.search(rb"\0\x00\x29..(.)\x00..", reply, re.S)
    return (fields[1][0] << 4 if fields else 0) | reply[3] & 15


def truncated(reply):
    return bool(reply[2] & 2)


def answers(reply):
    return struct.unpack("!H", reply[6:8])[0]


def cookie_of(reply):
    at = reply.index(b"\0\x0a\0\x18abcdefgh")
    return reply[at:at + 28]


class Stranger(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="roster-test-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                        "-subj", "/CN=host1", "-addext", f"subjectAltName=IP:{HERE}", "-out", f"{cls.directory}/dns.crt",
                        "-keyout", f"{cls.directory}/dns.key"], check=True, capture_output=True)
        config = pathlib.Path(cls.directory, "roster.toml")
        config.write_text(CONFIG.format(directory=cls.directory, here=HERE))
        cls.agent = Agent(config=config, data_dir=f"{cls.directory}/data")
        cls.addClassCleanup(cls.agent.stop)
        cls.agent.start()
        for i in range(60):
            cls.agent.put("/v1/agent/service/register", {"Name": "web", "ID": f"web-{i}", "Address": f"10.0.0.{i}", "Port": 80})
        wait_until("all are answered", lambda: len(cls.agent.dig(WEB, "A", f"@{HERE}", "+tcp")[1]) == 60)

    def metric(self, name):
        text = self.agent.get("/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    def asking(self, source):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(client.close)
        client.bind((source, 0))
        client.connect((HERE, self.agent.dns_port))
        client.settimeout(2)
        return client

    def ask(self, client, message):
        client.send(message)
        return client.recv(65535)

    def flood(self, client, message, count, patience=1.0):
        """The replies that come to `count` queries sent at once, until there are no more for so many seconds."""
        for _ in range(count):
            client.send(message)
        client.settimeout(patience)
        replies = []
        try:
            while len(replies) < count:
                replies.append(client.recv(65535))
        except TimeoutError:
            pass
        client.settimeout(2)
        return replies

    def test_of_a_network_that_is_not_allowed_is_refused(self):
        before = self.metric("roster_dns_prohibited_total")

        reply = self.ask(self.asking(FOREIGN), query(WEB))

        self.assertEqual(rcode(reply), 5)
        self.assertIn(b"\0\x0f\0\2\0\x12", reply)  # Extended error 18.
        self.assertEqual(self.metric("roster_dns_prohibited_total"), before + 1)

    def test_without_a_cookie_gets_at_most_512_octets_and_only_so_many_replies(self):
        replies = self.flood(self.asking(ALLOWED), query(WEB), 60)

        self.assertTrue(all(len(reply) <= 512 and truncated(reply) for reply in replies))
        whole = [reply for reply in replies if answers(reply) > 0]
        self.assertTrue(5 <= len(whole) <= 10, len(whole))
        self.assertTrue(20 <= len(replies) - len(whole) <= 28, len(replies))
        self.assertGreater(self.metric('roster_dns_dropped_total{reason="rate"}'), 20)
        self.assertGreater(self.metric("roster_dns_cut_short_total"), 20)

    def test_gets_only_so_many_replies_to_updates_too(self):
        labels = b"".join(bytes([len(label)]) + label.encode() for label in "roster.internal".split(".")) + b"\0"
        update = struct.pack("!HHHHHH", 1, 5 << 11, 1, 0, 0, 0) + labels + struct.pack("!HH", 6, 1)

        replies = self.flood(self.asking(FOREIGN), update, 60)

        self.assertTrue(1 <= len(replies) <= 10, len(replies))
        self.assertTrue(all(rcode(reply) == 5 for reply in replies))

    def test_with_its_cookie_gets_everything(self):
        client = self.asking("198.51.100.77")
        fresh = self.ask(client, query("host1.node.roster.internal", b"\0\x0a\0\x08abcdefgh"))
        cookie = cookie_of(fresh)

        replies = self.flood(client, query(WEB, cookie), 40, patience=10)

        self.assertEqual(len(replies), 40)
        self.assertTrue(all(answers(reply) == 60 for reply in replies))

    def test_that_speaks_of_cookies_is_told_badcookie_instead_of_tc(self):
        replies = self.flood(self.asking(ALLOWED), query("no." + WEB, b"\0\x0a\0\x08abcdefgh"), 40)

        short = [reply for reply in replies if rcode(reply) == 23]
        self.assertTrue(short)
        self.assertTrue(all(not truncated(reply) and cookie_of(reply) for reply in short))

    def test_has_only_so_many_tcp_connections(self):
        taken = [socket.create_connection((HERE, self.agent.dns_port), 5, (ALLOWED, 0)) for _ in range(3)]
        with socket.create_connection((HERE, self.agent.dns_port), 5, (ALLOWED, 0)) as fourth:
            self.assertEqual(fourth.recv(1), b"")
        self.assertGreaterEqual(self.metric("roster_dns_tcp_crowded_total"), 1)
        for connection in taken:
            message = query(WEB)
            connection.sendall(struct.pack("!H", len(message)) + message)
            size = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))[0]
            self.assertEqual(answers(connection.recv(size, socket.MSG_WAITALL)), 60)
            connection.close()

    def test_may_ask_over_tls(self):
        port = next(port for port in self.listening() if port != self.agent.dns_port)
        context = ssl.create_default_context(cafile=f"{self.directory}/dns.crt")
        context.set_alpn_protocols(["dot"])

        with socket.create_connection((HERE, port), 5, (ALLOWED, 0)) as plain, \
                context.wrap_socket(plain, server_hostname=HERE) as tls:
            message = query(WEB, b"\0\x0c\0\0")
            tls.sendall(struct.pack("!H", len(message)) + message)
            reply = b""
            while len(reply) < 2 or len(reply) < 2 + struct.unpack("!H", reply[:2])[0]:
                reply += tls.recv(65535)
            self.assertEqual(tls.selected_alpn_protocol(), "dot")

        self.assertEqual(answers(reply[2:]), 60)
        self.assertEqual((len(reply) - 2) % 468, 0)

    def listening(self):
        """The TCP ports on our address."""
        found = []
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            if state == "0A" and local.startswith("016433C6"):
                found.append(int(local.split(":")[1], 16))
        return found


class FailStatic(unittest.TestCase):
    def test_when_the_core_dies_answers_go_on_and_say_that_they_are_stale(self):
        with contextlib.ExitStack() as everything:
            core = everything.enter_context(contextlib.ExitStack())
            agent = everything.enter_context(Agent(connect=core.enter_context(zookeeper())))
            agent.put("/v1/agent/service/register", {"Name": "web", "Address": "10.0.0.1", "Port": 80})
            wait_until("web is answered", lambda: agent.addresses(WEB) == ["10.0.0.1"])
            self.assertNotIn("EDE", self.dig(agent, WEB))

            core.close()
            wait_until("it says so", lambda: "EDE: 3 (Stale Answer)" in self.dig(agent, WEB))

            self.assertEqual(agent.addresses(WEB), ["10.0.0.1"])
            self.assertIn("EDE: 19 (Stale NXDOMAIN", self.dig(agent, "no." + WEB))

    @staticmethod
    def dig(agent, name):
        return subprocess.run(["dig", "@127.0.0.1", "-p", str(agent.dns_port), "+tries=1", "+time=2", name],
                              capture_output=True, text=True, timeout=20).stdout


if __name__ == "__main__":
    if os.environ.get("ROSTER_DNS_NAMESPACE") is None:
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        addresses = "".join(f"ip addr add {address}/32 dev lo && " for address in (HERE, ALLOWED, "198.51.100.77", FOREIGN))
        inside = ["unshare", "--net", *user, "sh", "-c", f'ip link set lo up && {addresses}exec "$@"', "sh"]
        os.execvpe("unshare", [*inside, sys.executable, *sys.argv], {**os.environ, "ROSTER_DNS_NAMESPACE": "yes"})
    unittest.main()
