#!/usr/bin/python3
"""Every kind of name that DNS answers: two agents in two zones, asked by dig."""

import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from roster import BINARY, Agent, wait_until  # noqa: E402

DOMAIN = "roster.internal"
CONFIG = """
node = "host{number}"
address = "10.0.0.{number}"
zone = "{zone}"
data_dir = "{directory}/data{number}"
[dns]
listen = ["127.0.0.1:0"]
reverse = ["10.0.0.0/8", "fd00::/8"]
service_ttl = {{ "db*" = "20s" }}
[[dns.record]]
name = "printer.office"
address = ["10.0.0.9", "fd00::9"]
txt = "rack=7"
ttl = "1m"
[[dns.record]]
name = "www"
cname = "shop"
[[dns.record]]
name = "shop"
cname = "db.service"
[[dns.record]]
name = "lost"
cname = "no.service"
[[dns.record]]
name = "out"
cname = "www.example.com."
[[dns.record]]
name = "*.apps"
address = "10.0.0.80"
[[dns.record]]
name = "own.apps"
txt = "its own"
[http]
listen = ["127.0.0.1:0"]
[coord]
{coord}
"""
SERVICES = {  # By the number of their agent; "web" is in both zones.
    1: [
        {"Name": "web", "ID": "web-1", "Address": "10.0.1.1", "Port": 80, "Tags": ["v1", "eu"], "Meta": {"path": "/"}},
        {"Name": "web", "ID": "web 2. at \"home\"", "Address": "10.0.1.2", "Port": 81, "Tags": ["v1"]},
        {"Name": "db", "ID": "db-1", "Port": 5432, "TaggedAddresses": {"metrics": {"Address": "10.0.0.1", "Port": 9187}}},
        {"Name": "db", "ID": "db-2", "Address": "10.0.1.4", "Port": 5432, "Meta": {"dns-priority": "2"}},
        {"Name": "db-own", "ID": "own-1", "Address": "fd00::7", "Port": 1, "Meta": {"dns-ttl": "7s"}},
        {"Name": "lopsided", "ID": "heavy", "Address": "10.0.2.1", "Port": 1, "Weights": {"Passing": 9, "Warning": 1}},
        {"Name": "lopsided", "ID": "light", "Address": "10.0.2.2", "Port": 1},
        {"Name": "open", "ID": "open-1", "Address": "10.0.3.1", "Port": 1, "Meta": {"dns-none-healthy": "all"},
         "Check": {"TTL": "1h", "Status": "critical"}},
        {"Name": "closed", "ID": "closed-1", "Address": "10.0.3.2", "Port": 1, "Check": {"TTL": "1h", "Status": "critical"}},
        {"Name": "secure", "ID": "secure-1", "Address": "10.0.4.1", "Port": 8443, "Meta": {"dns-alpn": "h2,h3"}},
        {"Name": "secure", "ID": "secure-2", "Address": "fd00::4", "Port": 8443, "Meta": {"dns-alpn": "h2,h3"}},
        {"Name": "mixed", "ID": "mixed-1", "Address": "10.0.4.2", "Port": 8443, "Meta": {"dns-alpn": "h2"}},
        {"Name": "mixed", "ID": "mixed-2", "Address": "10.0.4.3", "Port": 443, "Meta": {"dns-alpn": "h3"}},
        {"Name": "dot", "ID": "dot-1", "Address": "10.0.4.4", "Port": 853, "Meta": {"dns-alpn": "dot", "dns-scheme": "dns"}},
        {"Name": "away", "ID": "away-1", "Address": "host.example.com", "Port": 1},
    ],
    2: [{"Name": "web", "ID": "web-3", "Address": "10.0.1.3", "Port": 82, "Tags": ["v2"]}],
}


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="roster-test-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        cls.near = cls.start(1, "a", 'listen = ["127.0.0.1:0"]')
        cls.far = cls.start(2, "b", f'connect = "{cls.near.coord}"')
        for agent, services in ((cls.near, SERVICES[1]), (cls.far, SERVICES[2])):
            for service in services:
                agent.put("/v1/agent/service/register", service)
        for agent in (cls.near, cls.far):
            wait_until("all are answered", lambda: len(cls.dig("web.service", "SRV", agent=agent)) == 3 and
                       cls.dig("away.service", "CNAME", agent=agent))

    @classmethod
    def start(cls, number, zone, coord):
        config = pathlib.Path(cls.directory, f"roster{number}.toml")
        config.write_text(CONFIG.format(directory=cls.directory, number=number, zone=zone, coord=coord))
        agent = Agent(config=config, data_dir=f"{cls.directory}/data{number}")
        cls.addClassCleanup(agent.stop)
        return agent.start()

    @classmethod
    def dig(cls, name, type="A", agent=None):
        """The rdata of the answers below the domain, sorted; the rcode if it is an error."""
        rcode, answers = (agent or cls.near).dig(name if name.endswith(".") else f"{name}.{DOMAIN}", type)
        if rcode != "NOERROR":
            return rcode
        return sorted(line.split(" ", 4)[4].replace(f"{DOMAIN}.", "~") for line in answers)

    def is_(self, name, type, *expected, agent=None):
        self.assertEqual(self.dig(name, type, agent), sorted(expected), f"{name} {type}")

    def ttl(self, name, type="A"):
        return int(self.near.dig(f"{name}.{DOMAIN}", type)[1][0].split()[1])

    def first_addresses(self, name, count):
        """The first A of each of so many replies."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in f"{name}.{DOMAIN}".split(".")) + b"\0"
        query = struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + labels + struct.pack("!HH", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self.near.dns_port))
            client.settimeout(5)
            for _ in range(count):
                client.send(query)
                yield socket.inet_ntoa(client.recv(512)[len(query) + 12:][:4])

    def test_tags_select_alone_and_together_in_any_order(self):
        self.is_("v1.web.service", "A", "10.0.1.1", "10.0.1.2")
        self.is_("eu.v1.web.service", "A", "10.0.1.1")
        self.is_("v1.eu.web.service.dc1", "A", "10.0.1.1")
        self.is_("_web._eu", "SRV", "1 1 80 0a000101.addr.dc1.~")
        self.assertEqual(self.dig("v2.v1.web.service"), "NXDOMAIN")

    def test_weights_order_the_addresses(self):
        heavy = sum(address == "10.0.2.1" for address in self.first_addresses("lopsided.service", 400))
        self.assertTrue(320 <= heavy <= 395, heavy)
        self.is_("lopsided.service", "SRV", "1 9 1 0a000201.addr.dc1.~", "1 1 1 0a000202.addr.dc1.~")

    def test_priorities_keep_those_that_stand_by_out_of_the_addresses(self):
        self.is_("db.service", "A", "10.0.0.1")
        self.is_("db.service", "SRV", "1 1 5432 host1.node.dc1.~", "3 1 5432 0a000104.addr.dc1.~")

    def test_the_time_to_live_is_the_services_own_or_configured(self):
        self.assertEqual(self.ttl("db.service"), 20)
        self.assertEqual(self.ttl("db-own.service", "AAAA"), 7)
        self.assertEqual(self.ttl("web.service"), 1)

    def test_nobody_healthy_is_nobody_or_everybody_as_the_service_says(self):
        self.is_("open.service", "A", "10.0.3.1")
        self.is_("closed.service", "A")
        self.assertEqual(self.dig("never.service"), "NXDOMAIN")

    def test_named_ports(self):
        self.is_("_metrics._tcp.db.service", "SRV", "1 1 9187 host1.node.dc1.~")
        self.is_("_tcp.db.service", "SRV")
        self.assertEqual(self.dig("_other._tcp.db.service", "SRV"), "NXDOMAIN")

    def test_the_own_zone_comes_first_and_the_other_when_it_fails(self):
        self.is_("web.service", "A", "10.0.1.1", "10.0.1.2")
        self.is_("web.service", "A", "10.0.1.3", agent=self.far)
        self.assertEqual([line[:2] for line in self.dig("web.service", "SRV")], ["1 ", "1 ", "2 "])
        self.assertEqual([line[:2] for line in self.dig("web.service", "SRV", self.far)], ["1 ", "2 ", "2 "])
        self.addCleanup(self.far.put, "/v1/agent/service/maintenance/web-3?enable=false")

        self.far.put("/v1/agent/service/maintenance/web-3?enable=true")

        wait_until("it spills over", lambda: self.dig("web.service", agent=self.far) == ["10.0.1.1", "10.0.1.2"])

    def test_reverse_names(self):
        self.is_("1.0.0.10.in-addr.arpa.", "PTR", "host1.node.dc1.~")
        self.is_("1.1.0.10.in-addr.arpa.", "PTR", "web.service.dc1.~")
        nibbles = ".".join(reversed("fd000000000000000000000000000007"))
        self.is_(f"{nibbles}.ip6.arpa.", "PTR", "db-own.service.dc1.~")
        self.is_("0.0.10.in-addr.arpa.", "PTR")
        self.assertEqual(self.dig("9.9.9.10.in-addr.arpa.", "PTR"), "NXDOMAIN")
        self.assertEqual(self.dig("1.1.1.192.in-addr.arpa.", "PTR"), "REFUSED")

    def test_records_of_the_configuration(self):
        self.is_("printer.office", "A", "10.0.0.9")
        self.is_("printer.office", "AAAA", "fd00::9")
        self.is_("printer.office", "TXT", '"rack=7"')
        self.assertEqual(self.ttl("printer.office"), 60)
        self.is_("office", "A")

    def test_aliases_are_followed_to_where_they_end(self):
        self.is_("www", "A", "shop.~", "db.service.~", "10.0.0.1")
        self.is_("www", "TXT", "shop.~", "db.service.~")
        self.is_("out", "AAAA", "www.example.com.")
        self.assertEqual(self.dig("lost"), "NXDOMAIN")
        self.is_("away.service", "A", "host.example.com.")

    def test_wildcards(self):
        self.is_("any.apps", "A", "10.0.0.80")
        self.is_("a.b.c.apps", "A", "10.0.0.80")
        self.is_("*.apps", "A", "10.0.0.80")
        self.is_("any.apps", "TXT")
        self.is_("own.apps", "A")
        self.assertEqual(self.dig("below.own.apps"), "NXDOMAIN")

    def test_https_and_svcb(self):
        alike = 'alpn="h2,h3" port=8443 ipv4hint=10.0.4.1 ipv6hint=fd00::4'
        self.is_("secure.service", "HTTPS", f"1 . {alike}")
        self.is_("_8443._https.secure.service", "HTTPS", f"1 secure.service.dc1.~ {alike}")
        self.is_("mixed.service", "HTTPS", '1 0a000402.addr.dc1.~ alpn="h2" port=8443 ipv4hint=10.0.4.2',
                 '1 0a000403.addr.dc1.~ alpn="h3" port=443 ipv4hint=10.0.4.3')
        self.is_("_dns.dot.service", "SVCB", '1 dot.service.dc1.~ alpn="dot" port=853 ipv4hint=10.0.4.4')
        self.is_("web.service", "HTTPS")

    def test_a_browser_finds_every_instance_from_the_domain_alone(self):
        found = {}
        for domain in self.dig("b._dns-sd._udp", "PTR"):
            for kind in self.dig(f"_services._dns-sd._udp.{domain.replace('~', DOMAIN)}.", "PTR"):
                for instance in self.dig(kind.replace("~", f"{DOMAIN}."), "PTR"):
                    name = instance.replace("~", f"{DOMAIN}.")
                    found[instance] = self.dig(name, "SRV") + self.dig(name, "TXT")
        registered = sum(map(len, SERVICES.values()))
        self.assertEqual(len(found), registered - 1, found)  # closed-1 is critical.
        self.assertEqual(found["db-2\\@host1._db._tcp.~"], ["3 1 5432 0a000104.addr.dc1.~", '""'])
        self.assertTrue(all(len(records) == 2 for records in found.values()), found)

    def test_an_instance_may_have_any_name(self):
        self.is_("_web._tcp", "PTR", "web-1@host1._web._tcp.~".replace("@", "\\@"),
                 'web\\0322\\.\\032at\\032\\"home\\"\\@host1._web._tcp.~', "web-3\\@host2._web._tcp.~")
        self.is_('web\\0322\\.\\032at\\032\\"home\\"\\@host1._web._tcp', "SRV", "1 1 81 0a000102.addr.dc1.~")
        self.is_("web-1@host1._web._tcp", "TXT", '"path=/"')
        self.is_("web-3@host2._web._tcp", "TXT", '""')
        self.is_("_v2._sub._web._tcp", "PTR", "web-3\\@host2._web._tcp.~")

    def test_validate_finds_the_records_that_the_agent_would_refuse(self):
        wrong = pathlib.Path(self.directory, "wrong.toml")
        wrong.write_text('[[dns.record]]\nname = "web.service"\naddress = "10.0.0.9"\n'
                         '[[dns.record]]\nname = "ok"\ncname = "a..b"\n')

        ran = subprocess.run([BINARY, "validate", str(wrong)], capture_output=True, text=True, timeout=20)

        self.assertEqual(ran.returncode, 1)
        self.assertEqual(re.findall(r'dns.record "(.*?)"', ran.stderr), ["web.service", "ok"])


if __name__ == "__main__":
    unittest.main()
