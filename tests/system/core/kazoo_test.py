#!/usr/bin/python3
"""Stock kazoo against our core and against Apache ZooKeeper: what holds on one must hold on the other."""

import contextlib
import queue
import socket
import threading
import unittest

from core_process import Core
from kazoo.client import KazooClient
from kazoo.exceptions import (BadVersionError, NoAuthError, NoChildrenForEphemeralsError, NodeExistsError, NoNodeError,
                              NotEmptyError, RolledBackError)
from kazoo.protocol.states import EventType, KazooState
from kazoo.security import make_digest_acl
from roster import wait_until, zookeeper

PATIENCE = 15


class KazooCases:
    """`cls.address` is the server's."""

    def setUp(self):
        self.client = self.connect()
        self.client.ensure_path(f"/{self.id()}")
        self.root = f"/{self.id()}"

    def connect(self, timeout=10.0, **options):
        client = KazooClient(self.address, timeout=timeout, **options)
        client.start(PATIENCE)
        self.addCleanup(self.disconnect, client)
        return client

    @staticmethod
    def disconnect(client):
        with contextlib.suppress(Exception):
            client.stop()
        with contextlib.suppress(Exception):
            client.close()

    def path(self, name):
        return f"{self.root}/{name}"

    def test_create_get_set_delete(self):
        path = self.path("a")
        self.assertEqual(self.client.create(path, b"one"), path)
        data, stat = self.client.get(path)
        self.assertEqual((data, stat.version, stat.dataLength, stat.numChildren), (b"one", 0, 3, 0))
        self.assertEqual(stat.czxid, stat.mzxid)

        self.assertEqual(self.client.set(path, b"two").version, 1)
        with self.assertRaises(BadVersionError):
            self.client.set(path, b"three", version=0)
        with self.assertRaises(NodeExistsError):
            self.client.create(path)
        self.client.create(path + "/child")
        with self.assertRaises(NotEmptyError):
            self.client.delete(path)
        self.client.delete(path, recursive=True)
        self.assertIsNone(self.client.exists(path))
        with self.assertRaises(NoNodeError):
            self.client.get(path)

    def test_create_returns_the_stat_if_asked(self):
        path, stat = self.client.create(self.path("a"), b"xy", include_data=True)
        self.assertEqual((path, stat.dataLength, stat.ephemeralOwner), (self.path("a"), 2, 0))

    def test_sequences_count_every_child(self):
        names = [self.client.create(self.path("s-"), sequence=True) for _ in range(3)]
        self.assertEqual(names, [self.path(f"s-{i:010d}") for i in range(3)])
        self.client.create(self.path("other"))
        self.assertEqual(self.client.create(self.path("t-"), ephemeral=True, sequence=True), self.path("t-0000000004"))

    def test_ephemerals_belong_to_the_session_and_have_no_children(self):
        other = self.connect()
        path = self.path("e")
        other.create(path, ephemeral=True)
        self.assertEqual(self.client.exists(path).ephemeralOwner, other.client_id[0])
        with self.assertRaises(NoChildrenForEphemeralsError):
            self.client.create(path + "/child")
        other.stop()
        self.assertIsNone(self.client.exists(path))

    def test_watches_tell_of_each_kind_of_change_once(self):
        events = queue.Queue()
        path = self.path("w")
        self.assertIsNone(self.client.exists(path, watch=events.put))
        other = self.connect()
        other.create(path)
        self.assertEqual(events.get(timeout=PATIENCE).type, EventType.CREATED)

        self.client.get(path, watch=events.put)
        other.set(path, b"1")
        other.set(path, b"2")
        self.assertEqual(events.get(timeout=PATIENCE).type, EventType.CHANGED)
        self.client.get_children(path, watch=events.put)
        other.create(path + "/child")
        self.assertEqual(events.get(timeout=PATIENCE).type, EventType.CHILD)
        other.delete(path + "/child")
        self.client.exists(path, watch=events.put)
        other.delete(path)
        event = events.get(timeout=PATIENCE)
        self.assertEqual((event.type, event.path), (EventType.DELETED, path))
        self.client.sync(path)
        self.assertTrue(events.empty())

    def test_a_transaction_is_all_or_nothing(self):
        transaction = self.client.transaction()
        transaction.create(self.path("x"), b"1")
        transaction.set_data(self.path("x"), b"2")
        transaction.check(self.path("x"), 1)
        results = transaction.commit()
        self.assertEqual(results[0], self.path("x"))
        self.assertEqual(results[1].version, 1)
        self.assertIs(results[2], True)

        transaction = self.client.transaction()
        transaction.delete(self.path("x"))
        transaction.create(self.path("no/parent"))
        results = transaction.commit()
        self.assertIsInstance(results[0], RolledBackError)
        self.assertIsInstance(results[1], NoNodeError)
        self.assertEqual(self.client.get(self.path("x"))[0], b"2")

    def test_sync_shows_what_another_session_wrote(self):
        other = self.connect()
        other.create(self.path("seen"))
        self.assertEqual(self.client.sync(self.path("seen")), self.path("seen"))
        self.assertIsNotNone(self.client.exists(self.path("seen")))

    def test_acls_keep_strangers_out(self):
        self.client.add_auth("digest", "pat:passwd")
        path = self.path("secret")
        self.client.create(path, b"s", acl=[make_digest_acl("pat", "passwd", all=True)])
        self.assertEqual(self.client.get(path)[0], b"s")
        stranger = self.connect()
        with self.assertRaises(NoAuthError):
            stranger.get(path)
        friend = self.connect(auth_data=[("digest", "pat:passwd")])
        self.assertEqual(friend.get(path)[0], b"s")

    def test_a_broken_connection_is_mended_with_the_same_session(self):
        path = self.path("e")
        self.client.create(path, ephemeral=True)
        session = self.client.client_id
        states = queue.Queue()
        self.client.add_listener(states.put)

        self.client._connection._socket.shutdown(socket.SHUT_RDWR)

        self.assertEqual(states.get(timeout=PATIENCE), KazooState.SUSPENDED)
        self.assertEqual(states.get(timeout=PATIENCE), KazooState.CONNECTED)
        self.assertEqual(self.client.client_id, session)
        self.assertEqual(self.client.exists(path).ephemeralOwner, session[0])

    def test_a_session_taken_over_by_another_client_is_closed_there(self):
        path = self.path("e")
        self.client.create(path, ephemeral=True)
        session = self.client.client_id
        other = KazooClient(self.address, client_id=session)
        self.addCleanup(self.disconnect, other)
        lost = threading.Event()
        self.client.add_listener(lambda state: state == KazooState.SUSPENDED and lost.set())
        other.start(PATIENCE)
        self.assertTrue(lost.wait(PATIENCE))
        self.assertEqual(other.client_id, session)
        self.assertEqual(other.exists(path).ephemeralOwner, session[0])

    def test_a_silent_session_expires_and_its_ephemerals_go(self):
        short = KazooClient(self.address, timeout=1.0)
        short.start(PATIENCE)
        path = self.path("e")
        short.create(path, ephemeral=True)
        gone = threading.Event()
        self.client.exists(path, watch=lambda event: event.type == EventType.DELETED and gone.set())
        session = short.client_id
        # No goodbye: the connection ends and nobody comes back.
        short._connection.connection_stopped.clear()
        short._stopped.set()
        short._connection._socket.shutdown(socket.SHUT_RDWR)
        self.assertTrue(gone.wait(PATIENCE))

        late = KazooClient(self.address, client_id=session)
        self.addCleanup(self.disconnect, late)
        late.start(PATIENCE)
        self.assertNotEqual(late.client_id[0], session[0])

    def test_values_of_half_a_megabyte_pass_and_two_do_not(self):
        path = self.path("big")
        self.client.create(path, b"x" * 512 * 1024)
        self.assertEqual(len(self.client.get(path)[0]), 512 * 1024)
        with self.assertRaises(Exception):
            self.client.set(path, b"x" * 2 * 1024 * 1024)
        wait_until("the client has recovered", lambda: self.client.retry(self.client.exists, path))

    def test_the_recipes_work(self):
        lock = self.client.Lock(self.path("lock"))
        other = self.connect()
        with lock:
            self.assertFalse(other.Lock(self.path("lock")).acquire(blocking=False))
        self.assertTrue(other.Lock(self.path("lock")).acquire(timeout=PATIENCE))

        counter = self.client.Counter(self.path("counter"))
        for _ in range(3):
            counter += 1
        self.assertEqual(other.Counter(self.path("counter")).value, 3)

        seen = queue.Queue()
        self.client.ensure_path(self.path("kids"))
        self.client.ChildrenWatch(self.path("kids"), seen.put)
        self.assertEqual(seen.get(timeout=PATIENCE), [])
        other.create(self.path("kids/one"))
        self.assertEqual(seen.get(timeout=PATIENCE), ["one"])

    def test_four_letter_words_are_what_kazoo_parses(self):
        self.assertEqual(self.client.command(b"ruok"), "imok")
        self.assertGreaterEqual(self.client.server_version(), (3, 8))
        self.assertIn("Mode: standalone", self.client.command(b"srvr"))


class KazooOnCore(KazooCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(Core("tick=500", "session_min=1000")).address


class KazooOnZooKeeper(KazooCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(zookeeper())


if __name__ == "__main__":
    unittest.main()
