"""The words of random histories: the usual ones, and the odd ones that no client library would let through."""

ROOT = b"/h"
OPEN = [(31, b"world", b"anyone")]
PAT = b"pat:SYIOH1LKU7GTQz5fhafPZCTNyNQ="
ACLS = [OPEN, OPEN * 2, [(31, b"auth", b""), (31, b"digest", PAT)], [(1, b"world", b"anyone")],
        [(31, b"auth", b"")], [(31, b"digest", PAT)], [(31, b"digest", PAT), (1, b"world", b"anyone")], [(30, b"world", b"anyone")], [(16, b"world", b"anyone")],
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
            [(31, b"ip", b"127.0.0.1/+8")], [(31, b"ip", b"127.0.0.1/-1")], [(31, b"ip", b"/8")],
            [(31, b"ip", b"+127.0.0.1")], [(31, b"ip", b"127..0.1")], [(31, b"ip", b" 127.0.0.1")],
            [(31, b"ip", b"127.0.0.1/08")], [(31, b"ip", b"127.0.0.1/ 8")], [(31, b"ip", b"127.0.0.1,10.0.0.1")],
            [(0, b"world", b"anyone")], [(-1, b"world", b"anyone")], [(64, b"world", b"anyone")],
            [(0x7FFFFFFF, b"world", b"anyone")], [(31, b"digest", "ü:é".encode())],
            [(1, b"world", b"anyone"), (31, b"auth", b""), (1, b"world", b"anyone")],
            [(31, b"world", b"anyone"), (31, b"bogus", b"x")]]
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


QUOTA = b"/zookeeper/quota/h"
QUOTA_PATHS = [QUOTA, QUOTA + b"/zookeeper_limits", QUOTA + b"/zookeeper_stats", QUOTA + b"/a", QUOTA + b"/a/zookeeper_limits",
               QUOTA + b"/a/zookeeper_stats"]
LIMITS = [b"count=5,bytes=50", b"count=3,bytes=-1", b"count=-1,bytes=20", b"count=100,bytes=1000", b"count=5",
          b"count=4,bytes=20=;byteHardLimit=400;countHardLimit=6", b"bytes=10,count=2"]


def placed(value):
    """The value as it goes over the wire: ~ is the history's own znode, in lists and operations too."""
    if isinstance(value, bytes):
        return ROOT + value[1:] if value.startswith(b"~") else value
    return type(value)(map(placed, value)) if isinstance(value, (list, tuple)) else value


def operation_of(request):
    """The request itself, for one that is sent in an odd way."""
    return request[1] if request[0] in ("cut", "xid") else request


def is_text(path):
    """Whether ZooKeeper, which thinks in UTF-16, gives this path back as it came."""
    try:
        return path is not None and max(path.decode(), default="") <= "\uffff"
    except UnicodeDecodeError:
        return False
