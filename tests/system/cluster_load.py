"""Clients of a cluster that write throughout, whatever happens to it, and remember what they were told."""

import contextlib
import http.client
import json
import logging
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # Its connections are meant to break.
PACE = 0.004  # seconds between the writes of one client: the point is what becomes of them
ANSWER = 30.0  # seconds: whoever waits longer for a reply has found a fault


def addresses(servers):
    return ",".join(server.address for server in servers)


class Writer(threading.Thread):
    """A kazoo client with one server first in its list: creates, sets of one znode, an ephemeral of its own."""

    def __init__(self, root, name, servers, ended):
        super().__init__(daemon=True)
        self.home, self.register = f"{root}/{name}", f"{root}/{name}-register"
        self.ephemeral = f"{root}/{name}-alive"
        self.ended, self.fault, self.unknown = ended, None, None
        self.tried, self.created = 0, []        # the names are numbers
        self.set_tried, self.set_done, self.sets = 0, 0, 0
        self.client = KazooClient(addresses(servers), timeout=12.0, randomize_hosts=False)
        self.client.start(20)
        self.client.create(self.home, makepath=True)
        self.client.create(self.register, b"0")
        self.client.create(self.ephemeral, ephemeral=True)
        self.session = self.client.client_id[0]

    def run(self):
        while not self.ended.wait(PACE):
            try:
                self.write()
            except (KazooException, KazooTimeoutError) as error:
                self.unknown = error  # Of unknown fate: it may be there, or not.
            except Exception as error:  # pylint: disable=broad-except
                self.fault = error
                return

    def write(self):
        number, self.tried = self.tried, self.tried + 1
        self.client.create_async(f"{self.home}/{number:06}", str(number).encode()).get(timeout=ANSWER)
        self.created.append(number)
        if number % 4:
            return
        self.set_tried = number
        self.client.set_async(self.register, str(number).encode()).get(timeout=ANSWER)
        self.set_done = number
        self.sets += 1

    def close(self):
        self.client.stop()
        self.client.close()


class Registrar(threading.Thread):
    """Registers services at one agent over HTTP, each again and again with another port."""

    SERVICES = 3

    def __init__(self, server, ended):
        super().__init__(daemon=True)
        self.server, self.ended = server, ended
        self.ports = {}       # by service, as acknowledged
        self.unknown = {}     # by service, as asked for since without success

    def run(self):
        port = 1000
        while not self.ended.wait(PACE * 10):
            port += 1
            self.register(f"{self.server.name}-{port % self.SERVICES}", port)

    def register(self, name, port):
        with contextlib.suppress(OSError, http.client.HTTPException):
            body = json.dumps({"Name": name, "Port": port, "Address": "10.9.0.1"})
            if self.server.request("PUT", "/v1/agent/service/register", body).status == 200:
                self.ports[name] = port
                self.unknown.pop(name, None)
                return True
        self.unknown[name] = port
        return False

    def settled(self):
        """What it was not told about is asked for again. True once nothing is left."""
        return all(self.register(name, port) for name, port in list(self.unknown.items()))


class Load:
    """A writer at home on each server, and one service after another at each agent. Use as a context manager."""

    def __init__(self, root, servers):
        self.ended = threading.Event()
        turns = [servers[i:] + servers[:i] for i in range(len(servers))]
        self.writers = [Writer(root, turn[0].name, turn, self.ended) for turn in turns]
        self.registrars = [Registrar(server, self.ended) for server in servers]

    def __enter__(self):
        for thread in self.writers + self.registrars:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.writers + self.registrars:
            thread.join(2 * ANSWER)
            assert not thread.is_alive(), "a request is not answered"

    def close(self):
        for writer in self.writers:
            writer.close()

    def acknowledged(self):
        return sum(len(writer.created) for writer in self.writers)

    def ports(self):
        """By service, what its agent has acknowledged."""
        return {name: port for registrar in self.registrars for name, port in registrar.ports.items()}
