#!/usr/bin/python3
"""What an operator or a stranger does wrong: one clear line, nothing overwritten, the agent lives."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from roster import BINARY, Agent, free_port, wait_until


def run_agent(*arguments, env=None):
    """Runs an agent that is expected not to start: (exit code, the lines on stderr)."""
    done = subprocess.run([BINARY, "agent", *arguments], capture_output=True, text=True, timeout=20,
                          env={**os.environ, **(env or {})})
    return done.returncode, [line for line in done.stderr.splitlines() if line]


class CannotStart(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-test-"))
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.free = ["--dns-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--coord-listen", "127.0.0.1:0"]

    def refused(self, *arguments, saying):
        code, lines = run_agent("--data-dir", str(self.directory / "data"), *arguments)
        self.assertEqual(code, 1, lines)
        errors = [line for line in lines if line.startswith("roster:")]
        self.assertEqual(len(errors), 1, lines)
        self.assertRegex(errors[0], saying)

    def test_a_port_in_use_is_named(self):
        for option in ("--http-listen", "--dns-listen", "--coord-listen"):
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                address = f"127.0.0.1:{taken.getsockname()[1]}"
                others = [word for pair in zip(self.free[::2], self.free[1::2]) if pair[0] != option for word in pair]
                self.refused(*others, option, address, saying=re.escape(address) + ".*in use")

    def test_a_data_directory_in_use_is_named(self):
        with Agent(data_dir=self.directory / "data"):
            self.refused(*self.free, saying="in use by process [0-9]+")

    def test_a_data_directory_that_cannot_be_made_is_named(self):
        (self.directory / "data").write_text("a file")
        self.refused(*self.free, saying=str(self.directory / "data"))

    def test_a_configuration_that_is_not_there_or_no_file_is_named(self):
        for path, why in ((self.directory / "absent.toml", "No such file"), (self.directory, "is a directory")):
            code, lines = run_agent("--config", str(path))
            self.assertEqual((code, len(lines)), (1, 1), lines)
            self.assertIn(f"{path}: ", lines[0])
            self.assertIn(why, lines[0])

    def test_an_unreadable_configuration_is_named(self):
        config = self.directory / "roster.toml"
        config.write_text('node = "a"\n')
        config.chmod(0)
        binary, options = BINARY, {}
        if os.geteuid() == 0:  # Root reads everything: somebody else has to try, with a binary in reach.
            self.directory.chmod(0o755)
            binary, options = shutil.copy(BINARY, self.directory / "roster"), {"user": "nobody"}
        done = subprocess.run([binary, "agent", "--config", str(config)], capture_output=True, text=True, timeout=20,
                              **options)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"{config}: cannot open: Permission denied\n")

    def test_broken_registrations_are_refused_and_left_as_they_are(self):
        (self.directory / "data").mkdir()
        file = self.directory / "data" / "registrations.json"
        file.write_text("{broken")
        self.refused(*self.free, saying=r"registrations\.json:1: .*move it away")
        self.assertEqual(file.read_text(), "{broken")

    def test_a_mistyped_key_is_shown_with_its_line_and_the_nearest_key(self):
        config = self.directory / "roster.toml"
        config.write_text('node = "a"\n[dns]\nlisen = ["127.0.0.1:0"]\n')
        code, lines = run_agent("--config", str(config))
        self.assertEqual(code, 1)
        self.assertRegex(lines[0], r"roster\.toml:3: .*lisen.*listen")

    def test_a_damaged_log_is_refused_and_left_as_it_is(self):
        data = self.directory / "data"
        with Agent(data_dir=data) as agent:
            for i in range(200):
                agent.put(f"/v1/kv/key-{i}", os.urandom(500))
        segment = next(path for path in (data / "coord").rglob("*") if path.is_file() and b"key-10" in path.read_bytes())
        content = bytearray(segment.read_bytes())
        position = content.index(b"key-10")
        content[position] ^= 0xFF
        segment.write_bytes(content)

        self.refused(*self.free, saying=segment.name)

        self.assertEqual(segment.read_bytes(), bytes(content))

    def test_an_unknown_option_is_a_usage_error(self):
        done = subprocess.run([BINARY, "agent", "--nonsense"], capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--nonsense", done.stderr)

    def test_a_full_disk_at_the_start_is_one_clear_line(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount a small tmpfs")
        small = self.directory / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).returncode != 0:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", small])
        code, lines = run_agent("--data-dir", str(small / "data"), *self.free)
        self.assertEqual(code, 1, lines)
        self.assertIn("No space left", "\n".join(lines))


class Crippled(unittest.TestCase):
    def test_a_session_that_cannot_be_kept_costs_no_service_of_today(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-test-"))
        self.addCleanup(shutil.rmtree, directory, True)
        (directory / "session.new").mkdir()  # Cannot be written, as on a full disk.
        with Agent(data_dir=directory) as agent:
            agent.put("/v1/agent/service/register", {"Name": "web", "Port": 80})
            self.assertEqual(agent.healthy_ports("web"), [80])
            self.assertIn("session not kept for a restart", agent.log())

    def test_an_ensemble_that_does_not_answer_is_in_the_log(self):
        agent = Agent(connect="127.0.0.1:1").start(wait=False)
        try:
            wait_until("it says what it waits for", lambda: re.search(
                r"warning \[agent\] not ready: no session with the coordination core yet coord=127.0.0.1:1", agent.log()))
        finally:
            agent.stop()


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent().start()

    @classmethod
    def tearDownClass(cls):
        cls.agent.stop()

    def metric(self, pattern):
        text = self.agent.get("/metrics").body.decode()
        return sum(float(match) for match in re.findall(rf"^{pattern}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.M))

    def assert_alive(self):
        self.assertEqual(self.agent.get("/v1/agent/self").status, 200)
        self.assertEqual(self.agent.dig("roster.internal", "SOA")[0], "NOERROR")
        self.assertIsNone(self.agent.process.poll())

    def test_bad_registrations_are_told_what_is_wrong(self):
        for body, sentence in [(b"{", "decode"), (b"[]", "object"), (b'{"Name": 7}', "Name"), (b"{}", "Missing service name"),
                               (b'{"Name": "a", "Port": "x"}', "Port"), (b'{"Name": "a", "Address": "0.0.0.0"}', "Invalid"),
                               (b'{"Name":"a","Check":{"TTL":"1s","Interval":"1s"}}', "Check|check")]:
            reply = self.agent.request("PUT", "/v1/agent/service/register", body)
            self.assertEqual(reply.status, 400, body)
            self.assertRegex(reply.body.decode(), sentence)
            self.assertTrue(reply.headers["Content-Type"].startswith("text/plain"))

    def test_a_body_over_the_limit_is_413(self):
        self.assertEqual(self.agent.request("PUT", "/v1/kv/big", b"x" * (513 * 1024)).status, 413)
        self.assert_alive()

    def test_a_name_that_dns_cannot_carry_is_accepted_with_a_warning(self):
        reply = self.agent.put("/v1/agent/service/register", {"Name": "under_score.dot", "Port": 1})
        self.assertIn("DNS", reply.headers["X-Roster-Warning"])
        self.assertIn("under_score.dot", self.agent.log())
        wait_until("it is in the catalog", lambda: "under_score.dot" in self.agent.get("/v1/catalog/services").json())

    def test_garbage_on_any_port_harms_nobody(self):
        seed = random.randrange(2**32)
        print("seed", seed)
        noise = random.Random(seed)
        ports = [self.agent.http_port, self.agent.dns_port, int(self.agent.coord.rsplit(":", 1)[1])]
        with self.subTest(seed=seed):
            for _ in range(60):
                garbage = noise.randbytes(noise.choice([1, 4, 45, 300, 5000]))
                for port in ports:
                    with socket.create_connection(("127.0.0.1", port), 5) as connection:
                        connection.sendall(garbage)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
                    datagrams.sendto(garbage[:1400], ("127.0.0.1", self.agent.dns_port))
            self.assert_alive()

    def test_garbage_is_counted(self):
        def counted():
            return [self.metric(name) for name in ("roster_dns_dropped_total", "roster_coord_connections_dropped_total",
                                                   "roster_http_bad_requests_total")]

        before = counted()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"short", ("127.0.0.1", self.agent.dns_port))
        for port in (int(self.agent.coord.rsplit(":", 1)[1]), self.agent.http_port):
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.sendall(b"\xff\xfe\x00garbage\r\n\r\n")
                with contextlib.suppress(ConnectionResetError):
                    connection.recv(4096)  # Until it is answered or closed.
        wait_until("each room counts it", lambda: all(now > then for now, then in zip(counted(), before)))

    def test_metrics_satisfy_promtool(self):
        text = self.agent.get("/metrics").body
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))
        for name in (b"process_resident_memory_bytes", b"roster_coord_", b"roster_raft_", b"roster_client_", b"roster_http_",
                     b"roster_dns_", b"roster_catalog_", b"roster_registrar_", b"roster_checks_"):
            self.assertIn(name, text)


if __name__ == "__main__":
    unittest.main()
