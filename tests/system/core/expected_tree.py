"""What probably exists, so that most of a history's requests find something to do. A wrong guess costs nothing."""

import copy

ROOT = b"~"
SEQUENTIAL = (2, 3, 6)
EPHEMERAL = (1, 3)


class Znode:
    def __init__(self, owner=None):
        self.owner = owner  # The client that an ephemeral goes with.
        self.creates = self.version = self.aversion = 0


class ExpectedTree:
    def __init__(self):
        self.znodes = {ROOT: Znode()}

    def __contains__(self, path):
        return path in self.znodes

    def paths(self):
        return sorted(self.znodes)

    def parents(self):
        return sorted(path for path, znode in self.znodes.items() if znode.owner is None)

    def leaves(self):
        above = {path.rpartition(b"/")[0] for path in self.znodes}
        return [path for path in self.paths() if path not in above and path != ROOT] or [ROOT]

    def create(self, path, flags, client):
        """Whether it works, as far as we know."""
        parent = self.znodes.get(path.rpartition(b"/")[0])
        if parent is None or parent.owner is not None:
            return False
        if flags in SEQUENTIAL:
            path += b"%010d" % parent.creates
        if path in self.znodes:
            return False
        parent.creates += 1
        self.znodes[path] = Znode(client if flags in EPHEMERAL else None)
        return True

    def remove(self, path, version):
        znode = self.znodes.get(path)
        if znode is None or version not in (-1, znode.version):
            return False
        if any(other.startswith(path + b"/") for other in self.znodes):
            return False
        del self.znodes[path]
        return True

    def set_data(self, path, version):
        znode = self.znodes.get(path)
        if znode is None or version not in (-1, znode.version):
            return False
        znode.version += 1
        return True

    def set_acl(self, path, version):
        znode = self.znodes.get(path)
        if znode is not None and version in (-1, znode.aversion):
            znode.aversion += 1

    def end_session(self, client):
        for path in [path for path, znode in self.znodes.items() if znode.owner == client]:
            del self.znodes[path]

    def copy(self):
        return copy.deepcopy(self)
