"""What the tests of kazoo's recipes share: clients, and clients whose connection can be cut or whose session expires."""

import contextlib
import logging
import queue

from both_servers import PATIENCE, Link, wait_until
from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState
from kazoo.retry import KazooRetry

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # Broken connections are what is tested.
QUICKLY = dict(max_tries=-1, delay=0.02, backoff=1, max_delay=0.1)


class KazooCases:
    """`cls.address` is the server's."""

    def setUp(self):
        self.root = f"/{self.id()}"
        self.client = self.connect()

    def path(self, name):
        return f"{self.root}/{name}"

    def connect(self, address=None, timeout=10.0, **options):
        client = KazooClient(address or self.address, timeout=timeout, connection_retry=KazooRetry(**QUICKLY),
                             command_retry=KazooRetry(**QUICKLY), **options)
        client.states = queue.Queue()
        client.add_listener(client.states.put)
        client.start(PATIENCE)
        self.addCleanup(self.disconnect, client)
        self.await_state(client, KazooState.CONNECTED)
        return client

    @staticmethod
    def disconnect(client):
        with contextlib.suppress(Exception):
            client.stop()
        with contextlib.suppress(Exception):
            client.close()

    def fragile(self, timeout=2.0):
        """A client behind a link of its own, with a short session."""
        link = Link(self.address)
        self.addCleanup(link.close)
        client = self.connect(link.address, timeout=timeout)
        client.link = link
        return client

    @staticmethod
    def await_state(client, wanted):
        while client.states.get(timeout=PATIENCE) != wanted:
            pass

    def interrupt(self, client):
        """Its connection breaks, and is mended within the session's time."""
        session = client.client_id
        client.link.cut()
        self.await_state(client, KazooState.SUSPENDED)
        client.link.mend()
        self.await_state(client, KazooState.CONNECTED)
        self.assertEqual(client.client_id, session)

    def let_expire(self, client):
        """Its connection breaks for longer than its session lives; then it gets a new one."""
        marker = self.path(f"session-{client.client_id[0]:x}")
        client.create(marker, ephemeral=True, makepath=True)
        client.link.cut()
        wait_until("the session has expired", lambda: not self.client.exists(marker), PATIENCE)
        client.link.mend()
        self.await_state(client, KazooState.LOST)
        self.await_state(client, KazooState.CONNECTED)
