#!/usr/bin/python3
"""Quotas, as kazoo and zkCli.sh use them, on our core and on Apache ZooKeeper: the same on both."""

import pathlib
import subprocess
import unittest

from core_process import Core
from kazoo.client import KazooClient
from kazoo.exceptions import EXCEPTIONS, KazooException
from roster import zookeeper

QUOTA = "/zookeeper/quota"


class QuotaExceeded(KazooException):
    pass


EXCEPTIONS[-125] = QuotaExceeded  # Stock kazoo dies of a code it does not know.


def cli(address, *commands):
    jars = ":".join(map(str, pathlib.Path("/usr/share/java").glob("*.jar")))
    run = subprocess.run(["java", "-Xmx128m", "-cp", jars, "org.apache.zookeeper.ZooKeeperMain", "-server", address],
                         input="\n".join([*commands, "quit"]) + "\n", capture_output=True, text=True, timeout=60)
    return run.stdout + run.stderr


class Quotas:
    """`cls.address` is the server's."""

    def setUp(self):
        self.client = KazooClient(self.address)
        self.client.start(15)
        self.addCleanup(self.client.close)
        self.addCleanup(self.client.stop)
        self.client.delete("/q", recursive=True)
        for child in self.client.get_children(QUOTA):
            self.client.delete(f"{QUOTA}/{child}", recursive=True)
        self.client.create("/q", b"1234")
        self.client.create("/q/a", b"56")

    def usage(self):
        return self.client.get(f"{QUOTA}/q/zookeeper_stats")[0]

    def test_usage_follows_every_change(self):
        self.client.ensure_path(f"{QUOTA}/q")
        self.client.create(f"{QUOTA}/q/zookeeper_limits", b"count=2,bytes=3")
        self.client.create(f"{QUOTA}/q/zookeeper_stats", b"whatever")
        self.assertEqual(self.usage(), b"count=2,bytes=6")
        self.client.create("/q/b", b"123")
        self.client.set("/q/b", b"1234567")
        self.assertEqual(self.usage(), b"count=3,bytes=13")
        transaction = self.client.transaction()
        transaction.create("/q/c", b"1")
        transaction.set_data("/q/c", b"333")
        transaction.delete("/q/a")
        transaction.commit()
        self.assertEqual(self.usage(), b"count=3,bytes=14")
        other = KazooClient(self.address)
        other.start(15)
        other.create("/q/e", b"eeee", ephemeral=True)
        self.assertEqual(self.usage(), b"count=4,bytes=18")
        other.stop()
        other.close()
        self.assertEqual(self.usage(), b"count=3,bytes=14")
        self.client.set(f"{QUOTA}/q/zookeeper_stats", b"count=50,bytes=60;foo=7")
        self.client.create("/q/z", b"1")
        self.assertEqual(self.usage(), b"count=51,bytes=61=;foo=7")

    def test_zkcli_sets_lists_and_deletes_quotas(self):
        out = cli(self.address, "setquota -N 3 /q", "setquota -B 20 /q", "listquota /q", "create /q/b x", "create /q/c x",
                  "set /q/b xxxxxxxxxxxxxxxxxxxxx", "delquota -N /q", "create /q/c x", "listquota /q", "delquota /q",
                  "listquota /q")
        self.assertIn("Output quota for /q count=-1,bytes=-1=;byteHardLimit=20;countHardLimit=3", out)
        self.assertEqual(out.count("Quota has exceeded : /q"), 2, out)
        self.assertIn("Output stat for /q count=4,bytes=8", out)
        self.assertIn("quota for /q does not exist", out)
        self.assertIsNone(self.client.exists(f"{QUOTA}/q/zookeeper_limits"))
        self.assertIsNotNone(self.client.exists("/q/c"))


class OnApache(Quotas, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(zookeeper(properties=["zookeeper.enforceQuota=true"]))


class OnOurCore(Quotas, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.address = cls.enterClassContext(Core("enforce_quota=1")).address

    def test_hard_limits_hold_within_a_transaction(self):
        self.client.ensure_path(f"{QUOTA}/q")
        self.client.create(f"{QUOTA}/q/zookeeper_limits", b"count=-1,bytes=-1=;countHardLimit=3")
        self.client.create(f"{QUOTA}/q/zookeeper_stats", b"")
        transaction = self.client.transaction()
        transaction.create("/q/b")
        transaction.create("/q/c")
        self.assertIsInstance(transaction.commit()[1], QuotaExceeded)
        self.assertEqual(self.client.get_children("/q"), ["a"])


if __name__ == "__main__":
    unittest.main()
