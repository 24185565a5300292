#!/usr/bin/python3
"""What packaging/ promises: dependencies, the version of libraft, the unit, the completion."""

import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

from roster import BINARY, ROOT

RAFT_H = """#define RAFT_VERSION_MAJOR {}
#define RAFT_VERSION_MINOR {}
#define RAFT_VERSION_RELEASE {}
"""


class Packaging(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-test-"))
        self.addCleanup(shutil.rmtree, self.directory, True)

    def configure_against(self, header):
        """(exit code, output) of configuring against a libraft with that header."""
        (self.directory / "raft.h").write_text(header)
        (self.directory / "libraft.so").touch()
        done = subprocess.run(["cmake", "-S", str(ROOT), "-B", str(self.directory / "build"), "-G", "Ninja",
                               f"-DRAFT_INCLUDE={self.directory}", f"-DRAFT_LIBRARY={self.directory}/libraft.so"],
                              capture_output=True, text=True, timeout=120)
        return done.returncode, " ".join(done.stderr.split())

    def test_cmake_refuses_a_libraft_that_loses_writes_or_is_unknown(self):
        for header, version in (("/* 0.15 has no version macros */\n", "0.0.0"), (RAFT_H.format(0, 22, 0), "0.22.0"),
                                (RAFT_H.format(0, 23, 0), "0.23.0"), (RAFT_H.format(1, 0, 0), "1.0.0")):
            code, said = self.configure_against(header)
            self.assertNotEqual(code, 0)
            self.assertIn(f"libraft {version} will not do: Roster needs >= 0.22.1 and < 0.23", said)
            shutil.rmtree(self.directory / "build")

    def fake(self, name, script):
        path = self.directory / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def install_deps(self, *arguments):
        env = {**os.environ, "PATH": f"{self.directory / 'bin'}:/usr/bin:/bin", "CALLS": str(self.directory / "calls")}
        done = subprocess.run([str(ROOT / "packaging/install-deps"), *arguments], capture_output=True, text=True,
                              env=env, timeout=60)
        calls = self.directory / "calls"
        return done, calls.read_text() if calls.exists() else ""

    def test_nothing_is_asked_of_apt_when_everything_is_there(self):
        for tool in ("apt-get", "apt-cache", "sudo"):
            self.fake(tool, f'echo {tool} "$@" >> "$CALLS"; exit 1')
        done, calls = self.install_deps("test")
        self.assertEqual((done.returncode, done.stdout, done.stderr, calls), (0, "", "", ""))

    def test_a_libraft_that_is_not_to_be_had_is_one_clear_sentence(self):
        self.fake("dpkg-query", 'case "$*" in *libraft-dev*) exit 1;; esac; exec /usr/bin/dpkg-query "$@"')
        self.fake("apt-get", 'echo apt-get "$@" >> "$CALLS"')
        self.fake("apt-cache", 'echo " libraft-dev | 0.15.0-1 | somewhere bookworm/main amd64 Packages"')
        self.fake("sudo", 'echo sudo "$@" >> "$CALLS"; exec "$@"')
        self.fake("tee", "cat >/dev/null")
        done, calls = self.install_deps()
        self.assertEqual(done.returncode, 1)
        last = done.stderr.strip().splitlines()[-1]
        self.assertRegex(last, r"^install-deps: libraft-dev 0\.22\.1 is not to be had from this machine's apt sources: .*\.$")
        self.assertNotIn("install -y", calls)
        self.assertEqual("sudo" in calls, os.geteuid() != 0)

    def test_an_unknown_group_is_a_usage_error(self):
        done, _ = self.install_deps("everything")
        self.assertEqual(done.returncode, 2)
        self.assertIn("say build or test", done.stderr)

    def test_the_unit_is_one_that_systemd_accepts(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        unit = (ROOT / "packaging/roster.service").read_text().replace("/usr/bin/roster", str(pathlib.Path(BINARY).resolve()))
        (self.directory / "roster.service").write_text(unit)
        done = subprocess.run(["systemd-analyze", "verify", str(self.directory / "roster.service")], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual([line for line in done.stderr.splitlines() if "roster.service" in line], [])

    def test_the_packaged_configuration_is_valid(self):
        done = subprocess.run([BINARY, "validate", str(ROOT / "packaging/roster.toml")], capture_output=True, text=True,
                              timeout=10)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_no_registry_host_and_no_path_of_a_machine_is_written_anywhere(self):
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout.split("\0")
        forbidden = ["deb" + ".debian.org", "/wor" + "k/", "pypi" + ".org", "../sha" + "red"]
        for name in filter(None, files):
            text = (ROOT / name).read_text(errors="replace")
            for word in forbidden:
                self.assertNotIn(word, text, name)


if __name__ == "__main__":
    unittest.main()
