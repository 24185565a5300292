#!/usr/bin/python3
"""kill -9 at any moment loses no acknowledged write: kazoo writes, we kill, fifty times over."""

import os
import random
import sys
import threading
import time

from core_process import Core
from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

KILLS = int(os.environ.get("KILLS", "50"))
OUTSTANDING = 64


class Writer:
    """Creates numbered znodes and sets a counter, many at a time, and remembers what was acknowledged."""

    def __init__(self, client):
        self.client = client
        self.next = 0
        self.acknowledged = set()
        self.highest_set = -1
        self.slots = threading.Semaphore(OUTSTANDING)

    def created(self, result, number):
        if result.exception is None:
            self.acknowledged.add(number)
        self.slots.release()

    def set(self, result, number):
        if result.exception is None:
            self.highest_set = max(self.highest_set, number)
        self.slots.release()

    def write_until(self, end):
        while time.monotonic() < end:
            number, self.next = self.next, self.next + 1
            self.slots.acquire()
            self.client.create_async(f"/w/{number}", b"x" * 100).rawlink(
                lambda result, number=number: self.created(result, number))
            self.slots.acquire()
            self.client.set_async("/counter", b"%d" % number).rawlink(
                lambda result, number=number: self.set(result, number))

    def settled(self):
        """Every request has been answered or has failed."""
        for _ in range(OUTSTANDING):
            if not self.slots.acquire(timeout=10):
                raise AssertionError("a request was neither answered nor failed")
        for _ in range(OUTSTANDING):
            self.slots.release()


def check(client, writer):
    KazooRetry(max_tries=100, delay=0.05, backoff=1)(client.sync, "/")  # It may learn of the kill only now.
    present = {int(name) for name in client.get_children("/w")}
    lost = writer.acknowledged - present
    assert not lost, f"{len(lost)} acknowledged creates lost, such as {min(lost)}"
    value = int(client.get("/counter")[0])
    assert value >= writer.highest_set, f"acknowledged {writer.highest_set}, found {value}"
    assert client.exists("/alive").ephemeralOwner == client.client_id[0], "the session's ephemeral was lost"


def main():
    seed = int(os.environ.get("SEED", str(time.time_ns() % 1_000_000)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    retry = KazooRetry(max_tries=-1, delay=0.01, backoff=1, max_delay=0.02)
    with Core("snapshot_bytes=400000") as core:
        client = KazooClient(core.address, timeout=30.0, connection_retry=retry)
        client.start(15)
        client.create("/w")
        client.create("/counter", b"-1")
        client.create("/alive", ephemeral=True)
        writer = Writer(client)
        for _ in range(KILLS):
            writer_thread = threading.Thread(target=writer.write_until,
                                             args=(time.monotonic() + 0.1 + chance.random() * 0.3,))
            killer = threading.Timer(chance.random() * 0.3, core.kill)
            killer.start()
            writer_thread.start()
            killer.join()
            core.start()
            writer_thread.join()
            writer.settled()
            check(client, writer)
        print(f"{KILLS} kills, {len(writer.acknowledged)} acknowledged creates of {writer.next}, none lost; "
              f"counter at {writer.highest_set}")
        assert len(writer.acknowledged) > KILLS, "hardly anything was written"
        client.stop()


if __name__ == "__main__":
    sys.exit(main())
