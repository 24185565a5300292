"""Random histories for the differential test: lists of steps, each a tuple that can be printed, dropped and played.

    ("open", client, timeout, read_only, password)      a session of its own; read_only None: the flag is left out
    ("attach", client, how, timeout)                     "again" after a disconnect, "steal" while connected, or refused:
                                                         "wrong" password, "future" zxid, "unknown" session
    ("disconnect", client)
    ("expire", client)                                   nobody speaks for the session until it is gone
    ("ask", client, [request, ...])                      pipelined: sent at once
    ("together", [(client, [request, ...]), ...])        reads of several clients under way at a time

A request is (operation, *arguments). A path that starts with ~ is below the history's own znode; ("zxid", n) is the
n-th zxid since the history began.
"""

import random

import wire

ROOT = b"/h"
OPEN = [(31, b"world", b"anyone")]
PAT = b"pat:SYIOH1LKU7GTQz5fhafPZCTNyNQ="
ACLS = [OPEN, [(1, b"world", b"anyone")], [(31, b"auth", b"")], [(31, b"digest", PAT)],
        [(31, b"digest", PAT), (1, b"world", b"anyone")], [(30, b"world", b"anyone")], [(16, b"world", b"anyone")],
        [(15, b"world", b"anyone")], [(27, b"world", b"anyone")], [(31, b"ip", b"127.0.0.1")],
        [(31, b"ip", b"127.0.0.0/8"), (1, b"digest", b"bob:x")], [(31, b"ip", b"10.1.2.3")]]
ODD_ACLS = [None, [], [(31, b"world", b"anyone")] * 2, [(31, b"world", b"nobody")],
            [(31, None, b"anyone")], [(31, b"", b"")], [(31, b"auth", None)], [(31, b"auth", b"junk"), (1, b"auth", b"")],
            [(31, b"digest", b"nocolon")], [(31, b"digest", b"a:b:c")], [(31, b"digest", b"user:")],
            [(31, b"digest", b":hash")], [(31, b"digest", b":")], [(31, b"digest", b"")],
            [(31, b"ip", b"300.1.1.1")], [(31, b"ip", b"127.0.0.1/33")], [(31, b"ip", b"127.0.0.1/0")],
            [(31, b"ip", b"127.0.0.1/")], [(31, b"ip", b"127.0.0.1/8/9")], [(31, b"ip", b"1.2.3")], [(31, b"ip", b"")],
            [(31, b"ip", b"127.1")], [(31, b"ip", b"0127.0.0.1")], [(31, b"ip", b"127.0.0.1.")],
            [(31, b"super", b"")], [(31, b"sasl", b"me")], [(31, b"World", b"anyone")], [(31, b"ensemble", b"x")],
            [(0, b"world", b"anyone")], [(-1, b"world", b"anyone")], [(64, b"world", b"anyone")],
            [(0x7FFFFFFF, b"world", b"anyone")], [(31, b"digest", "ü:é".encode())],
            [(1, b"world", b"anyone"), (31, b"auth", b""), (1, b"world", b"anyone")],
            [(31, b"world", b"anyone"), (31, b"bogus", b"x")], [(31, b"auth", b""), (31, b"digest", PAT)]]
CREDENTIALS = [(b"digest", b"pat:passwd"), (b"digest", b"pat:passwd"), (b"digest", b"bob:pw"), (b"digest", b"super:test"),
               (b"digest", b""), (b"digest", b"nocolon"), (b"digest", b"a:b:c"), (b"digest", b":"), (b"ip", b"1.2.3.4"),
               (b"ip", b""), (b"digest", "ü:é".encode())]
ODD_CREDENTIALS = [(b"world", b"anyone"), (b"auth", b""), (b"bogus", b"x"), (b"", b""), (b"sasl", b"x"), (b"super", b"x"),
                   (b"Digest", b"pat:passwd")]
ODD_PATHS = [b"", b"/", b"//", b"~", b"~/", b"~//", b"~/a/", b"~/a//b", b"~//a", b"~/./a", b"~/a/.", b"~/..", b"~/a/../b",
             b"~/.", b"~/...", b"~/a/.b", b"no-slash", b"a/b", b".", b"..", b"~/nul\x00", b"~/a\x00/b", b"~/ctl\x01",
             b"~/del\x7f", b"~/c1\xc2\x9f", b"~/nbsp\xc2\xa0", "~/grün".encode(), "~/日本".encode(), "~/😀".encode(),
             b"~/cesu\xed\xa0\xbd\xed\xb8\x80", b"~/lone\xed\xa0\x80", "~/private\ue000".encode(),
             "~/above\uf900".encode(), "~/special\ufff0".encode(), "~/replaced\ufffd".encode(), b"~/bad\xff", b"~/bad\xc3",
             b"~/overlong\xc0\x80", b"~/cut\xe6\x97", b"~/four\xf4\x90\x80\x80", b"~/ space ", b"~/\t", b"~/%2f",
             b"~/" + b"x" * 5000, b"~" + b"/d" * 60, b"/zookeeper", b"/zookeeper/quota", b"/zookeeper/config",
             b"/zookeeper/other", b"/zookeeper/", b"/zookeepe", None]
DATA = [b"", b"x", b"data", None, b"\x00\xff", b"y" * 300]
VERSIONS = [-1, -1, -1, -1, 0, 0, 1, 2, 3, -2, 2147483647, -2147483648]
WATCH_READS = ["exists", "getData", "getChildren", "getChildren2"]
SEQUENTIAL = (2, 3, 6)


def placed(value):
    """The value as it goes over the wire: ~ is the history's own znode, in lists and operations too."""
    if isinstance(value, bytes):
        return ROOT + value[1:] if value.startswith(b"~") else value
    return type(value)(map(placed, value)) if isinstance(value, (list, tuple)) else value


def is_text(path):
    """Whether ZooKeeper, which thinks in UTF-16, gives this path back as it came."""
    try:
        return path is not None and max(path.decode(), default="") <= "\uffff"
    except UnicodeDecodeError:
        return False


class Generator:
    """One history from one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.paths = {b"~"}  # What probably exists.
        self.clients = []
        self.zxids = 1
        self.watch_modes = {}
        self.odd = self.random.choice([0.02, 0.05, 0.25])
        self.guarded = self.random.choice([0.0, 0.1, 0.4])
        self.watchful = self.random.choice([0.2, 0.5, 0.8])

    def history(self):
        self.clients = list(range(self.random.randint(1, 4)))
        steps = [self.opening(client) for client in self.clients]
        for _ in range(self.random.choice([5, 15, 30, 60])):
            steps.append(self.step())
        return steps

    def chance(self, probability):
        return self.random.random() < probability

    def opening(self, client):
        return ("open", client, self.random.choice([30000, 30000, 10000, 1 << 30]),
                self.random.choice([False, False, True, None]), self.random.choice([b"\0" * 16, b"", b"12345678", None]))

    def step(self):
        client = self.random.choice(self.clients)
        kinds = {self.ask: 70, self.together: 4, self.session_step: 6, self.authenticate: 3, self.last_words: 1,
                 self.catch_up: 4, self.large: 0.2}
        return self.random.choices(list(kinds), kinds.values())[0](client)

    def ask(self, client):
        size = 1 if self.chance(0.6) else self.random.randint(2, 8)
        requests = [self.request(client) for _ in range(size)]
        # ZooKeeper checks what is pipelined behind a setACL by the old ACL or the new one, as it happens.
        names = [request[1][0] if request[0] == "cut" else request[0] for request in requests]
        last = names.index("setACL") if "setACL" in names else size
        return ("ask", client, requests[:last + 1])

    def together(self, _):
        parts = [(client, [self.read(client) for _ in range(self.random.randint(1, 5))]) for client in self.clients]
        return ("together", parts)

    def session_step(self, client):
        self.zxids += 1
        kind = self.random.choices(["again", "steal", "wrong", "future", "unknown", "disconnect", "open", "close", "expire"],
                                   [6, 3, 1, 1, 1, 4, 4, 6, 0.4])[0]
        if kind == "open":
            return self.opening(client)
        if kind == "close":
            return ("ask", client, [("closeSession",)] + [self.read(client) for _ in range(self.random.randint(0, 2))])
        if kind in ("disconnect", "expire"):
            return (kind, client)
        return ("attach", client, kind, self.random.choice([30000, 20000, 1 << 30]))

    def authenticate(self, client):
        if self.chance(0.1):
            return ("ask", client, [("auth", 0, *self.random.choice(ODD_CREDENTIALS))])
        return ("ask", client, [("auth", self.random.choice([0, 0, 7]), *self.random.choice(CREDENTIALS))])

    def last_words(self, client):
        """Alone: ZooKeeper's refusal overtakes what came before it."""
        operation = self.random.choice([0, 10, 23, 50, 99, 104_000, -1, -2, -11_000, 2 ** 31 - 1])
        return ("ask", client, [(operation, b"\0" * self.random.choice([0, 4, 40]))])

    def catch_up(self, client):
        since = self.random.choice([("zxid", self.random.randint(0, self.zxids)), 0, -1, 1 << 62, ("zxid", self.zxids)])

        def paths(mode):
            chosen = [self.path() for _ in range(self.random.choice([0, 1, 1, 3]))]
            return [path for path in chosen if is_text(path) and self.mode(client, path) == mode]

        lists = [paths("standard") for _ in range(3)]
        if self.chance(0.5):
            return ("ask", client, [("setWatches", since, *lists)])
        return ("ask", client, [("setWatches2", since, *lists, paths("persistent"), paths("recursive"))])

    def mode(self, client, path):
        """Which kind of watch this client sets on this path: ZooKeeper 3.8 has but one at a time."""
        modes = ["standard", "standard", "persistent", "recursive"]
        return self.watch_modes.setdefault((client, path), self.random.choice(modes))

    def path(self):
        if self.chance(self.odd):
            return self.random.choice(ODD_PATHS)
        if self.chance(0.75):
            return self.random.choice(sorted(self.paths))
        return self.new_path()

    def new_path(self):
        if self.chance(self.odd):
            return self.random.choice(ODD_PATHS)
        return self.random.choice(sorted(self.paths)) + b"/" + self.random.choice([b"a", b"b", b"c", b"s-"])

    def data(self):
        return self.random.choice(DATA)

    def large(self, _):
        """Close to jute.maxbuffer or beyond, where the connection ends: alone, for the end may overtake replies."""
        frame = self.random.choice([512 << 10, 1048575 - 1, 1048575, 1048575 + 1, 1 << 21])
        size = frame - len(wire.request(0, "setData", (placed(b"~"), b"", -1))) + 4
        return ("ask", self.random.choice(self.clients), [("setData", b"~", b"z" * size, -1)])

    def acl(self):
        if self.guarded == 0:
            return OPEN
        if self.chance(self.odd / 2):
            return self.random.choice(ODD_ACLS)
        return self.random.choice(ACLS) if self.chance(self.guarded) else OPEN

    def version(self):
        return self.random.choice(VERSIONS)

    def request(self, client):
        if self.chance(0.45):
            return self.read(client)
        self.zxids += 1
        if self.chance(self.odd / 4):
            return self.malformed(client)
        if self.chance(0.15):
            return self.multi(client)
        if self.chance(0.08):
            return ("setACL", self.path(), self.acl(), self.version())
        if self.chance(0.01):
            return ("reconfig", None, self.random.choice([None, b"1"]), None, -1)
        return self.write()

    def multi(self, client):
        operations = [self.operation(client) for _ in range(self.random.choice([0, 1, 2, 3, 3, 6]))]
        # ZooKeeper throws on the flags of a TTL without one, and half of what came before it stays done: they come first.
        operations.sort(key=lambda one: not (one[0] in ("create", "create2", "createContainer") and one[4] in (5, 6)))
        return ("multi", operations)

    def operation(self, client):
        if self.chance(self.odd / 4):
            return self.read(client) if self.chance(0.5) else ("multi", [])
        operation = ("check", self.path(), self.version()) if self.chance(0.15) else self.write()
        # ZooKeeper throws on a null path here, and its last zxid lags behind until the next write.
        return operation if operation[1] is not None else ("check", b"", -1)

    def write(self):
        kind = self.random.choices(["create", "delete", "setData"], [5, 3, 4])[0]
        if kind == "create":
            return self.create()
        path = self.path()
        if kind == "setData":
            return ("setData", path, self.data(), self.version())
        if path != b"~":
            self.paths.discard(path)
        return ("delete", path, self.version())

    def create(self):
        name = self.random.choices(["create", "create2", "createContainer", "createTTL"], [6, 4, 1, 1])[0]
        usual = {"createContainer": [4], "createTTL": [5, 5, 6]}.get(name, [0, 0, 0, 1, 2, 3])
        flags = self.random.choice(usual)
        path = self.new_path()
        if path and self.chance(self.odd / 3):
            flags = self.random.choice([0, 1, 2, 3, 4, 5, 6, 7, -1, 2147483647])
        if path and flags not in SEQUENTIAL:
            self.paths.add(path)
        elif path:
            self.paths.add(path + b"%010d" % self.random.randint(0, 4))
        request = (name, path, self.data(), self.acl(), flags)
        if name != "createTTL":
            return request
        ttl = self.random.choice([1 << 30, 1 << 30, (1 << 40) - 1])
        # Without a TTL mode, a negative TTL ends ZooKeeper 3.8, the server.
        odd = [0, 1 << 40, 1 << 62] + ([-1, -(1 << 62)] if flags in (5, 6) else [])
        return (*request, self.random.choice(odd) if path and self.chance(self.odd) else ttl)

    def read(self, client):
        kind = self.random.choices(["watch read", "getACL", "sync", "ping", "multiRead", "watches", "counts", "whoAmI"],
                                   [14, 2, 1, 1, 2, 4, 2, 1])[0]
        path = self.path()
        if kind == "watch read":
            standard = self.mode(client, path) == "standard"
            name = self.random.choice(WATCH_READS)
            # With ACLs, ZooKeeper 3.8.0 lets exists watch what may not be read.
            may_watch = standard and (name != "exists" or self.guarded == 0)
            return (name, path, self.random.choice([1, 1, 1, 2]) if may_watch and self.chance(self.watchful) else 0)
        if kind == "multiRead":
            return ("multiRead", [self.part() for _ in range(self.random.choice([0, 1, 2, 4]))])
        if kind == "watches" and is_text(path):
            return self.watch_request(client, path)
        if kind in ("watches", "counts"):
            return ("getAllChildrenNumber" if path and self.chance(0.5) else "getEphemerals", path)
        if kind == "getACL" or kind == "sync" and is_text(path):
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
        if mode != "standard" and self.chance(0.7):
            return ("addWatch", path, {"persistent": 0, "recursive": 1}[mode])
        kinds = [1, 2, 3] if mode == "standard" else [3]
        # ZooKeeper 3.8's checkWatches chokes on what has no slash.
        may_check = path[:1] in (b"/", b"~")
        return ("checkWatches" if may_check and self.chance(0.5) else "removeWatches", path, self.random.choice(kinds))

    def malformed(self, client):
        """The first bytes of a request, or one with something behind its end."""
        request = self.random.choice([self.write(), self.read(client), ("setACL", self.path(), self.acl(), -1)])
        if request[0] in ("ping", "multiRead", "sync"):
            request = ("getData", b"~", 0)
        return ("cut", request, self.random.choice([-1, -4, -9, 0, 3, 5, 1000]))
