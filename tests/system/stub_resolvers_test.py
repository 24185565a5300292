#!/usr/bin/python3
"""Programs that know nothing of Roster find services: the agent is the one nameserver of their resolv.conf, on port 53.

Each resolver is the real one: of glibc, musl, Python, Node.js, Java, Go. What a stub dislikes is slow before it is wrong, so
every lookup is timed: a question that the agent drops costs glibc five seconds.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import private_host  # noqa: E402
from private_host import Upstream, getent, program, register, roster, write_file  # noqa: E402

WEB, LARGE, SIX = (f"{name}.service.roster.internal" for name in ("web", "large", "six"))
WEB_ADDRESSES = [f"10.0.0.{i}" for i in (1, 2, 3)]
LARGE_ADDRESSES = sorted(f"10.7.0.{i}" for i in range(1, 101))
SIX_ADDRESSES = ["fd00::1", "fd00::2"]
WEB_PORTS = [8000, 8001, 8002]
MISSING = "no-such.service.roster.internal"

MUSL = """
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(int count, char** names) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = 0, *one;
    char text[64];
    int error = getaddrinfo(names[count - 1], "80", &hints, &all);
    if (error) return printf("%s\\n", gai_strerror(error)), 1;
    for (one = all; one; one = one->ai_next)
        if (!getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, 0, 0, NI_NUMERICHOST)) puts(text);
    return 0;
}
"""

NODE = """
const dns = require('dns'), names = process.argv.slice(1);
const told = (promise) => promise.catch((error) => error.code);
(async () => {
  const [web, large, missing] = names, p = dns.promises, all = {all: true};
  console.log(JSON.stringify({
    lookup: await told(p.lookup(web, all)), resolve4: await told(p.resolve4(web)), resolve6: await told(p.resolve6(web)),
    large: await told(p.resolve4(large)), srv: await told(p.resolveSrv('_web._tcp.service.roster.internal')),
    missing: await told(p.resolve4(missing)), lookupMissing: await told(p.lookup(missing, all)),
  }));
})();
"""

JAVA = """
import java.net.*;
import java.util.*;
import javax.naming.directory.*;

public class Find {
    public static void main(String[] names) throws Exception {
        System.out.println("web " + addresses(names[0]));
        System.out.println("large " + addresses(names[1]));
        System.out.println("missing " + addresses(names[2]));
        Hashtable<String, String> environment = new Hashtable<>();
        environment.put("java.naming.factory.initial", "com.sun.jndi.dns.DnsContextFactory");
        environment.put("java.naming.provider.url", "dns:");
        DirContext dns = new InitialDirContext(environment);
        for (String name : new String[] {"_web._tcp.service.roster.internal", "_large._tcp.service.roster.internal"}) {
            Attribute found = dns.getAttributes(name, new String[] {"SRV"}).get("SRV");
            List<String> all = new ArrayList<>();
            for (int i = 0; i < found.size(); ++i) all.add(found.get(i).toString().split(" ")[2]);
            Collections.sort(all);
            System.out.println("srv " + String.join(" ", all));
        }
    }
    static String addresses(String name) {
        try {
            List<String> all = new ArrayList<>();
            for (InetAddress one : InetAddress.getAllByName(name)) all.add(one.getHostAddress());
            Collections.sort(all);
            return String.join(" ", all);
        } catch (UnknownHostException unknown) { return "unknown"; }
    }
}
"""

GO = """
package main

import ("context"; "fmt"; "net"; "os"; "sort"; "strings")

func main() {
    resolver := &net.Resolver{PreferGo: true}
    for _, name := range os.Args[1:] {
        found, err := resolver.LookupHost(context.Background(), name)
        if e, ok := err.(*net.DNSError); ok && e.IsNotFound { found = []string{"unknown"} } else if err != nil { panic(err) }
        sort.Strings(found)
        fmt.Println(strings.Join(found, " "))
    }
    _, targets, err := resolver.LookupSRV(context.Background(), "web", "tcp", "service.roster.internal")
    if err != nil { panic(err) }
    for _, target := range targets { fmt.Println("srv", target.Port) }
}
"""


@contextlib.contextmanager
def at_once(test, seconds=3):
    """Well below the five seconds after which a stub asks again."""
    start = time.monotonic()
    yield
    test.assertLess(time.monotonic() - start, seconds)


class StubResolvers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(dir="/run")
        cls.upstream = Upstream()
        cls.upstream.__enter__()
        cls.addClassCleanup(cls.upstream.__exit__)
        cls.agent = private_host.agent(cls.directory, ["127.0.0.2:53"], f'[dns.forward]\nservers = ["{Upstream.address}"]')
        cls.addClassCleanup(cls.agent.stop)
        cls.agent.start()
        register(cls.agent, "web", 3)
        register(cls.agent, "large", 100, address="10.7.{}.{}")
        register(cls.agent, "six", 2, address="fd00::{1}")
        register(cls.agent, "both", 1, address="10.0.9.1")
        cls.agent.put("/v1/agent/service/register", {"Name": "both", "ID": "both-6", "Port": 1, "Address": "fd00::9"})

    def setUp(self):
        write_file("/etc/resolv.conf", "nameserver 192.0.2.1\n")
        done = roster("resolver", "setup", "--for", "resolv.conf", "--write")
        self.assertEqual(done.returncode, 0, done.stderr)

    def run_program(self, *command, seconds=60, **options):
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, **options)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    @staticmethod
    def resolv_conf(*lines):
        write_file("/etc/resolv.conf", "".join(f"{line}\n" for line in ("nameserver 127.0.0.2", *lines)))

    def test_glibc(self):
        with at_once(self):
            self.assertEqual(getent(WEB), WEB_ADDRESSES)
            self.assertEqual(getent(SIX), SIX_ADDRESSES)
            self.assertEqual(getent("both.service.roster.internal"), ["10.0.9.1", "fd00::9"])
            self.assertEqual(getent(MISSING), [])
            self.assertEqual(getent(LARGE), LARGE_ADDRESSES)
            self.assertEqual(getent("world.example"), [Upstream.answer])
        self.assertIn("find names below", roster("resolver", "status").stdout)

    def test_glibc_asks_again_over_tcp_for_what_does_not_fit_into_512_octets(self):
        self.resolv_conf()
        before = self.tcp_queries()
        with at_once(self):
            self.assertEqual(getent(LARGE), LARGE_ADDRESSES)
        self.assertGreater(self.tcp_queries(), before)

    def test_glibc_with_its_other_ways_of_asking(self):
        for options in ("single-request", "single-request-reopen", "use-vc", "no-aaaa", "trust-ad edns0", "rotate"):
            self.resolv_conf(f"options {options}")
            with at_once(self):
                self.assertEqual(getent(WEB), WEB_ADDRESSES, options)
                self.assertEqual(getent(LARGE), LARGE_ADDRESSES, options)

    def test_glibc_searches_our_domain(self):
        for search, ndots in (("roster.internal", 2), ("service.roster.internal roster.internal", 5), ("a.test roster.internal", 1)):
            self.resolv_conf(f"search {search}", f"options ndots:{ndots}")
            with at_once(self):
                self.assertEqual(getent("web.service"), WEB_ADDRESSES, f"ndots:{ndots}")

    def test_musl(self):
        source = pathlib.Path(self.directory, "musl.c")
        source.write_text(MUSL)
        self.run_program("musl-gcc", "-static", "-O1", "-o", f"{self.directory}/musl", str(source))

        def musl(name):
            with at_once(self):
                return sorted(self.run_program(f"{self.directory}/musl", name).split())

        self.assertEqual(musl(WEB), WEB_ADDRESSES)
        self.assertEqual(musl(SIX), SIX_ADDRESSES)
        self.assertEqual(musl("both.service.roster.internal"), ["10.0.9.1", "fd00::9"])
        # Before 1.2.4 it knows no TCP, and takes what came: TC=1 must not mean that nothing did.
        found = musl(LARGE)
        self.assertGreaterEqual(len(found), 20)
        self.assertLessEqual(set(found), set(LARGE_ADDRESSES))
        with at_once(self):
            missing = subprocess.run([f"{self.directory}/musl", MISSING], capture_output=True, text=True, timeout=20)
        self.assertEqual(missing.stdout, "Name does not resolve\n")
        self.assertEqual(musl("world.example"), [Upstream.answer])
        self.resolv_conf("search roster.internal", "options ndots:2")
        self.assertEqual(musl("web.service"), WEB_ADDRESSES)

    def test_python(self):
        with at_once(self):
            found = {entry[4] for entry in socket.getaddrinfo(WEB, 80, type=socket.SOCK_STREAM)}
            self.assertEqual(sorted(found), [(address, 80) for address in WEB_ADDRESSES])
            self.assertEqual(sorted(socket.gethostbyname_ex(LARGE)[2]), LARGE_ADDRESSES)
            with self.assertRaises(socket.gaierror):
                socket.getaddrinfo(MISSING, 80)
            self.assertEqual(socket.gethostbyaddr("10.1.2.3")[0], "host1.node.dc1.roster.internal")

    def test_pythons_asyncio(self):
        async def find():
            loop = asyncio.get_running_loop()
            return await asyncio.gather(*(loop.getaddrinfo(name, 80, type=socket.SOCK_STREAM) for name in (WEB, SIX) * 20))

        with at_once(self):
            answers = asyncio.run(find())
        for found, addresses in zip(answers, (WEB_ADDRESSES, SIX_ADDRESSES) * 20):
            self.assertEqual(sorted({entry[4][0] for entry in found}), addresses)

    def test_node(self):
        found = json.loads(self.run_program("node", "-e", NODE, WEB, LARGE, MISSING))

        self.assertEqual(sorted(one["address"] for one in found["lookup"]), WEB_ADDRESSES)
        self.assertEqual(sorted(found["resolve4"]), WEB_ADDRESSES)
        self.assertEqual(found["resolve6"], "ENODATA")
        self.assertEqual(sorted(found["large"]), LARGE_ADDRESSES)
        self.assertEqual(sorted(one["port"] for one in found["srv"]), WEB_PORTS)
        self.assertEqual(found["missing"], "ENOTFOUND")
        self.assertEqual(found["lookupMissing"], "ENOTFOUND")

    def test_java(self):
        source = pathlib.Path(self.directory, "Find.java")
        source.write_text(JAVA)

        found = self.run_program("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", str(source), WEB, LARGE, MISSING).splitlines()

        self.assertEqual(found[0], "web " + " ".join(WEB_ADDRESSES))
        self.assertEqual(found[1], "large " + " ".join(LARGE_ADDRESSES))
        self.assertEqual(found[2], "missing unknown")
        self.assertEqual(found[3], "srv " + " ".join(map(str, WEB_PORTS)))
        self.assertEqual(found[4], "srv " + " ".join(str(8000 + i) for i in range(100)))

    def test_go(self):
        go = program("go")
        if go is None:
            self.skipTest("there is no Go here: see test_a_resolver_that_decides_as_go_does")
        pathlib.Path(self.directory, "find.go").write_text(GO)
        environment = {**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0", "GO111MODULE": "off"}
        binary = f"{self.directory}/find"
        self.run_program(go, "build", "-o", binary, f"{self.directory}/find.go", env=environment, seconds=120)

        with at_once(self):
            found = self.run_program(binary, WEB, LARGE, SIX, MISSING).splitlines()

        self.assertEqual(found[:4], [" ".join(WEB_ADDRESSES), " ".join(LARGE_ADDRESSES), " ".join(SIX_ADDRESSES), "unknown"])
        self.assertEqual(sorted(found[4:]), [f"srv {port}" for port in WEB_PORTS])

    def test_a_resolver_that_decides_as_go_does(self):
        for name, expected in ((WEB, WEB_ADDRESSES), (SIX, SIX_ADDRESSES), (LARGE, LARGE_ADDRESSES)):
            with at_once(self):
                self.assertEqual(sorted(GoLike(self).lookup(name)), expected)
        with at_once(self):
            self.assertEqual(GoLike(self).lookup(MISSING), [])

    def test_the_case_of_a_question_comes_back_as_it_was_asked(self):
        chance = random.Random(4)
        for qtype in (1, 28, 33, 255):
            for name in (WEB, MISSING, "roster.internal"):
                mixed = "".join(chance.choice((c.upper(), c.lower())) for c in name)
                message = GoLike.question(mixed, qtype)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.connect(("127.0.0.2", 53))
                    client.settimeout(2)
                    client.send(message)
                    reply = client.recv(65535)
                end = 12 + len(name) + 2 + 4
                self.assertEqual(reply[12:end], message[12:end], mixed)

    def test_a_and_aaaa_on_one_socket_are_both_answered_in_any_order(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.2", 53))
            client.settimeout(2)
            for round in range(50):
                questions = [GoLike.question(WEB, 1), GoLike.question(WEB, 28)]
                for question in questions:
                    client.send(question)
                replies = {client.recv(65535)[:2] for _ in questions}
                self.assertEqual(replies, {question[:2] for question in questions})

    def tcp_queries(self):
        text = self.agent.get("/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith("roster_dns_queries_total") and 'transport="tcp"' in line)


class GoLike:
    """The checks of Go's resolver (net/dnsclient_unix.go): A and AAAA at once, each on its own socket; EDNS of 1232 octets;
    the question must come back; TC=1 goes to TCP; and no error, no answer, neither authoritative nor recursive is a lame server."""

    def __init__(self, test):
        self.test = test

    @staticmethod
    def question(name, qtype):
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
        return os.urandom(2) + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1) + labels + struct.pack("!HH", qtype, 1) + opt

    def exchange(self, message):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect(("127.0.0.2", 53))
            udp.settimeout(2)
            udp.send(message)
            reply = udp.recv(65535)
        self.test.assertLessEqual(len(reply), 1232)
        if not reply[2] & 2:
            return reply
        with socket.create_connection(("127.0.0.2", 53), 2) as tcp:
            tcp.sendall(struct.pack("!H", len(message)) + message)
            size = struct.unpack("!H", tcp.recv(2, socket.MSG_WAITALL))[0]
            return tcp.recv(size, socket.MSG_WAITALL)

    def addresses(self, name, qtype):
        message = self.question(name, qtype)
        reply = self.exchange(message)
        end = 12 + len(name) + 2 + 4
        answers, authorities = struct.unpack("!HH", reply[6:10])
        self.test.assertEqual(reply[:2], message[:2])
        self.test.assertEqual(reply[12:end].lower(), message[12:end].lower())
        authoritative, available, rcode = reply[2] & 4, reply[3] & 0x80, reply[3] & 15
        lame = rcode == 0 and not authoritative and not available and answers == 0
        self.test.assertFalse(lame, "Go goes to the next server")
        self.test.assertIn(rcode, (0, 3))
        if not answers:
            self.test.assertEqual(authorities, 1)  # The SOA, which says for how long.
        found, at = [], end
        for _ in range(answers):
            kind, _, _, size = struct.unpack("!HHIH", reply[at + 2:at + 12])  # Its owner is a pointer.
            if kind == qtype:
                found.append(socket.inet_ntop({1: socket.AF_INET, 28: socket.AF_INET6}[qtype], reply[at + 12:at + 12 + size]))
            at += 12 + size
        return found

    def lookup(self, name):
        found = {}
        threads = [threading.Thread(target=lambda t=qtype: found.update({t: self.addresses(name, t)})) for qtype in (1, 28)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.test.assertEqual(set(found), {1, 28})
        return found[1] + found[28]


if __name__ == "__main__":
    private_host.enter()
    unittest.main()
