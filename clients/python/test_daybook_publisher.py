"""The publisher against an engine that loses, refuses, forgets and dies: every event once."""
import collections
import os
import signal
import shutil
import tempfile
import threading
import time
import unittest

import msgpack
import zmq

from daybook_publisher import Publisher, RECORD


class Engine(threading.Thread):
    """A ROUTER that speaks the wire's batches and acknowledgements, with faults on demand."""

    def __init__(self):
        super().__init__(daemon=True)
        self.epoch = self.seq = 0
        self.seen = collections.Counter()
        self.lose, self.busy, self.refuse = set(), {}, set()  # by seq; busy: seq -> times left
        self.halted = self.deaf = self.mute = self.stopping = False
        self.messages = self.duplicates = self.gaps = 0
        self.port = None
        self.start_socket()

    def start_socket(self):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.SNDHWM, 0)
        if self.port is None:
            self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
            return
        while True:  # the port of the one before may still be closing
            try:
                return self.socket.bind(f"tcp://127.0.0.1:{self.port}")
            except zmq.ZMQError as e:
                if e.errno != zmq.EADDRINUSE:
                    raise

    @property
    def endpoint(self):
        return f"tcp://127.0.0.1:{self.port}"

    def run(self):
        while not self.stopping:
            if self.halted or not self.socket.poll(5):
                time.sleep(0)  # let the test have the interpreter
                continue
            peer, frame = self.socket.recv_multipart()
            self.messages += 1
            answer = None if self.deaf else self.judge(msgpack.unpackb(frame))
            if answer is not None and not self.mute:
                self.socket.send_multipart([peer, msgpack.packb(answer)])
        self.socket.close()
        self.context.term()

    def refusal(self, code, retry, **more):
        return {"ok": False, "code": code, "message": "as asked", "retry": retry, **more}

    def judge(self, m):
        echo = {k: m[k] for k in ("producer", "epoch", "seq", "request") if k in m}
        seq = m.get("seq")
        if seq is None:
            return {**echo, "ok": True, "epoch": self.epoch, "seq": self.seq}
        if seq in self.lose:
            self.lose.remove(seq)
            return None
        answer = self.verdict(m["epoch"], seq, m["events"])
        return {**answer, **echo}

    def verdict(self, epoch, seq, events):
        if epoch < self.epoch:
            return self.refusal("stale_epoch", False, current_epoch=self.epoch)
        last = self.seq if epoch == self.epoch else 0
        if seq > last + 1:
            self.gaps += 1
            return self.refusal("gap", True, expected_seq=last + 1)
        if seq <= last:
            self.duplicates += 1
            return {"ok": True, "accepted": 0, "duplicate": len(events), "rejected_n": 0,
                    "rejected": [], "code": "duplicate"}
        if self.busy.get(seq, 0) > 0:
            self.busy[seq] -= 1
            return self.refusal("busy", True, expected_seq=seq, retry_after_ms=20)
        self.epoch, self.seq = epoch, seq
        if seq in self.refuse:
            return self.refusal("invalid", False)
        self.seen.update(e["n"] for e in events)
        return {"ok": True, "accepted": len(events), "duplicate": 0, "rejected_n": 0,
                "rejected": []}

    def stop(self):
        self.stopping = True
        self.join()

    def restarted(self):
        """Another engine at the same place with the same cursor and counts."""
        self.stop()
        after = Engine.__new__(Engine)
        threading.Thread.__init__(after, daemon=True)
        state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        for name in ("socket", "context", "name", "daemon"):
            state.pop(name, None)
        after.__dict__.update(state)
        after.stopping = False
        after.start_socket()
        after.start()
        return after


class PublisherTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="daybook-")
        self.path = os.path.join(self.folder, "outbox")
        self.engine = Engine()
        self.lost = []

    def begin(self):
        self.engine.start()

    def tearDown(self):
        if not self.engine.is_alive():
            self.engine.start()  # it closes its own socket
        self.engine.stop()
        shutil.rmtree(self.folder)

    def open(self, **options):
        options = {"batch_events": 1, "probe_s": 0.1, "on_lost": lambda *a: self.lost.append(a),
                   **options}
        return Publisher(self.engine.endpoint, "test", self.path, **options)

    @staticmethod
    def publish(p, numbers):
        for n in numbers:
            p.publish({"n": n})

    def fill_window(self, p, n):
        while p.send - p.outbox.first < n:
            p.poll(0.01)

    def assertOnce(self, numbers):
        self.assertEqual({n: self.engine.seen[n] for n in numbers if self.engine.seen[n] != 1}, {})

    def test_each_event_once(self):
        self.begin()
        p = self.open(batch_events=7)
        self.publish(p, range(1000))
        self.assertTrue(p.close(30))
        self.assertOnce(range(1000))
        self.assertEqual(p.counts["accepted"], 1000)
        self.assertEqual(p.counts["rewinds"], 0)

    def test_busy_with_a_full_window(self):
        self.engine.busy = {101: 1}
        self.engine.halted = True
        self.begin()
        p = self.open(probe_s=60)
        self.publish(p, range(1500))
        self.fill_window(p, 1024)
        self.engine.halted = False
        self.assertTrue(p.flush(30))
        self.assertOnce(range(1500))
        self.assertEqual((p.counts["busy"], p.counts["rewinds"]), (1, 1))
        self.assertEqual(p.counts["gaps"], self.engine.gaps)
        self.assertGreater(self.engine.gaps, 0)
        self.assertEqual(self.engine.duplicates, 0)
        p.close()

    def test_gap_rewinds_once(self):
        self.engine.lose = {5}
        self.engine.halted = True
        self.begin()
        p = self.open(probe_s=60)
        self.publish(p, range(200))
        self.fill_window(p, 200)
        self.engine.halted = False
        self.assertTrue(p.close(30))
        self.assertOnce(range(200))
        self.assertEqual((p.counts["rewinds"], p.counts["gaps"]), (1, 195))

    def test_lost_tail_is_found_by_asking(self):
        self.engine.lose = {10}
        self.begin()
        p = self.open()
        self.publish(p, range(10))
        self.assertTrue(p.close(30))
        self.assertOnce(range(10))

    def test_silence_is_outlasted(self):
        self.engine.deaf = True
        self.begin()
        p = self.open(ack_timeout_s=0.2)
        self.publish(p, range(20))
        while self.engine.messages < 41:
            p.poll(0.01)
        self.engine.deaf = False
        self.assertTrue(p.close(30))
        self.assertOnce(range(20))

    def test_restart_with_answers_lost(self):
        self.engine.mute = True
        self.begin()
        p = self.open()
        self.publish(p, range(50))
        while len(self.engine.seen) < 50:
            p.poll(0.01)
        self.engine = self.engine.restarted()
        self.engine.mute = False
        self.assertTrue(p.flush(30))
        self.publish(p, range(50, 100))
        self.assertTrue(p.close(30))
        self.assertOnce(range(100))
        self.assertGreaterEqual(p.counts["duplicate"], 50)
        self.assertEqual(self.lost, [])

    def test_refused_for_good_goes_on(self):
        answers = {}
        self.engine.refuse = {3}
        self.begin()
        p = self.open(on_ack=answers.__setitem__)
        self.publish(p, range(6))
        self.assertTrue(p.close(30))
        self.assertEqual(answers[3]["code"], "invalid")
        self.assertEqual(p.counts["refused"], 1)
        self.assertOnce([0, 1, 3, 4, 5])

    def test_stale_from_the_start(self):
        self.engine.epoch, self.engine.seq = 9 * 10**12, 7
        self.begin()
        p = self.open()
        self.publish(p, range(300))
        self.assertTrue(p.close(30))
        self.assertOnce(range(300))
        self.assertEqual(p.outbox.epoch, 9 * 10**12 + 1)
        self.assertEqual(p.counts["lost"], 0)

    def test_engine_lost_its_data(self):
        self.begin()
        p = self.open()
        self.publish(p, range(20))
        self.assertTrue(p.flush(30))
        epoch = p.outbox.epoch
        self.engine.epoch = self.engine.seq = 0
        self.publish(p, range(20, 40))
        self.assertTrue(p.close(30))
        self.assertOnce(range(40))
        self.assertEqual(self.lost, [("lost by the engine", epoch, 1, 20)])

    def test_outbox_is_taken_up(self):
        p = self.open()
        self.publish(p, range(30))
        self.assertFalse(p.close(0))
        self.begin()
        p = self.open()
        self.publish(p, range(30, 40))
        self.assertTrue(p.close(30))
        self.assertOnce(range(40))
        messages = self.engine.messages
        p = self.open()  # all was acknowledged: nothing is sent again, numbers go on
        self.assertEqual((p.outbox.next, p.outbox.batches), (41, {}))
        self.assertTrue(p.close(30))
        self.assertEqual(self.engine.messages, messages)

    def test_outbox_belongs_to_one(self):
        p = self.open()
        with self.assertRaises(BlockingIOError):
            self.open()
        p.close(0)
        with self.assertRaisesRegex(ValueError, "belongs to producer test"):
            Publisher(self.engine.endpoint, "other", self.path)

    def test_torn_at_every_byte(self):
        p = self.open()
        self.publish(p, range(3))
        p.close(0)
        with open(self.path, "rb") as f:
            whole = f.read()
        ends, at = [], 0
        while at < len(whole):
            at += RECORD.size + RECORD.unpack_from(whole, at)[0]
            ends.append(at)
        for cut in range(len(whole) + 1):
            with open(self.path, "wb") as f:
                f.write(whole[:cut])
            p = self.open()
            kept = max(0, sum(end <= cut for end in ends) - 1)
            self.assertEqual(len(p.outbox.batches), kept)
            p.outbox.add(b"more")
            p.close(0)
            p = self.open()
            self.assertEqual(list(p.outbox.batches)[-1], kept + 1)
            p.close(0)

    def test_file_is_written_anew(self):
        import daybook_publisher
        before, daybook_publisher.COMPACT_BYTES = daybook_publisher.COMPACT_BYTES, 1000
        try:
            self.begin()
            p = self.open()
            self.publish(p, range(500))
            self.assertTrue(p.flush(30))
            self.assertLess(os.path.getsize(self.path), 3000)
            p.close()
            p = self.open()
            self.assertEqual(p.outbox.next, 501)
            p.close()
            self.assertOnce(range(500))
        finally:
            daybook_publisher.COMPACT_BYTES = before

    def test_killed_at_random(self):
        self.begin()
        accepted = []
        for run in range(8):
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(read)
                p = self.open(context=zmq.Context())
                for n in range(run * 1000, run * 1000 + 1000):
                    p.publish({"n": n})
                    os.write(write, b".")
                os._exit(0)
            os.close(write)
            stored, kill_after = 0, 5 + run * 13
            while data := os.read(read, 1):
                stored += len(data)
                if stored == kill_after:
                    os.kill(pid, signal.SIGKILL)
            os.close(read)
            self.assertTrue(os.WIFSIGNALED(os.waitpid(pid, 0)[1]))
            accepted += range(run * 1000, run * 1000 + stored)
        p = self.open()
        self.assertTrue(p.close(30))
        self.assertOnce(accepted)
        self.assertEqual(max(self.engine.seen.values()), 1)
        self.assertLessEqual(len(self.engine.seen), len(accepted) + 8)
        self.assertEqual(self.lost, [])


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # of files that a refused open leaves to the collector
