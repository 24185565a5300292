"""The Java programs below curator/, compiled once per test run with the Debian packages' jars."""

import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCES = pathlib.Path(__file__).with_name("curator")
JARS = ("curator-client", "curator-framework", "curator-recipes", "curator-x-discovery", "zookeeper", "zookeeper-jute",
        "zookeeper-recipes-lock", "zookeeper-recipes-election", "zookeeper-recipes-queue", "slf4j-api", "slf4j-nop",
        "guava", "jackson-core", "jackson-databind", "jackson-annotations")
CLASSPATH = ":".join(f"/usr/share/java/{jar}.jar" for jar in JARS)


@functools.cache
def classes():
    """Where the compiled programs are."""
    directory = tempfile.mkdtemp(prefix="roster-curator-")
    unittest.addModuleCleanup(shutil.rmtree, directory, True)
    subprocess.run(["javac", "-Xlint:all,-processing,-classfile,-path,-try", "-Werror", "-d", directory, "-cp", CLASSPATH,
                    *map(str, sorted(SOURCES.glob("*.java")))], check=True, timeout=120)
    return directory


def command(program, *arguments):
    return ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
            f"{classes()}{os.pathsep}{CLASSPATH}", program, *arguments]
