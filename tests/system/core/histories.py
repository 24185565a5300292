"""Random histories for the differential test: lists of steps, each a tuple that can be printed, dropped and played.

    ("open", client, timeout, read_only, password)      a session of its own; read_only None: the flag is left out
    ("attach", client, how, timeout)                     "again" after a disconnect, "steal" while connected, or refused:
                                                         "wrong" password, "future" zxid, "unknown" session
    ("disconnect", client)
    ("expire", client)                                   nobody speaks for the session until it is gone
    ("greet", client, bytes)                             an odd handshake on a new connection
    ("ask", client, [request, ...])                      pipelined: sent at once
    ("together", [(client, [request, ...]), ...])        reads of several clients under way at a time

A request is (operation, *arguments); ("cut", request, n) is without its last n bytes or with n more, ("xid", request, n)
has this xid; a number for the operation is followed by the body. A path that starts with ~ is below the history's own znode; ("zxid", n) is the
n-th zxid since the history began.
"""

import random
import struct

import wire
from expected_tree import ExpectedTree
from vocabulary import (ACLS, CREDENTIALS, DATA, LIMITS, ODD_ACLS, ODD_CREDENTIALS, ODD_PATHS, OPEN, QUOTA,
                        QUOTA_PATHS, WATCH_READS, is_text, operation_of, placed)


class Generator:
    """One history from one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tree = ExpectedTree()
        self.clients = []
        self.zxids = 1
        self.connected = set()
        self.watched = {}  # By client, the paths it probably watches.
        self.watch_modes = {}
        self.odd = self.random.choice([0.02, 0.05, 0.25])
        self.guarded = self.random.choice([0.0, 0.1, 0.4])
        self.quotas = self.chance(0.25)
        self.watchful = self.random.choice([0.2, 0.5, 0.8])

    def history(self):
        self.clients = list(range(self.random.randint(1, 4)))
        steps = [self.opening(client) for client in self.clients]
        if self.quotas:
            steps += [("ask", 0, [self.quota_request() for _ in range(3)])]
        for _ in range(self.random.choice([5, 15, 15, 30, 30, 60, 60, 150])):
            steps.append(self.step())
        return steps

    def chance(self, probability):
        return self.random.random() < probability

    def opening(self, client):
        self.connected.add(client)
        self.watched[client] = []
        return ("open", client, self.random.choice([30000, 30000, 10000, 1 << 30]),
                self.random.choice([False, False, True, None]), self.random.choice([b"\0" * 16, b"", b"12345678", None]))

    def step(self):
        client = self.random.choice(self.clients)
        if client not in self.connected and self.chance(0.5):
            return self.session_step(client)
        kinds = {self.ask: 70, self.together: 4, self.session_step: 6, self.authenticate: 3, self.last_words: 1,
                 self.catch_up: 4, self.large: 0.2}
        return self.random.choices(list(kinds), kinds.values())[0](client)

    def ask(self, client):
        size = 1 if self.chance(0.6) else self.random.randint(2, 8)
        requests = [self.request(client) for _ in range(size)]
        # ZooKeeper checks what is pipelined behind a setACL by the old ACL or the new one, as it happens.
        names = [operation_of(request)[0] for request in requests]
        last = names.index("setACL") if "setACL" in names else size
        return ("ask", client, requests[:last + 1])

    def together(self, _):
        parts = [(client, [self.read(client) for _ in range(self.random.randint(1, 5))]) for client in self.clients]
        return ("together", parts)

    def session_step(self, client):
        self.zxids += 1
        kind = self.random.choices(["again", "steal", "wrong", "future", "unknown", "disconnect", "open", "close", "expire"],
                                   [6, 3, 1, 1, 1, 4, 4, 6, 0.4])[0]
        if kind in ("open", "close", "expire"):
            self.tree.end_session(client)
        if kind == "open":
            return self.opening(client)
        if kind in ("again", "steal"):
            self.connected.add(client)
        else:
            self.connected.discard(client)
        if kind == "close":
            return ("ask", client, [("closeSession",)] + [self.read(client) for _ in range(self.random.randint(0, 2))])
        if kind in ("disconnect", "expire"):
            return (kind, client)
        return ("attach", client, kind, self.random.choice([30000, 20000, 1 << 30]))

    def authenticate(self, client):
        if self.chance(0.1):
            self.connected.discard(client)
            return ("ask", client, [("auth", 0, *self.random.choice(ODD_CREDENTIALS))])
        return ("ask", client, [("auth", self.random.choice([0, 0, 7]), *self.random.choice(CREDENTIALS))])

    def last_words(self, client):
        """Alone: ZooKeeper's refusal overtakes what came before it."""
        self.connected.discard(client)
        if self.chance(0.3):
            greeting = struct.pack(">iqiq", self.random.choice([0, 1, -1]), self.random.choice([0, -1]), 30000, 0)
            rest = self.random.choice([b"", b"\0" * 3, b"\xff" * 4, b"\0" * 4, b"\0" * 5, b"\0\0\0\4pass", b"\0\0\0\4pas",
                                       b"\xff\xff\xff\xfe", b"\0\0\0\4pass\7", b"\0\0\0\4pass\1more"])
            return ("greet", client, greeting[:self.random.choice([28, 28, 28, 28, 24, 3])] + rest)
        operation = self.random.choice([0, 10, 23, 50, 99, 104_000, -1, -2, -11_000, 2 ** 31 - 1])
        if self.chance(0.3):
            return ("ask", client, [("frame", self.random.choice([b"", b"\0", b"\0" * 4, b"\0" * 7]))])
        return ("ask", client, [(operation, b"\0" * self.random.choice([0, 4, 40]))])

    def catch_up(self, client):
        since = self.random.choice([("zxid", self.random.randint(0, self.zxids)), 0, -1, 1 << 62, ("zxid", self.zxids)])

        def paths(mode):
            chosen = [self.watched_path(client) for _ in range(self.random.choice([0, 1, 1, 3]))]
            return [path for path in chosen if is_text(path) and self.mode(client, path) == mode]

        lists = [paths("standard") for _ in range(3)]
        if self.chance(0.5):
            return ("ask", client, [("setWatches", since, *lists)])
        return ("ask", client, [("setWatches2", since, *lists, paths("persistent"), paths("recursive"))])

    def mode(self, client, path):
        """Which kind of watch this client sets on this path: ZooKeeper 3.8 has but one at a time."""
        modes = ["standard", "standard", "persistent", "recursive"]
        return self.watch_modes.setdefault((client, path), self.random.choice(modes))

    def quota_request(self):
        """About the znodes that are quotas; most of the requests on them are the writes elsewhere."""
        path = self.random.choice(QUOTA_PATHS)
        kind = self.random.choices(["look", "make", "create", "setData", "delete"], [8, 3, 3, 1, 1])[0]
        if kind == "make":
            top = self.random.choice([QUOTA, QUOTA, QUOTA + b"/a"])
            return ("multi", [("create", top + name, data, OPEN, 0) for name, data in (
                (b"", b""), (b"/zookeeper_limits", self.random.choice(LIMITS)), (b"/zookeeper_stats", b"count=0,bytes=0"))])
        if kind == "create":
            return ("create", path, self.random.choice(LIMITS), OPEN, 0)
        if kind == "setData":
            return ("setData", path, self.random.choice(LIMITS), -1)
        return ("delete", path, -1) if kind == "delete" else ("getData", path, 0)

    def path(self):
        if self.chance(self.odd):
            return self.random.choice(ODD_PATHS)
        if self.chance(0.9):
            return self.random.choice(self.tree.paths() or [b"~"])
        return self.new_path()

    def watched_path(self, client):
        watched = self.watched[client]
        return self.random.choice(watched) if watched and self.chance(0.6) else self.path()

    def new_path(self):
        if self.chance(self.odd):
            return self.random.choice(ODD_PATHS)
        parents = self.tree.paths() if self.chance(0.1) else self.tree.parents()
        return self.random.choice(parents or [b"~"]) + b"/" + self.random.choice([b"a", b"b", b"c", b"s-"])

    def data(self):
        return self.random.choice(DATA)

    def large(self, client):
        """Close to jute.maxbuffer or beyond, where the connection ends: alone, for the end may overtake replies."""
        frame = self.random.choice([512 << 10, 1048575 - 1, 1048575, 1048575 + 1, 1 << 21])
        size = frame - len(wire.request(0, "setData", (placed(b"~"), b"", -1))) + 4
        return ("ask", client, [("setData", b"~", b"z" * size, -1)])

    def acl(self):
        if self.guarded == 0:
            return OPEN
        if self.chance(self.odd):
            return self.random.choice(ODD_ACLS)
        return self.random.choice(ACLS) if self.chance(self.guarded) else OPEN

    def version(self, path, kind="version"):
        znode = self.tree.znodes.get(path)
        choice = self.random.random()
        if choice < 0.5 or znode is None:
            return -1
        version = getattr(znode, kind)
        return version if choice < 0.85 else self.random.choice([version + 1, 0, 1, -2, 2147483647, -2147483648])

    def request(self, client):
        if self.quotas and self.chance(0.2):
            return self.quota_request()
        if self.chance(0.45):
            return self.read(client)
        self.zxids += 1
        if self.chance(self.odd / 4):
            return self.malformed(client)
        if self.chance(self.odd / 4):
            return ("xid", self.read(client), self.random.choice([0, 1, -2, -4, -8, -5, 77, 2147483647, -2147483648]))
        if self.chance(0.15):
            return self.multi(client)
        if self.chance(0.08):
            return self.set_acl()
        if self.chance(0.01):
            return ("reconfig", None, self.random.choice([None, b"1"]), None, -1)
        return self.write(client)[0]

    def set_acl(self):
        path = self.path()
        version = self.version(path, "aversion")
        self.tree.set_acl(path, version)
        return ("setACL", path, self.acl(), version)

    def multi(self, client):
        before = self.tree.copy()
        planned = [self.operation(client) for _ in range(self.random.choice([0, 1, 2, 3, 3, 6]))]
        operations = [operation for operation, works in planned if works or self.chance(0.3)]
        if not all(works for operation, works in planned if operation in operations):
            self.tree = before
        # ZooKeeper throws on the flags of a TTL without one, and half of what came before it stays done: they come first.
        operations.sort(key=lambda one: not (one[0] in ("create", "create2", "createContainer") and one[4] in (5, 6)))
        return ("multi", operations)

    def operation(self, client):
        """An operation of a multi, and whether it works as far as we know; so do the next two."""
        if self.chance(self.odd / 4):
            return (self.read(client) if self.chance(0.5) else ("multi", [])), False
        path = self.path()
        operation, works = self.write(client)
        if self.chance(0.15):
            version = self.version(path)
            operation, works = ("check", path, version), path in self.tree
        # ZooKeeper throws on a null path here, and its last zxid lags behind until the next write.
        return (operation, works) if operation[1] is not None else (("check", b"", -1), False)

    def write(self, client):
        few = len(self.tree.znodes) < 12
        kind = self.random.choices(["create", "delete", "setData"], [6, 2, 4] if few else [2, 5, 4])[0]
        if kind == "create":
            return self.create(client)
        path = self.random.choice(self.tree.leaves()) if kind == "delete" and self.chance(0.7) else self.path()
        if path == b"~" and kind == "delete" and self.chance(0.95):
            path = b"~/a"
        version = self.version(path)
        if kind == "setData":
            return ("setData", path, self.data(), version), self.tree.set_data(path, version)
        return ("delete", path, version), self.tree.remove(path, version)

    def create(self, client):
        name = self.random.choices(["create", "create2", "createContainer", "createTTL"], [6, 4, 1, 1])[0]
        usual = {"createContainer": [4], "createTTL": [5, 5, 6]}.get(name, [0, 0, 0, 1, 2, 3])
        flags = self.random.choice(usual)
        path = self.new_path()
        if path and self.chance(self.odd / 3):
            flags = self.random.choice([0, 1, 2, 3, 4, 5, 6, 7, -1, 2147483647])
        works = bool(path) and self.tree.create(path, flags, client)
        request = (name, path, self.data(), self.acl(), flags)
        if name != "createTTL":
            return request, works
        ttl = self.random.choice([1 << 30, 1 << 30, (1 << 40) - 1])
        # Without a TTL mode, a negative TTL ends ZooKeeper 3.8, the server.
        odd = [0, 1 << 40, 1 << 62] + ([-1, -(1 << 62)] if flags in (5, 6) else [])
        return (*request, self.random.choice(odd) if path and self.chance(self.odd) else ttl), works

    def read(self, client):
        kind = self.random.choices(["watch read", "getACL", "sync", "ping", "multiRead", "watches", "counts", "whoAmI"],
                                   [14, 2, 1, 1, 2, 4, 2, 1])[0]
        path = self.path()
        if kind == "watch read":
            standard = self.mode(client, path) == "standard"
            name = self.random.choice(WATCH_READS)
            # With ACLs, ZooKeeper 3.8.0 lets exists watch what may not be read.
            if not standard or name == "exists" and self.guarded or self.chance(1 - self.watchful):
                return (name, path, 0)
            self.watched[client].append(path)
            return (name, path, self.random.choice([1, 1, 1, 2]))
        if kind == "multiRead":
            return ("multiRead", [self.part() for _ in range(self.random.choice([0, 1, 2, 4]))])
        watched = self.watched_path(client)
        if kind == "watches" and is_text(watched):
            return self.watch_request(client, watched)
        if kind in ("watches", "counts"):
            return ("getAllChildrenNumber" if path and self.chance(0.5) else "getEphemerals", path)
        if kind == "getACL" or kind == "sync" and (path is None or is_text(path)):
            return (kind, path)
        return ("whoAmI",) if kind == "sync" else (kind,)

    def part(self):
        if self.chance(self.odd / 4):
            return self.random.choice([("exists", self.path(), 0), ("setData", self.path(), b"", -1), ("whoAmI",)])
        return (self.random.choice(["getData", "getChildren"]), self.path(), self.random.choice([0, 1]))

    def watch_request(self, client, path):
        mode = self.mode(client, path)
        if self.chance(self.odd):
            name = self.random.choice(["addWatch", "removeWatches"])
            return (name, path, self.random.choice([2, 3, -1] if name == "addWatch" else [0, -1, 6, 7]))
        if mode != "standard" and self.chance(0.6):
            self.watched[client].append(path)
            return ("addWatch", path, {"persistent": 0, "recursive": 1}[mode])
        kinds = [1, 2, 3] if mode == "standard" else [3]
        # ZooKeeper 3.8's checkWatches chokes on what has no slash.
        may_check = path[:1] in (b"/", b"~")
        return ("checkWatches" if may_check and self.chance(0.5) else "removeWatches", path, self.random.choice(kinds))

    def malformed(self, client):
        """The first bytes of a request, or one with something behind its end."""
        request = self.random.choice([self.write(client)[0], self.read(client), self.set_acl(), self.multi(client),
                                      self.catch_up(client)[2][0]])
        return ("cut", request, self.random.choice([-1, -4, -9, 0, 3, 5, 1000]))
