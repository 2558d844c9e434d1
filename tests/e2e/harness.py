"""Runs the real daemon for a test and speaks the wire to it with stock pyzmq, msgpack and json.

    class MyTest(DaemonTest):
        def test_it(self):
            d = self.daemon(pending_bytes="2MiB")      # started and ready
            peer = d.ingest()
            self.assertEqual(peer.ask([api_call()])["accepted"], 1)

Nothing here sleeps: a daemon is awaited by its ready line, answers by poll with a deadline. Programs
under test are named by the environment: DAYBOOKD, DAYBOOK (paths of the two binaries).
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import msgpack
import zmq

DAYBOOKD = os.environ.get("DAYBOOKD", "")
DAYBOOK = os.environ.get("DAYBOOK", "")
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
DEADLINE_S = float(os.environ.get("DAYBOOK_TEST_DEADLINE", "20"))
COVERAGE = "COVERAGE" in os.environ
MS_PER_DAY = 86_400_000


# ---- time ----


def now_ms():
    return time.time_ns() // 1_000_000


def day_text(ms):
    return time.strftime("%Y-%m-%d", time.gmtime(ms // 1000))


def ms_of(text):
    """ms of "2026-11-24 23:59:59" UTC."""
    import calendar

    head, _, fraction = text.partition(".")
    at = calendar.timegm(time.strptime(head, "%Y-%m-%d %H:%M:%S")) * 1000
    return at + (int(fraction.ljust(3, "0")[:3]) if fraction else 0)


def is_sanitized():
    """Memory figures of a sanitized daemon say nothing: it keeps what was freed."""
    with open(DAYBOOKD, "rb") as f:
        return b"__asan_init" in f.read()


def sanitizer_runtime():
    """The address sanitizer's library wants to be the first that is loaded, where it is one."""
    linked = subprocess.run(["ldd", DAYBOOKD], capture_output=True, text=True).stdout
    return re.findall(r"=> (\S*/libasan\S*)", linked)


class FakeClock:
    """The wall clock of a daemon: stands still until it is set. Monotonic clocks run on."""

    def __init__(self, directory, ms):
        self.path = os.path.join(directory, "clock")
        self.set(ms)

    def set(self, ms):
        self.ms = ms
        text = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ms // 1000))
        with open(self.path + ".new", "w") as f:
            f.write(f"{text}.{ms % 1000:03d}5\n")  # libfaketime rounds down
        os.rename(self.path + ".new", self.path)

    def advance(self, ms):
        self.set(self.ms + ms)

    def environment(self):
        return {
            "LD_PRELOAD": ":".join(sanitizer_runtime() + [FAKETIME]),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
            "FAKETIME_TIMESTAMP_FILE": self.path,
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }


# ---- events ----


def api_call(account=1, app=10, time_ms=None, **more):
    return {
        "type": "api.call",
        "account": account,
        "app": app,
        "time": now_ms() if time_ms is None else time_ms,
        "method": "GET",
        "status": 200,
        **more,
    }


def record(account=1, app=10, time_ms=None, action="updated", object_type="contacts", **more):
    return {
        "type": "record." + action,
        "account": account,
        "app": app,
        "time": now_ms() if time_ms is None else time_ms,
        "object_type": object_type,
        **more,
    }


def connection(account=1, app=10, user=5, time_ms=None, what="installed", **more):
    return {
        "type": "app." + what,
        "account": account,
        "app": app,
        "user": user,
        "time": now_ms() if time_ms is None else time_ms,
        **more,
    }


def envelope(events, producer="p", epoch=1, seq=None, **more):
    e = {"producer": producer, "epoch": epoch, "events": events, **more}
    if seq is not None:
        e["seq"] = seq
    return e


# ---- peers ----


def encode(value, encoding):
    if encoding == "json":
        return json.dumps(value).encode()
    return msgpack.packb(value)


def decode(frame):
    return json.loads(frame) if is_json(frame) else msgpack.unpackb(frame, strict_map_key=True)


def is_json(frame):
    return frame[:1] in (b"{", b"[", b" ", b"\t", b"\r", b"\n")


class Silence(AssertionError):
    pass


class DaemonDied(AssertionError):
    pass


class Peer:
    """One ZeroMQ socket connected to the daemon."""

    def __init__(self, daemon, kind, endpoint, encoding):
        self.daemon = daemon
        self.socket = daemon.context.socket(kind)
        self.socket.linger = 0
        self.socket.sndhwm = 0
        self.socket.rcvhwm = 0
        self.socket.connect(endpoint)
        self.encoding = encoding

    def send(self, value):
        self.send_raw(encode(value, self.encoding))

    def send_raw(self, *frames):
        self.socket.send_multipart(frames)

    def receive_frames(self, deadline_s=None):
        wait = DEADLINE_S if deadline_s is None else deadline_s
        until = time.monotonic() + wait
        while not self.socket.poll(250):
            if not self.daemon.alive() and not self.socket.poll(0):
                raise DaemonDied("daybookd ended:\n" + self.daemon.tail())
            if time.monotonic() > until:
                raise Silence(f"no answer within {wait} s")
        return self.socket.recv_multipart()

    def receive(self, deadline_s=None):
        frames = self.receive_frames(deadline_s)
        if len(frames) != 1:
            raise AssertionError(f"an answer of {len(frames)} frames")
        return decode(frames[0])

    def ask(self, value, deadline_s=None):
        self.send(value)
        return self.receive(deadline_s)

    def ask_raw(self, frame, deadline_s=None):
        self.send_raw(frame)
        return self.receive(deadline_s)

    def close(self):
        self.socket.close()


# ---- the daemon ----


class Daemon:
    """daybookd in a directory of its own. Options are keyword arguments: page_rows_max=10."""

    def __init__(self, directory, clock=None, wrapper=(), **options):
        self.directory = directory
        self.data_dir = options.pop("data_dir", os.path.join(directory, "data"))
        self.clock = clock
        self.wrapper = list(wrapper)
        self.process = None
        self.lines = []
        self.context = zmq.Context()
        self.peers = []
        self.endpoints = {}
        self.options = {
            "ingest_listen": f"ipc://{directory}/ingest",
            "push_listen": f"ipc://{directory}/push",
            "query_listen": f"ipc://{directory}/query",
            "feed_listen": "",
            "http_listen": "",
            **options,
        }

    def command(self):
        flags = [f"--{k.replace('_', '-')}={v}" for k, v in self.options.items()]
        return self.wrapper + [DAYBOOKD, f"--data-dir={self.data_dir}"] + flags

    def start(self):
        environment = dict(os.environ, **(self.clock.environment() if self.clock else {}))
        self.lines = []
        self.ready_at = None
        self._changed = threading.Condition()
        self._ended = False
        started = time.monotonic()
        self.process = subprocess.Popen(
            self.command(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = self.wait_line(r'event"?[=:] ?"?ready', DEADLINE_S * 3)
        self.start_s = time.monotonic() - started
        for name in ("ingest", "push", "query", "http"):
            found = re.search(name + r'"?[=:] ?"?([^\s",]+)', line)
            configured = self.options[name + "_listen"]
            self.endpoints[name] = found.group(1) if found else configured
        return self

    def _read(self):
        for raw in self.process.stderr:
            with self._changed:
                self.lines.append(raw.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_line(self, pattern, deadline_s=None, after=0):
        """The first log line from number `after` on that matches."""
        until = time.monotonic() + (DEADLINE_S if deadline_s is None else deadline_s)
        at = after
        with self._changed:
            while True:
                while at < len(self.lines):
                    if re.search(pattern, self.lines[at]):
                        return self.lines[at]
                    at += 1
                if self._ended:
                    raise DaemonDied("daybookd ended:\n" + self.tail())
                left = until - time.monotonic()
                if left <= 0:
                    raise Silence(f"no log line matches {pattern}:\n" + self.tail())
                self._changed.wait(left)

    def tail(self, n=30):
        return "\n".join(self.lines[-n:])

    # -- peers

    def peer(self, kind, which, encoding="msgpack"):
        p = Peer(self, kind, self.endpoints[which], encoding)
        self.peers.append(p)
        return p

    def ingest(self, encoding="msgpack", kind=zmq.DEALER):
        return self.peer(kind, "ingest", encoding)

    def push(self, encoding="msgpack"):
        return self.peer(zmq.PUSH, "push", encoding)

    def querier(self, encoding="json", kind=zmq.DEALER):
        return self.peer(kind, "query", encoding)

    def query(self, view, encoding="json", **parameters):
        """One question on a connection of its own; the whole answer."""
        p = self.querier(encoding)
        try:
            return p.ask({"view": view, **parameters})
        finally:
            p.close()

    def rows(self, view, **parameters):
        """All rows of a list view, following its cursors."""
        rows, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = self.query(view, **parameters, **more)
            if not answer.get("ok"):
                raise AssertionError(f"{view} {parameters}: {answer}")
            rows += answer["data"]["rows"]
            cursor = answer.get("cursor")
            if not cursor:
                return rows

    def status(self):
        answer = self.query("status")
        if not answer.get("ok"):
            raise AssertionError(f"status: {answer}")
        return answer["data"]

    def wait_status(self, wanted, deadline_s=None):
        """Ask for the status until wanted(status) is true."""
        until = time.monotonic() + (DEADLINE_S if deadline_s is None else deadline_s)
        while True:
            s = self.status()
            if wanted(s):
                return s
            if time.monotonic() > until:
                raise Silence(f"status never came to it: {s}")
            self._nap()

    def _nap(self):
        """Let the daemon work: wait for its end, or a moment."""
        try:
            self.process.wait(0.02)
        except subprocess.TimeoutExpired:
            return
        raise DaemonDied("daybookd ended:\n" + self.tail())

    # -- the clock

    def set_clock(self, ms):
        """Set the fake clock and wait until the daemon's answers are of that time."""
        self.clock.set(ms)
        q = self.querier()
        while q.ask({"view": "status"})["as_of"] != ms:
            pass
        q.close()

    def advance_clock(self, ms):
        self.set_clock(self.clock.ms + ms)

    # -- ends

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9; the peers of the dead process are closed."""
        self.process.kill()
        self._reap(DEADLINE_S)

    def stop(self, deadline_s=30):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._reap(deadline_s)

    def _reap(self, deadline_s):
        code = self.process.wait(deadline_s)
        self._reader.join(DEADLINE_S)
        self.process.stderr.close()
        self.close_peers()
        return code

    def close_peers(self):
        for p in self.peers:
            p.close()
        self.peers = []

    def close(self):
        if self.alive() and COVERAGE:
            try:
                self.stop(DEADLINE_S)  # counts are written at an exit
            except subprocess.TimeoutExpired:
                pass
        if self.alive():
            self.process.kill()
            self._reap(DEADLINE_S)
        self.close_peers()
        self.context.destroy(linger=0)

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(l.split()[1]) * 1024 for l in f if l.startswith("VmRSS"))


class DaemonTest(unittest.TestCase):
    """A temporary directory, daemons that are ended with the test, and sums that must add up."""

    def setUp(self):
        if not os.access(DAYBOOKD, os.X_OK):
            self.fail("DAYBOOKD must name the daemon's binary")
        self.directory = tempfile.mkdtemp(prefix="daybook-e2e-")
        self.daemons = []
        self.addCleanup(self._clean)

    def _clean(self):
        for d in self.daemons:
            died = d.process is not None and d.process.poll() not in (None, 0, -signal.SIGKILL)
            if self._failed() or died:
                print(f"\n--- log of {self.id()} (exit {d.process and d.process.poll()})")
                print(d.tail(), flush=True)
            d.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _failed(self):
        outcome = self._outcome
        errors = getattr(outcome, "errors", None) or getattr(outcome.result, "errors", [])
        return any(error for _, error in errors if error)

    def make(self, **options):
        """A daemon that is not started yet; a second one of a test shares its data."""
        d = Daemon(self.directory, **options)
        self.daemons.append(d)
        return d

    def daemon(self, **options):
        return self.make(**options).start()

    def fake_clock(self, text="2026-11-24 12:00:00"):
        if not os.path.exists(FAKETIME):
            self.skipTest("libfaketime is not installed (package libfaketime)")
        return FakeClock(self.directory, ms_of(text))

    def assert_ack(self, answer, accepted=None, duplicate=0, rejected=0):
        self.assertIs(answer.get("ok"), True, answer)
        if accepted is not None:
            have = (answer["accepted"], answer["duplicate"], answer["rejected_n"])
            self.assertEqual(have, (accepted, duplicate, rejected), answer)

    def assert_refused(self, answer, code, retry=None):
        self.assertIs(answer.get("ok"), False, answer)
        self.assertEqual(answer["code"], code, answer)
        self.assertTrue(answer["message"], answer)
        if retry is not None:
            self.assertIs(answer["retry"], retry, answer)

    def assert_rejected(self, answer, *codes):
        """An ack whose listed rejections are `codes`, in order."""
        self.assertIs(answer.get("ok"), True, answer)
        self.assertEqual([r["code"] for r in answer["rejected"]], list(codes), answer)

    def count(self, daemon, view, column, **parameters):
        return sum(row[column] for row in daemon.rows(view, **parameters))
