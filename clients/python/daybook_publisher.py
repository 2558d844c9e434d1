"""A publisher for Daybook: numbered batches, an outbox on disk, each event counted once.

Written from the wire's text alone (schemas/README.md, "Batches and acknowledgements"); needs
python3-zmq and python3-msgpack. One Publisher belongs to one thread.

    p = Publisher("tcp://127.0.0.1:7701", "billing-eu-1", "billing.outbox")
    p.publish({"type": "api.call", "account": 123, "app": 45, "time": now_ms,
               "method": "GET", "status": 200})
    p.close()

A batch is on disk before it is sent and stays there until the engine has acknowledged it. After a
crash the next Publisher with the same outbox resends it under its old number.
"""
import fcntl
import os
import struct
import time
import zlib

import msgpack
import zmq

RECORD = struct.Struct(">II")  # bytes and CRC-32 of what follows: one msgpack value
COMPACT_BYTES = 4 << 20        # of acknowledged batches, before the file is written anew


class Outbox:
    """Records in a file: [epoch, producer, first], then [seq, frame], or [seq]: acknowledged."""

    def __init__(self, path, producer, now_ms):
        self.path, self.producer = path, producer
        self.batches, self.acked_bytes = {}, 0  # seq -> frame, not acknowledged
        self.epoch, self.first, self.next = None, 1, 1
        self.lock = open(path + ".lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: in use
        self.file = open(path, "a+b")
        end = self._load()
        if self.epoch is None:
            self.renew(now_ms, [])
        elif end < os.path.getsize(path):  # the crash cut a record short; it was never sent
            self.file.truncate(end)

    def _load(self):
        self.file.seek(0)
        data = self.file.read()
        at = 0
        while at + RECORD.size <= len(data):
            n, crc = RECORD.unpack_from(data, at)
            body = data[at + RECORD.size:at + RECORD.size + n]
            if len(body) < n or zlib.crc32(body) != crc:
                break
            self._apply(msgpack.unpackb(body))
            at += RECORD.size + n
        return at

    def _apply(self, row):
        if self.epoch is None:
            self.epoch, producer, self.first = row
            self.next = self.first
            if producer != self.producer:
                raise ValueError(f"{self.path} belongs to producer {producer}, not {self.producer}")
        elif len(row) == 2:
            self.batches[row[0]] = row[1]
            self.next = row[0] + 1
        else:
            self.drop(row[0])

    def _write(self, file, row):
        body = msgpack.packb(row)
        file.write(RECORD.pack(len(body), zlib.crc32(body)) + body)
        file.flush()

    def add(self, frame):
        self._write(self.file, [self.next, frame])
        os.fdatasync(self.file.fileno())
        self.batches[self.next] = frame
        self.next += 1

    def drop(self, through):
        for seq in range(self.first, through + 1):
            self.acked_bytes += len(self.batches.pop(seq, b""))
        self.first = max(self.first, through + 1)

    def ack(self, through):
        self._write(self.file, [through])  # not synced: lost, it costs a duplicate
        self.drop(through)
        if self.acked_bytes > COMPACT_BYTES:
            self._rewrite()

    def renew(self, epoch, frames):
        """A new epoch, its batches numbered from 1; in force with one rename."""
        self.epoch, self.first, self.next = epoch, 1, 1 + len(frames)
        self.batches = dict(enumerate(frames, 1))
        self._rewrite()

    def _rewrite(self):
        with open(self.path + ".new", "wb") as new:
            self._write(new, [self.epoch, self.producer, self.first])
            for seq, frame in self.batches.items():
                self._write(new, [seq, frame])
            os.fsync(new.fileno())
        os.rename(self.path + ".new", self.path)
        directory = os.open(os.path.dirname(os.path.abspath(self.path)), os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        self.file.close()
        self.file = open(self.path, "a+b")
        self.acked_bytes = 0


class Publisher:
    """publish() gathers, seal() numbers and stores, poll() sends and listens, flush() waits.

    on_ack(seq, answer) hears each answer that settles a batch; on_lost(why, epoch, first, last)
    what can no longer be counted exactly once.
    """

    def __init__(self, endpoint, producer, outbox, window=1024, batch_events=500, probe_s=1.0,
                 ack_timeout_s=10.0, on_ack=None, on_lost=None, context=None):
        self.producer, self.window, self.batch_events = producer, window, batch_events
        self.probe_s, self.ack_timeout_s = probe_s, ack_timeout_s
        self.on_ack, self.on_lost = on_ack or (lambda *_: None), on_lost or (lambda *_: None)
        self.counts = dict.fromkeys("accepted duplicate rejected refused lost sent rewinds busy"
                                    " gaps epochs".split(), 0)
        self.outbox = Outbox(outbox, producer, int(time.time() * 1000))
        self.events = []
        self.probe_id = 0                 # request number of the last question for the cursor
        self._begin(unsure_end=self.outbox.next)
        self.socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.SNDHWM, window + 64)
        self.socket.connect(endpoint)

    def _begin(self, unsure_end):
        self.send = self.outbox.first     # the next number to send
        self.sent_end = self.unsure_end = unsure_end  # below unsure_end: may have been counted
        self.rewound_to = 0               # expected_seq of the last rewind
        self.careful = False              # after a refusal: one batch in flight until it is taken
        self.pause_until, self.pause_s = 0.0, 0.1
        self.progress = self.heard = time.monotonic()
        self.probe_send = None            # `send` when the cursor was asked for; None: no question
        self.behind = False               # the engine asked for a batch that it has acknowledged

    def publish(self, event):
        """Take one event (a dict in the wire's map form); a full batch is sealed."""
        self.events.append(event)
        if len(self.events) >= self.batch_events:
            self.seal()

    def seal(self):
        """Number the open batch and store it; after that a crash cannot lose it."""
        if self.events:
            self.outbox.add(msgpack.packb({"producer": self.producer, "epoch": self.outbox.epoch,
                                           "seq": self.outbox.next, "events": self.events}))
            self.events = []
        self.poll(0)

    def poll(self, timeout_s):
        """Send what may be sent; handle answers, waiting for the first one up to timeout_s."""
        self._timers()
        self._send()
        if self.socket.poll(max(0, int(timeout_s * 1000)), zmq.POLLIN):
            while self.socket.poll(0, zmq.POLLIN):
                self._answer(msgpack.unpackb(self.socket.recv()))
            self._send()

    def flush(self, timeout_s):
        """Seal and wait until every batch is settled; False: not within timeout_s."""
        self.seal()
        end = time.monotonic() + timeout_s
        while self.outbox.batches:
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.poll(min(left, 0.05))
        return True

    def close(self, timeout_s=10.0):
        """Flush and let go. What is not acknowledged stays in the outbox: then False."""
        done = self.flush(timeout_s)
        self.socket.close()
        self.outbox.file.close()
        self.outbox.lock.close()
        return done

    def _send(self):
        window = 1 if self.careful else self.window
        while (self.send < self.outbox.next and self.send - self.outbox.first < window
               and time.monotonic() >= self.pause_until):
            if not self._put(self.outbox.batches[self.send]):
                return
            if self.send == self.outbox.first:
                self.progress = self.heard = time.monotonic()
            self.counts["sent"] += 1
            self.send += 1
            self.sent_end = max(self.sent_end, self.send)

    def _put(self, frame):
        try:
            self.socket.send(frame, zmq.NOBLOCK)
            return True
        except zmq.Again:
            return False

    def _rewind(self, expected):
        self.send, self.rewound_to = self.outbox.first, expected
        self.progress = time.monotonic()
        self.counts["rewinds"] += 1

    def _timers(self):
        now, in_flight = time.monotonic(), self.send > self.outbox.first
        if in_flight and now - self.heard > self.ack_timeout_s:
            self.heard, self.probe_send = now, None
            self.unsure_end = self.sent_end
            self._rewind(self.outbox.first)
        elif self.probe_send is None and (self.behind or
                                          (in_flight and now - self.progress > self.probe_s)):
            question = {"producer": self.producer, "epoch": self.outbox.epoch,
                        "request": self.probe_id + 1, "events": []}
            if self._put(msgpack.packb(question)):
                self.probe_id += 1
                self.probe_send = self.send

    def _answer(self, a):
        self.heard = time.monotonic()
        if "request" in a:
            if self.probe_send is not None and a["request"] == self.probe_id:
                self._cursor(a)
            return
        seq = a.get("seq")
        if (a.get("epoch") != self.outbox.epoch or seq is None
                or not self.outbox.first <= seq < self.sent_end):
            return  # about something settled
        if a["ok"]:
            self.counts["accepted"] += a["accepted"]
            self.counts["duplicate"] += a["duplicate"]
            self.counts["rejected"] += a["rejected_n"]
            self._settle(seq, a)
        elif a["code"] == "stale_epoch":
            self._stale(seq, a["current_epoch"])
        elif a["code"] == "gap":
            self._gap(seq, a["expected_seq"])
        elif a["retry"] or a.get("expected_seq", seq + 1) <= seq:
            self._wait(seq, a.get("retry_after_ms"))
        else:  # refused for good: its number is used up
            self.counts["refused"] += 1
            self._settle(seq, a)

    def _settle(self, seq, a):
        self.outbox.ack(seq)
        self.send = max(self.send, self.outbox.first)
        self.careful, self.pause_s, self.progress = False, 0.1, self.heard
        self.on_ack(seq, a)

    def _gap(self, seq, expected):
        self.counts["gaps"] += 1
        if expected < self.outbox.first:
            self.behind = True  # a late answer could say so, too: the cursor decides
        elif expected != self.rewound_to and expected <= seq:
            self.unsure_end = max(self.unsure_end, expected)
            self._rewind(expected)

    def _wait(self, seq, retry_after_ms):
        if self.rewound_to >= self.outbox.first and seq > self.rewound_to:
            return  # behind the one that we wait for
        self.counts["busy"] += 1
        pause_s = retry_after_ms / 1000 if retry_after_ms else self.pause_s
        self.pause_s = min(30.0, self.pause_s * 2)
        self.pause_until, self.careful = time.monotonic() + pause_s, True
        self._rewind(seq)

    def _cursor(self, a):
        """Answers keep the order of questions: what was sent before and has no answer is lost."""
        before, self.probe_send, behind, self.behind = self.probe_send, None, self.behind, False
        expected = a["seq"] + 1 if a.get("ok") and a["epoch"] == self.outbox.epoch else 1
        if a.get("ok") and a["epoch"] > self.outbox.epoch and self.outbox.batches:
            self._stale(self.sent_end, a["epoch"])
        elif a.get("ok") and behind and expected < self.outbox.first:
            self._renew("lost by the engine", expected, self.outbox.first, self.outbox.epoch)
        elif self.outbox.first < before:
            self.unsure_end = self.sent_end
            self._rewind(self.outbox.first)

    def _stale(self, seq, current):  # batches before seq were sent and may have been counted
        first = self.outbox.first
        self._renew("stale epoch", first, max(first, self.unsure_end, seq), current)

    def _renew(self, why, lost_from, lost_end, above):
        """Batches lost_from..lost_end-1 are told as lost, the others move to a new epoch."""
        old, epoch = self.outbox.epoch, max(int(time.time() * 1000), above + 1)
        kept = [msgpack.unpackb(f) for seq, f in self.outbox.batches.items() if seq >= lost_end]
        self.outbox.renew(epoch, [msgpack.packb({**row, "epoch": epoch, "seq": seq})
                                  for seq, row in enumerate(kept, 1)])
        self._begin(unsure_end=1)
        self.counts["epochs"] += 1
        self.counts["lost"] += lost_end - lost_from
        self.on_lost(why, old, lost_from, lost_end - 1)
