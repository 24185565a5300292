#!/usr/bin/python3
"""Three real agents whose cores form one cluster, on the loopback."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from cluster import Cluster
from roster import BINARY, ROOT, wait_until


class OnLoopback(Cluster):
    def test_three_servers_form_one_cluster_once_all_are_there(self):
        first, second, third = self.make()
        third.start()
        first.start()
        wait_until("they say whom they wait for",
                   lambda: f"no answer from {second.peer_address}\n" in first.log()
                   and f"no answer from {second.peer_address}\n" in third.log())
        wait_until("the agent says so too", lambda: "not ready: a new cluster waits for all its servers" in first.log())
        wait_until("it is counted", lambda: first.metrics().get("roster_raft_peer_forming") == 1)
        self.assertIsNone(self.leader_of([first, third]))

        second.start()

        leader = self.wait_for_leader(self.servers)
        self.wait_for_links(self.servers, 2)
        self.assertEqual(len({server.cluster() for server in self.servers}), 1)
        self.assertIsNotNone(first.cluster())
        self.create(leader, "/there")

    def test_a_killed_leader_is_replaced_and_comes_back_as_one_of_them(self):
        for server in self.make():
            server.start()
        old = self.wait_for_leader(self.servers)
        self.wait_for_links(self.servers, 2)
        self.create(old, "/before")
        rest = [server for server in self.servers if server is not old]

        killed = time.monotonic()
        old.kill()
        leader = self.wait_for_leader(rest)
        self.assertLess(time.monotonic() - killed, 5)
        self.create(leader, "/after")

        old.start()
        self.wait_for_links(self.servers, 2)
        wait_until("it has caught up", lambda: old.metrics().get("roster_raft_applied_index", 0)
                   >= leader.metric("roster_raft_applied_index"))
        self.assertEqual(len([server for server in self.servers if server.leads()]), 1)

    def test_all_of_them_killed_at_once_come_back_as_the_same_cluster(self):
        for server in self.make():
            server.start()
        self.create(self.wait_for_leader(self.servers), "/kept")
        cluster = self.servers[0].cluster()
        for server in self.servers:
            server.kill()
        for server in reversed(self.servers):
            server.start()

        leader = self.wait_for_leader(self.servers)

        from kazoo.client import KazooClient
        client = KazooClient(f"{leader.host}:{leader.client_port}")
        client.start(15)
        self.addCleanup(client.close)
        self.addCleanup(client.stop)
        self.assertTrue(client.exists("/kept"))
        self.assertEqual({server.cluster() for server in self.servers}, {cluster})

    def test_the_example_runs_and_cleans_up(self):
        inside = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
            self.skipTest("it takes fixed ports: it needs a network namespace")
        example = subprocess.Popen([*inside, str(ROOT / "examples/three_agents"), BINARY], stdout=subprocess.PIPE,
                                   text=True, start_new_session=True)
        self.addCleanup(example.stdout.close)
        self.addCleanup(lambda: os.killpg(example.pid, signal.SIGKILL) if example.poll() is None else None)
        directory = pathlib.Path(example.stdout.readline().split()[-1])

        def logs():
            return [log.read_text() for log in directory.glob("*.log")]

        wait_until("one of them leads", lambda: any("role=leader" in log for log in logs()))
        wait_until("all are linked", lambda: [log.count("peer linked") >= 2 for log in logs()] == [True] * 3)
        example.terminate()
        example.wait(20)
        self.assertFalse(directory.exists())

    def certificate(self, authority, address):
        """The files of [coord.peer_tls], with a certificate for this address."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        folder = self.directory / "tls"
        folder.mkdir(exist_ok=True)

        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)

        ca, ca_key = folder / f"{authority}.pem", folder / f"{authority}.key"
        if not ca.exists():
            openssl("req", "-x509", *key, "-subj", f"/CN={authority}", "-days", "2", "-keyout", ca_key, "-out", ca)
        own, own_key = folder / f"{authority}-{address}.pem", folder / f"{authority}-{address}.key"
        openssl("req", "-new", *key, "-subj", "/CN=server", "-keyout", own_key, "-out", folder / "request")
        (folder / "names").write_text(f"subjectAltName=IP:{address}")
        openssl("x509", "-req", "-in", folder / "request", "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
                "-extfile", folder / "names", "-out", own)
        return f'[coord.peer_tls]\ncert = "{own}"\nkey = "{own_key}"\nca = "{ca}"\n'

    def test_over_tls_a_server_with_a_strange_certificate_stays_outside(self):
        first, _, strange = self.make(more=lambda host: self.certificate("another" if host.endswith(".3") else "ours", host))
        for server in self.servers:
            server.start()
        wait_until("the stranger is refused", lambda: first.metrics() and first.refused("certificate") > 0
                   and strange.refused("certificate") > 0)
        self.assertTrue(all(server.cluster() is None for server in self.servers))

        strange.kill()
        strange.config.write_text(re.sub(r"\[coord.peer_tls\][^[]*", self.certificate("ours", strange.host),
                                         strange.config.read_text()))
        strange.start()

        self.wait_for_leader(self.servers)
        self.wait_for_links(self.servers, 2)
        self.assertEqual(len({server.cluster() for server in self.servers}), 1)

    def test_different_lists_of_servers_are_named(self):
        one, other = self.make(2)
        text = other.config.read_text()
        other.config.write_text(text.replace("servers = [", "servers = ['127.99.0.9:1', "))
        one.start()
        other.start()

        wait_until("both lists are named", lambda: f"[{one.peer_address}, {other.peer_address}]" in one.log()
                   and f"[{one.peer_address}, {other.peer_address}, 127.99.0.9:1]" in one.log())
        self.assertIsNone(one.cluster())

    def test_garbage_on_the_peer_port_is_counted_and_harmless(self):
        import socket
        for server in self.make():
            server.start()
        leader = self.wait_for_leader(self.servers)
        self.wait_for_links(self.servers, 2)
        term = leader.metric("roster_raft_term")
        host, port = leader.peer_address.split(":")
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, os.urandom(4096), b"\x10\x00\x00\x00\x01RSTRPEER\x01\x00"):
            with socket.create_connection((host, int(port)), 5) as stranger, contextlib.suppress(ConnectionResetError):
                stranger.sendall(garbage)
                stranger.shutdown(socket.SHUT_WR)
                while stranger.recv(4096):
                    pass

        wait_until("it is counted", lambda: leader.refused("malformed") >= 2)
        self.assertTrue(leader.metric("roster_raft_leader"))
        self.assertEqual(leader.metric("roster_raft_term"), term)
        self.create(leader, "/still")


if __name__ == "__main__":
    unittest.main()
