"""Ingest over HTTP, and activities as server-sent events."""

import json
import random
import threading
import time
import unittest

import msgpack

from harness import DEADLINE_S, api_call, connection, envelope, record
from http_help import Client, HttpTest, Stream, fill


class Ingest(HttpTest):
    def accepted(self, r, n, duplicate=0, rejected=0):
        self.assertEqual(r.status, 200, r)
        a = r.json()
        self.assertEqual((a["ok"], a["accepted"], a["duplicate"], a["rejected_n"]), (True, n, duplicate, rejected), a)
        return a

    def test_native(self):
        d, c = self.serve()
        self.accepted(c.post("/v1/events", api_call()), 1)
        self.accepted(c.post("/v1/events", [api_call(), record()]), 2)
        self.accepted(c.post("/v1/events", envelope([api_call()], seq=1)), 1)
        a = self.accepted(c.post("/v1/events", envelope([api_call()] * 2, seq=1, epoch=2, request="r")), 2)
        self.assertEqual((a["producer"], a["epoch"], a["seq"], a["request"]), ("p", 2, 1, "r"))
        for kind in ("application/msgpack", "application/x-msgpack", "application/vnd.daybook.batch+msgpack;v=1"):
            r = c.post("/v1/events", msgpack.packb([api_call()]), kind)
            self.assertEqual((r.status, r.headers["Content-Type"]), (200, "application/msgpack"), r)
            self.assertEqual(msgpack.unpackb(r.body)["accepted"], 1)
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), 8)
        a = self.accepted(c.post("/v1/events", [api_call(), {"type": "x"}]), 1, rejected=1)
        self.assertEqual((a["rejected"][0]["index"], a["rejected"][0]["code"]), (1, "unknown_type"))
        self.assertEqual(d.rows("rejected")[0]["transport"], "http")

    def test_acknowledged_means_durable(self):
        d, c = self.serve()
        for i in range(20):
            self.accepted(c.post("/v1/events", [record(account=1)] * 5), 5)
        d.kill()
        d.start()
        self.assertEqual(self.count(d, "records", "count", account=1), 100)

    def test_refusals_have_the_status_of_their_code(self):
        d, c = self.serve()
        big = [api_call()] * 10001
        rows = (
            (b"nonsense", "application/json", 400, "malformed"),
            (b"{", "application/json", 400, "malformed"),
            (b"[1.5", "application/json", 400, "malformed"),
            (b"\x91", "application/msgpack", 400, "malformed"),
            (json.dumps({"events": [], "colour": 1}).encode(), "application/json", 422, "invalid"),
            (msgpack.packb(big), "application/msgpack", 413, "too_large"),
            (json.dumps(envelope([], seq=5)).encode(), "application/json", 409, "gap"),
        )
        for body, kind, status, code in rows:
            with self.subTest(code=code, body=body[:20]):
                r = c.post("/v1/events", body, kind)
                self.assertEqual(r.status, status, r)
                a = r.json() if "json" in r.headers["Content-Type"] else msgpack.unpackb(r.body)
                self.assertEqual(a["code"], code)
        gap = c.post("/v1/events", envelope([], seq=5)).json()
        self.assertEqual((gap["ok"], gap["expected_seq"], gap["retry"]), (False, 1, True))
        self.assert_problem(c.post("/v1/events", [], "text/plain"), 415, "unsupported_media_type")
        self.assert_problem(c.post("/v1/events", [], Content_Encoding="gzip"), 415)
        self.assert_problem(c.post("/v1/events?colour=1", []), 400, "bad_parameter")
        self.assert_problem(c.post("/v1/events", b"[]", "application/msgpack"), 400, "malformed")
        self.assertEqual(d.status()["accepted"], 0)

    def test_lines(self):
        d, c = self.serve()
        lines = [json.dumps(api_call()), "", "nonsense", json.dumps(record()), "[1]", json.dumps({"type": "nothing"})]
        a = self.accepted(c.post("/v1/events", "\n".join(lines).encode(), "application/x-ndjson"), 2, rejected=3)
        self.assertEqual([r["index"] for r in a["rejected"]], [1, 3, 4])
        self.assertIn("not_json", a["rejected"][0]["message"])
        event = api_call()
        del event["account"], event["app"]
        self.accepted(c.post("/v1/events?account=9&app=8", json.dumps(event).encode(), "application/jsonl"), 1)
        self.accepted(c.post("/v1/events", json.dumps(event).encode(), "application/ndjson",
                             Authorization="Bearer account-9-app-8"), 1)
        self.assertEqual(self.count(d, "api_usage", "calls", account=9, app=8), 2)
        self.accepted(c.post("/v1/events", b"", "application/x-ndjson"), 0)

    def cloud_event(self, i=0, **more):
        return {"specversion": "1.0", "type": "crm.record.created", "source": "/accounts/7/apps/42", "id": f"e{i}",
                "time": "2026-11-24T00:00:00Z", "data": {"object_type": "contacts"}, **more}

    def test_cloudevents(self):
        clock = self.fake_clock("2026-11-24 12:00:00")
        d, c = self.serve(clock=clock)
        one = self.cloud_event()
        kind = "application/cloudevents+json; charset=utf-8"
        self.accepted(c.post("/v1/events", one, kind), 1)
        self.accepted(c.post("/v1/events", one, kind), 0, duplicate=1)
        batch = [self.cloud_event(i) for i in range(3)] + [{"specversion": "1.0"}]
        a = self.accepted(c.post("/v1/events", batch, "application/cloudevents-batch+json"), 2, 1, 1)
        self.assertEqual(a["rejected"][0]["index"], 3)
        self.accepted(c.post("/v1/events", [], "application/cloudevents-batch+json"), 0)
        binary = {"ce_specversion": "1.0", "ce_type": "app.connection.installed", "ce_id": "b1",
                  "ce_source": "/accounts/7/apps/42", "ce_time": "2026-11-24T01:00:00Z"}
        self.accepted(c.post("/v1/events", {"user": 3}, **binary), 1)
        self.accepted(c.post("/v1/events", {"user": 3}, **binary), 0, duplicate=1)
        without_time = {k: v for k, v in binary.items() if k != "ce_time"} | {"ce_id": "b%202"}
        self.accepted(c.post("/v1/events", {"user": 4, "reason": "%"}, **without_time), 1)
        rows = d.rows("activity", account=7)
        self.assertEqual([(r["user"], r["time"]) for r in rows],
                         [(4, clock.ms), (3, 1795482000000)])
        self.assert_problem(c.post("/v1/events", b"<xml/>", "application/xml", **binary), 400, "malformed")
        a = self.accepted(c.post("/v1/events", b"{", **(binary | {"ce_id": "b3"})), 0, rejected=1)
        self.assertEqual(self.count(d, "records", "count", account=7), 3)

    def test_idempotency_key(self):
        d, c = self.serve()
        body = [api_call(), {"type": "x"}]
        first = c.post("/v1/events", body, Idempotency_Key="k")
        a = self.accepted(first, 1, rejected=1)
        self.assertNotIn("Idempotent-Replayed", first.headers)
        again = c.post("/v1/events", body, Idempotency_Key="k")
        self.assertEqual((again.status, again.json()), (200, a))
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        other = c.post("/v1/events", body + [api_call()], Idempotency_Key="k")
        self.assertEqual((other.status, other.json()["code"], other.json()["retry"]), (409, "conflict", False))
        self.assertEqual(c.post("/v1/events?account=3", body, Idempotency_Key="k").status, 409)
        self.accepted(c.post("/v1/events", body, Idempotency_Key="k2"), 1, rejected=1)
        d.kill()
        d.start()
        c = self.client(d)
        self.accepted(c.post("/v1/events", body, Idempotency_Key="k"), 0, duplicate=2)
        self.assertEqual(c.post("/v1/events", [api_call()], Idempotency_Key="k2").status, 409)
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), 2)
        # a refusal uses nothing up
        self.assertEqual(c.post("/v1/events", b"[", Idempotency_Key="k3").status, 400)
        self.accepted(c.post("/v1/events", [api_call()], Idempotency_Key="k3"), 1)
        for key in ("", "x" * 256):
            self.assert_problem(c.post("/v1/events", [], Idempotency_Key=key), 400, "bad_parameter")
        self.assert_problem(c.post("/v1/events", envelope([], seq=1), Idempotency_Key="n"), 400, "bad_parameter")

    def test_one_key_many_at_once(self):
        d, _ = self.serve()
        body, answers = json.dumps([record(count=3)]).encode(), []

        def send():
            c = Client(d)
            answers.append(c.post("/v1/events", body, Idempotency_Key="same"))
            c.close()

        threads = [threading.Thread(target=send) for _ in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(answers), 16)
        self.assertEqual({(a.status, a.body) for a in answers}, {(200, answers[0].body)})
        self.assertEqual(self.count(d, "records", "count", account=1), 3)

    def test_counts_add_up(self):
        d, c = self.serve()
        seed = random.randrange(1 << 30)
        print("seed", seed)
        rnd = random.Random(seed)
        calls = 0
        for i in range(60):
            n = rnd.randrange(1, 20)
            bad = rnd.randrange(3)
            r = c.post("/v1/events", [api_call()] * n + [{"type": "x"}] * bad, Idempotency_Key=str(rnd.randrange(30)))
            if r.status == 200 and "Idempotent-Replayed" not in r.headers:
                calls += r.json()["accepted"]
        s = d.status()
        self.assertEqual(s["received"], s["accepted"] + s["duplicate"] + sum(s["rejected"].values()))
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), calls)
        self.assertEqual(s["accepted"], calls)

    def test_clock_suspect(self):
        clock = self.fake_clock()
        d, c = self.serve(clock=clock)
        self.accepted(c.post("/v1/events", [api_call(time_ms=clock.ms)]), 1)
        d.set_clock(clock.ms + 90 * 86_400_000)
        r = c.post("/v1/events", [api_call()])
        self.assertEqual((r.status, r.json()["code"], r.json()["retry"]), (503, "clock_suspect", True), r)
        self.assertGreaterEqual(int(r.headers["Retry-After"]), 1)
        ready = c.get("/readyz")
        self.assertEqual((ready.status, ready.json()["ready"]), (503, False))
        self.assertEqual([x["code"] for x in ready.json()["reasons"]], ["clock_suspect"])
        self.assertEqual(c.get("/healthz").status, 200)


class Streams(HttpTest):
    PATH = "/v1/accounts/7/activity/stream"

    def test_what_happens_arrives(self):
        d, c = self.serve()
        peer = d.ingest()
        fill(peer)
        s = Stream(self, d, self.PATH)
        self.assertEqual((s.status, s.headers["Content-Type"]), (200, "text/event-stream"))
        start = s.event()
        self.assertEqual(start["event"], "start")
        self.assertEqual(json.loads(start["data"])["position"], int(start["id"]))
        peer.ask([connection(account=8, user=1), connection(account=7, user=77, what="error", reason="a\nb\r\n\n: c")])
        event = s.event()
        row = json.loads(event["data"])
        self.assertEqual((row["user"], row["type"], row["reason"]), (77, "app.error", "a\nb\r\n\n: c"))
        self.assertEqual(int(event["id"]), row["position"])
        self.assertEqual(row, d.rows("activity", account=7, user=77)[0])

    def test_nothing_is_lost_or_repeated(self):
        d, c = self.serve(checkpoint_ms=30)
        peer = d.ingest()
        s = Stream(self, d, self.PATH, Last_Event_ID=0)
        s.event()
        seen, sent = [], 0
        rnd = random.Random(7)
        while len(seen) < 1500:
            if sent < 1500:
                n = rnd.randrange(1, 60)
                events = [connection(account=7, app=1 + i % 5, user=sent + i) for i in range(n)]
                events += [api_call(account=7)] * rnd.randrange(3) + [connection(account=9)] * rnd.randrange(3)
                rnd.shuffle(events)
                self.assertEqual(peer.ask(events)["accepted"], len(events))
                sent += n
            want = rnd.randrange(0, 40)
            while want and len(seen) < sent:
                seen.append(s.row())
                want -= 1
            if rnd.random() < 0.1:  # away for a while, and back
                last = s.last_id
                s.close()
                s = Stream(self, d, self.PATH, Last_Event_ID=last)
                s.event()
            if sent >= 1500 and len(seen) >= 1500:
                break
        while len(seen) < sent:
            seen.append(s.row())
        have = [r["position"] for r in seen]
        self.assertEqual(have, sorted(set(have)))
        self.assertEqual(sorted(r["user"] for r in seen), list(range(sent)))

    def test_over_a_restart(self):
        d, c = self.serve()
        s = Stream(self, d, self.PATH)
        s.event()
        d.ingest().ask([connection(account=7, user=1)])
        self.assertEqual(s.row()["user"], 1)
        d.kill()
        s.close()
        d.start()
        d.ingest().ask([connection(account=7, user=2)])
        s = Stream(self, d, self.PATH, Last_Event_ID=s.last_id)
        s.event()
        self.assertEqual(s.row()["user"], 2)

    def test_filters(self):
        d, c = self.serve()
        s = Stream(self, d, self.PATH + "?app=2,3&type=app.installed&type=app.error")
        s.event()
        d.ingest().ask([connection(account=7, app=a, what=w, user=9) for a in (1, 2) for w in ("connected", "error")])
        row = s.row()
        self.assertEqual((row["app"], row["type"]), (2, "app.error"))

    def test_refusals(self):
        d, c = self.serve(http_streams_max=1)
        for path in (self.PATH + "?colour=1", self.PATH + "?after=x", self.PATH + "?app=x", self.PATH + "?order=time",
                     "/v1/accounts/x/activity/stream"):
            self.assert_problem(c.get(path), 400, "bad_parameter")
        self.assert_problem(c.get(self.PATH, Last_Event_ID="x"), 400)
        s = Stream(self, d, self.PATH)
        s.event()
        self.assert_problem(c.get(self.PATH), 503, "busy")
        s.close()
        d.ingest().ask([connection(account=7)])  # is written, and shows that the peer has gone
        until = time.monotonic() + DEADLINE_S
        while True:
            s = Stream(self, d, self.PATH)
            if s.status == 200:
                break
            s.close()
            self.assertLess(time.monotonic(), until)

    def test_a_peer_that_does_not_read_is_bounded(self):
        d, c = self.serve()
        peer = d.ingest()
        slow = Stream(self, d, self.PATH)
        slow.event()
        before = d.resident_bytes()
        for i in range(100):
            peer.ask([connection(account=7, user=i * 100 + k, reason="x" * 200) for k in range(100)])
        self.assertLess(d.resident_bytes() - before, 100 << 20)
        users = [slow.row()["user"] for _ in range(10_000)]
        self.assertEqual(users, list(range(10_000)))
        slow.close()

    def test_stop_ends_streams(self):
        d, c = self.serve()
        s = Stream(self, d, self.PATH)
        s.event()
        self.assertEqual(d.stop(deadline_s=10), 0)
        with self.assertRaises((EOFError, ValueError, ConnectionError)):
            s.event()
        s.close()


if __name__ == "__main__":
    unittest.main()
