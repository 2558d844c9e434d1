"""What the programs of this folder share: the daemon of a run, its sums, its memory, its healthy publisher."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import msgpack  # noqa: E402
from harness import DAYBOOK, api_call, envelope  # noqa: E402

MIB = 1 << 20


class Failed(Exception):
    pass


def check(good, text):
    if not good:
        raise Failed(text)


def raise_open_files(n):
    """Room for n open files in this process and in the daemon that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < n:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard if hard == resource.RLIM_INFINITY else max(n, hard)))
        except (ValueError, PermissionError) as e:
            raise Failed(f"{n} open files are needed, the hard limit is {hard}") from e


class Stopwatch:
    """Seconds in which this program ran. Those in which it stood still are no part of a rate that it
    sends at, and are counted apart."""

    STALL_S = 0.5

    def __init__(self):
        self.at = time.monotonic()
        self.s = 0.0
        self.stalled_s = 0.0

    def lap(self):
        now = time.monotonic()
        if now - self.at > self.STALL_S:
            self.stalled_s += now - self.at
        else:
            self.s += now - self.at
        self.at = now
        return self.s


class Memory:
    """Anonymous memory of a daemon: at first, and the most of what was seen."""

    EVERY_S = 0.25

    def __init__(self, d):
        self.path = f"/proc/{d.process.pid}/status"
        self.first = self.most = self.now()
        self.next_at = 0.0

    def now(self):
        with open(self.path) as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("RssAnon"))

    def look(self):
        if time.monotonic() >= self.next_at:
            self.most = max(self.most, self.now())
            self.next_at = time.monotonic() + self.EVERY_S


class Healthy:
    """A publisher that numbers its batches, one in flight, and sends again what is refused: it must be
    acknowledged all the while, and counted exactly once."""

    ACCOUNT = 7_000_001
    EVENTS_N = 20
    REST_S = 0.02

    def __init__(self, d):
        self.d, self.peer = d, d.ingest()
        self.seq = 1
        self.acked = self.refused = 0
        self.slowest_s = 0.0
        self.frame = None  # of the batch that is not acknowledged yet
        self.began = self.next_at = 0.0
        self.asked = False

    def turn(self):
        now = time.monotonic()
        if not self.asked and now >= self.next_at:
            if self.frame is None:
                events = [api_call(account=self.ACCOUNT, app=1 + self.seq % 5)] * self.EVENTS_N
                self.frame, self.began = msgpack.packb(envelope(events, "healthy", 1, self.seq)), now
            self.peer.send_raw(self.frame)
            self.asked = True
        elif self.asked and self.peer.socket.poll(0):
            self.asked = False
            self.take(self.peer.receive(), now)

    def take(self, answer, now):
        if not answer["ok"]:
            check(answer["retry"], f"a healthy batch was refused for good: {answer}")
            self.refused += 1
            self.next_at = now + answer.get("retry_after_ms", 10) / 1000
            return
        check(answer["accepted"] == self.EVENTS_N, f"a healthy batch was not wholly accepted: {answer}")
        self.slowest_s = max(self.slowest_s, now - self.began)
        self.acked += 1
        self.seq += 1
        self.frame = None
        self.next_at = now + self.REST_S

    def finish(self):
        until = time.monotonic() + 60
        while self.frame is not None:
            self.turn()
            check(time.monotonic() < until, "the healthy publisher was not acknowledged within a minute")
            time.sleep(0.001)
        calls = sum(row["calls"] for row in self.d.rows("api_usage", account=self.ACCOUNT))
        check(calls == self.events(), f"{calls} events are counted, {self.events()} were acknowledged")

    def events(self):
        return self.acked * self.EVENTS_N

    def __str__(self):
        return f"{self.acked} acknowledged, {self.refused} times busy, slowest {self.slowest_s:.2f} s"


def finish(d):
    """Sums of the status, a clean stop, and the store audited by the command line. The last status."""
    s = d.status()
    known = s["accepted"] + s["duplicate"] + sum(s["rejected"].values())
    check(s["received"] == known, f"{s['received']} received, but {known} accepted, duplicate or rejected")
    code = d.stop(deadline_s=120)
    check(code == 0, f"the daemon's exit code was {code}")
    p = subprocess.run([DAYBOOK, "doctor", "--data-dir", d.data_dir], capture_output=True, text=True)
    check(p.returncode == 0, "doctor: " + p.stdout + p.stderr)
    return s


def run(main):
    """main(directory, daemons): it works in the directory and appends the daemons that it makes. Exit 0 only
    if nothing failed; the daemons end with this program, also by SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = tempfile.mkdtemp(prefix="daybook-abuse-")
    daemons = []
    try:
        main(directory, daemons)
        print("sums hold, doctor finds nothing")
    except (Failed, AssertionError) as e:  # the harness asserts
        print(f"FAILED: {e}")
        for d in daemons:
            print(d.tail())
        sys.exit(1)
    finally:
        for d in daemons:
            d.close()
        shutil.rmtree(directory, ignore_errors=True)
