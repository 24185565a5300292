#!/usr/bin/python3
"""`roster resolver` with the daemons it writes for: what it writes they read, and every program then finds services."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import private_host  # noqa: E402
from private_host import Daemon, Upstream, getent, is_listening, program, roster, write_file  # noqa: E402
from roster import wait_until  # noqa: E402

WEB, LARGE = "web.service.roster.internal", "large.service.roster.internal"
WEB_ADDRESSES = [f"10.0.0.{i}" for i in (1, 2, 3)]
LARGE_ADDRESSES = sorted(f"10.7.0.{i}" for i in range(1, 101))
# Unpacked there by packaging/install-deps: installing it would hand this machine's resolv.conf over to it.
UNPACKED = pathlib.Path("/usr/local/lib/roster-tests/systemd-resolved")

UNBOUND = f"""server:
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1
  use-caps-for-id: yes
  private-address: 10.0.0.0/8
  # Says that all below "internal." is signed: domain-insecure must take our domain out.
  trust-anchor: "internal. DS 1 8 2 {'00' * 32}"
remote-control:
  control-enable: no
include: "/etc/unbound/unbound.conf.d/*.conf"
forward-zone:
  name: "."
  forward-addr: {Upstream.address}
"""
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="*"/><allow send_destination="*"/>
<allow receive_type="*"/></policy></busconfig>
"""


class OneHost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = private_host.agent(tempfile.mkdtemp(dir="/run"), ["127.0.0.1:8600"])
        cls.addClassCleanup(cls.agent.stop)
        cls.agent.start()
        private_host.register(cls.agent, "web", 3)
        private_host.register(cls.agent, "large", 100, address="10.7.{}.{}")
        cls.upstream = Upstream()
        cls.upstream.__enter__()
        cls.addClassCleanup(cls.upstream.__exit__)

    def command(self, *arguments, code=0):
        done = roster("resolver", *arguments)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def expect_services(self, server):
        """Every program finds services by `server`, and the world's names as before."""
        self.upstream.asked.clear()
        self.assertEqual(getent(WEB), WEB_ADDRESSES)
        self.assertEqual(getent(LARGE), LARGE_ADDRESSES)
        self.assertEqual(getent("no-such.service.roster.internal"), [])
        self.assertEqual(len(self.dig(server, "_web._tcp.service.roster.internal", "SRV")), 3)
        self.assertEqual(self.dig(server, "-x", "10.1.2.3"), ["host1.node.dc1.roster.internal."])
        before = private_host.queries(self.agent)
        self.assertEqual(getent("world.example"), [Upstream.answer])
        self.assertEqual(private_host.queries(self.agent), before)
        self.assertNotIn(WEB, self.upstream.asked)
        self.assertIn("find names below roster.internal.", self.command("status"))

    @staticmethod
    def dig(server, *question):
        out = subprocess.run(["dig", f"@{server}", "+short", "+tries=1", "+time=3", *question], capture_output=True, text=True,
                             timeout=20).stdout
        return [line for line in out.splitlines() if not line.startswith(";")]


class HostResolvers(OneHost):
    def test_without_any_status_says_what_to_do(self):
        write_file("/etc/resolv.conf", f"nameserver {Upstream.address}\n")

        said = self.command("status", code=1)

        self.assertRegex(said, r"(?m)^resolver +resolv.conf$")
        self.assertRegex(said, r"(?m)^the agent +127\.0\.0\.1:8600: 10\.1\.2\.3$")
        self.assertIn("do not find names below roster.internal: run 'roster resolver setup'.", said)

    def test_unbound(self):
        write_file("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        write_file("/etc/unbound/unbound.conf", UNBOUND)
        for file in pathlib.Path("/etc/unbound/unbound.conf.d").glob("*"):
            file.unlink()
        written = pathlib.Path("/etc/unbound/unbound.conf.d/roster.conf")

        self.command("setup", "--for", "unbound", "--write")
        subprocess.run(["unbound-checkconf"], check=True, capture_output=True)
        with Daemon("unbound", "-d", "-p") as unbound:
            unbound.wait_for(lambda: is_listening("127.0.0.1"))
            self.assertRegex(self.command("status"), r"(?m)^resolver +unbound$")
            self.expect_services("127.0.0.1")
        self.command("remove")

        self.assertFalse(written.exists())
        with Daemon("unbound", "-d", "-p") as unbound:
            unbound.wait_for(lambda: is_listening("127.0.0.1"))
            self.assertEqual(getent(WEB), [])

    def test_dnsmasq(self):
        write_file("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        pathlib.Path("/etc/dnsmasq.d").mkdir(exist_ok=True)
        dnsmasq = ("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--conf-dir=/etc/dnsmasq.d,*.conf",
                   "--pid-file=", "--no-resolv", f"--server={Upstream.address}", "--listen-address=127.0.0.1", "--bind-interfaces",
                   "--stop-dns-rebind", "--log-facility=-")

        self.command("setup", "--for", "dnsmasq", "--write")
        with Daemon(*dnsmasq) as daemon:
            daemon.wait_for(lambda: is_listening("127.0.0.1"))
            self.assertRegex(self.command("status"), r"(?m)^resolver +dnsmasq$")
            self.expect_services("127.0.0.1")
        self.command("remove")

        self.assertEqual(list(pathlib.Path("/etc/dnsmasq.d").glob("roster*")), [])
        with Daemon(*dnsmasq) as daemon:
            daemon.wait_for(lambda: is_listening("127.0.0.1"))
            self.assertEqual(getent(WEB), [])

    def test_the_dnsmasq_of_networkmanager_reads_its_lines(self):
        pathlib.Path("/etc/NetworkManager").mkdir(exist_ok=True)
        self.command("setup", "--for", "networkmanager", "--write")

        checked = subprocess.run(["dnsmasq", "--test", "--conf-file=/dev/null", "--conf-dir=/etc/NetworkManager/dnsmasq.d"],
                                 capture_output=True, text=True)

        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.command("remove")
        self.assertFalse(pathlib.Path("/etc/NetworkManager/dnsmasq.d/roster.conf").exists())


class SystemdResolved(OneHost):
    """It runs here with a bus of its own; systemd itself does not."""

    @classmethod
    def setUpClass(cls):
        cls.resolved = program("systemd-resolved", ["/lib/systemd/systemd-resolved", UNPACKED / "lib/systemd/systemd-resolved"])
        why = "packaging/install-deps test unpacks it" if cls.resolved is None else \
            "it needs users of its own, so only root can run it" if private_host.has_one_user() else ""
        if why:
            print(f"SKIPPED: systemd-resolved: {why}", file=sys.stderr)
            raise unittest.SkipTest(why)
        super().setUpClass()
        cls.make_users("systemd-resolve", "systemd-network")
        # A udev that has named the links is not waited for where /sys is read-only.
        subprocess.run(["mount", "-o", "remount,ro,bind", "/sys"], check=True)
        if not program("resolvectl"):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/usr/local/sbin"], check=True)
            os.symlink(UNPACKED / "usr/bin/resolvectl", "/usr/local/sbin/resolvectl")
        os.environ["PATH"] += ":/usr/local/sbin"
        write_file("/etc/systemd/resolved.conf", f"[Resolve]\nDNS={Upstream.address}\nFallbackDNS=\n")
        write_file("/run/bus.conf", BUS)
        cls.kind = cls.link_kind()
        # Without any network it asks nobody.
        subprocess.run(f"ip link add uplink0 type {cls.kind} && ip address add 10.1.2.3/24 dev uplink0 && ip link set uplink0 up",
                       shell=True, check=True)
        cls.bus = Daemon("dbus-daemon", "--config-file=/run/bus.conf", "--nofork", "--nopidfile")
        cls.bus.__enter__()
        cls.addClassCleanup(cls.bus.__exit__, None)
        cls.bus.wait_for(lambda: pathlib.Path("/run/dbus/system_bus_socket").exists())

    @staticmethod
    def make_users(*names):
        for number, name in enumerate(names, 61000):
            if not re.search(f"(?m)^{name}:", pathlib.Path("/etc/passwd").read_text()):
                with open("/etc/passwd", "a") as users, open("/etc/group", "a") as groups:
                    users.write(f"{name}:x:{number}:{number}::/:/usr/sbin/nologin\n")
                    groups.write(f"{name}:x:{number}:\n")

    @staticmethod
    def link_kind():
        """dummy; on a kernel without it, ifb, which is as good here."""
        for kind in ("dummy", "ifb"):
            if subprocess.run(["ip", "link", "add", "probe0", "type", kind], capture_output=True).returncode == 0:
                subprocess.run(["ip", "link", "delete", "probe0"], check=True)
                break
        if kind != "dummy":
            print(f"this kernel has no dummy links: roster0 is of kind {kind} in this test", file=sys.stderr)
        return kind

    def setUp(self):
        write_file("/etc/resolv.conf", "nameserver 127.0.0.53\n")

    def running(self, path, bus_name):
        daemon = Daemon(path)
        daemon.__enter__()
        self.addCleanup(daemon.__exit__, None)
        daemon.wait_for(lambda: subprocess.run(["busctl", "status", bus_name], capture_output=True).returncode == 0)
        return daemon

    def test_by_networkd_programs_find_services_until_it_is_removed(self):
        networkd = self.running("/lib/systemd/systemd-networkd", "org.freedesktop.network1")
        self.running(self.resolved, "org.freedesktop.resolve1")
        self.assertEqual(getent(WEB), [])

        self.assertIn("ran networkctl reload", self.command("setup"))
        netdev = pathlib.Path("/etc/systemd/network/50-roster.netdev")
        if self.kind != "dummy":
            wait_until("status misses the link", lambda: "no link roster0" in self.command("status", code=1))
            netdev.write_text(netdev.read_text().replace("dummy", self.kind))
            networkd.__exit__(None)
            self.running("/lib/systemd/systemd-networkd", "org.freedesktop.network1")
        wait_until("services are found", lambda: getent(WEB) == WEB_ADDRESSES, every=0.2)

        self.assertRegex(self.command("status"), r"(?m)^resolver +systemd-resolved$")
        self.expect_services("127.0.0.53")
        self.assertIn("removed", self.command("remove"))
        self.assertEqual(list(netdev.parent.glob("*roster*")), [])
        wait_until("the link is gone", lambda: not pathlib.Path("/proc/sys/net/ipv4/conf/roster0").exists())
        wait_until("services are not found", lambda: not getent(WEB), every=0.2)

    def test_by_the_unit_programs_find_services_until_it_is_stopped(self):
        pathlib.Path("/run/image/etc/systemd").mkdir(parents=True)
        self.command("setup", "--for", "systemd-resolved", "--root", "/run/image")
        unit = pathlib.Path("/run/image/etc/systemd/system/roster-resolver.service")
        self.running(self.resolved, "org.freedesktop.resolve1")

        verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
        self.assertNotIn("roster-resolver", verified.stderr)
        lines = re.findall(r"(?m)^(ExecStart|ExecStop)=-?(.*)$", unit.read_text())
        for line in [line for key, line in lines if key == "ExecStart"]:
            subprocess.run(line.replace(" type dummy", f" type {self.kind}").split(), check=True)

        wait_until("services are found", lambda: getent(WEB) == WEB_ADDRESSES, every=0.2)
        self.expect_services("127.0.0.53")
        for line in [line for key, line in lines if key == "ExecStop"]:
            subprocess.run(line.split(), check=True)
        wait_until("services are not found", lambda: not getent(WEB), every=0.2)


if __name__ == "__main__":
    private_host.enter()
    unittest.main()
