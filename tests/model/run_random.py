#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Thousands of random operations against a model of S3 in memory; every answer is compared.

    tests/model/run_random.py                          a short run, as `make test` wants it
    tests/model/run_random.py --minutes 30             a long one: histories with new seeds until the time is over
    tests/model/run_random.py --seed 17 --ops 3000     that history again
    tests/model/run_random.py --replay FILE            one that was printed (JSON, one operation a line)

Histories are looked at once more after the garbage collector had its time. A difference is followed by the shortest
history found that still shows it: operations are taken out as long as the last answer stays wrong.
"""
import argparse
import collections
import json
import os
import random
import re
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import s3client  # noqa: E402
from cases import report  # noqa: E402
from pail import Pail  # noqa: E402
from s3_model import NEVER, NULL, Model, differ  # noqa: E402
from s3_player import BrokenReply, Player  # noqa: E402
from s3_random import Maker  # noqa: E402

OPERATIONS = 2500  # of one history
GARBAGE_SECONDS = 12  # rests for ten of them before it is collected
HISTORIES_KEPT = 4
SHRINK_SECONDS = 90


class Bench:
    """The server, and names of buckets that were never used before."""

    def __init__(self, pail):
        self.pail, self.serial, self.kept = pail, 0, collections.deque()
        client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key)
        client.create_bucket("lost")
        body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        client.request("PUT", "lost", None, ["versioning"], body, {"content-md5": s3client.content_md5(body)})
        self.lost_id = client.put("lost", "gone", b"").headers.get("x-amz-version-id", "null")
        client.request("DELETE", "lost", "gone", [("versionId", self.lost_id)])
        client.close()

    def alive(self):
        if self.pail.process and self.pail.process.poll() is not None:
            self.pail.process = None
            self.pail.start()

    def keep(self, *history):
        """For a second look, when what its operations left behind has been collected."""
        self.kept.append((time.monotonic(), *history))
        if len(self.kept) > HISTORIES_KEPT:
            self.look_again()

    def look_again(self):
        """Every version of the oldest history still kept is listed and read."""
        ended, model, player = self.kept.popleft()
        time.sleep(max(0, ended + GARBAGE_SECONDS - time.monotonic()))
        player.connect()
        for number, op in enumerate(everything(model), 1 << 20):
            wrong = step(model, player, number, op)
            if wrong:
                raise AssertionError(f"history {player.names('')}: {wrong}\nafter {GARBAGE_SECONDS} s: {op}")
        player.client.close()

    def history(self):
        self.serial += 1
        number = self.serial
        return Model(self.lost_id), Player(self.pail, lambda name: f"h{number}-{name}")


def step(model, player, number, op):
    """What is wrong with the answer to one operation, or None."""
    etag = model.current_etag(op)
    expected = model.apply(number, op)
    try:
        return differ(expected, player.send(op, model, etag))
    except BrokenReply as broken:
        return str(broken)
    except (OSError, s3client.http.client.HTTPException) as error:
        return f"no reply: {error!r}"


def everything(model):
    """Operations that list and read all there is."""
    for name, bucket in sorted(model.buckets.items()):
        yield dict(op="list_versions", b=name, version_marker=None, prefix="", delimiter="", marker="", max=None,
                   url=True, chain=True)
        for key, versions in sorted(bucket.keys.items()):
            for version in versions:
                if not version.marker:
                    ref = NULL if version.id == NULL else model.reference(version)
                    yield dict(op="get", b=name, k=key, v=ref if bucket.state != NEVER else None)


def play(bench, numbered):
    """Replays a history; the position and the text of the first difference, or None."""
    bench.alive()
    model, player = bench.history()
    try:
        for position, (number, op) in enumerate(numbered):
            wrong = step(model, player, number, op)
            if wrong:
                return position, wrong
    finally:
        player.client.close()
    return None


def kind(wrong):
    """Which part of an answer was wrong: a shorter history must not show another difference."""
    return re.sub(r"\d+", "", wrong.split(":")[0])


def shrink(bench, numbered, wrong):
    """The shortest history found, and its difference: pieces are taken out, of half the length and down to one."""
    best, deadline = (numbered, wrong), time.monotonic() + SHRINK_SECONDS
    last = numbered[-1][1]

    def attempt(kept):
        nonlocal best
        found = play(bench, kept) if time.monotonic() < deadline else None
        if found and (kept[found[0]][1]["op"], kind(found[1])) == (last["op"], kind(wrong)):
            best = kept[:found[0] + 1], found[1]

    near = {last.get("b"), last.get("sb")}
    attempt([n for n in numbered if n[1].get("b") in near or n[1]["op"] == "create_bucket"])
    size = len(best[0]) // 2
    while size and time.monotonic() < deadline:
        position = max(0, len(best[0]) - 1 - size)
        while True:
            history = best[0]
            attempt(history[:position] + history[position + size:])
            if position == 0:
                break
            position = max(0, min(position, len(best[0])) - size)
        size = min(size // 2, len(best[0]) // 2)
    return best


def show(numbered):
    return "\n".join(json.dumps(dict(op, number=number), default=str) for number, op in numbered)


def load(path):
    with open(path) as f:
        rows = [json.loads(line.lstrip("# ")) for line in f if line.strip()]
    return [(row.pop("number"), row) for row in rows]


def run(bench, seed, count, deadline, options):
    """One history. Answers how many operations went well, or raises with what did not."""
    rng = random.Random(seed)
    model, player = bench.history()
    maker = Maker(rng, model, options.without, options.restarts)
    numbered, start = [], list(maker.begin())
    for number in range(1, count + 1):
        if time.monotonic() > deadline:
            break
        op = start.pop(0) if start else maker.next()
        op = json.loads(json.dumps(op))  # as a replay will see it
        numbered.append((number, op))
        wrong = step(model, player, number, op)
        if wrong:
            player.client.close()
            shortest, difference = shrink(bench, numbered, wrong) if options.shrink else (numbered, wrong)
            if options.save:
                with open(options.save, "w") as f:
                    f.write(show(shortest))
            raise AssertionError(f"operation {number} of seed {seed}: {wrong}\n"
                                 f"{len(shortest)} operations show: {difference}\n{show(shortest)}")
    player.client.close()
    bench.keep(model, player)
    return len(numbered)


def parse():
    parser = argparse.ArgumentParser(description="Compares the server with a model of S3.")
    parser.add_argument("--seed", type=int, help="of the first history (the time)")
    parser.add_argument("--ops", type=int, help=f"of each history ({OPERATIONS}); with --seed that is all")
    parser.add_argument("--minutes", type=float, default=0.5, help="for all histories together")
    parser.add_argument("--without", action="append", default=[], choices=["versions", "lock", "tags", "restart"])
    parser.add_argument("--restarts", type=float, default=0.0005, help="chance that an operation is a restart")
    parser.add_argument("--replay", help="a file with a history")
    parser.add_argument("--save", help="where to keep the history of a difference")
    parser.add_argument("--no-shrink", dest="shrink", action="store_false")
    return parser.parse_args()


def main():
    options, good = parse(), True
    with Pail("random", args=["--access-log", "off"]) as pail:
        bench = Bench(pail)
        if options.replay:
            found = play(bench, load(options.replay))
            print(f"operation {found[0] + 1}: {found[1]}" if found else "no difference")
            return 1 if found else 0
        first = options.seed if options.seed is not None else int(time.time())
        deadline, seed, total, histories = time.monotonic() + options.minutes * 60, first, 0, 0
        try:
            while time.monotonic() < deadline:
                total += run(bench, seed, options.ops or OPERATIONS, deadline, options)
                seed, histories = seed + 1, histories + 1
                if options.seed is not None and options.ops:
                    break
            while bench.kept:
                bench.look_again()
            report(True, f"random operations agree with the model: {total} in {histories} histories, "
                         f"seeds {first} to {seed - 1}")
        except Exception as error:
            good = False
            detail = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
            report(False, f"random operations, seed {seed}", detail + "\n" + pail.log(1500))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
