#!/usr/bin/python3
"""TLS, with stock clients on our core and with our agent on Apache ZooKeeper. openssl makes the certificates."""

import contextlib
import logging
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError
from kazoo.security import ACL, Id
from roster import Agent, free_port, wait_until, zookeeper

PATIENCE = 15
logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # Its servers go before its clients do.
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

# Subjects as openssl takes them; the id that Java makes of each is asked of Apache ZooKeeper.
SUBJECTS = {
    "plain": "/C=DE/ST=Bayern/L=Hof/street=Am Ring 1/O=Example/OU=Web/DC=example/UID=u1/CN=web",
    "escaped": '/O=Example, Inc./CN= a+b="c" <d>;#e\\\\ ',
    "hash": "/CN=#first",
    "joined": "/O=Example/OU=a+CN=b/CN=c",
    "email": "/CN=mail/emailAddress=a@b.c",
    "numbered": "/serialNumber=7/GN=Jane/SN=Doe/title=Dr/CN=jane",
    "unicode": "/O=Größe €/CN=Jürgen",
}


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)


class Authority:
    def __init__(self, folder, name="ca"):
        self.folder, self.name, self.pem = folder, name, folder / f"{name}.pem"
        openssl("req", "-x509", *KEY, "-subj", f"/CN={name}", "-days", "2", "-keyout", folder / f"{name}.key",
                "-out", self.pem)

    def issue(self, name, subject="/CN=localhost", days=2):
        """name.pem (certificate), name.key, and both.pem with both, as Java's PEM stores want it."""
        cert, key, request = (self.folder / f"{name}.{ending}" for ending in ("pem", "key", "csr"))
        openssl("req", "-new", *KEY, "-utf8", "-multivalue-rdn", "-subj", subject, "-keyout", key, "-out", request)
        names = self.folder / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.folder / f"{self.name}.key",
                "-CAcreateserial", "-days", days, "-extfile", names, "-out", cert)
        (self.folder / f"{name}-both.pem").write_text(cert.read_text() + key.read_text())
        return cert, key


def settings(folder, client_auth="optional", extra=""):
    """roster.toml with a TLS port; what it is beside that port is for the arguments of the agent."""
    port = free_port()
    config = folder / "roster.toml"
    config.write_text(f"""
data_dir = "{folder}/data"
[http]
listen = ["127.0.0.1:0"]
[dns]
listen = ["127.0.0.1:0"]
[coord]
listen = ["127.0.0.1:0"]
[coord.tls]
listen = ["127.0.0.1:{port}"]
cert = "{folder}/server.pem"
key = "{folder}/server.key"
ca = "{folder}/ca.pem"
client_auth = "{client_auth}"
{extra}""")
    return config, port


@contextlib.contextmanager
def secure_zookeeper(folder, client_auth="want"):
    """Apache ZooKeeper with a secureClientPort; yields that port."""
    port = free_port()
    with zookeeper(("tickTime=500", f"secureClientPort={port}", "secureClientPortAddress=127.0.0.1",
                    "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
                    f"ssl.keyStore.location={folder}/server-both.pem", "ssl.keyStore.type=PEM",
                    f"ssl.trustStore.location={folder}/ca.pem", "ssl.trustStore.type=PEM",
                    f"ssl.clientAuth={client_auth}")):
        yield port


def handshake_failures(agent):
    metrics = agent.get("/metrics").body.decode()
    found = re.findall(r'roster_coord_tls_handshake_failures_total\{reason="(\w+)"\} (\d+)', metrics)
    return {reason: int(count) for reason, count in found if count != "0"}


def shown_certificate(port):
    """The common name of the certificate that a new connection is shown."""
    out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}"], input="", capture_output=True,
                         text=True, timeout=20).stdout
    return re.search(r"subject=.*CN = (\S+)", out)[1]


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="roster-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.authority = Authority(cls.folder)
        cls.authority.issue("server")
        cls.authority.issue("client", "/O=Example/CN=client")

    def kazoo(self, port, certificate="client", start=True):
        files = dict(certfile=f"{self.folder}/{certificate}.pem", keyfile=f"{self.folder}/{certificate}.key") \
            if certificate else {}
        client = KazooClient(f"localhost:{port}", use_ssl=True, ca=str(self.authority.pem), verify_certs=True, **files)
        self.addCleanup(client.close)
        self.addCleanup(client.stop)
        if start:
            client.start(PATIENCE)
        return client

    def id_of(self, port, certificate):
        """What the server makes of `auth` in an ACL."""
        client = self.kazoo(port, certificate)
        path = f"/{certificate}-{port}"
        client.create(path, acl=[ACL(31, Id("auth", ""))])
        acls, _ = client.get_acls(path)
        client.delete(path)
        client.stop()
        return [(acl.id.scheme, acl.id.id) for acl in acls]

    def test_the_x509_id_is_the_one_of_apache_zookeeper(self):
        for name, subject in SUBJECTS.items():
            self.authority.issue(name, subject)
        config, port = settings(self.folder)
        with Agent(config=config), secure_zookeeper(self.folder) as secure:
            for name in SUBJECTS:
                with self.subTest(name):
                    theirs = self.id_of(secure, name)
                    self.assertEqual(theirs[0][0], "x509")
                    self.assertEqual(self.id_of(port, name), theirs)
            for each in (port, secure):  # What an auth packet of that scheme is answered.
                self.assertTrue(self.kazoo(each).add_auth("x509", "ignored"))

    def test_kazoo_works_and_what_a_certificate_owns_is_closed_to_others(self):
        config, port = settings(self.folder)
        with Agent(config=config) as agent:
            owner = self.kazoo(port)
            value = b"v" * 1_000_000
            owner.create("/large", value)
            self.assertEqual(owner.get("/large")[0], value)
            owner.create("/mine", b"secret", acl=[ACL(31, Id("auth", ""))])
            self.assertEqual(owner.get("/mine")[0], b"secret")
            with self.assertRaises(NoAuthError):
                self.kazoo(port, certificate=None).get("/mine")
            plain = KazooClient(agent.coord)
            plain.start(PATIENCE)
            self.addCleanup(plain.stop)
            with self.assertRaises(NoAuthError):
                plain.get("/mine")
            self.assertEqual(plain.get("/large")[0], value)

    def test_a_required_certificate_keeps_others_out(self):
        Authority(self.folder, "stranger").issue("foreign")
        config, port = settings(self.folder, "required")
        with Agent(config=config) as agent:
            self.kazoo(port).create("/a")
            for certificate, reason in ((None, "no_certificate"), ("foreign", "certificate_refused")):
                client = self.kazoo(port, certificate, start=False)
                client.start_async()
                wait_until("it is refused", lambda: handshake_failures(agent).get(reason, 0) > 0)
                self.assertFalse(client.connected)

    def test_zkcli_works_with_pem_and_pkcs12_stores(self):
        config, port = settings(self.folder, "required")
        both, trust = self.folder / "client.p12", self.folder / "trust.p12"
        openssl("pkcs12", "-export", "-in", self.folder / "client-both.pem", "-out", both, "-passout", "pass:secret")
        subprocess.run(["keytool", "-importcert", "-noprompt", "-file", self.authority.pem, "-keystore", trust,
                        "-storetype", "PKCS12", "-storepass", "secret", "-alias", "ca"], check=True,
                       capture_output=True, timeout=60)
        stores = {"PEM": (self.folder / "client-both.pem", self.authority.pem, ""), "PKCS12": (both, trust, "secret")}
        jars = ":".join(["/etc/zookeeper/conf", *map(str, pathlib.Path("/usr/share/java").glob("*.jar"))])
        with Agent(config=config):
            for kind, (own, trusted, password) in stores.items():
                ran = subprocess.run(
                    ["java", "-Xmx256m", "-cp", jars,
                     "-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty",
                     "-Dzookeeper.client.secure=true",
                     f"-Dzookeeper.ssl.keyStore.location={own}", f"-Dzookeeper.ssl.keyStore.type={kind}",
                     f"-Dzookeeper.ssl.keyStore.password={password}",
                     f"-Dzookeeper.ssl.trustStore.location={trusted}", f"-Dzookeeper.ssl.trustStore.type={kind}",
                     f"-Dzookeeper.ssl.trustStore.password={password}",
                     "org.apache.zookeeper.ZooKeeperMain", "-server", f"localhost:{port}"],
                    input=f"create /{kind} hello\nget /{kind}\nwhoami\nquit\n", capture_output=True, text=True,
                    timeout=60)
                with self.subTest(kind):
                    self.assertIn("hello", ran.stdout.splitlines(), ran.stderr)
                    self.assertIn("x509: CN=client,O=Example", ran.stdout)

    def test_openssl_sees_a_good_server_and_garbage_harms_nobody(self):
        config, port = settings(self.folder)
        with Agent(config=config) as agent:
            client = self.kazoo(port)
            seen = {}
            for protocol in ("-tls1_2", "-tls1_3"):
                ran = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{port}", protocol, "-quiet",
                                      "-verify_return_error", "-CAfile", str(self.authority.pem)],
                                     input="ruok", capture_output=True, text=True, timeout=20)
                seen[protocol] = ran.stdout
            self.assertEqual(seen, {"-tls1_2": "imok", "-tls1_3": "imok"})
            old = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{port}", "-tls1_1", "-cipher",
                                  "ALL:@SECLEVEL=0"], input="", capture_output=True, text=True, timeout=20)
            self.assertNotEqual(old.returncode, 0)
            for garbage in (b"ruok", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x2d" + bytes(45)):
                with socket.create_connection(("127.0.0.1", port)) as raw:
                    raw.sendall(garbage)
                    raw.shutdown(socket.SHUT_WR)
                    with contextlib.suppress(ConnectionResetError):
                        raw.recv(100)
            wait_until("each is counted", lambda: handshake_failures(agent).get("not_tls", 0) >= 2)
            self.assertEqual(handshake_failures(agent)["unsupported"], 1)
            self.assertTrue(client.create("/still-here"))

    def test_certificates_are_taken_up_without_a_restart(self):
        config, port = settings(self.folder)
        self.addCleanup(self.authority.issue, "server")
        with Agent(config=config) as agent:
            client = self.kazoo(port)
            session = client.client_id
            lost = []
            client.add_listener(lost.append)

            self.authority.issue("server", "/CN=second")
            wait_until("the files are noticed", lambda: shown_certificate(port) == "second")
            (self.folder / "server.pem").write_text("broken")
            agent.process.send_signal(signal.SIGHUP)
            wait_until("it is said", lambda: "certificate not reloaded, the old one stays" in agent.log())
            self.assertEqual(shown_certificate(port), "second")
            self.authority.issue("server", "/CN=third")
            agent.process.send_signal(signal.SIGHUP)
            wait_until("the signal is enough", lambda: shown_certificate(port) == "third")

            client.create("/lived-on")
            self.assertEqual((client.client_id, lost), (session, []))

    def test_the_agent_is_a_client_of_apache_zookeeper_over_tls(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        config = folder / "roster.toml"
        with secure_zookeeper(self.folder, "need") as secure:
            config.write_text(f"""
data_dir = "{folder}/data"
[http]
listen = ["127.0.0.1:0"]
[dns]
listen = ["127.0.0.1:0"]
[coord]
connect = "localhost:{secure}"
[coord.connect_tls]
ca = "{self.authority.pem}"
cert = "{self.folder}/client.pem"
key = "{self.folder}/client.key"
""")
            with Agent(config=config) as agent:
                agent.put("/v1/agent/service/register", {"Name": "web", "Port": 80})
                wait_until("the service is there", lambda: agent.healthy_ports("web") == [80])
                self.assertEqual(len(self.kazoo(secure).get_children("/services/web")), 1)

    def test_the_agent_refuses_an_ensemble_it_does_not_trust(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        stranger = Authority(folder, "stranger")
        config, port = settings(self.folder)
        foreign = folder / "roster.toml"
        foreign.write_text(f"""
data_dir = "{folder}/data"
[http]
listen = ["127.0.0.1:0"]
[dns]
listen = ["127.0.0.1:0"]
[coord]
connect = "localhost:{port}"
[coord.connect_tls]
ca = "{stranger.pem}"
""")
        with Agent(config=config):
            other = Agent(config=foreign)
            self.addCleanup(other.stop)
            other.start(wait=False)
            wait_until("it says why", lambda: "the certificate is refused: " in other.log())


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")  # kazoo leaves sockets to the collector.
