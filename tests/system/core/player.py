"""Plays a history's steps to one server and says what came back, without clocks and ids: equal servers say equal things.

Zxids count from the beginning of the history, sessions are numbered as they are opened.
"""

import struct

import wire
from vocabulary import ROOT, operation_of, placed

SUPER = (b"digest", b"super:test")
SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="  # Of that password.
NO_SESSION = (0, b"\0" * 16)
CLOSING_ERRORS = (-6, -115)  # Unimplemented, AuthFailed.
KEPT = [b"/", b"/zookeeper", b"/zookeeper/quota", b"/zookeeper/config"]
SHORT_TIMEOUT = 1  # Raised to the server's least.


class Session:
    def __init__(self, number):
        self.number, self.id, self.password = number, 0, b""
        self.connection = None
        self.last_zxid, self.next_xid = 0, 1


class Player:
    """One server, and the sessions that the history has with it."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        self.base = 0
        self.clients, self.all_sessions, self.owners = {}, [], {}
        self.admin = Session("admin")
        self.connect(self.admin, 60000, False, b"\0" * 16)
        self.tell(self.admin, "auth", 0, *SUPER)

    # What an administrator does between histories.

    def tell(self, session, name, *arguments):
        """(error, zxid, Reader behind the header) of one request."""
        session.connection.send(wire.request(1, name, arguments))
        reply = wire.Reader(session.connection.frame())
        _, zxid, error = reply.unpack(">iqi")
        return error, zxid, reply

    def begin(self):
        self.clients, self.all_sessions, self.owners = {}, [], {}
        _, self.base, _ = self.tell(self.admin, "create", ROOT, b"", [(31, b"world", b"anyone")], 0)

    def end(self):
        """Ends the history's sessions and empties the tree, so that nothing of it happens during the next."""
        for session in self.all_sessions:
            if not session.connection:
                self.connect(session, 30000, False, session.password)
            if session.connection:
                session.connection.send(wire.request(1, "closeSession", []))
                while session.connection.frame() is not None:
                    pass
                session.connection.close()
        for batch in self.below(b"/"):
            self.tell(self.admin, "multi", [("delete", path, -1) for path in batch])
        for path in KEPT:
            acl = [(1 if path == KEPT[3] else 31, b"world", b"anyone")]
            error, _, reply = self.tell(self.admin, "getACL", path)
            assert error == 0, error
            if reply.vector(lambda: self.acl_entry(reply)) != acl:
                self.tell(self.admin, "setACL", path, acl, -1)
            if self.tell(self.admin, "getData", path, 0)[2].text():
                self.tell(self.admin, "setData", path, b"", -1)

    def below(self, top):
        """The paths to delete, deepest first."""
        levels, level = [], [top]
        while level:
            below = []
            for path in level:
                _, _, reply = self.tell(self.admin, "getChildren", path, 0)
                names = reply.vector(reply.text) or []
                below += [(b"" if path == b"/" else path) + b"/" + name for name in names]
            levels.append([path for path in below if path not in KEPT])
            level = below
        return [batch for batch in reversed(levels) if batch]

    def kept_versions(self):
        """Per znode that outlives histories: (version, ACL version, children ever created)."""
        found = []
        for path in KEPT[:3]:
            _, _, reply = self.tell(self.admin, "exists", path, 0)
            stat = wire.STAT.unpack(reply.rest())
            found.append((stat[4], stat[6], (stat[5] + stat[9]) // 2))
        return found

    def catch_up(self, versions):
        """Brings these up to those of the other server, after a history in which they differed."""
        for path, wanted, found in zip(KEPT, versions, self.kept_versions()):
            for _ in range(wanted[0] - found[0]):
                self.tell(self.admin, "setData", path, b"", -1)
            for _ in range(wanted[1] - found[1]):
                self.tell(self.admin, "setACL", path, [(31, b"world", b"anyone")], -1)
            for _ in range(wanted[2] - found[2]):
                child = path.rstrip(b"/") + b"/filler"
                self.tell(self.admin, "create", child, b"", [(31, b"world", b"anyone")], 0)
                self.tell(self.admin, "delete", child, -1)

    # Sessions.

    def connect(self, session, timeout, read_only, password, last_zxid=0):
        """The answer to a ConnectRequest on a new connection, which the session has if it is welcome."""
        greeting = struct.pack(">iqiq", 0, last_zxid, timeout, session.id) + wire.text(password)
        return self.greeted(session, greeting + (b"" if read_only is None else struct.pack(">b", read_only)))

    def greeted(self, session, greeting):
        connection = wire.Connection(self.address)
        connection.send(wire.text(greeting))
        frame = connection.frame()
        if frame is None:
            connection.close()
            return (connection.ended,)
        answer = wire.Reader(frame)
        _, timeout, id = answer.unpack(">iiq")
        password = answer.text()
        if id == 0:
            refused = ("refused", timeout, password, answer.rest(), connection.frame(), connection.ended)
            connection.close()
            return refused
        known = id == session.id
        session.id, session.password, session.connection = id, password, connection
        session.next_xid = 1
        return ("welcome", timeout, known, len(password), answer.rest())

    def live(self, client):
        session = self.clients.get(client)
        return session if session and session.connection else None

    def drop(self, session):
        session.connection.close()
        session.connection = None

    # Steps. Requests are sent to both servers before the answers of either are awaited.

    def start(self, step):
        for client, requests in {"ask": lambda: [step[1:]], "together": lambda: step[1]}.get(step[0], list)():
            session = self.live(client)
            if session:
                self.send(session, requests)

    def finish(self, step):
        """What came back: a list of (client, what, ...), in order per client."""
        kind, *arguments = step
        ends_session = kind == "expire" or kind == "ask" and any(request[0] == "closeSession" for request in step[2])
        heard = getattr(self, kind)(*arguments)
        # In which order a session's ephemerals go is nobody's promise.
        return sorted(heard + self.barrier(), key=repr) if ends_session else heard

    def open(self, client, timeout, read_only, password):
        if self.live(client):
            self.drop(self.live(client))
        session = self.clients[client] = Session(len(self.all_sessions))
        return self.begun(client, self.connect(session, timeout, read_only, password))

    def greet(self, client, greeting):
        if self.live(client):
            self.drop(self.live(client))
        session = self.clients[client] = Session(len(self.all_sessions))
        return self.begun(client, self.greeted(session, greeting))

    def begun(self, client, answer):
        session = self.clients[client]
        if session.connection:
            self.all_sessions.append(session)
            self.owners[session.id] = f"session {session.number}"
        return [(client, *answer)]

    def attach(self, client, how, timeout):
        session = self.clients.get(client)
        if not session or not session.id:
            return []
        before, session.connection = session.connection, None
        heard = []
        if before and how != "steal":
            before.close()
        password = b"p" * 16 if how == "wrong" else session.password
        zxid = (1 << 62) if how == "future" else session.last_zxid
        if how == "unknown":
            session = Session(None)
            session.id = 0x7ABCDEF
        heard.append((client, *self.connect(session, timeout, False, password, zxid)))
        if before and how == "steal":
            while (frame := before.frame()) is not None:
                heard.append((client, "before", *self.decoded(frame, [])))
            heard.append((client, "before", before.ended))
            before.close()
        return heard

    def disconnect(self, client):
        if self.live(client):
            self.drop(self.live(client))
        return []

    def expire(self, client):
        heard = self.attach(client, "again", SHORT_TIMEOUT)
        session = self.live(client)
        if not session:
            return heard
        _, before, _ = self.tell(self.admin, "exists", b"/", 0)
        while session.connection.frame() is not None:
            pass
        ended = session.connection.ended
        self.drop(session)
        _, after, _ = self.tell(self.admin, "exists", b"/", 0)
        return heard + [(client, "expired", ended, after - before)]

    def ask(self, client, _):
        return self.answers(client) if self.live(client) else []

    def together(self, parts):
        heard = []
        for client in dict(parts):
            heard += self.ask(client, None)
        return heard

    def barrier(self):
        """All that is under way to anybody."""
        heard = []
        for client in sorted(self.clients):
            if self.live(client):
                self.send(self.live(client), [("ping",)])
                heard += self.answers(client)
        return heard

    def send(self, session, requests):
        session.pending = []
        frames = b""
        for request in requests:
            xid = request[2] if request[0] == "xid" else wire.XIDS.get(operation_of(request)[0])
            if xid is None:
                xid, session.next_xid = session.next_xid, session.next_xid + 1
            session.pending.append(request)
            frames += self.encoded(xid, request)
        session.connection.send(frames)

    def encoded(self, xid, request):
        if request[0] == "cut":
            frame = self.encoded(xid, request[1])[4:]
            size = request[2]
            return wire.text(frame[:max(8, len(frame) + size)] if size < 0 else frame + b"\1" * size)
        if request[0] == "frame":
            return wire.text(request[1])
        name, *arguments = operation_of(request)
        if name in ("setWatches", "setWatches2") and isinstance(arguments[0], tuple):
            arguments[0] = self.base + arguments[0][1]
        return wire.request(xid, name, placed(arguments))

    def answers(self, client):
        session = self.clients[client]
        heard = []
        while session.pending:
            frame = session.connection.frame()
            if frame is None:
                heard.append((client, session.connection.ended))
                self.drop(session)
                break
            if frame[:4] != struct.pack(">i", wire.NOTIFICATION):
                session.last_zxid = max(session.last_zxid, wire.Reader(frame).unpack(">iq")[1])
            heard.append((client, *self.decoded(frame, session.pending)))
            if heard[-1][1] == "closeSession" or heard[-1][4] in CLOSING_ERRORS:
                # What was pipelined behind it is not answered, or told that the session has expired.
                while session.connection.frame() is not None:
                    pass
                heard.append((client, session.connection.ended))
                self.drop(session)
                break
        return heard

    # What frames say.

    def decoded(self, frame, pending):
        reply = wire.Reader(frame)
        xid, zxid, error = reply.unpack(">iqi")
        if xid == wire.NOTIFICATION:
            return ("event", zxid, *reply.unpack(">ii"), reply.text(), reply.rest())
        request = pending.pop(0) if pending else (None,)
        name = operation_of(request)[0]
        at = reply.at
        try:
            said = self.decoded_body(name, reply) if error == 0 else None
        except (ValueError, struct.error):
            reply.at, said = at, "undecodable"
        return (name, xid, self.zxid(zxid), error, said, reply.rest())

    def decoded_body(self, name, reply):
        if name in ("create", "sync"):
            return reply.text()
        if name in ("create2", "createContainer", "createTTL"):
            return reply.text(), self.stat(reply)
        if name in ("exists", "setData", "setACL"):
            return self.stat(reply)
        if name == "getData":
            return reply.text(), self.stat(reply)
        if name == "getACL":
            return reply.vector(lambda: self.acl_entry(reply)), self.stat(reply)
        if name in ("getChildren", "getEphemerals"):
            return self.unordered(reply.vector(reply.text))
        if name == "getChildren2":
            return self.unordered(reply.vector(reply.text)), self.stat(reply)
        if name == "whoAmI":
            return self.unordered(reply.vector(lambda: (reply.text(), reply.text())))
        if name in ("multi", "multiRead"):
            return self.results(name, reply)
        return None

    def results(self, name, reply):
        found = []
        names = {code: operation for operation, code in wire.OPS.items()}
        while True:
            op, done, error = reply.unpack(">ibi")
            if done:
                return found + [(op, error)]
            said = reply.int() if op == -1 else self.decoded_body(names.get(op), reply)
            found.append((op, error, said))

    @staticmethod
    def unordered(values):
        """Java's hash tables give these in an order of their own; nobody promises one."""
        return values if values is None else sorted(values)

    @staticmethod
    def acl_entry(reply):
        return reply.int(), reply.text(), reply.text()

    def zxid(self, value):
        if value <= 0:
            return value
        return f"+{value - self.base}" if value >= self.base else "before"

    def stat(self, reply):
        czxid, mzxid, _, _, version, cversion, aversion, owner, length, children, pzxid = reply.unpack(wire.STAT.format)
        return {"czxid": self.zxid(czxid), "mzxid": self.zxid(mzxid), "pzxid": self.zxid(pzxid), "version": version,
                "cversion": cversion, "aversion": aversion, "owner": self.owners.get(owner, owner), "length": length,
                "children": children}
