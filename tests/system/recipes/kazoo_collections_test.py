#!/usr/bin/python3
"""kazoo's queues, parties, watches, caches and partitions, unmodified: contended, interrupted, expired."""

import collections
import queue
import threading
import unittest

from both_servers import PATIENCE, InThread, OnRoster, OnZooKeeper, wait_until
from kazoo.protocol.states import EventType
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo_cases import KazooCases


class Cases(KazooCases):
    def test_a_queue_gives_each_item_to_one_of_many_consumers(self):
        path, clients = self.path("queue"), [self.connect() for _ in range(3)]
        producers = [InThread(lambda client=client, name=name: [client.Queue(path).put(b"%d-%d" % (name, number))
                                                               for number in range(20)])
                     for name, client in enumerate(clients[:2])]
        for producer in producers:
            producer.result()
        self.assertEqual(len(self.client.Queue(path)), 40)

        def consume(client):
            items, source = [], client.Queue(path)
            while (item := source.get()) is not None:
                items.append(item)
            return items

        taken = [consumer.result() for consumer in [InThread(consume, client) for client in clients]]
        every = sorted(item for items in taken for item in items)
        self.assertEqual(every, sorted(b"%d-%d" % (name, number) for name in range(2) for number in range(20)))

    def test_a_queue_goes_by_priority_and_then_by_arrival(self):
        items = self.client.Queue(self.path("queue"))
        for value, priority in ((b"late", 500), (b"first", 100), (b"second", 100), (b"urgent", 1)):
            items.put(value, priority)
        self.assertEqual([items.get() for _ in range(5)], [b"urgent", b"first", b"second", b"late", None])

    def test_a_locking_queue_gives_what_was_not_consumed_to_another(self):
        path, mortal = self.path("queue"), self.fragile()
        source, doomed = self.client.LockingQueue(path), mortal.LockingQueue(path)
        source.put_all([b"one", b"two"])
        self.assertEqual(doomed.get(PATIENCE), b"one")
        self.assertTrue(doomed.holds_lock())
        self.assertEqual(source.get(PATIENCE), b"two")
        self.assertTrue(source.consume())
        waiting = InThread(source.get, PATIENCE)

        self.let_expire(mortal)

        self.assertEqual(waiting.result(), b"one")
        self.assertFalse(doomed.holds_lock())
        self.assertFalse(doomed.consume())
        self.assertTrue(source.consume())
        self.assertEqual(len(source), 0)

    def test_a_locking_queue_has_every_item_consumed_once(self):
        path, clients = self.path("queue"), [self.connect() for _ in range(3)]
        self.client.LockingQueue(path).put_all([b"%d" % number for number in range(30)])

        def consume(client):
            items, source = [], client.LockingQueue(path)
            while (item := source.get(0.5)) is not None:
                if source.consume():
                    items.append(item)
            return items

        taken = [consumer.result() for consumer in [InThread(consume, client) for client in clients]]
        self.assertEqual(sorted(int(item) for items in taken for item in items), list(range(30)))

    def test_a_locking_queue_wakes_who_waits_and_releases(self):
        path, other = self.path("queue"), self.connect()
        mine, others = self.client.LockingQueue(path), other.LockingQueue(path)
        waiting = InThread(mine.get, PATIENCE)
        others.put(b"item")
        self.assertEqual(waiting.result(), b"item")
        self.assertIsNone(others.get(0.2))
        self.assertTrue(mine.release())
        self.assertEqual(others.get(PATIENCE), b"item")

    def test_a_party_counts_who_is_there(self):
        path, mortal, other = self.path("party"), self.fragile(), self.connect()
        guests = [self.client.Party(path, "one"), other.Party(path, "two"), mortal.Party(path, "mortal")]
        for guest in guests:
            guest.join()
        self.assertEqual((len(guests[0]), sorted(guests[0])), (3, ["mortal", "one", "two"]))
        self.assertTrue(guests[1].leave())
        self.assertEqual(sorted(guests[0]), ["mortal", "one"])
        self.let_expire(mortal)
        self.assertEqual(list(guests[0]), ["one"])
        self.assertFalse(guests[2].leave())

    def test_a_shallow_party_names_who_is_there(self):
        path, mortal, other = self.path("party"), self.fragile(10.0), self.connect()
        guests = [mortal.ShallowParty(path, "one"), other.ShallowParty(path, "two")]
        for guest in guests:
            guest.join()
        self.interrupt(mortal)
        self.assertEqual(sorted(guests[0]), ["one", "two"])
        other.stop()
        wait_until("who closed the session is gone", lambda: list(guests[0]) == ["one"], PATIENCE)

    def test_a_children_watch_goes_on_through_broken_connections_and_expired_sessions(self):
        path, seen, watcher = self.path("kids"), queue.Queue(), self.fragile(4.0)
        self.client.ensure_path(path)
        watcher.ChildrenWatch(path, lambda children: seen.put(sorted(children)))
        self.assertEqual(seen.get(timeout=PATIENCE), [])
        self.client.create(path + "/a")
        self.assertEqual(seen.get(timeout=PATIENCE), ["a"])

        self.interrupt(watcher)
        self.client.create(path + "/b")
        self.assertEqual(seen.get(timeout=PATIENCE), ["a", "b"])
        watcher.link.cut()
        self.client.create(path + "/c")
        watcher.link.mend()
        self.assertEqual(seen.get(timeout=PATIENCE), ["a", "b", "c"])

        self.let_expire(watcher)
        self.client.delete(path + "/a")
        wait_until("the removal is seen", lambda: seen.get(timeout=PATIENCE) == ["b", "c"])

    def test_a_children_watch_tells_the_event_and_stops_when_told(self):
        path, seen = self.path("kids"), []
        self.client.ensure_path(path)

        def told(children, event):
            seen.append((sorted(children), event and event.type))
            return len(seen) < 2

        self.client.ChildrenWatch(path, told, send_event=True)
        self.client.create(path + "/a")
        wait_until("it was told twice", lambda: len(seen) == 2, PATIENCE)
        self.client.create(path + "/b")
        self.client.sync(path)
        self.assertEqual(seen, [([], None), (["a"], EventType.CHILD)])

    def test_a_data_watch_follows_a_znode_that_comes_changes_and_goes(self):
        path, seen, watcher = self.path("data"), queue.Queue(), self.fragile(10.0)
        watcher.DataWatch(path, lambda data, stat, event: seen.put((data, event and event.type)))
        self.assertEqual(seen.get(timeout=PATIENCE), (None, None))
        self.client.create(path, b"1", makepath=True)
        self.assertEqual(seen.get(timeout=PATIENCE), (b"1", EventType.CREATED))
        self.client.set(path, b"2")
        self.assertEqual(seen.get(timeout=PATIENCE), (b"2", EventType.CHANGED))
        watcher.link.cut()
        self.client.set(path, b"3")
        watcher.link.mend()
        self.assertEqual(seen.get(timeout=PATIENCE)[0], b"3")
        self.client.delete(path)
        wait_until("the end is seen", lambda: seen.get(timeout=PATIENCE)[0] is None)
        self.client.create(path, b"4")
        wait_until("its new beginning is seen", lambda: seen.get(timeout=PATIENCE)[0] == b"4")

    def test_a_tree_cache_equals_the_tree_through_broken_connections_and_expired_sessions(self):
        path, watcher, told = self.path("tree"), self.fragile(4.0), queue.Queue()
        self.client.create(path + "/a/b", b"1", makepath=True)
        cache = TreeCache(watcher, path)
        self.addCleanup(cache.close)
        cache.listen(told.put)
        cache.start()
        self.await_event(told, TreeEvent.INITIALIZED)
        self.assertEqual(cache.get_data(path + "/a/b").data, b"1")
        self.assertEqual(cache.get_children(path), {"a"})

        self.client.set(path + "/a/b", b"2")
        self.assertEqual(self.await_event(told, TreeEvent.NODE_UPDATED).event_data.path, path + "/a/b")
        self.interrupt(watcher)
        self.client.create(path + "/c", b"3")
        self.assertEqual(self.await_event(told, TreeEvent.NODE_ADDED).event_data.path, path + "/c")
        self.let_expire(watcher)
        self.client.delete(path + "/a", recursive=True)
        self.client.create(path + "/d/e/f", b"4", makepath=True)
        wait_until("the cache has caught up", lambda: cache.get_children(path) == {"c", "d"} and
                   cache.get_data(path + "/d/e/f", None) is not None, PATIENCE)
        self.assertIsNone(cache.get_data(path + "/a/b", None))

    @staticmethod
    def await_event(told, kind):
        while (event := told.get(timeout=PATIENCE)).event_type != kind:
            pass
        return event

    def test_a_set_is_partitioned_among_who_is_there_and_again_when_one_expires(self):
        path, stop, owned = self.path("parts"), threading.Event(), collections.defaultdict(set)
        everything, mortal = set(range(7)), self.fragile()

        def work(client, name):
            parts = client.SetPartitioner(path, everything, identifier=name, time_boundary=0.3, max_reaction_time=0.2)
            while not stop.is_set() and not parts.failed:
                owned[name] = set(parts) if parts.acquired else set()
                if parts.release:
                    parts.release_set()
                elif parts.allocating:
                    parts.wait_for_acquire(0.1)
                stop.wait(0.02)
            owned[name] = set()
            parts.finish()

        def shared_by(*names):
            shares = [owned[name] for name in names]
            return all(shares) and sum(map(len, shares)) == len(everything) and set.union(*shares) == everything

        workers = [InThread(work, client, name) for client, name in
                   ((self.connect(), "a"), (self.connect(), "b"), (mortal, "mortal"))]
        wait_until("three share", lambda: shared_by("a", "b", "mortal"), PATIENCE)
        self.let_expire(mortal)
        wait_until("two share", lambda: shared_by("a", "b"), PATIENCE)
        stop.set()
        for worker in workers:
            worker.result()


class KazooCollectionsOnRoster(OnRoster, Cases, unittest.TestCase):
    pass


class KazooCollectionsOnZooKeeper(OnZooKeeper, Cases, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
