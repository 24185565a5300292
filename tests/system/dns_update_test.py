#!/usr/bin/python3
"""DNS UPDATE (RFC 2136) signed with TSIG (RFC 8945), by stock programs: nsupdate, dig, dnspython."""

import concurrent.futures
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import dns.edns  # noqa: E402
import dns.message  # noqa: E402
import dns.query  # noqa: E402
import dns.rcode  # noqa: E402
import dns.tsig  # noqa: E402
import dns.update  # noqa: E402

from roster import Agent, wait_until, zookeeper  # noqa: E402

DOMAIN = "roster.internal"
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMw=="
CONFIG = """
node = "{node}"
data_dir = "{directory}/{node}"
[dns]
listen = ["127.0.0.1:0"]
reverse = ["10.0.0.0/8"]
[[dns.record]]
name = "www.dyn"
address = "192.0.2.1"
[[dns.record]]
name = "*.apps"
address = "192.0.2.2"
[[dns.record]]
name = "alias.apps"
cname = "www.dyn"
[[dns.key]]
name = "dhcp"
secret = "{secret}"
[[dns.key]]
name = "backup"
algorithm = "hmac-sha512"
secret = "{secret}"
[[dns.key]]
name = "idle"
secret = "{secret}"
[[dns.update]]
key = "dhcp"
names = ["*.dyn", "*.apps", "*.service"]
[[dns.update]]
key = "backup"
names = ["*.leased", "short.service"]
lease = "2s"
[[dns.update]]
key = "backup"
names = "owned.service"
may_remove_registered = true
[http]
listen = ["127.0.0.1:0"]
[coord]
{coord}
"""


def at(name):
    return f"{name}.{DOMAIN}."


def nsupdate(agent, *lines, key=("hmac-sha256", "dhcp"), secret=SECRET, tcp=False, zone=DOMAIN):
    """NOERROR, or what nsupdate says went wrong."""
    script = "\n".join([f"server 127.0.0.1 {agent.dns_port}", f"zone {zone}", *lines, "send", ""])
    command = ["nsupdate", "-t", "10"] + (["-v"] if tcp else []) + (["-y", f"{key[0]}:{key[1]}:{secret}"] if key else [])
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=30)
    text = done.stdout + done.stderr
    if done.returncode == 0 and not text:
        return "NOERROR"
    found = re.search(r"update failed: ([\w()]+)", text)
    return found[1] if found else text


def signed(name="dhcp", algorithm="hmac-sha256", secret=SECRET):
    import base64
    return dns.tsig.Key(name, base64.b64decode(secret), algorithm)


class Updates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-update-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.one = cls.agent("one", 'listen = ["127.0.0.1:0"]')
        cls.two = cls.agent("two", f'connect = "{cls.one.coord}"')

    @classmethod
    def agent(cls, node, coord):
        config = cls.directory / f"{node}.toml"
        config.write_text(CONFIG.format(node=node, directory=cls.directory, secret=SECRET, coord=coord))
        agent = Agent(config=config)
        cls.addClassCleanup(agent.stop)
        return agent.start()

    def metric(self, agent, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", agent.get("/metrics").body.decode(), re.M)
        return float(found[1])

    def test_an_address_is_an_instance_everywhere_when_noerror_is_there(self):
        self.assertEqual(nsupdate(self.one, f"update add {at('web.service')} 60 A 10.0.0.5"), "NOERROR")

        self.assertEqual(self.one.addresses("web.service." + DOMAIN), ["10.0.0.5"])
        [entry] = self.one.get("/v1/catalog/service/web").json()
        self.assertEqual((entry["ServiceAddress"], entry["ServicePort"], entry["Datacenter"]), ("10.0.0.5", 0, "dc1"))
        self.assertEqual(self.one.dig("5.0.0.10.in-addr.arpa", "PTR")[1][0].split()[-1], "web.service.dc1.roster.internal.")
        wait_until("the other agent has it", lambda: self.two.addresses("web.service." + DOMAIN) == ["10.0.0.5"])
        ttl = self.one.dig("web.service." + DOMAIN)[1][0].split()[1]
        self.assertEqual(ttl, "60")

    def test_srv_gives_instances_ports_and_takes_them_again(self):
        target = "0a000006.addr." + DOMAIN + "."
        self.assertEqual(nsupdate(self.one, f"update add _api._tcp.{DOMAIN}. 30 SRV 0 5 8080 {target}",
                                  f"update add {at('_api._tcp.service')} 30 SRV 0 5 8081 {target}", tcp=True), "NOERROR")

        self.assertEqual(self.one.healthy_ports("api"), [8080, 8081])
        srv = sorted(" ".join(line.split()[4:7]) for line in self.one.dig("api.service." + DOMAIN, "SRV")[1])
        self.assertEqual(srv, ["1 5 8080", "1 5 8081"])
        self.assertEqual(self.one.addresses("api.service." + DOMAIN), ["10.0.0.6"])

        self.assertEqual(nsupdate(self.one, f"update delete {at('api.service')} SRV 0 5 8080 {target}"), "NOERROR")
        self.assertEqual(self.one.healthy_ports("api"), [8081])
        self.assertEqual(nsupdate(self.one, f"update delete {at('api.service')}"), "NOERROR")
        self.assertEqual(self.one.healthy_ports("api"), [])
        self.assertEqual(self.one.dig("api.service." + DOMAIN), ("NOERROR", []))

    def test_other_names_have_records_of_every_kind(self):
        self.assertEqual(nsupdate(self.one, f"update add {at('host1.dyn')} 300 A 10.1.0.1",
                                  f"update add {at('host1.dyn')} 300 AAAA fd00::1", f"update add {at('host1.dyn')} 300 TXT \"rack=7\" two",
                                  f"update add {at('alias.dyn')} 300 CNAME {at('host1.dyn')}",
                                  f"update add {at('back.dyn')} 300 PTR {at('host1.dyn')}",
                                  f"update add {at('_ldap._tcp.dyn')} 300 SRV 1 2 389 {at('host1.dyn')}"), "NOERROR")

        self.assertEqual(self.one.addresses("host1.dyn." + DOMAIN), ["10.1.0.1"])
        self.assertEqual(self.one.dig("host1.dyn." + DOMAIN, "AAAA")[1], [f"{at('host1.dyn')} 300 IN AAAA fd00::1"])
        self.assertEqual(self.one.dig("host1.dyn." + DOMAIN, "TXT")[1], [f'{at("host1.dyn")} 300 IN TXT "rack=7" "two"'])
        self.assertEqual(self.one.addresses("ALIAS.dyn." + DOMAIN), ["10.1.0.1", at("host1.dyn")])
        self.assertEqual(self.one.dig("_ldap._tcp.dyn." + DOMAIN, "SRV")[1], [f"{at('_ldap._tcp.dyn')} 300 IN SRV 1 2 389 {at('host1.dyn')}"])
        self.assertEqual(self.one.dig("_tcp.dyn." + DOMAIN), ("NOERROR", []))
        wait_until("the other agent has them", lambda: self.two.addresses("host1.dyn." + DOMAIN) == ["10.1.0.1"])

        self.assertEqual(nsupdate(self.two, f"update delete {at('host1.dyn')} A", f"update delete {at('alias.dyn')}"), "NOERROR")
        self.assertEqual(self.two.dig("host1.dyn." + DOMAIN), ("NOERROR", []))
        self.assertEqual(self.two.dig("alias.dyn." + DOMAIN), ("NXDOMAIN", []))

    def test_a_name_hides_the_wildcard_above_it_for_as_long_as_it_is_there(self):
        def answers(name, type="A"):
            status, lines = self.one.dig(f"{name}.{DOMAIN}", type)
            return status, [line.split()[-1] for line in lines]

        self.assertEqual(nsupdate(self.one, f"update add {at('db.apps')} 60 A 10.10.0.1", f"update add {at('deep.host.apps')} 60 TXT x"), "NOERROR")

        for agent in (self.one, self.two):
            wait_until("both have it", lambda: agent.addresses(f"db.apps.{DOMAIN}") == ["10.10.0.1"])
        self.assertEqual(answers("other.apps"), ("NOERROR", ["192.0.2.2"]))
        self.assertEqual(answers("db.apps", "TXT"), ("NOERROR", []))
        self.assertEqual(answers("below.db.apps"), ("NXDOMAIN", []))
        self.assertEqual(answers("host.apps"), ("NOERROR", []))  # It is there because of what is below it.

        self.assertEqual(nsupdate(self.one, f"update delete {at('db.apps')}", f"update delete {at('deep.host.apps')}"), "NOERROR")
        for name in ("db.apps", "below.db.apps", "host.apps", "deep.host.apps"):
            self.assertEqual(answers(name), ("NOERROR", ["192.0.2.2"]), name)

    def test_a_wildcard_of_an_update_answers_for_what_is_not_there(self):
        self.assertEqual(nsupdate(self.one, f"update add {at('*.wild.dyn')} 60 A 10.10.0.2", f"update add {at('own.wild.dyn')} 60 TXT x"), "NOERROR")
        self.assertEqual(self.one.addresses(f"any.wild.dyn.{DOMAIN}"), ["10.10.0.2"])
        self.assertEqual(self.one.dig(f"own.wild.dyn.{DOMAIN}"), ("NOERROR", []))

        self.assertEqual(nsupdate(self.one, f"update delete {at('*.wild.dyn')}"), "NOERROR")
        self.assertEqual(self.one.dig(f"any.wild.dyn.{DOMAIN}"), ("NXDOMAIN", []))

    def test_names_of_the_configuration_are_not_changed(self):
        for line in (f"update add {at('www.dyn')} 60 A 10.10.0.3", f"update add {at('www.dyn')} 60 TXT x", f"update delete {at('www.dyn')}",
                     f"update delete {at('www.dyn')} A 192.0.2.1", f"update add {at('*.apps')} 60 A 10.10.0.3",
                     f"update delete {at('*.apps')} A", f"update add {at('alias.apps')} 60 A 10.10.0.3"):
            self.assertEqual(nsupdate(self.one, f"update add {at('beside.dyn')} 60 TXT x", line), "REFUSED", line)
        self.assertEqual(self.one.addresses(f"www.dyn.{DOMAIN}"), ["192.0.2.1"])
        self.assertEqual(self.one.addresses(f"any.apps.{DOMAIN}"), ["192.0.2.2"])
        self.assertEqual(self.one.dig(f"beside.dyn.{DOMAIN}", "TXT"), ("NXDOMAIN", []))
        # What is below one of them may be changed.
        self.assertEqual(nsupdate(self.one, f"update add {at('below.www.dyn')} 60 A 10.10.0.4"), "NOERROR")
        self.assertEqual(self.one.addresses(f"below.www.dyn.{DOMAIN}"), ["10.10.0.4"])

    def test_a_reverse_zone_is_ours_but_takes_no_updates_and_others_are_not_ours(self):
        add = "update add 1.0.0.10.in-addr.arpa. 60 PTR host.example."
        self.assertEqual(nsupdate(self.one, add, zone="10.in-addr.arpa"), "REFUSED")
        self.assertEqual(nsupdate(self.one, "prereq nxdomain 1.0.0.10.in-addr.arpa.", zone="10.in-addr.arpa"), "REFUSED")
        for zone in ("0.10.in-addr.arpa", "in-addr.arpa", "168.192.in-addr.arpa", "service.roster.internal", "internal"):
            self.assertEqual(nsupdate(self.one, add, zone=zone), "NOTAUTH", zone)
        self.assertEqual(nsupdate(self.one, add, zone=DOMAIN), "NOTZONE")
        self.assertEqual(self.one.dig("1.0.0.10.in-addr.arpa", "PTR"), ("NXDOMAIN", []))

    def test_prerequisites_hold_or_nothing_is_done(self):
        name, service = at("pre.dyn"), at("pre.service")
        self.assertEqual(nsupdate(self.one, f"update add {name} 60 A 10.2.0.1", f"update add {name} 60 A 10.2.0.2",
                                  f"update add {service} 60 A 10.2.0.3"), "NOERROR")
        mark = f"update add {at('mark.dyn')} 60 TXT done"
        for prerequisite, wanted in [
                (f"prereq nxdomain {name}", "YXDOMAIN"), (f"prereq yxdomain {at('none.dyn')}", "NXDOMAIN"),
                (f"prereq nxrrset {name} A", "YXRRSET"), (f"prereq yxrrset {name} TXT", "NXRRSET"),
                (f"prereq yxrrset {name} A 10.2.0.1", "NXRRSET"),  # A part of the set is not the set.
                (f"prereq nxdomain {service}", "YXDOMAIN"), (f"prereq yxrrset {service} A 10.2.0.4", "NXRRSET"),
                (f"prereq nxdomain {DOMAIN}.", "YXDOMAIN"), (f"prereq nxrrset {DOMAIN}. SOA", "YXRRSET"),
                (f"prereq nxdomain {at('one.node')}", "YXDOMAIN"), (f"prereq nxdomain {at('www.dyn')}", "YXDOMAIN"),
                ("prereq nxdomain www.example.", "NOTZONE")]:
            with self.subTest(prerequisite):
                self.assertEqual(nsupdate(self.one, prerequisite, mark), wanted)
        self.assertEqual(self.one.dig("mark.dyn." + DOMAIN, "TXT"), ("NXDOMAIN", []))

        self.assertEqual(nsupdate(self.one, f"prereq yxrrset {name} A 10.2.0.2", f"prereq yxrrset {name} A 10.2.0.1",
                                  f"prereq yxdomain {service}", f"prereq nxrrset {service} SRV", f"prereq yxdomain {at('one.node')}",
                                  f"prereq yxrrset {service} A 10.2.0.3", mark), "NOERROR")
        self.assertEqual(self.one.dig("mark.dyn." + DOMAIN, "TXT")[0], "NOERROR")

    def test_only_the_right_key_may_and_only_what_it_may(self):
        add = f"update add {at('x.dyn')} 60 A 10.3.0.1"
        wrong = "d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3I="
        self.assertEqual(nsupdate(self.one, add, key=None), "REFUSED")
        self.assertEqual(nsupdate(self.one, add, key=("hmac-sha256", "idle")), "REFUSED")
        self.assertEqual(nsupdate(self.one, add, secret=wrong), "NOTAUTH(BADSIG)")
        self.assertEqual(nsupdate(self.one, add, key=("hmac-sha256", "nobody")), "NOTAUTH(BADKEY)")
        self.assertEqual(nsupdate(self.one, add, key=("hmac-sha512", "dhcp")), "NOTAUTH(BADKEY)")
        self.assertEqual(nsupdate(self.one, add, key=("hmac-sha512", "backup")), "REFUSED")
        self.assertEqual(nsupdate(self.one, f"update add {at('printer')} 60 A 10.3.0.1"), "REFUSED")
        for other in ("www.dyn", "one.node", "v1.web.service", "0a000001.addr", "ns"):
            self.assertEqual(nsupdate(self.one, f"update add {at(other)} 60 A 10.3.0.1"), "REFUSED", other)
        self.assertEqual(nsupdate(self.one, f"update add {at('web.service')} 60 TXT no"), "REFUSED")
        self.assertEqual(nsupdate(self.one, "update add www.example. 60 A 10.3.0.1", zone="example"), "NOTAUTH")
        self.assertEqual(self.one.dig("x.dyn." + DOMAIN), ("NXDOMAIN", []))
        self.assertGreater(self.metric(self.one, 'roster_dns_updates_total{rcode="REFUSED"}'), 0)
        self.assertGreater(self.metric(self.one, 'roster_dns_updates_total{rcode="NOTAUTH"}'), 0)

    def test_whose_clock_is_wrong_is_told_the_time(self):
        update = dns.update.UpdateMessage(DOMAIN)
        update.add("late.dyn", 60, "A", "10.4.0.1")
        update.use_tsig(signed())
        now = time.time()
        with mock.patch("time.time", return_value=now - 4000):
            wire = update.to_wire()
        with socket.create_connection(("127.0.0.1", self.one.dns_port), 10) as connection:
            connection.sendall(struct.pack("!H", len(wire)) + wire)
            reply = connection.recv(4096)[2:]
        self.assertEqual(reply[3] & 15, 9)
        error, length, server = struct.unpack("!HHQ", reply[-10:-6] + b"\0\0" + reply[-6:])
        self.assertEqual((error, length), (18, 6))
        self.assertLess(abs(server - now), 60)
        self.assertEqual(self.one.dig("late.dyn." + DOMAIN)[0], "NXDOMAIN")

    def test_a_message_that_comes_again_is_not_carried_out_again(self):
        update = dns.update.UpdateMessage(DOMAIN)
        update.absent("once.dyn")
        update.add("once.dyn", 60, "A", "10.5.0.1")
        update.use_tsig(signed())
        wire = update.to_wire()

        def send():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(10)
                client.sendto(wire, ("127.0.0.1", self.one.dns_port))
                return client.recv(4096)

        first = send()
        reply = dns.message.from_wire(first, keyring={dns.name.from_text("dhcp"): signed()}, request_mac=update.mac)
        self.assertEqual(reply.rcode(), dns.rcode.NOERROR)
        self.assertTrue(reply.had_tsig)
        self.assertEqual(nsupdate(self.one, f"update delete {at('once.dyn')}"), "NOERROR")
        self.assertEqual(send(), first)
        self.assertEqual(self.one.dig("once.dyn." + DOMAIN)[0], "NXDOMAIN")

    def test_what_an_api_registered_stays(self):
        self.one.put("/v1/agent/service/register", {"Name": "mixed", "ID": "m1", "Address": "10.6.0.1", "Port": 80})
        self.one.put("/v1/catalog/register", {"Node": "ext", "Address": "10.6.0.2", "Service": {"Service": "owned", "ID": "o1", "Port": 81}})
        self.assertEqual(nsupdate(self.one, f"update add {at('mixed.service')} 60 A 10.6.0.9"), "NOERROR")

        self.assertEqual(nsupdate(self.one, f"update delete {at('mixed.service')} A 10.6.0.1"), "REFUSED")
        self.assertEqual(nsupdate(self.one, f"update delete {at('mixed.service')}", f"update delete {at('owned.service')}"), "NOERROR")
        self.assertEqual(self.one.addresses("mixed.service." + DOMAIN), ["10.6.0.1"])
        self.assertEqual(self.one.addresses("owned.service." + DOMAIN), ["10.6.0.2"])

        # Unless the key may: what no agent holds, that is.
        self.assertEqual(nsupdate(self.one, f"update delete {at('owned.service')}", key=("hmac-sha512", "backup")), "NOERROR")
        self.assertEqual(self.one.dig("owned.service." + DOMAIN), ("NOERROR", []))

    def test_updates_through_two_agents_at_once_are_one_after_another(self):
        def race(i):
            agent = (self.one, self.two)[i % 2]
            return nsupdate(agent, f"prereq nxdomain {at('lock.dyn')}", f"update add {at('lock.dyn')} 60 TXT {i}",
                            f"update add {at('crowd.service')} 60 A 10.7.0.{i}", tcp=i % 3 == 0)

        def add(i):
            return nsupdate((self.one, self.two)[i % 2], f"update add {at('many.dyn')} 60 A 10.8.0.{i}")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            raced = list(pool.map(race, range(1, 13)))
            added = list(pool.map(add, range(1, 21)))

        self.assertEqual(sorted(raced), ["NOERROR"] + ["YXDOMAIN"] * 11)
        self.assertEqual(set(added), {"NOERROR"})
        winner = raced.index("NOERROR") + 1
        for agent in (self.one, self.two):
            wait_until("one has won", lambda: agent.addresses("crowd.service." + DOMAIN) == [f"10.7.0.{winner}"])
            wait_until("all are there", lambda: len(agent.addresses("many.dyn." + DOMAIN)) == 20)

    def test_a_lease_ends_unless_it_is_renewed(self):
        key = ("hmac-sha512", "backup")
        lines = [f"update add {at('short.service')} 1 A 10.9.0.1", f"update add {at('host.leased')} 1 A 10.9.0.2"]
        self.assertEqual(nsupdate(self.one, *lines, f"update add {at('host.leased')} 1 TXT once", key=key), "NOERROR")
        begun = time.monotonic()
        renewals = 0

        def text_is_gone():
            nonlocal renewals
            if time.monotonic() > begun + 0.3 * renewals:
                renewals += 1
                self.assertEqual(nsupdate(self.two, *lines, key=key), "NOERROR")
            return not self.two.dig("host.leased." + DOMAIN, "TXT")[1]

        wait_until("what nobody renewed is gone", text_is_gone)
        self.assertGreater(time.monotonic() - begun, 1.8)
        self.assertEqual(self.two.addresses("short.service." + DOMAIN), ["10.9.0.1"])
        self.assertEqual(self.two.addresses("host.leased." + DOMAIN), ["10.9.0.2"])
        for agent in (self.one, self.two):
            wait_until("the others are gone as well", lambda: agent.dig("host.leased." + DOMAIN) == ("NXDOMAIN", [])
                       and agent.dig("short.service." + DOMAIN) == ("NOERROR", []))
        over = sum(self.metric(agent, "roster_dns_leases_over_total") for agent in (self.one, self.two))
        self.assertEqual(over, 3)  # The text, the address, and the instance: each by one of them.


    def test_who_asks_for_a_lease_is_granted_one(self):
        def granted(zone, key, *seconds):
            """What the reply says, for an option of four or eight octets."""
            update = dns.update.UpdateMessage(DOMAIN)
            update.add(f"asked.{zone}", 60, "A", "10.11.0.1")
            asked = struct.pack(f"!{len(seconds)}I", *seconds)
            update.use_edns(0, options=[dns.edns.GenericOption(2, asked)] if seconds else [])
            update.use_tsig(key)
            reply = dns.query.udp(update, "127.0.0.1", port=self.one.dns_port, timeout=10)
            self.assertEqual(reply.rcode(), dns.rcode.NOERROR)
            return [struct.unpack(f"!{len(option.data) // 4}I", option.data) for option in reply.options]

        self.assertEqual(granted("dyn", signed(), 3600), [(3600,)])
        self.assertEqual(granted("dyn", signed(), 1, 2 ** 32 - 1), [(30, 604800)])
        self.assertEqual(granted("dyn", signed()), [])

        backup = signed("backup", "hmac-sha512")
        self.assertEqual(granted("leased", backup, 3600), [(2,)])
        wait_until("its lease is over", lambda: self.one.dig("asked.leased." + DOMAIN) == ("NXDOMAIN", []))
        self.assertEqual(self.one.addresses("asked.dyn." + DOMAIN), ["10.11.0.1"])


class Alone(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-update-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def agent(self, coord):
        config = self.directory / "one.toml"
        config.write_text(CONFIG.format(node="one", directory=self.directory, secret=SECRET, coord=coord))
        return Agent(config=config)

    def test_what_was_updated_outlives_a_killed_agent(self):
        with self.agent('listen = ["127.0.0.1:0"]') as agent:
            self.assertEqual(nsupdate(agent, f"update add {at('web.service')} 60 A 10.0.0.5",
                                      f"update add {at('host.dyn')} 60 A 10.0.0.6"), "NOERROR")
            agent.kill()
            agent.start()
            self.assertEqual(agent.addresses("host.dyn." + DOMAIN), ["10.0.0.6"])
            self.assertEqual(agent.addresses("web.service." + DOMAIN), ["10.0.0.5"])

    def test_without_a_rule_every_update_is_refused(self):
        with Agent() as agent:
            self.assertEqual(nsupdate(agent, f"update add {at('x.dyn')} 60 A 10.0.0.1", key=None), "REFUSED")
            self.assertEqual(nsupdate(agent, f"update add {at('x.dyn')} 60 A 10.0.0.1", key=None, tcp=True), "REFUSED")
            # Where there is no key, none is known (RFC 8945 §5.2.1).
            self.assertEqual(agent.dig(DOMAIN, "SOA", "-y", f"hmac-sha256:dhcp:{SECRET}")[0], "NOTAUTH")

    def test_apache_zookeeper_takes_updates_and_their_leases_too(self):
        with zookeeper() as ensemble, self.agent(f'connect = "{ensemble}"') as agent:
            self.assertEqual(nsupdate(agent, f"prereq nxdomain {at('web.service')}", f"update add {at('web.service')} 60 A 10.0.0.5"), "NOERROR")
            self.assertEqual(nsupdate(agent, f"update add {at('host.leased')} 60 A 10.0.0.6", key=("hmac-sha512", "backup")), "NOERROR")
            self.assertEqual(agent.addresses("web.service." + DOMAIN), ["10.0.0.5"])
            self.assertEqual(agent.addresses("host.leased." + DOMAIN), ["10.0.0.6"])
            wait_until("the lease is over", lambda: agent.dig("host.leased." + DOMAIN) == ("NXDOMAIN", []))


if __name__ == "__main__":
    unittest.main()
