#!/usr/bin/python3
"""kazoo's locks, semaphores, elections, barriers, counters and leases, unmodified: contended, interrupted, expired."""

import datetime
import threading
import unittest

from both_servers import PATIENCE, InThread, OnRoster, OnZooKeeper, wait_until
from kazoo.exceptions import CancelledError, LockTimeout
from kazoo_cases import KazooCases


class Section:
    """A critical section that remembers how many were ever in it at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = self.most = self.visits = 0

    def visit(self):
        with self.lock:
            self.inside += 1
            self.visits += 1
            self.most = max(self.most, self.inside)
        with self.lock:
            self.inside -= 1


class Cases(KazooCases):
    def test_a_lock_lets_one_in_at_a_time_and_keeps_the_order_of_arrival(self):
        section, path, served = Section(), self.path("lock"), []
        clients = [self.connect() for _ in range(4)]
        rounds = 8

        def work(client):
            for _ in range(rounds):
                with client.Lock(path, "worker"):
                    section.visit()

        for worker in [InThread(work, client) for client in clients]:
            worker.result()
        self.assertEqual((section.most, section.visits), (1, rounds * len(clients)))

        gate = self.client.Lock(path, "gate")
        gate.acquire()
        waiting = []

        def queue_up(client, number):
            with client.Lock(path, f"n{number}"):
                served.append(number)

        for number, client in enumerate(clients):
            waiting.append(InThread(queue_up, client, number))
            wait_until("it queues", lambda: f"n{number}" in gate.contenders(), PATIENCE)
        self.assertEqual(gate.contenders(), ["gate", "n0", "n1", "n2", "n3"])
        gate.release()
        for worker in waiting:
            worker.result()
        self.assertEqual(served, [0, 1, 2, 3])

    def test_a_lock_is_not_had_while_another_has_it(self):
        path, other = self.path("lock"), self.connect()
        with self.client.Lock(path):
            self.assertFalse(other.Lock(path).acquire(blocking=False))
            with self.assertRaises(LockTimeout):
                other.Lock(path).acquire(timeout=0.3)
        self.assertTrue(other.Lock(path).acquire(blocking=False))

    def test_a_waiting_lock_can_be_cancelled(self):
        path, other = self.path("lock"), self.connect()
        with self.client.Lock(path):
            lock = other.Lock(path, "impatient")
            waiting = InThread(lock.acquire)
            wait_until("it waits", lambda: "impatient" in lock.contenders(), PATIENCE)
            lock.cancel()
            with self.assertRaises(CancelledError):
                waiting.result()
            self.assertFalse(lock.is_acquired)

    def test_a_lock_passes_on_when_the_session_of_its_holder_expires(self):
        path, holder = self.path("lock"), self.fragile()
        self.assertTrue(holder.Lock(path, "holder").acquire(timeout=PATIENCE))
        heir = self.client.Lock(path, "heir")
        waiting = InThread(heir.acquire, timeout=PATIENCE)
        wait_until("the heir waits", lambda: heir.contenders() == ["holder", "heir"], PATIENCE)
        self.assertTrue(waiting.running)

        self.let_expire(holder)

        self.assertTrue(waiting.result())
        self.assertFalse(holder.Lock(path).acquire(blocking=False))

    def test_a_lock_is_kept_and_waited_for_through_a_broken_connection(self):
        path, holder, waiter = self.path("lock"), self.fragile(10.0), self.fragile(10.0)
        lock = holder.Lock(path, "holder")
        lock.acquire()
        queued = waiter.Lock(path, "waiter")
        waiting = InThread(queued.acquire, timeout=PATIENCE)
        wait_until("it waits", lambda: "waiter" in lock.contenders(), PATIENCE)

        self.interrupt(holder)
        self.interrupt(waiter)

        self.assertTrue(waiting.running)
        self.assertEqual(lock.contenders(), ["holder", "waiter"])
        lock.release()
        self.assertTrue(waiting.result())

    def test_readers_share_and_a_writer_is_alone(self):
        path, others = self.path("rw"), [self.connect() for _ in range(3)]
        readers = [client.ReadLock(path) for client in others[:2]]
        for reader in readers:
            self.assertTrue(reader.acquire(timeout=PATIENCE))
        writer = self.client.WriteLock(path)
        self.assertFalse(writer.acquire(blocking=False))

        waiting = InThread(writer.acquire, timeout=PATIENCE)
        wait_until("the writer waits", lambda: len(writer.contenders()) == 3, PATIENCE)
        # A reader that comes behind a writer waits for it.
        self.assertFalse(others[2].ReadLock(path).acquire(blocking=False))
        for reader in readers:
            self.assertTrue(waiting.running)
            reader.release()
        self.assertTrue(waiting.result())
        self.assertFalse(others[2].ReadLock(path).acquire(blocking=False))
        writer.release()
        self.assertTrue(others[2].ReadLock(path).acquire(timeout=PATIENCE))

    def test_a_writer_comes_in_when_the_sessions_of_the_readers_expire(self):
        path, readers = self.path("rw"), [self.fragile(), self.fragile()]
        for reader in readers:
            self.assertTrue(reader.ReadLock(path).acquire(timeout=PATIENCE))
        waiting = InThread(self.client.WriteLock(path).acquire, timeout=PATIENCE)

        for reader in readers:
            self.assertTrue(waiting.running)
            self.let_expire(reader)

        self.assertTrue(waiting.result())

    def test_a_semaphore_lets_its_number_in_and_replaces_who_died(self):
        path, section, clients = self.path("semaphore"), Section(), [self.connect() for _ in range(4)]

        def work(client):
            for _ in range(5):
                with client.Semaphore(path, max_leases=2):
                    section.visit()

        for worker in [InThread(work, client) for client in clients]:
            worker.result()
        self.assertLessEqual(section.most, 2)
        self.assertEqual(section.visits, 20)

        mortal = self.fragile()
        first = self.client.Semaphore(path, "first", max_leases=2)
        self.assertTrue(first.acquire(timeout=PATIENCE))
        self.assertTrue(mortal.Semaphore(path, "mortal", max_leases=2).acquire(timeout=PATIENCE))
        self.assertEqual(sorted(first.lease_holders()), ["first", "mortal"])
        third = clients[0].Semaphore(path, "third", max_leases=2)
        self.assertFalse(third.acquire(blocking=False))
        waiting = InThread(third.acquire, timeout=PATIENCE)
        self.let_expire(mortal)
        self.assertTrue(waiting.result())
        self.assertEqual(sorted(first.lease_holders()), ["first", "third"])
        with self.assertRaises(ValueError):
            clients[1].Semaphore(path, max_leases=3).acquire(blocking=False)

    def test_an_election_has_one_leader_and_another_when_that_one_expires(self):
        path, mortal, others = self.path("election"), self.fragile(), [self.connect() for _ in range(2)]
        leaders, stop = [], {name: threading.Event() for name in ("mortal", "b", "c")}

        def lead(name):
            leaders.append(name)
            stop[name].wait(PATIENCE)

        elections = {}
        for name, client in zip(stop, [mortal, *others]):
            elections[name] = client.Election(path, name)
            InThread(elections[name].run, lead, name)
            wait_until(f"{name} stands", lambda: name in elections["mortal"].contenders(), PATIENCE)
        self.assertEqual(elections["b"].contenders(), ["mortal", "b", "c"])
        wait_until("the first leads", lambda: leaders == ["mortal"], PATIENCE)

        self.let_expire(mortal)
        wait_until("b leads", lambda: leaders == ["mortal", "b"], PATIENCE)
        stop["b"].set()
        wait_until("c leads", lambda: leaders == ["mortal", "b", "c"], PATIENCE)
        for event in stop.values():
            event.set()

    def test_a_barrier_holds_everybody_until_it_is_removed(self):
        path, waiters = self.path("barrier"), [self.connect() for _ in range(3)]
        barrier = self.client.Barrier(path)
        barrier.create()
        self.assertFalse(waiters[0].Barrier(path).wait(0.3))
        waiting = [InThread(client.Barrier(path).wait, PATIENCE) for client in waiters]

        self.assertTrue(all(waiter.running for waiter in waiting))
        self.assertTrue(barrier.remove())

        for waiter in waiting:
            self.assertTrue(waiter.result())
        self.assertFalse(barrier.remove())

    def test_a_double_barrier_is_entered_and_left_together(self):
        path, clients = self.path("double"), [self.connect() for _ in range(3)]
        barriers = [client.DoubleBarrier(path, 3, f"member-{number}") for number, client in enumerate(clients)]
        entering = [InThread(barrier.enter) for barrier in barriers[:2]]
        wait_until("two have come", lambda: self.client.exists(path) and len(self.client.get_children(path)) == 2,
                   PATIENCE)
        self.assertTrue(all(member.running for member in entering))
        barriers[2].enter()
        for member in entering:
            member.result()
        self.assertTrue(all(barrier.participating for barrier in barriers))

        leaving = [InThread(barrier.leave) for barrier in barriers[:2]]
        wait_until("they would go", lambda: "ready" not in self.client.get_children(path), PATIENCE)
        self.assertTrue(all(member.running for member in leaving))
        barriers[2].leave()
        for member in leaving:
            member.result()
        self.assertEqual(self.client.get_children(path), [])

    def test_a_double_barrier_lets_go_when_a_member_expires(self):
        path, mortal = self.path("double"), self.fragile()
        survivor = self.client.DoubleBarrier(path, 2, "survivor")
        entering = InThread(survivor.enter)
        mortal.DoubleBarrier(path, 2, "mortal").enter()
        entering.result()
        leaving = InThread(survivor.leave)

        self.let_expire(mortal)

        leaving.result()

    def test_a_counter_counts_what_all_add_even_through_a_broken_connection(self):
        path, clients = self.path("counter"), [self.connect() for _ in range(3)]
        interrupted = self.fragile(10.0)

        def count(client):
            counter = client.Counter(path)
            for _ in range(20):
                counter += 1

        workers = [InThread(count, client) for client in clients]
        for worker in workers:
            worker.result()
        counter = interrupted.Counter(path)
        self.interrupt(interrupted)
        counter -= 10
        self.assertEqual(self.client.Counter(path).value, 50)
        self.assertEqual((counter.pre_value, counter.post_value), (60, 50))
        floating = self.client.Counter(self.path("float"), default=1.5)
        floating += 2.25
        self.assertEqual(floating.value, 3.75)

    def test_a_lease_is_one_holders_until_it_ends(self):
        path, hour, other = self.path("lease"), datetime.timedelta(hours=1), self.connect()
        late = lambda: datetime.datetime.utcnow() + 2 * hour  # noqa: E731
        self.assertTrue(self.client.NonBlockingLease(path, hour, identifier="one"))
        self.assertFalse(other.NonBlockingLease(path, hour, identifier="two"))
        self.assertTrue(self.client.NonBlockingLease(path, hour, identifier="one"))
        self.assertTrue(other.NonBlockingLease(path, hour, identifier="two", utcnow=late))

    def test_a_lease_outlives_the_session_that_took_it(self):
        path, hour, mortal = self.path("lease"), datetime.timedelta(hours=1), self.fragile()
        self.assertTrue(mortal.NonBlockingLease(path, hour, identifier="mortal"))
        self.let_expire(mortal)
        self.assertFalse(self.client.NonBlockingLease(path, hour, identifier="other"))

    def test_several_leases_are_had_by_as_many_of_many_who_race(self):
        path, hour = self.path("leases"), datetime.timedelta(hours=1)
        clients = [self.connect() for _ in range(5)]
        racing = [InThread(client.MultiNonBlockingLease, 2, path, hour, identifier=f"n{number}")
                  for number, client in enumerate(clients)]
        self.assertEqual(sum(bool(racer.result()) for racer in racing), 2)


class KazooLocksOnRoster(OnRoster, Cases, unittest.TestCase):
    pass


class KazooLocksOnZooKeeper(OnZooKeeper, Cases, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
