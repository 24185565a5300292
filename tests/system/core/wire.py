"""ZooKeeper's wire format, and a connection that sends whatever it is told: no check that a client library would make."""

import socket
import struct

OPS = {"create": 1, "delete": 2, "exists": 3, "getData": 4, "setData": 5, "getACL": 6, "setACL": 7, "getChildren": 8,
       "sync": 9, "ping": 11, "getChildren2": 12, "check": 13, "multi": 14, "create2": 15, "reconfig": 16,
       "checkWatches": 17, "removeWatches": 18, "createContainer": 19, "createTTL": 21, "multiRead": 22, "auth": 100,
       "setWatches": 101, "getEphemerals": 103, "getAllChildrenNumber": 104, "setWatches2": 105, "addWatch": 106,
       "whoAmI": 107, "closeSession": -11}
# How each request's body is written: b(oolean), i(nt), l(ong), s(tring or buffer), v(ector of strings), a(cl), m(ulti).
LAYOUT = {"create": "ssai", "create2": "ssai", "createContainer": "ssai", "createTTL": "ssail", "delete": "si",
          "exists": "sb", "getData": "sb", "setData": "ssi", "getACL": "s", "setACL": "sai", "getChildren": "sb",
          "getChildren2": "sb", "sync": "s", "ping": "", "check": "si", "multi": "m", "multiRead": "m",
          "reconfig": "sssl", "checkWatches": "si", "removeWatches": "si", "auth": "iss", "setWatches": "lvvv",
          "setWatches2": "lvvvvv", "getEphemerals": "s", "getAllChildrenNumber": "s", "addWatch": "si", "whoAmI": "",
          "closeSession": ""}
XIDS = {"ping": -2, "auth": -4, "setWatches": -8, "setWatches2": -8}
NOTIFICATION = -1
STAT = struct.Struct(">qqqqiiiqiiq")


def text(value):
    return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value


def vector(values, encode):
    return struct.pack(">i", -1) if values is None else struct.pack(">i", len(values)) + b"".join(map(encode, values))


def acl_entry(entry):
    perms, scheme, name = entry
    return struct.pack(">i", perms) + text(scheme) + text(name)


def operations(values):
    bodies = (struct.pack(">ibi", OPS.get(name, name), 0, -1) + body(name, arguments) for name, *arguments in values)
    return b"".join(bodies) + struct.pack(">ibi", -1, 1, -1)


FIELDS = {"b": lambda value: struct.pack(">b", value), "i": lambda value: struct.pack(">i", value),
          "l": lambda value: struct.pack(">q", value), "s": text, "v": lambda values: vector(values, text),
          "a": lambda values: vector(values, acl_entry), "m": operations}


def body(name, arguments):
    """A request's body. A number for a name is an operation that we have no layout of: its argument is bytes."""
    if name not in LAYOUT:
        return b"".join(arguments)
    return b"".join(FIELDS[kind](value) for kind, value in zip(LAYOUT[name], arguments, strict=True))


def request(xid, name, arguments):
    return text(struct.pack(">ii", xid, OPS.get(name, name)) + body(name, arguments))


class Reader:
    """Takes values off the front of a frame; raises ValueError where there is none."""

    def __init__(self, frame):
        self.frame, self.at = frame, 0

    def unpack(self, form):
        size = struct.calcsize(form)
        if self.at + size > len(self.frame):
            raise ValueError("the frame is too short")
        values = struct.unpack_from(form, self.frame, self.at)
        self.at += size
        return values

    def int(self):
        return self.unpack(">i")[0]

    def text(self):
        size = self.int()
        if size == -1:
            return None
        return self.unpack(f">{size}s")[0] if size >= 0 else self.unpack(">-")

    def vector(self, decode):
        size = self.int()
        return None if size == -1 else [decode() for _ in range(size)]

    def rest(self):
        return self.frame[self.at:]


class Connection:
    """One TCP connection; frames in, frames out."""

    def __init__(self, address, patience=10.0):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.ended = None  # "closed" or "silent", once there is no next frame.

    def send(self, frame):
        try:
            self.socket.sendall(frame)
        except (BrokenPipeError, ConnectionResetError):
            pass  # What becomes of it shows when reading.

    def frame(self):
        """The next frame's body; None when the server has closed, or has said nothing for too long."""
        while True:
            if len(self.received) >= 4:
                end = 4 + struct.unpack_from(">i", self.received)[0]
                if len(self.received) >= end:
                    frame = bytes(self.received[4:end])
                    del self.received[:end]
                    return frame
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                self.ended = "silent"
                return None
            if not more:
                self.ended = "closed"
                return None
            self.received += more

    def close(self):
        self.socket.close()
