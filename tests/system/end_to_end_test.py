#!/usr/bin/python3
"""The main job, on the embedded core and on Apache ZooKeeper: register, check, look up, disappear."""

import signal
import threading
import time
import unittest

from roster import Agent, Sample, wait_until, zookeeper


class EndToEnd:
    """What must hold on either core. `connect` is the ensemble, or None for the embedded core."""

    connect = None
    session_timeout = "2s"

    def setUp(self):
        self.agent = self.enterContext(Agent(connect=self.connect, session_timeout=self.session_timeout))

    def register(self, service, **more):
        self.agent.put("/v1/agent/service/register", {"Name": service, **{"Port": 8080, **more}})

    def test_a_registered_service_is_found_by_dns_and_http(self):
        self.register("web", ID="web-1", Tags=["primary"], Meta={"version": "1.2"})

        wait_until("web is in DNS", lambda: self.agent.addresses("web.service.roster.internal") == ["127.0.0.1"])
        rcode, srv = self.agent.dig("_web._tcp.service.roster.internal", "SRV")
        self.assertEqual(rcode, "NOERROR")
        self.assertEqual(srv[0].split()[4:7], ["1", "1", "8080"])
        self.assertEqual(self.agent.addresses("primary.web.service.roster.internal"), ["127.0.0.1"])
        self.assertEqual(self.agent.addresses(f"{self.agent.node}.node.roster.internal"), ["127.0.0.1"])
        entry, = self.agent.get("/v1/health/service/web?passing").json()
        self.assertEqual(entry["Service"]["Tags"], ["primary"])
        self.assertEqual(entry["Service"]["Meta"], {"version": "1.2"})
        self.assertEqual(entry["Node"]["Node"], self.agent.node)
        self.assertIn("web", self.agent.get("/v1/catalog/services").json())

    def test_what_was_acknowledged_is_found_by_the_next_request(self):
        for port in range(1, 51):
            self.register("web", Port=port)
            self.assertEqual(self.agent.healthy_ports("web"), [port])

    def test_a_killed_process_disappears_by_its_check(self):
        with Sample() as sample:
            self.agent.put("/v1/agent/service/register", {
                "Name": "hello", "Port": sample.port, "Check": {"TCP": f"127.0.0.1:{sample.port}", "Interval": "1s"}})
            name = "hello.service.roster.internal"
            wait_until("hello passes", lambda: self.agent.addresses(name) == ["127.0.0.1"])

            sample.kill()

            wait_until("hello is out of DNS", lambda: self.agent.dig(name) == ("NOERROR", []))
            self.assertEqual(self.agent.healthy_ports("hello"), [])
            check, = self.agent.get("/v1/health/checks/hello").json()
            self.assertEqual(check["Status"], "critical")
            self.assertIn("refused", check["Output"])

    def test_a_service_with_an_http_check_comes_and_goes(self):
        with Sample() as sample:
            self.agent.put("/v1/agent/service/register", {
                "Name": "hello", "Port": sample.port,
                "Checks": [{"HTTP": f"http://127.0.0.1:{sample.port}/", "Interval": "1s"}]})
            wait_until("hello passes", lambda: self.agent.healthy_ports("hello") == [sample.port])

    def test_a_deregistered_service_is_gone_and_then_unknown_or_empty(self):
        self.register("gone")
        wait_until("it is there", lambda: self.agent.addresses("gone.service.roster.internal"))

        self.agent.put("/v1/agent/service/deregister/gone")

        wait_until("it is gone", lambda: not self.agent.addresses("gone.service.roster.internal"))
        self.assertEqual(self.agent.get("/v1/health/service/gone").json(), [])
        self.assertEqual(self.agent.dig("never-registered.service.roster.internal")[0], "NXDOMAIN")

    def test_a_blocking_query_wakes_for_its_own_service_only(self):
        self.register("mine")
        self.register("other")
        index = wait_until("mine is there", lambda: self.agent.healthy_ports("mine") and
                           self.agent.get("/v1/health/service/mine").index)
        woken = []

        def wait_for_change():
            woken.append((self.agent.get(f"/v1/health/service/mine?index={index}&wait=30s"), time.monotonic()))

        waiter = threading.Thread(target=wait_for_change)
        waiter.start()
        wait_until("a query is parked", lambda: b"\nroster_http_waiting_queries 1\n" in self.agent.get("/metrics").body)
        self.register("other", Tags=["changed"])
        wait_until("other has changed", lambda: self.agent.get("/v1/catalog/service/other").json()[0]["ServiceTags"])
        self.assertEqual(woken, [])
        changed = time.monotonic()
        self.register("mine", Tags=["changed"])
        waiter.join(10)

        reply, when = woken[0]
        self.assertGreaterEqual(when, changed)
        self.assertGreater(reply.index, index)
        self.assertEqual(reply.json()[0]["Service"]["Tags"], ["changed"])

    def test_a_key_is_written_read_compared_and_removed(self):
        self.assertEqual(self.agent.put("/v1/kv/app/name", b"roster").body.strip(), b"true")
        entry, = self.agent.get("/v1/kv/app/name").json()
        self.assertEqual(self.agent.get("/v1/kv/app/name?raw").body, b"roster")
        self.assertEqual(self.agent.get("/v1/kv/?keys").json(), ["app/name"])
        self.assertEqual(self.agent.put(f"/v1/kv/app/name?cas={entry['ModifyIndex']}", b"2").body.strip(), b"true")
        self.assertEqual(self.agent.put(f"/v1/kv/app/name?cas={entry['ModifyIndex']}", b"3").body.strip(), b"false")
        self.assertEqual(self.agent.request("DELETE", "/v1/kv/app/name").status, 200)
        self.assertEqual(self.agent.get("/v1/kv/app/name").status, 404)

    def test_a_ttl_check_passes_while_it_is_fed(self):
        self.register("fed", Check={"TTL": "2s", "Status": "passing"})
        wait_until("it is there", lambda: self.agent.addresses("fed.service.roster.internal"))

        wait_until("its time to live ran out", lambda: not self.agent.addresses("fed.service.roster.internal"))
        self.agent.put("/v1/agent/check/pass/service:fed")

        wait_until("it passes again", lambda: self.agent.addresses("fed.service.roster.internal"))

    def test_maintenance_takes_an_instance_out(self):
        self.register("web")
        wait_until("it is there", lambda: self.agent.addresses("web.service.roster.internal"))

        self.agent.put("/v1/agent/service/maintenance/web?enable=true&reason=upgrade")
        wait_until("it is out", lambda: not self.agent.addresses("web.service.roster.internal"))
        self.agent.put("/v1/agent/service/maintenance/web?enable=false")
        wait_until("it is back", lambda: self.agent.addresses("web.service.roster.internal"))

    def test_a_second_agent_sees_it_and_sees_it_go_with_its_agent(self):
        connect = self.connect or self.agent.coord
        with Agent("--node", "second", connect=connect, session_timeout="2s") as second:
            second.put("/v1/agent/service/register", {"Name": "far", "Port": 9})
            wait_until("the first agent sees it", lambda: self.agent.healthy_ports("far") == [9])
            nodes = {node["Node"] for node in self.agent.get("/v1/catalog/nodes").json()}
            self.assertEqual(nodes, {self.agent.node, "second"})

            second.kill()

            killed = time.monotonic()
            wait_until("it goes with the session", lambda: self.agent.healthy_ports("far") == [])
            self.assertGreater(time.monotonic() - killed, 0.5)
            wait_until("its node goes too", lambda: len(self.agent.get("/v1/catalog/nodes").json()) == 1)

    def test_terminated_it_leaves_at_once(self):
        connect = self.connect or self.agent.coord
        with Agent("--node", "second", connect=connect, session_timeout="30s") as second:
            second.put("/v1/agent/service/register", {"Name": "far", "Port": 9})
            wait_until("the first agent sees it", lambda: self.agent.healthy_ports("far") == [9])

            self.assertEqual(second.terminate(), 0)

            wait_until("it is gone long before its session could expire", lambda: self.agent.healthy_ports("far") == [])

    def test_told_twice_at_once_as_by_timeout_it_leaves_in_order(self):
        with Agent() as agent:
            agent.process.send_signal(signal.SIGTERM)
            agent.process.send_signal(signal.SIGINT)

            self.assertEqual(agent.process.wait(15), 0, agent.log())

    def test_a_restart_within_the_session_timeout_changes_nothing(self):
        connect = self.connect or self.agent.coord
        with Agent("--node", "second", connect=connect, session_timeout="15s") as second:
            second.put("/v1/agent/service/register", {"Name": "far", "Port": 9, "Check": {"TTL": "60s"}})
            second.put("/v1/agent/check/pass/service:far?note=fine")
            wait_until("the first agent sees it pass", lambda: self.agent.healthy_ports("far") == [9])
            before = self.agent.get("/v1/health/service/far")

            second.kill()
            second.start()
            wait_until("it knows its service", lambda: "far" in second.get("/v1/agent/services").json())
            wait_until("it is settled again", lambda: second.healthy_ports("far") == [9])

            after = self.agent.get("/v1/health/service/far")
            self.assertEqual(after.json(), before.json())
            self.assertEqual(after.index, before.index)

    def enterContext(self, context):  # unittest has it from Python 3.11 on; Debian 12 has 3.11.
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value


class OnTheEmbeddedCore(EndToEnd, unittest.TestCase):
    def test_an_agent_that_comes_back_with_its_core_restores_everything(self):
        self.register("web", Check={"TTL": "60s", "Status": "passing"})
        self.agent.put("/v1/kv/kept", b"yes")
        wait_until("it is there", lambda: self.agent.healthy_ports("web") == [8080])

        self.agent.kill()
        self.agent.start()

        wait_until("it is there again", lambda: self.agent.healthy_ports("web") == [8080])
        self.assertEqual(self.agent.get("/v1/kv/kept?raw").body, b"yes")


class OnApacheZooKeeper(EndToEnd, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ensemble = zookeeper()
        cls.server = cls.ensemble.__enter__()
        cls.count = 0

    @classmethod
    def tearDownClass(cls):
        cls.ensemble.__exit__(None, None, None)

    def setUp(self):
        # A chroot of its own for every test: one ensemble, as in life, and no leftovers.
        OnApacheZooKeeper.count += 1
        from kazoo.client import KazooClient
        client = KazooClient(self.server)
        client.start()
        client.ensure_path(f"/test-{self.count}")
        client.stop()
        client.close()
        self.connect = f"{self.server}/test-{self.count}"
        super().setUp()


if __name__ == "__main__":
    unittest.main()
