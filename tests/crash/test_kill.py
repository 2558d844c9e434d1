"""kill -9 under load, again and again: nothing acknowledged is lost, nothing is counted twice.

DAYBOOK_KILLS sets how often (default 25), DAYBOOK_SEED repeats a run.
"""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))

import zmq  # noqa: E402

from harness import MS_PER_DAY, DaemonTest, day_text, encode, now_ms  # noqa: E402

WINDOW = 64


class Producer:
    """Numbered batches with an outbox in memory; survives the daemon, not the test."""

    def __init__(self, name, r):
        self.name, self.r = name, r
        self.outbox = {}  # seq -> (frame, events)
        self.next, self.made, self.acked = 1, 0, 0
        self.in_flight = []
        self.ignore = 0

    def make(self, at):
        events = []
        for _ in range(self.r.randrange(1, 40)):
            t = at - self.r.choice((0, 0, 0, self.r.randrange(29))) * MS_PER_DAY - self.r.randrange(50)
            account, app, n = self.r.randrange(1, 20), self.r.randrange(1, 6), self.r.randrange(1, 5)
            if self.r.random() < 0.5:
                events.append([1, account, app, t, 1, self.r.choice((200, 404, 429)), n])
            elif self.r.random() < 0.9:
                events.append([self.r.randrange(10, 14), account, app, t, self.r.randrange(1, 6), None, n])
            else:
                events.append([self.r.randrange(20, 29), account, app, t, self.r.randrange(1, 9)])
        self.made += 1
        frame = encode({"producer": self.name, "epoch": 7, "seq": self.made, "events": events}, "msgpack")
        self.outbox[self.made] = (frame, events)

    def connect(self, daemon):
        self.peer = daemon.ingest()
        self.next, self.in_flight = self.acked + 1, []  # everything unacknowledged is sent again

    def send(self, at):
        while len(self.in_flight) < WINDOW:
            if self.next > self.made:
                self.make(at)
            self.peer.send_raw(self.outbox[self.next][0])
            self.in_flight.append(self.next)
            self.next += 1

    def receive(self, test):
        """Take what has been answered; returns how many answers."""
        n = 0
        while self.peer.socket.poll(0):
            answer = self.peer.receive()
            seq = self.in_flight.pop(0)
            test.assertEqual(answer.get("seq"), seq, answer)
            n += 1
            if not answer["ok"]:
                test.assertTrue(answer["retry"], answer)
                self.next = min(self.next, answer["expected_seq"])
                continue
            wanted = len(self.outbox[seq][1])
            test.assertEqual(answer["accepted"] + answer["duplicate"], wanted, answer)
            test.assertIn(answer["accepted"], (0, wanted), answer)
            self.acked = max(self.acked, seq)
        return n


class Kill(DaemonTest):
    KILLS = int(os.environ.get("DAYBOOK_KILLS", "25"))

    def test_exact_counts(self):
        seed = int(os.environ.get("DAYBOOK_SEED", random.randrange(2**32)))
        print(f"seed {seed}, {self.KILLS} kills")
        r = random.Random(seed)
        d = self.daemon(checkpoint_ms=40, journal_bytes="1MiB", group_bytes_max="1MiB")
        producers = [Producer(f"p{i}", random.Random(seed + i)) for i in range(3)]
        starts = []
        for kill in range(self.KILLS):
            for p in producers:
                p.connect(d)
            quota = r.randrange(1, 4000)
            self.load(d, producers, quota)
            d.kill()
            d.start()
            starts.append(d.start_s)
        for p in producers:
            p.connect(d)
        self.finish(d, producers)
        self.compare(d, producers)
        events = sum(len(e) for p in producers for _, e in p.outbox.values())
        print(f"{events} events, slowest start {max(starts):.3f} s")

    def load(self, d, producers, quota):
        while quota > 0:
            for p in producers:
                p.send(now_ms())
            got = sum(p.receive(self) for p in producers)
            quota -= got
            if not got:
                self.wait(producers)

    def wait(self, producers):
        poller = zmq.Poller()
        for p in producers:
            poller.register(p.peer.socket, zmq.POLLIN)
        self.assertTrue(poller.poll(20000), "no answer within 20 s")

    def finish(self, d, producers):
        """Everything made is sent until it is acknowledged."""
        for p in producers:
            while p.acked < p.made:
                while p.next <= p.made and len(p.in_flight) < WINDOW:
                    p.peer.send_raw(p.outbox[p.next][0])
                    p.in_flight.append(p.next)
                    p.next += 1
                if not p.receive(self):
                    self.wait([p])

    def compare(self, d, producers):
        records, usage, activity, accepted = {}, {}, {}, 0
        for p in producers:
            for _, events in p.outbox.values():
                accepted += len(events)
                for e in events:
                    key = (e[1], day_text(e[3]), e[2])
                    if e[0] == 1:
                        c, err, lim = usage.get(key, (0, 0, 0))
                        usage[key] = (c + e[6], err + e[6] * (e[5] >= 400), lim + e[6] * (e[5] == 429))
                    elif e[0] < 20:
                        key += (e[0], e[4])
                        records[key] = records.get(key, 0) + e[6]
                    else:
                        activity[e[1]] = activity.get(e[1], 0) + 1
        kinds = {"created": 10, "updated": 11, "deleted": 12, "merged": 13}
        for account in range(1, 20):
            rows = d.rows("records", account=account, object_type=[f"0-{n}" for n in range(1, 6)])
            self.assertEqual(sum(x["count"] for x in rows),
                             sum(n for k, n in records.items() if k[0] == account))
            by_action = {}
            for k, n in records.items():
                if k[0] == account:
                    by_action[k[1:4]] = by_action.get(k[1:4], 0) + n
            rows = d.rows("records", account=account, group_by=["day", "app", "action"])
            self.assertEqual({(x["day"], x["app"], kinds[x["action"]]): x["count"] for x in rows}, by_action)
            rows = d.rows("api_usage", account=account)
            self.assertEqual({(account, x["day"], x["app"]): (x["calls"], x["errors"], x["limited"]) for x in rows},
                             {k: v for k, v in usage.items() if k[0] == account})
            self.assertEqual(len(d.rows("activity", account=account)), activity.get(account, 0))
        s = d.status()
        self.assertEqual(s["accepted"], accepted)
        self.assertEqual(s["received"], s["accepted"] + s["duplicate"] + sum(s["rejected"].values()))


if __name__ == "__main__":
    unittest.main()
