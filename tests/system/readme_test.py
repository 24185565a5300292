#!/usr/bin/python3
"""Every command block of README.md, executed in order, as a newcomer would.

Runs in a network namespace of its own where that is possible, so that the ports the README names
are free whatever else runs on the machine.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

from roster import ROOT, wait_until

DEADLINE = 1500  # The quickstart builds a release binary.


def command_blocks():
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)


class Shell:
    """One bash that is fed block after block, like the terminal of a reader."""

    def __init__(self):
        env = {**os.environ, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
        self.process = subprocess.Popen(["bash", "--norc"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=env)

    def run(self, block):
        """(exit code of the block's last command or the first that failed, output)."""
        self.process.stdin.write(f"set -eE; trap 'echo; echo BLOCK-ENDED $?; exit 1' ERR\n{block}\necho; echo BLOCK-ENDED 0\n")
        self.process.stdin.flush()
        output = []
        for line in self.process.stdout:
            if line.startswith("BLOCK-ENDED"):
                return int(line.split()[1]), "".join(output)
            output.append(line)
        return -1, "".join(output)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()


class Readme(unittest.TestCase):
    def test_the_quickstart_shows_a_service_and_cleans_up_on_ctrl_c(self):
        self.assertIn("packaging/quickstart\n", command_blocks())
        quickstart = subprocess.Popen(["packaging/quickstart"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, start_new_session=True)
        seen = []
        for line in quickstart.stdout:
            seen.append(line)
            if "Ctrl-C stops everything" in line:
                break
        shown = "".join(seen)
        self.assertRegex(shown, r"hello\.service\.roster\.internal\.\s+\d+\s+IN\s+SRV\s+1 1 \d+ ")
        self.assertRegex(shown, r"(?m)^127\.0\.0\.1$")
        self.assertRegex(shown, r'"Service": "hello"')
        os.killpg(quickstart.pid, signal.SIGINT)  # What a terminal does on Ctrl-C.
        rest = quickstart.stdout.read()
        quickstart.stdout.close()
        self.assertEqual(quickstart.wait(30), 130, shown + rest)
        self.assertIn("stopping", rest)
        self.assertEqual(list(pathlib.Path("/tmp").glob("roster-quickstart.*")), [])
        left = subprocess.run(["pgrep", "-f", "release/roster agent --dev --http-listen 127.0.0.1:8500|hello_server.py /"],
                              capture_output=True, text=True)
        self.assertEqual(left.stdout, "")

    def test_the_tour_runs_block_by_block(self):
        shell = Shell()
        self.addCleanup(shell.close)
        tour = [block for block in command_blocks() if block != "packaging/quickstart\n"]
        outputs = {}
        for block in tour:
            # This test is itself run by tests/run: here it only lists what it would run.
            code, output = shell.run(block.replace("tests/run\n", "tests/run -N\n"))
            self.assertEqual(code, 0, f"{block}\n{output}")
            outputs[block] = output
            if block.rstrip().endswith("&"):
                wait_until("the agent answers", lambda: subprocess.run(
                    ["curl", "-sf", "localhost:8500/v1/status/leader"], capture_output=True).returncode == 0)

        def output_of(part):
            return next(output for block, output in outputs.items() if part in block)

        self.assertRegex(output_of("resolve web SRV"), r"(?m)^127\.0\.0\.1$")
        self.assertRegex(output_of("resolve web SRV"), r"(?m)^1 1 8080 ")
        self.assertIn("status: NOERROR", output_of("out+of+memory"))
        self.assertIn("ANSWER: 0", output_of("out+of+memory"))
        self.assertIn("critical", output_of("out+of+memory"))
        self.assertIn("web-1 8080", output_of("watch web"))
        self.assertIn("blue", output_of("kv/app/color"))
        self.assertIn("web-1@", output_of("kazoo"))
        self.assertIn("registered", output_of("journal"))
        self.assertIn("roster_dns_queries_total", output_of("metrics"))


if __name__ == "__main__":
    if os.environ.get("ROSTER_README_NAMESPACE") is None:
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        inside = ["unshare", "--net", *user, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        if subprocess.run([*inside, "true"], capture_output=True).returncode == 0:
            env = {**os.environ, "ROSTER_README_NAMESPACE": "yes"}
            os.execvpe("unshare", [*inside, sys.executable, *sys.argv], env)
    unittest.main()
