#!/usr/bin/python3
"""Sessions of stock clients on three servers: they move, survive the loss of their server, and read when nobody leads."""

import contextlib
import pathlib
import socket
import sys
import threading
import unittest

from kazoo.client import KazooClient, KeeperState
from kazoo.exceptions import KazooException, NotReadOnlyCallError
from kazoo.handlers.threading import KazooTimeoutError

from cluster import Cluster
from roster import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parent / "core"))
import wire

OPEN = [(31, b"world", b"anyone")]
EPHEMERAL = 1


def address_of(*servers):
    return ",".join(f"{server.host}:{server.client_port}" for server in servers)


def serves(server):
    return server.metrics().get("roster_coord_serving") == 1


def say(server, word):
    """A four-letter word's answer."""
    with socket.create_connection((server.host, server.client_port), 5) as connection:
        connection.sendall(word)
        answer = b""
        while more := connection.recv(4096):
            answer += more
    return answer.decode()


class ThreeServers(Cluster):
    more = ""

    def setUp(self):
        super().setUp()
        for server in self.make(more=lambda host: self.more):
            server.start()
        self.leader = self.wait_for_leader(self.servers)
        wait_until("all serve", lambda: all(map(serves, self.servers)))
        self.followers = [server for server in self.servers if server is not self.leader]

    def client(self, *servers, **options):
        client = KazooClient(address_of(*servers), **{"timeout": 8.0, "randomize_hosts": False, **options})
        self.addCleanup(client.close)
        self.addCleanup(client.stop)
        client.start(15)
        return client


class Sessions(ThreeServers):
    def test_what_one_server_acknowledged_another_shows_after_a_sync(self):
        clients = [self.client(server) for server in self.servers]
        for i, writer in enumerate(clients):
            for round in range(20):
                path = f"/seen-{i}-{round}"
                writer.create(path, b"x")
                reader = clients[(i + 1) % 3]
                reader.sync("/")
                self.assertEqual(reader.get(path)[0], b"x")

    def test_each_server_says_what_it_is(self):
        modes = sorted(next(line for line in say(server, b"srvr").splitlines() if line.startswith("Mode"))
                       for server in self.servers)
        self.assertEqual(modes, ["Mode: follower", "Mode: follower", "Mode: leader"])
        self.assertIn("zk_server_state\tleader", say(self.leader, b"mntr"))
        wait_until("both have what it has", lambda: "zk_synced_followers\t2" in say(self.leader, b"mntr"))
        self.assertEqual(say(self.followers[0], b"isro"), "rw")

    def test_clients_can_read_who_the_members_are(self):
        lines = [f"server.{i}={server.peer_address}:2888:participant" for i, server in enumerate(self.servers, 1)]
        client = self.client(self.followers[0])
        wait_until("the members are told", lambda: client.get("/zookeeper/config")[0].decode().split("\n")
                   == [*lines, "version=0"])

    def lose(self, lost):
        """The server a client is connected to dies while it writes; what it was told, and its ephemeral, are there."""
        rest = [server for server in self.servers if server is not lost]
        client = self.client(lost, *rest)
        session = client.client_id[0]
        client.create("/mine", ephemeral=True)
        acknowledged, ended = [], threading.Event()

        def write():
            number = 0
            while not ended.is_set():
                with contextlib.suppress(KazooException):
                    client.create(f"/w{number:06}")
                    acknowledged.append(number)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        self.addCleanup(ended.set)
        wait_until("it writes", lambda: len(acknowledged) > 50)
        lost.kill()
        before = len(acknowledged)
        wait_until("it writes elsewhere", lambda: len(acknowledged) > before + 50, 20)
        ended.set()
        writer.join()

        self.assertEqual(client.client_id[0], session)
        witness = self.client(rest[1])
        witness.sync("/")
        children = set(witness.get_children("/"))
        self.assertLessEqual({f"w{number:06}" for number in acknowledged}, children)
        self.assertEqual(witness.exists("/mine").ephemeralOwner, session)

        client.stop()
        wait_until("its ephemeral has gone with it", lambda: witness.exists("/mine") is None)
        lost.start()
        wait_until("the lost one serves again", lambda: serves(lost), 20)
        again = self.client(lost)
        again.sync("/")
        self.assertLessEqual({f"w{number:06}" for number in acknowledged}, set(again.get_children("/")))

    def test_a_session_survives_the_loss_of_its_server(self):
        self.lose(self.followers[0])

    def test_a_session_survives_the_loss_of_the_leader(self):
        self.lose(self.leader)

    def test_a_session_of_a_client_that_dies_with_its_server_expires_once(self):
        owner, witness_of = self.followers
        client, *_ = self.attach(owner, timeout=2000)
        client.send(wire.request(1, "create", (b"/gone", b"", OPEN, EPHEMERAL)))
        witness = self.client(witness_of)
        events = []
        wait_until("it is seen", lambda: witness.exists("/gone"))
        self.assertTrue(witness.exists("/gone", watch=events.append))

        owner.kill()

        wait_until("it has expired", lambda: witness.exists("/gone") is None, 20)
        wait_until("it is told", lambda: events)
        self.assertEqual([event.type for event in events], ["DELETED"])

    def attach(self, server, session=0, password=bytes(16), timeout=10000):
        """By a client that stays where it is, whatever happens."""
        connection = wire.Connection(address_of(server))
        self.addCleanup(connection.close)
        connection.send(wire.text(b"".join(wire.FIELDS[kind](value) for kind, value in zip(
            "ililsb", (0, 0, timeout, session, password, False)))))
        answer = wire.Reader(connection.frame())
        _, timeout = answer.int(), answer.int()
        session, = answer.unpack(">q")
        return connection, timeout, session, answer.text()

    def test_a_session_moves_to_another_server_and_leaves_the_first(self):
        here, there = self.followers
        first, _, session, password = self.attach(here)
        first.send(wire.request(1, "create", (b"/moved", b"", OPEN, EPHEMERAL)))
        self.assertEqual(wire.Reader(first.frame()).unpack(">iqi")[2], 0)

        second, timeout, same, _ = self.attach(there, session, password)

        self.assertGreater(timeout, 0)
        self.assertEqual(same, session)
        self.assertIsNone(first.frame())
        self.assertEqual(first.ended, "closed")
        second.send(wire.request(1, "setData", (b"/moved", b"on", -1)))
        self.assertEqual(wire.Reader(second.frame()).unpack(">iqi")[2], 0)

    def test_a_session_does_not_move_without_its_password(self):
        here, there = self.followers
        first, _, session, password = self.attach(here)

        _, timeout, nobody, _ = self.attach(there, session, bytes(16))

        self.assertEqual((timeout, nobody), (0, 0))
        first.send(wire.request(1, "exists", (b"/", False)))
        self.assertIsNotNone(first.frame())


class WithoutLeader(ThreeServers):
    more = "read_only_mode = true"

    def test_a_server_alone_reads_for_those_who_asked_for_it_until_the_others_are_back(self):
        alone, other = self.followers
        self.client(alone).create("/kept", b"before")
        other.kill()
        self.leader.kill()
        wait_until("it serves read-only", lambda: say(alone, b"isro") == "ro", 20)
        self.assertIn("Mode: read-only", say(alone, b"srvr"))

        reader = self.client(alone, read_only=True)
        self.assertEqual(reader.client_state, KeeperState.CONNECTED_RO)
        self.assertEqual(reader.get("/kept")[0], b"before")
        with self.assertRaises(NotReadOnlyCallError):
            reader.create("/refused")
        with self.assertRaises(KazooTimeoutError):
            KazooClient(address_of(alone)).start(2)

        other.start()
        wait_until("it may write again", lambda: reader.client_state == KeeperState.CONNECTED, 20)
        wait_until("it writes", lambda: reader.create("/allowed") == "/allowed")


if __name__ == "__main__":
    unittest.main()
