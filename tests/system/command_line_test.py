#!/usr/bin/python3
"""The command line as a person uses it: every command, its help, its errors, its exit codes."""

import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import tempfile
import unittest

from roster import BINARY, Agent, free_port, wait_until

COMMANDS = ["agent", "services", "register", "deregister", "watch", "resolve", "resolver", "members", "validate", "version"]


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent("--node", "host1").start()

    @classmethod
    def tearDownClass(cls):
        cls.agent.stop()

    def roster(self, *arguments, **options):
        env = {**os.environ, "ROSTER_HTTP_ADDR": f"http://127.0.0.1:{self.agent.http_port}"}
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30, env=env, **options)

    def expect(self, code, *arguments, **options):
        done = self.roster(*arguments, **options)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def test_every_command_has_help(self):
        overview = self.expect(0, "--help").stdout
        for command in COMMANDS:
            self.assertIn(command, overview)
            self.assertIn("--help", self.expect(0, command, "--help").stdout)
        self.assertIn("xit code", overview)

    def test_version_is_told(self):
        self.assertRegex(self.expect(0, "version").stdout, r"\d+\.\d+\.\d+")

    def test_wrong_words_are_usage_errors(self):
        self.assertIn("services", self.expect(2, "servces").stderr)
        self.expect(2, "deregister")
        self.expect(2, "services", "--nonsense")

    def test_a_service_is_registered_listed_resolved_and_deregistered(self):
        self.expect(0, "register", "--name", "web", "--port", "8080", "--tag", "primary", "--check-ttl", "60s")
        self.agent.put("/v1/agent/check/pass/service:web")
        wait_until("it passes", lambda: self.agent.healthy_ports("web") == [8080])

        self.assertRegex(self.expect(0, "services").stdout, r"(?m)^web\s")
        self.assertRegex(self.expect(0, "services", "web").stdout, r"(?m)^host1\s+web\s+127\.0\.0\.1\s+8080\s+passing")
        listed = json.loads(self.expect(0, "services", "web", "--json").stdout)
        self.assertEqual(listed[0]["Service"]["Port"], 8080)
        resolved = self.expect(0, "resolve", "web", "--dns-addr", f"127.0.0.1:{self.agent.dns_port}").stdout
        self.assertIn("127.0.0.1", resolved)
        self.assertIn("8080", self.expect(0, "resolve", "web", "SRV", "--dns-addr",
                                          f"127.0.0.1:{self.agent.dns_port}").stdout)
        self.expect(0, "deregister", "web")
        wait_until("it is gone", lambda: self.agent.healthy_ports("web") == [])

    def test_a_file_registers_too(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"Name": "from-file", "Port": 7}, file)
            file.flush()
            self.expect(0, "register", file.name)
        wait_until("it is there", lambda: self.agent.healthy_ports("from-file") == [7])

    def test_members_lists_this_node(self):
        self.assertRegex(self.expect(0, "members").stdout, r"(?m)^host1\s+127\.0\.0\.1")
        self.assertEqual(json.loads(self.expect(0, "members", "--json").stdout)[0]["Name"], "host1")

    def test_what_is_not_there_is_exit_code_4(self):
        self.assertIn("nowhere", self.expect(4, "deregister", "nowhere").stderr)
        self.expect(4, "resolve", "nowhere", "--dns-addr", f"127.0.0.1:{self.agent.dns_port}")

    def test_an_agent_that_is_not_there_is_exit_code_3(self):
        done = self.expect(3, "services", "--http-addr", f"http://127.0.0.1:{free_port()}")
        self.assertIn("cannot reach the agent", done.stderr)
        self.assertIn("roster agent", done.stderr)

    def test_a_bad_definition_is_told_by_the_agent_and_is_exit_code_1(self):
        done = self.expect(1, "register", "--name", "x", "--address", "0.0.0.0")
        self.assertIn("Invalid service address", done.stderr)

    def test_watch_prints_each_change_as_it_comes(self):
        env = {**os.environ, "ROSTER_HTTP_ADDR": f"http://127.0.0.1:{self.agent.http_port}"}
        watch = subprocess.Popen([BINARY, "watch", "seen"], stdout=subprocess.PIPE, env=env)
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.kill)
        heard = bytearray()

        def hear(pattern):
            def arrived():
                while select.select([watch.stdout], [], [], 0)[0]:
                    piece = os.read(watch.stdout.fileno(), 4096)
                    self.assertTrue(piece, "watch has ended")
                    heard.extend(piece)
                return re.search(pattern, heard.decode())
            wait_until(f"watch prints {pattern}", arrived)

        self.agent.put("/v1/agent/service/register", {"Name": "seen", "Port": 5})
        hear(r"\+.*127\.0\.0\.1:5")
        self.agent.put("/v1/agent/service/deregister/seen")
        hear(r"-.*127\.0\.0\.1:5")
        watch.send_signal(signal.SIGINT)
        self.assertIn(watch.wait(20), (0, 130))

    def test_watch_runs_a_command_with_the_list_as_json(self):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory) / "out"
            env = {**os.environ, "ROSTER_HTTP_ADDR": f"http://127.0.0.1:{self.agent.http_port}"}
            watch = subprocess.Popen([BINARY, "watch", "ran", "--", "/bin/sh", "-c", f"cat > {out}.new; mv {out}.new {out}"],
                                     env=env)
            self.addCleanup(watch.kill)
            self.agent.put("/v1/agent/service/register", {"Name": "ran", "Port": 6})

            def told():
                return out.exists() and [entry["Service"]["Port"] for entry in json.loads(out.read_text())] == [6]
            wait_until("the command was told", told)
            watch.send_signal(signal.SIGINT)
            watch.wait(20)

    def test_colours_are_for_terminals_only(self):
        self.agent.put("/v1/agent/service/register", {"Name": "coloured", "Port": 4})
        wait_until("it is there", lambda: self.agent.healthy_ports("coloured") == [4])

        def on_a_terminal(**more):
            primary, secondary = pty.openpty()
            env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
            env |= {"ROSTER_HTTP_ADDR": f"http://127.0.0.1:{self.agent.http_port}", "TERM": "xterm", **more}
            subprocess.run([BINARY, "services", "coloured"], stdout=secondary, env=env, timeout=10)
            os.close(secondary)
            shown = os.read(primary, 65536)
            os.close(primary)
            return shown

        self.assertIn(b"\x1b[32mpassing", on_a_terminal())
        self.assertNotIn(b"\x1b", on_a_terminal(NO_COLOR="1"))
        self.assertNotIn("\x1b", self.expect(0, "services", "coloured").stdout)

    def test_the_completion_script_is_good_bash(self):
        script = self.expect(0, "completion", "bash").stdout
        self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True).returncode, 0)
        for command in COMMANDS:
            self.assertIn(command, script)


if __name__ == "__main__":
    unittest.main()
