"""The query socket (WIRE 4): views, ranges, grouping, paging, refusals, and that an answer holds
everything that was acknowledged before the question."""

import random
import unittest

from harness import MS_PER_DAY, DaemonTest, api_call, connection, day_text, ms_of, now_ms, record

NOW = "2026-11-24 12:00:00"


class Answers(DaemonTest):
    def test_shape(self):
        d = self.daemon(clock=self.fake_clock(NOW))
        d.ingest().ask([record(time_ms=ms_of(NOW))])
        for encoding in ("json", "msgpack"):
            answer = d.query("records", encoding=encoding, account=1)
            self.assertEqual(
                {k: answer[k] for k in ("ok", "view", "as_of", "position", "from", "to", "bound")},
                {"ok": True, "view": "records", "as_of": ms_of(NOW), "position": answer["position"],
                 "from": "2026-10-26", "to": "2026-11-24", "bound": answer["bound"]},
            )
            self.assertEqual(answer["data"]["rows"], [
                {"day": "2026-11-24", "app": 10, "object_type": "contacts", "action": "updated", "count": 1}])
            self.assertNotIn("cursor", answer)

    def test_everything_acknowledged_is_included_at_once(self):
        d = self.daemon(checkpoint_ms=50)
        peer, q = d.ingest(), d.querier()
        last, n = 0, 0
        while n < 300 or d.status()["checkpoints"] < 5:
            n += 1
            self.assert_ack(peer.ask([api_call(account=3), record(account=3)]), accepted=2)
            q.send({"view": "api_usage", "account": 3, "group_by": "app"})
            answer = q.receive()
            self.assertEqual(sum(r["calls"] for r in answer["data"]["rows"]), n, answer)
            self.assertGreater(answer["position"], last)
            last = answer["position"]

    def test_an_unknown_account_has_no_rows(self):
        d = self.daemon()
        for view in ("records", "api_usage", "distinct_records", "activity", "apps"):
            self.assertEqual(d.query(view, account=99)["data"]["rows"], [])

    def test_refusals(self):
        d = self.daemon()
        for parameters in (
            {"view": "no_such", "account": 1}, {"view": "records"}, {"view": "records", "account": "x"},
            {"view": "records", "account": 1, "colour": 1}, {"view": "records", "account": 1.5},
            {"view": "records", "account": 1, "from": "2026-13-01"},
            {"view": "records", "account": 1, "from": "2026-11-24", "to": "2026-11-01"},
            {"view": "records", "account": 1, "group_by": "colour"},
            {"view": "records", "account": 1, "limit": 0}, {"account": 1},
            {"view": "activity", "account": 1, "type": "api.call"},
        ):
            with self.subTest(parameters):
                answer = d.querier().ask(parameters)
                self.assertIs(answer["ok"], False, answer)
                self.assertIn(answer["code"], ("bad_parameter", "not_found"), answer)
                self.assertIs(answer["retry"], False)
        self.assertIn("records", d.querier().ask({"view": "record", "account": 1})["message"])
        answer = d.querier().ask({"view": "records", "account": 1, "cursor": "bogus"})
        self.assertIs(answer["ok"], False)
        self.assertEqual(answer["code"], "bad_cursor")

    def test_bad_frames_are_answered(self):
        d = self.daemon()
        q = d.querier()
        for frame in (b"{", b"", b"7", b"[]", b"\xc1", b'{"view": "status", "view": "status"}'):
            with self.subTest(frame=frame):
                self.assertIs(q.ask_raw(frame)["ok"], False)
        self.assertTrue(q.ask({"view": "status"})["ok"])


class Random(DaemonTest):
    """A random stream against sums made here, through checkpoints and a kill."""

    def test_views_agree_with_a_model(self):
        seed = random.randrange(2**32)
        print(f"seed {seed}")
        r = random.Random(seed)
        d = self.daemon(checkpoint_ms=20)
        peer = d.ingest()
        records, usage, distinct = {}, {}, {}
        now = now_ms()
        for batch in range(120):
            events = []
            for _ in range(r.randrange(1, 60)):
                at = now - r.randrange(29) * MS_PER_DAY + r.randrange(-1000, 0)
                account, app, n = r.choice((1, 2, 2**53 - 1)), r.randrange(5), r.randrange(1, 4)
                day = day_text(at)
                if r.random() < 0.5:
                    action = r.choice(("created", "updated", "deleted"))
                    kind = r.choice(("contacts", "companies", "2-7", "cars"))
                    n0 = r.randrange(20) + 100 * len(kind)  # no two types share an identity here
                    rec = r.choice((None, n0, str(n0), f"r{n0}"))
                    events.append(record(account, app, at, action, kind, count=n,
                                         **({} if rec is None else {"record": rec})))
                    key = (account, day, app, kind, action)
                    records[key] = records.get(key, 0) + n
                    seen, without = distinct.setdefault((account, day, app, action), (set(), [0]))
                    if rec is None:
                        without[0] += n
                    else:
                        seen.add((kind, str(rec)))
                else:
                    status = r.choice((200, 201, 400, 404, 429, 500))
                    events.append(api_call(account, app, at, status=status, count=n))
                    key = (account, day, app)
                    c, e, l = usage.get(key, (0, 0, 0))
                    usage[key] = (c + n, e + n * (status >= 400), l + n * (status == 429))
            self.assert_ack(peer.ask(events), accepted=len(events))
            if batch == 60:
                d.kill()
                d.start()
                peer = d.ingest()
        for account in (1, 2, 2**53 - 1):
            self.assertEqual(
                {(account, x["day"], x["app"], x["object_type"], x["action"]): x["count"]
                 for x in d.rows("records", account=account, limit=100)},
                {k: v for k, v in records.items() if k[0] == account})
            self.assertEqual(
                {(account, x["day"], x["app"]): (x["calls"], x["errors"], x["limited"])
                 for x in d.rows("api_usage", account=account, kind="all", limit=50)},
                {k: v for k, v in usage.items() if k[0] == account and k[2] != 0}
                | {(account, x["day"], 0): (x["calls"], x["errors"], x["limited"])
                   for x in d.rows("api_usage", account=account, kind="all", app=0)})
            by_day = {}
            for (a, day, app, kind, action), n in records.items():
                if a == account:
                    by_day[(day, action)] = by_day.get((day, action), 0) + n
            self.assertEqual(
                {(x["day"], x["action"]): x["count"]
                 for x in d.rows("records", account=account, group_by=["day", "action"])}, by_day)
            rows = d.rows("distinct_records", account=account)
            self.assertTrue(all(x["exact"] for x in rows))
            self.assertEqual(
                {(account, x["day"], x["app"], x["action"]): (x["records"], x["without_record"]) for x in rows},
                {k: (len(seen), without[0]) for k, (seen, without) in distinct.items() if k[0] == account})


class Identity(DaemonTest):
    def test_what_makes_two_records_different(self):
        d = self.daemon()
        d.ingest("json").ask([
            record(record=5), record(record="5"), record(record="05"), record(record="five"), record(record=0),
            record(object_type="companies", record=5), record(object_type="0-1", record=5), record(count=3)])
        (row,) = d.rows("distinct_records", account=1)
        self.assertEqual((row["records"], row["without_record"]), (5, 3))


class Ranges(DaemonTest):
    def setUp(self):
        super().setUp()
        self.d = self.daemon(clock=self.fake_clock(NOW))
        now = ms_of(NOW)
        self.d.ingest().ask([record(time_ms=now - i * MS_PER_DAY, count=i + 1) for i in range(30)])

    def days(self, **p):
        return [r["day"] for r in self.d.rows("records", account=1, **p)]

    def test_both_ends_are_inclusive(self):
        self.assertEqual(self.days(**{"from": "2026-11-20", "to": "2026-11-22"}),
                         ["2026-11-20", "2026-11-21", "2026-11-22"])
        self.assertEqual(self.days(**{"from": "2026-11-24"}), ["2026-11-24"])
        self.assertEqual(len(self.days()), 30)

    def test_the_bound_that_applied_is_named(self):
        answer = self.d.query("records", account=1, **{"from": "2026-01-01"})
        self.assertEqual((answer["from"], answer["to"], answer["bound"]),
                         ("2026-10-26", "2026-11-24", "retention"))
        answer = self.d.query("records", account=1, **{"from": "2026-11-01"})
        self.assertEqual((answer["from"], answer["bound"]), ("2026-11-01", None))

    def test_fill_adds_zero_days_of_known_groups(self):
        self.d.ingest().ask([record(account=2, time_ms=ms_of("2026-11-22 10:00:00"), count=5)])
        rows = self.d.rows("records", account=2, fill=True, **{"from": "2026-11-20", "to": "2026-11-24"})
        self.assertEqual([(r["day"][-2:], r["count"]) for r in rows],
                         [("20", 0), ("21", 0), ("22", 5), ("23", 0), ("24", 0)])
        self.assertEqual(self.d.rows("records", account=77, fill=True), [])

    def test_dimensions_not_named_are_summed(self):
        (row,) = self.d.rows("records", account=1, group_by="app")
        self.assertEqual(row, {"app": 10, "count": sum(range(1, 31))})

    def test_pages_and_cursors(self):
        whole = self.d.rows("records", account=1)
        self.assertEqual(self.d.rows("records", account=1, limit=7), whole)
        page = self.d.query("records", account=1, limit=7)
        self.assertEqual(len(page["data"]["rows"]), 7)
        for wrong in ({"account": 2}, {"account": 1, "app": 10}):
            answer = self.d.query("records", cursor=page["cursor"], limit=7, **wrong)
            self.assert_refused(answer, "bad_cursor", retry=False)
        answer = self.d.query("api_usage", cursor=page["cursor"], account=1)
        self.assert_refused(answer, "bad_cursor", retry=False)


class Slots(DaemonTest):
    def test_quarter_hours_of_the_last_days(self):
        d = self.daemon(clock=self.fake_clock(NOW))
        times = ["2026-11-24 00:00:00", "2026-11-24 00:14:59", "2026-11-24 00:15:00", "2026-11-22 23:59:59"]
        d.ingest().ask([api_call(time_ms=ms_of(t)) for t in times])
        rows = d.rows("api_usage", account=1, slot="quarter", group_by=["day", "time"])
        self.assertEqual(
            [(r["time"], r["calls"]) for r in rows],
            [(ms_of("2026-11-22 23:45:00"), 1), (ms_of("2026-11-24 00:00:00"), 2), (ms_of("2026-11-24 00:15:00"), 1)])


class Kinds(DaemonTest):
    def test_private_apps_only_unless_asked(self):
        d = self.daemon()
        catalog = {"type": "catalog.app", "account": 1, "time": now_ms()}
        peer = d.ingest("json")
        self.assert_ack(peer.ask(
            [{**catalog, "app": 1, "name": "Private", "kind": "private"},
             {**catalog, "app": 2, "name": "Market", "kind": "marketplace"},
             api_call(app=1), api_call(app=2), api_call(app=3)]), accepted=5)
        self.assertEqual([(r["app"], r["kind"]) for r in d.rows("api_usage", account=1)],
                         [(1, "private"), (3, None)])
        self.assertEqual([r["app"] for r in d.rows("api_usage", account=1, kind="all")], [1, 2, 3])
        self.assertEqual([r["app"] for r in d.rows("api_usage", account=1, kind="marketplace")], [2])


class Activity(DaemonTest):
    def setUp(self):
        super().setUp()
        self.d = self.daemon(checkpoint_ms=30)
        self.now = now_ms()
        r = random.Random(4)
        peer = self.d.ingest("json")
        self.sent = []
        for _ in range(40):
            batch = [connection(app=r.randrange(1, 4), user=r.randrange(3),
                                time_ms=self.now - r.randrange(20) * MS_PER_DAY // 7,
                                what=r.choice(("connected", "expired", "recovered"))) for _ in range(10)]
            self.assert_ack(peer.ask(batch), accepted=10)
            self.sent += batch

    def key(self, e):
        return (e["type"], e["app"], e["user"], e["time"])

    def test_newest_first(self):
        rows = self.d.rows("activity", account=1, limit=33)
        self.assertEqual(sorted(map(self.key, rows)), sorted(map(self.key, self.sent)))
        order = [(r["time"], r["position"]) for r in rows]
        self.assertEqual(order, sorted(order, reverse=True))
        self.assertEqual(len({r["position"] for r in rows}), len(rows))

    def test_filters_in_any_combination(self):
        for app, user, kind in ((1, None, None), (None, 2, None), (None, None, "app.expired"),
                                (2, 1, "app.connected"), ([1, 2], 0, None)):
            p = {k: v for k, v in (("app", app), ("user", user), ("type", kind)) if v is not None}
            with self.subTest(p):
                wanted = [e for e in self.sent
                          if all(e[k] in (v if isinstance(v, list) else [v]) for k, v in p.items())]
                rows = self.d.rows("activity", account=1, limit=9, **p)
                self.assertEqual(sorted(map(self.key, rows)), sorted(map(self.key, wanted)))

    def test_instants_exclude_the_end(self):
        times = sorted({e["time"] for e in self.sent})
        rows = self.d.rows("activity", account=1, **{"from": times[2], "to": times[7]})
        self.assertEqual(sorted(self.key(e) for e in self.sent if times[2] <= e["time"] < times[7]),
                         sorted(map(self.key, rows)))

    def test_arrival_order_catches_up(self):
        seen, after = [], {}
        while True:
            answer = self.d.query("activity", account=1, order="arrival", limit=37, **after)
            rows = answer["data"]["rows"]
            if not rows:
                break
            seen += rows
            after = {"after": rows[-1]["position"]}
        self.assertEqual(list(map(self.key, seen)), list(map(self.key, self.sent)))


class Apps(DaemonTest):
    def test_what_is_known(self):
        d = self.daemon()
        t = now_ms() - 10000
        d.ingest("json").ask([
            connection(app=1, user=7, time_ms=t), connection(app=1, user=8, time_ms=t + 5),
            connection(app=2, user=7, time_ms=t), connection(app=2, user=7, time_ms=t + 9, what="uninstalled"),
            api_call(app=1, time_ms=t + 50), record(app=3, time_ms=t + 60)])
        rows = {r["app"]: r for r in d.rows("apps", account=1)}
        self.assertEqual(sorted(rows), [1, 2, 3])
        one = rows[1]
        self.assertEqual((one["installed"], one["installer"], one["connections"], one["last_received"]),
                         (t, 7, 2, t + 50))
        self.assertEqual(rows[1]["state"], "connected")
        self.assertEqual(rows[2]["state"], "uninstalled")
        self.assertEqual(rows[3]["last_sent"], t + 60)


class Rejected(DaemonTest):
    def test_rows_and_the_bound(self):
        d = self.daemon(rejected_max=50)
        peer = d.ingest("json")
        for i in range(30):
            peer.ask([api_call(status=1, account=i), {"type": "what.ever", "account": i, "app": 1, "time": now_ms()}])
        rows = d.rows("rejected", limit=9)
        self.assertLessEqual(len(rows), 50)
        self.assertGreaterEqual(len(rows), 40)
        numbers = [r["number"] for r in rows]
        self.assertEqual(numbers, sorted(numbers, reverse=True))
        self.assertEqual({r["code"] for r in rows}, {"invalid", "unknown_type"})
        self.assertEqual({r["account"] for r in d.rows("rejected", account=29)}, {29})
        self.assertEqual(d.status()["rejected"]["invalid"], 30)


class Status(DaemonTest):
    def test_sums_add_up_and_survive_a_restart(self):
        d = self.daemon()
        peer = d.ingest("json")
        peer.ask([api_call(id="a"), api_call(id="a"), api_call(status=0)])
        peer.ask_raw(b"nonsense")

        def counters(s):
            return {k: s[k] for k in ("received", "accepted", "duplicate", "rejected", "batches_refused")}

        before = d.status()
        self.assertEqual(before["received"],
                         before["accepted"] + before["duplicate"] + sum(before["rejected"].values()))
        self.assertEqual((before["accepted"], before["duplicate"]), (1, 1))
        for end in (d.kill, d.stop):
            end()
            d.start()
            self.assertEqual(counters(d.status()), counters(before))

    def test_it_names_what_is_asked_for(self):
        d = self.daemon()
        d.ingest().ask([api_call()])
        s = d.status()
        for key in ("version", "uptime_ms", "events_per_s_10s", "journal_position", "checkpoint_position",
                    "oldest_day", "newest_day", "stores", "received"):
            self.assertIn(key, s)
        self.assertEqual({t["store"] for t in s["stores"]}, {"front", "days"})
        s = d.wait_status(lambda s: s["checkpoint_position"] == s["journal_position"])
        self.assertEqual(s["newest_day"], day_text(now_ms()))


if __name__ == "__main__":
    unittest.main()
