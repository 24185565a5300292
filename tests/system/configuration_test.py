#!/usr/bin/python3
"""roster.toml and services.d: read strictly, watched, reloaded; and what systemd is told."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError
from kazoo.security import make_digest_acl

from roster import BINARY, Agent, wait_until

ROSTER_TOML = """
node = "host1"
data_dir = "{directory}/data"
domain = "example.internal"
datacenter = "dc7"
[dns]
listen = ["127.0.0.1:0"]
[http]
listen = ["127.0.0.1:0", "unix:{directory}/http.sock"]
[coord]
connect = ""
listen = ["127.0.0.1:0"]
session_timeout = "3s"
[[service]]
name = "web"
id = "web-1"
port = 8080
tags = ["primary"]
meta = {{ version = "1.2" }}
  [[service.check]]
  ttl = "60s"
  initial_status = "passing"
"""


class Configured(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-test-"))
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.services_d = self.directory / "services.d"
        self.services_d.mkdir()
        self.config = self.directory / "roster.toml"
        self.config.write_text(ROSTER_TOML.format(directory=self.directory))

    def start(self, **options):
        agent = Agent(config=self.config, data_dir=self.directory / "data", **options)
        self.addCleanup(agent.stop)
        return agent.start()

    def services(self, agent):
        return {id: (service["Port"], service["Tags"]) for id, service in agent.get("/v1/agent/services").json().items()}

    def write(self, name, text):
        beside = self.services_d / f".{name}.tmp"
        beside.write_text(text)
        beside.rename(self.services_d / name)

    def test_the_file_of_the_readme_does_what_it_says(self):
        agent = self.start()
        self.assertEqual(agent.node, "host1")
        wait_until("web is answered", lambda: agent.addresses("primary.web.service.example.internal") == ["127.0.0.1"])
        self.assertEqual(agent.addresses("web.service.dc7.example.internal"), ["127.0.0.1"])
        self.assertEqual(agent.dig("web.service.roster.internal")[0], "REFUSED")
        over_socket = subprocess.run(["curl", "-s", "--unix-socket", str(self.directory / "http.sock"),
                                      "http://roster/v1/catalog/datacenters"], capture_output=True, timeout=10)
        self.assertEqual(over_socket.stdout.strip(), b'["dc7"]')

    def test_a_file_in_services_d_registers_changes_and_deregisters(self):
        agent = self.start()
        wait_until("the main file's service is there", lambda: self.services(agent) == {"web-1": (8080, ["primary"])})

        self.write("db.toml", '[[service]]\nname = "db"\nport = 5432\n')
        wait_until("a new file registers", lambda: self.services(agent).get("db") == (5432, []))
        wait_until("it is answered", lambda: agent.addresses("db.service.example.internal"))
        untouched = agent.get("/v1/health/service/web").index
        self.write("db.toml", '[[service]]\nname = "db"\nport = 5433\ntags = ["new"]\n')
        wait_until("an edit applies", lambda: self.services(agent).get("db") == (5433, ["new"]))
        self.assertEqual(agent.get("/v1/health/service/web").index, untouched)
        self.write("db.toml", '[[service]]\nname = "db"\nprot = 5433\n')
        wait_until("the log says why", lambda: "db.toml:3" in agent.log() and '"port"' in agent.log())
        self.assertEqual(self.services(agent).get("db"), (5433, ["new"]))
        (self.services_d / "db.toml").unlink()
        wait_until("a removal deregisters", lambda: "db" not in self.services(agent))

    def test_the_super_of_the_configuration_is_above_every_acl(self):
        self.config.write_text(self.config.read_text().replace(
            "[coord]", '[coord]\nsuper_digest = "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="', 1))
        client = KazooClient(self.start().coord)
        client.start()
        self.addCleanup(client.close)
        self.addCleanup(client.stop)
        client.create("/theirs", b"x", acl=[make_digest_acl("pat", "secret", read=True)])
        client.add_auth("digest", "super:wrong")
        self.assertRaises(NoAuthError, client.get, "/theirs")
        client.add_auth("digest", "super:admin")
        self.assertEqual(client.get("/theirs")[0], b"x")

    def test_sighup_reloads_the_main_file(self):
        agent = self.start()
        wait_until("web is there", lambda: "web-1" in self.services(agent))
        text = self.config.read_text().replace('id = "web-1"\nport = 8080', 'id = "web-1"\nport = 8081')
        self.config.write_text(text)
        agent.process.send_signal(signal.SIGHUP)
        wait_until("the new port is there", lambda: self.services(agent).get("web-1") == (8081, ["primary"]))

        self.config.write_text("nonsense = 1\n" + text)
        agent.process.send_signal(signal.SIGHUP)
        wait_until("the log says why not", lambda: "roster.toml:1" in agent.log() and "old one stays" in agent.log())
        self.assertEqual(self.services(agent)["web-1"], (8081, ["primary"]))

    def test_an_api_registration_survives_a_restart_and_config_follows_the_files(self):
        agent = self.start()
        agent.put("/v1/agent/service/register", {"Name": "api", "Port": 1, "Check": {"TTL": "60s"}})
        agent.put("/v1/agent/check/pass/service:api?note=warm")
        wait_until("api passes", lambda: agent.healthy_ports("api") == [1])

        agent.terminate()
        self.config.write_text(self.config.read_text().replace('name = "web"', 'name = "site"'))
        agent.start()

        wait_until("api passes again", lambda: agent.healthy_ports("api") == [1])
        wait_until("the file's name counts", lambda: agent.healthy_ports("site") == [8080])
        self.assertEqual(agent.healthy_ports("web"), [])

    def test_validate_tells_every_error_and_ok(self):
        fine = subprocess.run([BINARY, "validate", str(self.config)], capture_output=True, text=True, timeout=10)
        self.assertEqual((fine.returncode, fine.stdout), (0, f"{self.config}: ok\n"))
        self.config.write_text('nod = "a"\n[dns]\nworkers = "two"\n[[service]]\nport = 70000\n')
        wrong = subprocess.run([BINARY, "validate", str(self.config)], capture_output=True, text=True, timeout=10)
        self.assertEqual(wrong.returncode, 1)
        for part in (r"roster.toml:1:", "node", "roster.toml:3:", "roster.toml:5:", "70000"):
            self.assertIn(part, wrong.stdout + wrong.stderr)

    def test_systemd_is_told_ready_reloading_stopping_and_fed_the_watchdog(self):
        path = self.directory / "notify.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            notify.settimeout(10)
            agent = self.start(env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "300000"})
            heard = []

            def hear(text):
                while not any(text in message for message in heard):
                    heard.append(notify.recv(4096).decode())
                del heard[:]

            hear("READY=1")
            self.assertEqual(agent.dig("web.service.example.internal")[0], "NOERROR")
            hear("WATCHDOG=1")
            agent.process.send_signal(signal.SIGHUP)
            hear("RELOADING=1")
            hear("READY=1")
            agent.process.terminate()
            hear("STOPPING=1")
            self.assertEqual(agent.process.wait(10), 0)


class Checks(unittest.TestCase):
    def test_a_script_check_runs_from_a_file_and_not_over_http(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-test-"))
        self.addCleanup(shutil.rmtree, directory, True)
        (directory / "services.d").mkdir()
        (directory / "roster.toml").write_text(
            f'data_dir = "{directory}/data"\n[dns]\nlisten = ["127.0.0.1:0"]\n[http]\nlisten = ["127.0.0.1:0"]\n'
            '[coord]\nlisten = ["127.0.0.1:0"]\n'
            f'[[service]]\nname = "job"\nport = 1\n[[service.check]]\nargs = ["/bin/sh", "-c", "test -e {directory}/up"]\n'
            'interval = "1s"\n')
        (directory / "up").touch()
        agent = Agent(config=directory / "roster.toml", data_dir=directory / "data")
        self.addCleanup(agent.stop)
        agent.start()
        wait_until("the script passes", lambda: agent.healthy_ports("job") == [1])
        (directory / "up").unlink()
        wait_until("the script fails", lambda: agent.healthy_ports("job") == [])

        refused = agent.request("PUT", "/v1/agent/service/register", {
            "Name": "bad", "Check": {"Args": ["/bin/true"], "Interval": "1s"}})
        self.assertEqual(refused.status, 400)
        self.assertRegex(refused.body.decode().lower(), "script")


if __name__ == "__main__":
    unittest.main()
