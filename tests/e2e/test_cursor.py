"""Numbered batches (WIRE 2): cursors, duplicates, conflicts, gaps, epochs, refusals for good."""

import itertools
import unittest

from harness import DaemonTest, api_call, encode, envelope, now_ms, record


class Batches(DaemonTest):
    def test_the_three_forms(self):
        d = self.daemon()
        for encoding in ("json", "msgpack"):
            with self.subTest(encoding):
                peer = d.ingest(encoding)
                self.assert_ack(peer.ask(api_call()), accepted=1)
                self.assert_ack(peer.ask([api_call(), record()]), accepted=2)
                self.assert_ack(peer.ask({"events": [api_call()]}), accepted=1)
                self.assert_ack(peer.ask([]), accepted=0)
        self.assertEqual(d.status()["accepted"], 8)

    def test_a_bad_event_does_not_block_the_good_ones(self):
        d = self.daemon()
        answer = d.ingest("json").ask(
            [api_call(), api_call(status=42), {"type": "no.such", "account": 1, "app": 1, "time": now_ms()},
             api_call(time_ms=now_ms() - 40 * 86400000), api_call()]
        )
        self.assert_ack(answer, accepted=2, rejected=3)
        self.assertEqual(
            [(r["index"], r["code"]) for r in answer["rejected"]],
            [(1, "invalid"), (2, "unknown_type"), (3, "too_old")],
        )
        self.assertIn("status", answer["rejected"][0]["message"])
        self.assertIn("42", answer["rejected"][0]["message"])

    def test_at_most_100_rejections_are_listed(self):
        d = self.daemon()
        answer = d.ingest().ask([api_call(status=1) for _ in range(250)] + [api_call()])
        self.assert_ack(answer, accepted=1, rejected=250)
        self.assertEqual([r["index"] for r in answer["rejected"]], list(range(100)))


class Cursors(DaemonTest):
    def setUp(self):
        super().setUp()
        self.d = self.daemon()
        self.peer = self.d.ingest("json")

    def send(self, seq, n=1, epoch=5, producer="p", **more):
        events = [api_call(time_ms=self.at, **more) for _ in range(n)]
        return self.peer.ask(envelope(events, producer, epoch, seq))

    at = now_ms()

    def calls(self):
        return self.count(self.d, "api_usage", "calls", account=1)

    def test_in_order(self):
        for seq in range(1, 6):
            answer = self.send(seq, n=3)
            self.assert_ack(answer, accepted=3)
            self.assertEqual(answer["seq"], seq)
        self.assertEqual(self.calls(), 15)

    def test_a_repeated_batch_is_a_duplicate(self):
        for seq in (1, 2, 3):
            self.send(seq, n=4)
        for seq in (1, 2, 3, 3, 1):
            answer = self.send(seq, n=4)
            self.assert_ack(answer, accepted=0, duplicate=4)
            self.assertEqual(
                {k: answer[k] for k in ("ok", "seq", "accepted", "duplicate", "rejected_n", "rejected", "code")},
                {"ok": True, "seq": seq, "accepted": 0, "duplicate": 4, "rejected_n": 0, "rejected": [],
                 "code": "duplicate"},
            )
        self.assertEqual(self.calls(), 12)
        s = self.d.status()
        self.assertEqual((s["received"], s["accepted"], s["duplicate"]), (32, 12, 20))

    def test_the_last_batch_with_other_content_is_a_conflict(self):
        self.send(1)
        self.send(2)
        self.assert_refused(self.send(2, n=2), "conflict", retry=False)
        self.assert_refused(self.send(2, status=404), "conflict", retry=False)
        self.assert_ack(self.send(2), accepted=0, duplicate=1)
        self.assert_ack(self.send(1, n=2), accepted=0, duplicate=2)  # not the last one: not compared
        self.assert_ack(self.send(3), accepted=1)
        self.assertEqual(self.calls(), 3)

    def test_a_gap_names_what_is_expected(self):
        answer = self.send(4)
        self.assert_refused(answer, "gap", retry=True)
        self.assertEqual(answer["expected_seq"], 1)
        self.send(1)
        for seq in (3, 100, 2**53 - 1):
            answer = self.send(seq)
            self.assert_refused(answer, "gap", retry=True)
            self.assertEqual(answer["expected_seq"], 2)
        self.assertEqual(self.calls(), 1)
        self.assert_ack(self.send(2), accepted=1)

    def test_epochs(self):
        self.send(1, epoch=5)
        self.send(2, epoch=5)
        answer = self.send(2, epoch=6)
        self.assert_refused(answer, "gap", retry=True)
        self.assertEqual(answer["expected_seq"], 1)
        self.assert_ack(self.send(3, epoch=5), accepted=1)  # a refused jump changes nothing
        self.assert_ack(self.send(1, epoch=8), accepted=1)
        for epoch, seq in ((5, 4), (7, 1), (0, 1)):
            answer = self.send(seq, epoch=epoch)
            self.assert_refused(answer, "stale_epoch", retry=False)
            self.assertEqual(answer["current_epoch"], 8)
        self.assert_ack(self.send(2, epoch=8), accepted=1)
        self.assertEqual(self.calls(), 5)

    def test_producers_do_not_share_a_cursor(self):
        for producer in ("a", "b", "a" * 64):
            self.assert_ack(self.send(1, producer=producer), accepted=1)
            self.assert_ack(self.send(2, producer=producer), accepted=1)

    def test_asking_for_the_cursor(self):
        def ask(producer, epoch=5):
            return self.peer.ask({"producer": producer, "epoch": epoch, "events": []})

        fresh = ask("new")
        self.assertIs(fresh["ok"], True, fresh)
        self.assertEqual(fresh.get("seq", 0), 0, fresh)
        for seq in (1, 2, 3):
            self.send(seq)
        known = ask("p")
        self.assertEqual((known["ok"], known["epoch"], known["seq"]), (True, 5, 3), known)
        self.assert_ack(self.send(4), accepted=1)

    def test_cursors_survive_kill(self):
        for seq in (1, 2):
            self.send(seq)
        self.d.kill()
        self.d.start()
        self.peer = self.d.ingest("json")
        self.assert_ack(self.send(2), accepted=0, duplicate=1)
        answer = self.send(4)
        self.assertEqual(answer["expected_seq"], 3)
        self.assert_ack(self.send(3), accepted=1)
        self.assertEqual(self.calls(), 3)

    def test_incomplete_numbers_are_refused(self):
        for bad in (
            {"epoch": 1, "seq": 1, "events": [api_call()]},
            {"producer": "p", "seq": 1, "events": [api_call()]},
            {"producer": "", "epoch": 1, "seq": 1, "events": [api_call()]},
            {"producer": "x" * 257, "epoch": 1, "seq": 1, "events": [api_call()]},
            {"producer": "p", "epoch": 1, "seq": 0, "events": [api_call()]},
            {"producer": 7, "epoch": 1, "seq": 1, "events": [api_call()]},
            {"producer": "p", "epoch": 1, "seq": 1},
            {"producer": "p", "epoch": 1, "seq": 1, "events": {}},
        ):
            with self.subTest(bad=bad):
                answer = self.peer.ask(bad)
                self.assertIs(answer["ok"], False, answer)
        self.assertEqual(self.calls(), 0)

    def test_pipelined_batches_of_many_peers(self):
        peers = [self.d.ingest(e) for e, _ in zip(itertools.cycle(("json", "msgpack")), range(8))]
        n = 200
        for seq in range(1, n + 1):
            for i, peer in enumerate(peers):
                peer.send(envelope([api_call(account=2, time_ms=self.at)], f"many-{i}", 1, seq))
        for peer in peers:
            for seq in range(1, n + 1):
                answer = peer.receive()
                self.assert_ack(answer, accepted=1)
                self.assertEqual(answer["seq"], seq)
        self.assertEqual(self.count(self.d, "api_usage", "calls", account=2), n * len(peers))


class RefusedForGood(DaemonTest):
    """A batch that can never be stored consumes its number, durably."""

    def test_too_many_events(self):
        d = self.daemon(batch_events_max=10)
        peer = d.ingest()
        self.assert_ack(peer.ask(envelope([api_call()] * 10, seq=1)), accepted=10)
        self.assert_refused(peer.ask(envelope([api_call()] * 11, seq=2)), "too_large", retry=False)
        self.assert_ack(peer.ask(envelope([api_call()], seq=3)), accepted=1)
        self.assertGreaterEqual(sum(d.status()["batches_refused"].values()), 1)

    def test_bad_bodies(self):
        d = self.daemon()
        peer = d.ingest()
        for seq, body in enumerate((7, "text", None, {"a": 1}, [[[]]], [1]), start=1):
            with self.subTest(body=body):
                answer = peer.ask(envelope(body, producer=f"b{seq}", seq=1))
                if answer["ok"]:
                    self.assertEqual(answer["accepted"], 0)
                self.assert_ack(peer.ask(envelope([api_call()], producer=f"b{seq}", seq=2)), accepted=1)

    def test_the_number_is_consumed_durably(self):
        d = self.daemon(batch_events_max=10)
        peer = d.ingest()
        self.assert_refused(peer.ask(envelope([api_call()] * 11, seq=1)), "too_large")
        d.kill()
        d.start()
        peer = d.ingest()
        self.assert_ack(peer.ask(envelope([api_call()], seq=2)), accepted=1)

    def test_all_events_bad_is_still_an_ack(self):
        d = self.daemon()
        peer = d.ingest()
        self.assert_ack(peer.ask(envelope([api_call(status=1)] * 3, seq=1)), accepted=0, rejected=3)
        self.assert_ack(peer.ask(envelope([api_call()], seq=2)), accepted=1)


class Rewind(DaemonTest):
    """1,024 batches in flight meet `busy`: one rewind per expected_seq, and every event once."""

    WINDOW = 1024
    BATCHES = 6000

    def batch(self, seq):
        """Events of ever new buckets, so that the pending state fills."""
        at = self.at
        return encode(
            envelope(
                [[11, 1 + (seq * 10 + i) % 30000, 1 + seq % 50, at - (i % 25) * 86400000, 1 + i % 9, None, 1]
                 for i in range(10)],
                "rewinder", 1, seq),
            "msgpack",
        )

    def test_rewind(self):
        d = self.daemon(pending_bytes="1MiB", busy_after_ms=0, checkpoint_ms=50)
        self.at = now_ms()
        peer = d.ingest()
        next_seq, acked, sent, answered, ignore, busy, rewinds = 1, 0, [], 0, 0, 0, 0
        while acked < self.BATCHES:
            while next_seq <= min(self.BATCHES, acked + self.WINDOW) and len(sent) - answered < self.WINDOW:
                peer.send_raw(self.batch(next_seq))
                sent.append(next_seq)
                next_seq += 1
            answer = peer.receive()
            seq, at = sent[answered], answered
            answered += 1
            self.assertEqual(answer.get("seq"), seq, answer)
            if answer["ok"]:
                self.assertIn(seq, (acked + 1, *range(1, acked + 1)))
                acked = max(acked, seq)
                continue
            self.assertIs(answer["retry"], True, answer)
            self.assertEqual(answer["expected_seq"], acked + 1, answer)
            if answer["code"] == "busy":
                busy += 1
                self.assertEqual(seq, acked + 1, answer)  # what comes behind it is a gap
                self.assertGreater(answer["retry_after_ms"], 0, answer)
            else:
                self.assertEqual(answer["code"], "gap", answer)
            if at < ignore:
                continue  # sent before the rewind that this expected_seq has caused already
            rewinds += 1
            ignore = len(sent)
            next_seq = acked + 1
            d._nap()
        self.assertGreater(busy, 0, "the daemon was never busy: the test proves nothing")
        s = d.status()
        self.assertEqual(s["accepted"], self.BATCHES * 10)
        total = sum(
            row["count"]
            for account in range(1, 30001, 3000)
            for row in d.rows("records", account=account, group_by="day")
        )
        wanted = sum(
            1
            for seq in range(1, self.BATCHES + 1)
            for i in range(10)
            if (1 + (seq * 10 + i) % 30000) in range(1, 30001, 3000)
        )
        self.assertEqual(total, wanted)
        print(f"rewound {rewinds} times, busy {busy}")


if __name__ == "__main__":
    unittest.main()
