"""Ended by SIGKILL at every named point (CRASH_POINT in the sources): exact counts afterwards.

The programs are daybookd_crash and daybook_crash, which have the points compiled in.
"""

import json
import os
import random
import re
import signal
import subprocess
import unittest

from test_kill import MS_PER_DAY, Kill as KillTest, Producer

from harness import DAYBOOK, DEADLINE_S, DaemonDied, DaemonTest, FAKETIME, FakeClock, api_call, ms_of, now_ms

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")

# Which of the passages ends it. What happens at a start (count 1) is met again by the start after.
ENGINE = {
    "front_before_commit": (1, 2, 40),
    "front_after_commit": (1, 2, 40),
    "front_trimmed": (1, 9),
    "folded_before_ack": (1, 7, 500),
    "merge_before_part": (1, 2, 13),
    "merge_between_parts": (1, 2, 3, 5, 8, 13, 21),
    "merge_before_last_commit": (1, 2, 5),
    "merge_before_trim": (1, 2, 5),
    "signals_before_commit": (1, 2, 5),
    "signals_after_commit": (1, 2, 5),
}
PURGE = {"purge_before_commit": (1,), "purge_after_slice": (1,)}
OUTBOX = {
    "outbox_before_sync": (1, 2, 3),
    "outbox_before_send": (1, 2, 3),
    "outbox_before_drop": (1, 2, 3),
    "outbox_before_unlink": (1,),
}


class crash_at:
    def __init__(self, point, count):
        self.value = f"{point}:{count}"

    def __enter__(self):
        os.environ["CRASH_AT"] = self.value

    def __exit__(self, *_):
        del os.environ["CRASH_AT"]


class Points(DaemonTest):
    def test_every_point_is_tested(self):
        found = set()
        for folder in ("engine", "aggregators", "clients"):
            for directory, _, files in os.walk(os.path.join(ROOT, folder)):
                for name in files:
                    if name.endswith(".c"):
                        with open(os.path.join(directory, name)) as f:
                            found |= set(re.findall(r'CRASH_POINT\("(\w+)"\)', f.read()))
        self.assertEqual(found, {*ENGINE, *PURGE, *OUTBOX})


class Engine(KillTest):
    def test_exact_counts(self):
        seed = int(os.environ.get("DAYBOOK_SEED", random.randrange(2**32)))
        print(f"seed {seed}")
        d = self.daemon(checkpoint_ms=20, journal_bytes="1MiB", group_bytes_max="1MiB", pending_bytes="2MiB")
        producers = [Producer(f"p{i}", random.Random(seed + i)) for i in range(3)]
        d.stop()
        for point, counts in ENGINE.items():
            for count in counts:
                with self.subTest(point=point, count=count):
                    self.run_into(d, producers, point, count)
            d.start()
            for p in producers:
                p.connect(d)
            self.finish(d, producers)
            self.compare(d, producers)
            d.stop()

    def run_into(self, d, producers, point, count):
        with crash_at(point, count):
            try:
                d.start()
            except DaemonDied:
                pass  # while it recovered: a merge that the last end cut short, for one
            else:
                for p in producers:
                    p.connect(d)
                self.load_until_dead(d, producers)
            self.assertEqual(d._reap(DEADLINE_S), -signal.SIGKILL)

    def load_until_dead(self, d, producers):
        until = now_ms() + 1000 * DEADLINE_S
        while d.alive():
            for p in producers:
                p.send(now_ms())
            if not sum(p.receive(self) for p in producers):
                producers[0].peer.socket.poll(5)
            self.assertLess(now_ms(), until, "the point was not passed")
        for p in producers:
            p.receive(self)  # answers that were on their way


@unittest.skipUnless(os.path.exists(FAKETIME), "libfaketime is not installed")
class Purge(DaemonTest):
    def test_exact_counts(self):
        day = ms_of("2026-06-01 12:00:00")
        for point in PURGE:
            with self.subTest(point=point):
                clock = FakeClock(self.directory, day)
                d = self.daemon(clock=clock, data_dir=os.path.join(self.directory, point))
                peer = d.ingest()
                for back in range(30):
                    events = [api_call(account=a, app=a, time_ms=day - back * MS_PER_DAY) for a in range(1, 30)]
                    self.assertEqual(peer.ask(events)["accepted"], 29)
                d.stop()
                clock.set(day + 10 * MS_PER_DAY)  # 12 days expire, of which 10 are beyond the lag
                d.options["clock_accept"] = "true"
                with crash_at(point, 1):
                    try:
                        d.start()
                        d.process.wait(DEADLINE_S)
                    except DaemonDied:
                        pass
                    self.assertEqual(d._reap(DEADLINE_S), -signal.SIGKILL)
                d.start()
                self.assertEqual(sum(r["calls"] for r in d.rows("api_usage", account=7)), 20)
                d.stop()
                out = subprocess.run([DAYBOOK, "doctor", f"--data-dir={d.data_dir}"], capture_output=True, text=True)
                self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
                self.daemons.remove(d)


class Outbox(DaemonTest):
    BATCHES, EVENTS = 4, 25

    def publish(self, d, outbox, first, n):
        """One process; its exit code."""
        lines = [json.dumps(api_call(account=1, app=app)) for app in range(first, first + n)]
        batches = ["\n".join(lines[i:i + self.EVENTS]) + "\n" for i in range(0, n, self.EVENTS)]
        p = subprocess.Popen([DAYBOOK, "publish", "--producer=p", f"--outbox={outbox}", "--quiet",
                              f"--ingest={d.endpoints['ingest']}"],
                             stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            for text in batches:
                p.stdin.write(text)
                p.stdin.flush()
                try:
                    p.wait(0.08)  # read apart from the next one: a batch of its own
                    break
                except subprocess.TimeoutExpired:
                    pass
            p.stdin.close()
        except BrokenPipeError:
            pass
        p.wait(DEADLINE_S)
        said = p.stderr.read()
        p.stderr.close()
        self.assertIn(p.returncode, (0, -signal.SIGKILL), said)
        return p.returncode

    def counted(self, d):
        """Apps are numbered through: how many there are, each with one call."""
        rows = d.rows("api_usage", account=1)
        self.assertEqual({r["calls"] for r in rows} - {1}, set())
        self.assertEqual(sorted(r["app"] for r in rows), list(range(1, len(rows) + 1)))
        return len(rows)

    def test_exact_counts(self):
        d = self.daemon()
        outbox = os.path.join(self.directory, "outbox")
        before = 0
        for point, counts in OUTBOX.items():
            for count in counts:
                with self.subTest(point=point, count=count):
                    n = self.BATCHES * self.EVENTS
                    with crash_at(point, count):
                        self.assertEqual(self.publish(d, outbox, before + 1, n), -signal.SIGKILL)
                    self.assertEqual(self.publish(d, outbox, 0, 0), 0)  # what was kept is sent
                    now = self.counted(d)
                    kept = now - before
                    if point in ("outbox_before_sync", "outbox_before_send"):
                        self.assertEqual(kept, count * self.EVENTS)
                    elif point == "outbox_before_unlink":
                        self.assertEqual(kept, n)
                    else:
                        self.assertGreaterEqual(kept, count * self.EVENTS)
                    before = now
        s = d.status()
        self.assertEqual(s["accepted"], before)


del KillTest


if __name__ == "__main__":
    unittest.main()
