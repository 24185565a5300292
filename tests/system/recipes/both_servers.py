"""What the scripts of others run against: the core of a real `roster agent`, and Apache ZooKeeper, which proves the script right.

A test is written once, as a class of cases; OnRoster and OnZooKeeper give it its server.
"""

import contextlib
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from roster import Agent, wait_until, zookeeper  # noqa: E402,F401

PATIENCE = 20


def apache_zookeeper():
    return zookeeper(properties=("zookeeper.extendedTypesEnabled=true",))  # TTL znodes, which the core has always.


class OnRoster:
    @classmethod
    def setUpClass(cls):
        cls.agent = cls.enterClassContext(Agent())
        cls.address = cls.agent.coord


class OnZooKeeper:
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(apache_zookeeper())


class Link:
    """A loopback proxy to `address` that can be cut: connections end, and nobody gets through until it is mended."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.is_cut = False
        self.lock = threading.Lock()  # Guards `sockets` and `is_cut`.
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # Closed.
            with self.lock:
                refused = self.is_cut
            if refused:
                client.close()
                continue
            server = socket.create_connection(self.target)
            with self.lock:
                self.sockets += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # Ends the other direction, too.
        source.close()

    def cut(self):
        with self.lock:
            self.is_cut = True
            sockets, self.sockets = self.sockets, []
        for end in sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        with self.lock:
            self.is_cut = False

    def close(self):
        self.listener.close()
        self.cut()


class InThread:
    """A call that blocks, in a thread of its own; `result()` waits for it and raises what it raised."""

    def __init__(self, call, *arguments, **options):
        self.outcome = self.error = None
        self.thread = threading.Thread(target=self._run, args=(call, arguments, options), daemon=True)
        self.thread.start()

    def _run(self, call, arguments, options):
        try:
            self.outcome = call(*arguments, **options)
        except BaseException as error:  # Raised again where the result is asked for.
            self.error = error

    @property
    def running(self):
        return self.thread.is_alive()

    def result(self, seconds=PATIENCE):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), f"not done within {seconds} s"
        if self.error is not None:
            raise self.error
        return self.outcome
