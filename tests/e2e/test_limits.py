"""Limits (WIRE 6): at each one the engine refuses, counts and answers, and goes on."""

import os
import unittest

from harness import DaemonTest, api_call, connection, envelope, now_ms, record


class PerAccount(DaemonTest):
    def at_limit(self, make, n, **options):
        """n different things fit, one more is `limit`, known ones and other accounts go on."""
        d = self.daemon(checkpoint_ms=50, **options)
        peer = d.ingest("json")
        for i in range(n):
            self.assert_ack(peer.ask([make(1, i)]), accepted=1)
        self.assert_rejected(peer.ask([make(1, n)]), "limit")
        self.assert_ack(peer.ask([make(1, 0), make(2, n)]), accepted=2)
        d.kill()
        d.start()
        peer = d.ingest("json")
        taken = 0  # after a restart an eighth of a limit may be added before it is counted
        while peer.ask([make(1, n + taken)])["accepted"]:
            taken += 1
            self.assertLessEqual(taken, n // 8 + 1)
        self.assert_ack(peer.ask([make(1, n - 1)]), accepted=1)
        self.assertEqual(d.status()["rejected"]["limit"], 2)

    def test_object_types(self):
        self.at_limit(lambda a, i: record(account=a, object_type=f"2-{i}"), 20, object_types_max=20)

    def test_apps(self):
        self.at_limit(lambda a, i: api_call(account=a, app=i + 1), 5, apps_max=5)

    def test_connections(self):
        self.at_limit(lambda a, i: connection(account=a, app=1 + i % 2, user=i), 6, connections_per_account_max=6)

    def test_users(self):
        def user(account, i):
            return {"type": "directory.user", "account": account, "time": now_ms(), "user": i, "name": f"U{i}"}

        self.at_limit(user, 4, users_max=4)

    def test_activity_rows_are_trimmed_not_refused(self):
        d = self.daemon(activity_rows_max=1000, checkpoint_ms=20)
        peer, t = d.ingest(), now_ms() - 10_000_000
        for part in range(30):
            events = [connection(user=i % 50, time_ms=t + part * 100 + i) for i in range(100)]
            self.assert_ack(peer.ask(events), accepted=100)
        s = d.wait_status(lambda s: s["checkpoint_position"] == s["journal_position"])
        rows = d.rows("activity", account=1)
        self.assertLessEqual(len(rows), 1200)
        self.assertGreaterEqual(len(rows), 1000)
        self.assertEqual(rows[0]["time"], t + 29 * 100 + 99)
        self.assertEqual(s["activities_trimmed"] + len(rows), 3000)


class PerKey(DaemonTest):
    def test_producers(self):
        d = self.daemon(producers_max=3)
        peer = d.ingest()
        for i in range(3):
            self.assert_ack(peer.ask(envelope([api_call()], f"p{i}", 1, 1)), accepted=1)
        self.assert_refused(peer.ask(envelope([api_call()], "p3", 1, 1)), "limit", retry=False)
        self.assert_ack(peer.ask(envelope([api_call()], "p0", 1, 2)), accepted=1)
        self.assert_ack(peer.ask([api_call()]), accepted=1)


class PerMessage(DaemonTest):
    def test_strings_events_and_batches(self):
        d = self.daemon(batch_events_max=5, string_bytes_max=100, event_bytes_max="1KiB")
        peer = d.ingest("json")
        self.assert_ack(peer.ask([api_call()] * 5), accepted=5)
        self.assert_refused(peer.ask([api_call()] * 6), "too_large", retry=False)
        self.assert_ack(peer.ask([api_call(endpoint="x" * 100)]), accepted=1)
        answer = peer.ask([api_call(endpoint="x" * 101), api_call()])
        self.assert_ack(answer, accepted=1, rejected=1)
        self.assertIn(answer["rejected"][0]["code"], ("too_large", "invalid"))
        answer = peer.ask([{**api_call(), **{f"x{i}": "y" * 90 for i in range(12)}}, api_call()])
        self.assert_ack(answer, accepted=1, rejected=1)
        self.assertEqual(answer["rejected"][0]["code"], "too_large")

    def test_scopes(self):
        d = self.daemon(scopes_max=4)
        event = {"type": "permission.granted", "account": 1, "app": 1, "time": now_ms()}
        peer = d.ingest("json")
        self.assert_ack(peer.ask([{**event, "scopes": ["s"] * 4}]), accepted=1)
        answer = peer.ask([{**event, "scopes": ["s"] * 5}])
        self.assert_ack(answer, accepted=0, rejected=1)

    def test_answers(self):
        d = self.daemon(page_rows_max=10)
        d.ingest("json").ask([record(app=i) for i in range(25)])
        page = d.query("records", account=1, limit=1000)
        self.assertEqual(len(page["data"]["rows"]), 10)
        self.assertEqual(len(d.rows("records", account=1)), 25)
        small = self.make(data_dir=self.directory + "/other", answer_bytes_max="64KiB",
                          **{f"{k}_listen": f"ipc://{self.directory}/{k}2" for k in ("ingest", "push", "query")}).start()
        peer = small.ingest("json")
        for part in range(20):
            peer.ask([record(app=part * 100 + i, object_type="a_rather_long_name_of_a_type") for i in range(100)])
        self.assertEqual(len(small.rows("records", account=1, limit=1000)), 2000)


class Memory(DaemonTest):
    def test_pending_state_keeps_its_budget_at_any_cardinality(self):
        d = self.daemon(pending_bytes="32MiB", checkpoint_ms="2s", busy_after_ms=100)
        before = d.resident_bytes()
        peer, at = d.ingest(), now_ms()
        for seq in range(1, 201):
            while True:
                events = [[11, seq * 5000 + i, 1 + i % 9, at - i % 29 * 86400000, 1 + i % 20, i, 1] for i in range(5000)]
                answer = peer.ask(envelope(events, "wide", 1, seq))
                if answer["ok"]:
                    break
                self.assertTrue(answer["retry"], answer)
            self.assertLess(d.status()["pending_bytes"], 40 << 20)
        self.assertEqual(d.status()["accepted"], 1_000_000)
        with open(f"/proc/{d.process.pid}/status") as f:
            anonymous = next(int(l.split()[1]) * 1024 for l in f if l.startswith("RssAnon"))
        print(f"{before >> 20} MiB at start, {anonymous >> 20} MiB anonymous at the end")
        if "ASAN_OPTIONS" not in os.environ:  # a sanitizer's shadow is no state of ours
            self.assertLess(anonymous, 300 << 20)


if __name__ == "__main__":
    unittest.main()
