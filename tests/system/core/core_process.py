"""The core alone as a process, for stock clients to talk to.

As a program: core_process.py CORE COMMAND... runs COMMAND with the core's address as its last argument.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

CORE = os.environ.get("CORE_BINARY", "build/dev/tests/system/core/core_for_tests")


class Core:
    """One `core_for_tests`; it keeps its port and its directory over kill() and start()."""

    def __init__(self, *options, core=CORE):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roster-core-"))
        self.core, self.options = core, options
        self.port = 0
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        with open(self.directory / "log", "a") as log:
            self.process = subprocess.Popen([self.core, str(self.directory / "data"), str(self.port), *self.options],
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line, f"the core did not start:\n{self.log()}"
        self.port = int(line)
        return self

    def log(self):
        return (self.directory / "log").read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    def terminate(self):
        self.process.terminate()
        code = self.process.wait(10)
        self.process.stdout.close()
        return code

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.log(), file=sys.stderr)
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


if __name__ == "__main__":
    with Core(core=sys.argv[1]) as running:
        code = subprocess.run([*sys.argv[2:], running.address], timeout=120).returncode
    sys.exit(code)
