#!/usr/bin/python3
"""Apache ZooKeeper and our core are told the same, and must say the same: random histories from printed seeds.

    differential_test.py [--seeds N] [--start S] [--minutes M]    histories S, S+1, ...; until N of them or M minutes
    differential_test.py --seed X                                 that one; with -v every step and answer

A history that differs is shrunk and printed with both answers.
"""

import argparse
import sys
import tempfile
import time

from core_process import Core
from histories import Generator
from player import SUPER_DIGEST, Player
from roster import zookeeper

TICK_MS, SESSION_MIN_MS, SESSION_MAX_MS = 100, 200, 60000
SHRINKING_SECONDS = 120
APACHE = [f"tickTime={TICK_MS}", f"minSessionTimeout={SESSION_MIN_MS}", f"maxSessionTimeout={SESSION_MAX_MS}",
          "extendedTypesEnabled=true", "forceSync=no", f"DigestAuthenticationProvider.superDigest={SUPER_DIGEST}"]
# Its reaper would take zxids whenever a minute has passed.
APACHE_PROPERTIES = ["znode.container.checkIntervalMs=1000000000"]
OURS = [f"tick={TICK_MS}", f"session_min={SESSION_MIN_MS}", f"session_max={SESSION_MAX_MS}", "reap=1000000000",
        f"super={SUPER_DIGEST}"]


def is_meant(apache, ours):
    """Whether two replies may differ: the deliberate differences of coord/README.md that histories cannot keep clear of."""
    # ZooKeeper forgets a session's connection when it notices late that the one before it is gone: then nothing closes it.
    if apache[1:] == ("before", "silent") and ours == (apache[0], "before", "closed"):
        return True
    if len(apache) < 7 or len(ours) < 7 or apache[:3] != ours[:3]:
        return False
    _, name, _, zxid, error, *_ = apache
    errors = error, ours[4]
    # A request that broke half way: its first results follow the refusal, and a multi's zxid is the one before.
    if name in ("multi", "multiRead") and errors == (-5, -5):
        return zxid == ours[3] or name == "multi"
    # It asks of its own watches only; ZooKeeper 3.8 finds anybody's.
    # READ is needed, as in ZooKeeper from 3.8.4 on.
    return zxid == ours[3] and (name, *errors) in (("checkWatches", 0, -121), ("exists", 0, -102))


def agree(apache, ours):
    return len(apache) == len(ours) and all(one == other or is_meant(one, other) for one, other in zip(apache, ours))


def play(history, players, report=None):
    """(step's number, step, both answers) of the first step that is answered differently; None if there is none."""
    for player in players:
        player.begin()
    difference = None
    try:
        for number, step in enumerate([*history, ("barrier",)]):
            for player in players:
                player.start(step)
            answers = [player.finish(step) for player in players]
            if report:
                report(step, answers)
            if not agree(*answers):
                difference = number, step, answers
                break
    finally:
        for player in players:
            player.end()
    if difference:
        versions = [tuple(map(max, *both)) for both in zip(*(player.kept_versions() for player in players))]
        for player in players:
            player.catch_up(versions)
    return difference


def without_parts(history):
    """The history with less in it, in ever smaller bites."""
    size = len(history) // 2
    while size:
        for at in reversed(range(0, len(history), size)):
            yield history[:at] + history[at + size:]
        size //= 2
    for at, step in enumerate(history):
        if step[0] == "ask":
            for less in fewer_requests(step[2]):
                yield [*history[:at], (*step[:2], less), *history[at + 1:]]


def fewer_requests(requests):
    for at, request in enumerate(requests):
        if len(requests) > 1:
            yield requests[:at] + requests[at + 1:]
        if request[0] in ("multi", "multiRead"):
            for part in range(len(request[1])):
                yield [*requests[:at], (request[0], request[1][:part] + request[1][part + 1:]), *requests[at + 1:]]


def shrink(history, difference, players):
    deadline = time.monotonic() + SHRINKING_SECONDS
    history = history[:difference[0] + 1]
    smaller = True
    while smaller:
        smaller = False
        for candidate in without_parts(history):
            if time.monotonic() > deadline:
                return history, difference
            found = play(candidate, players)
            if found:
                history, difference, smaller = candidate[:found[0] + 1], found, True
                break
    return history, difference


def tell(step, answers, names, out=print):
    out(f"  {shortened(step)}")
    if agree(*answers):
        for line in answers[0]:
            out(f"      {shortened(line)}")
        return
    common = 0
    while all(common < len(lines) for lines in answers) and answers[0][common] == answers[1][common]:
        out(f"      {shortened(answers[0][common])}")
        common += 1
    for name, lines in zip(names, answers):
        for line in lines[common:] or ["(nothing more)"]:
            out(f"      {name}: {shortened(line)}")


def shortened(value, most=2000):
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]} ... ({len(text)} characters)"


def report_difference(seed, history, difference, players):
    names = [player.name for player in players]
    history, difference = shrink(history, difference, players)
    print(f"seed {seed}: a difference; shrunk to {len(history)} steps:")
    found = play(history, players, lambda step, answers: tell(step, answers, names))
    if not found:
        print("  (it does not always come)")
        tell(difference[1], difference[2], names)
    sys.stdout.flush()


def run(players, options):
    if options.seed is not None:
        options.start, options.seeds = options.seed, 1
    deadline = time.monotonic() + options.minutes * 60 if options.minutes else None
    seed, different, steps = options.start, 0, 0
    while time.monotonic() < deadline if deadline else seed < options.start + options.seeds:
        history = Generator(seed).history()
        steps += len(history)
        names = [player.name for player in players]
        try:
            difference = play(history, players, (lambda *step: tell(*step, names)) if options.verbose else None)
        except ConnectionRefusedError:
            print(f"seed {seed}: a server has gone")
            raise
        seed += 1
        if difference:
            different += 1
            report_difference(seed - 1, history, difference, players)
            if different >= options.differences:
                break
    print(f"seeds {options.start} to {seed - 1}: {steps} steps, {different} histories with a difference")
    return 1 if different else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=400)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--seed", type=int, help="play only this one")
    parser.add_argument("--minutes", type=float, help="go on for so long")
    parser.add_argument("--differences", type=int, default=3, help="stop after so many")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    with zookeeper(APACHE, APACHE_PROPERTIES) as apache, Core(*OURS) as core:
        return run([Player("apache", apache), Player("roster", core.address)], options)


if __name__ == "__main__":
    sys.exit(main())
