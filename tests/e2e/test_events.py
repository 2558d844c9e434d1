"""Events (WIRE 3): types, fields, times, counts, last activity, the id window."""

import time
import unittest

from harness import MS_PER_DAY, DaemonTest, api_call, connection, day_text, ms_of, now_ms, record

ACTIONS = ("created", "updated", "deleted", "merged", "restored", "associated")
SIGNALS = ("installed", "uninstalled", "reinstalled", "connected", "disconnected", "reconnected",
           "expired", "error", "recovered")


def base(event_type, **more):
    return {"type": event_type, "account": 1, "app": 10, "time": now_ms(), **more}


class Types(DaemonTest):
    EVERY = (
        [api_call(), api_call(path="/crm/v3/objects/contacts", latency_ms=12, count=10**9)]
        + [record(action=a) for a in ACTIONS]
        + [connection(what=s) for s in SIGNALS]
        + [connection(reason="said so", code="E1")]
        + [base(f"sync.{s}", user=5, setting="contacts", **{"from": "off", "to": "on"})
           for s in ("enabled", "disabled", "changed")]
        + [base(f"permission.{p}", user=5, scopes=["crm.read"], feature="sync")
           for p in ("granted", "revoked", "reauth_required")]
        + [base("permission.granted", scopes=[])]
        + [base("catalog.app", name="Mailer", kind="marketplace"), base("catalog.app.removed")]
        + [base("catalog.academy", key="l1", title="Lesson", link="https://example.org/l1"),
           base("catalog.academy.removed", key="l1")]
        + [base("directory.user", user=5, name="Ada"), base("directory.user.removed", user=5)]
        + [base("directory.team", team=6, name="Sales"), base("directory.team.removed", key="6")]
        + [base("account.plan", tier="pro", daily_limit=1000), base("account.plan.removed")]
        + [base("account.settings", beta=True, user=5), base("account.settings.removed", user=5)]
    )

    def test_every_type_in_both_encodings(self):
        d = self.daemon()
        for encoding in ("json", "msgpack"):
            peer = d.ingest(encoding)
            for event in self.EVERY:
                with self.subTest(encoding=encoding, type=event["type"]):
                    self.assert_ack(peer.ask({**event, "time": now_ms()}), accepted=1)

    def test_required_fields(self):
        d = self.daemon()
        peer = d.ingest("json")
        required = {
            "api.call": ("method", "status"),
            "record.updated": ("object_type",),
            "app.installed": ("user",),
            "sync.changed": ("user",),
            "account.plan": ("tier",),
            "directory.user": ("user", "name"),
        }
        for event in self.EVERY:
            of_an_app = event["type"].startswith(("api.", "record.", "app.", "sync.", "permission."))
            always = ("account", "time") + (("app",) if of_an_app else ())
            for field in required.get(event["type"], ()) + always:
                with self.subTest(type=event["type"], missing=field):
                    answer = peer.ask([{k: v for k, v in event.items() if k != field}])
                    self.assert_rejected(answer, "invalid")
                    self.assertIn(field, answer["rejected"][0]["message"])

    def test_compact_form(self):
        d = self.daemon()
        t = now_ms()
        peer = d.ingest("msgpack")
        answer = peer.ask(
            [
                [1, 1, 10, t, 1, 200, 3],                # GET, count 3
                [1, 1, 10, t, 3, 429],                   # trailing fields cut
                [1, 1, 10, t, "POST", 500, None],        # a method by name
                [11, 1, 10, t, 1, None, 2],              # 0-1 = contacts
                [10, 1, 10, t, "companies", 77, 1],
                [20, 1, 10, t, 5, None, None],
                [21, 1, 10, t, 5, "why", "code"],
            ]
        )
        self.assert_ack(answer, accepted=7)
        (usage,) = d.rows("api_usage", account=1, group_by="app")
        self.assertEqual((usage["calls"], usage["errors"], usage["limited"]), (5, 2, 1))
        records = {(r["object_type"], r["action"]): r["count"] for r in d.rows("records", account=1)}
        self.assertEqual(records, {("contacts", "updated"): 2, ("companies", "created"): 1})
        self.assertEqual([r["type"] for r in d.rows("activity", account=1)],
                         ["app.uninstalled", "app.installed"])

    def test_compact_form_refuses_what_is_wrong(self):
        d = self.daemon()
        t = now_ms()
        peer = d.ingest("msgpack")
        for bad, code in (
            ([], "unknown_type"), ([1], "invalid"), ([1, 1, 10, t], "invalid"),
            ([9, 1, 10, t, 1, 200], "unknown_type"), ([1, None, 10, t, 1, 200], "invalid"),
            ([1, 1, 10, t, 1, 99], "invalid"), ([1, 1, 10, t, 99, 200], "invalid"),
            ([1, 1, 10, t, 1, 200, 0], "invalid"), ([11, 1, 10, t, None], "invalid"),
        ):
            with self.subTest(bad=bad):
                self.assert_rejected(peer.ask([bad, [1, 1, 10, t, 1, 200]]), code)

    def test_unknown_fields_are_ignored_and_counted(self):
        d = self.daemon()
        peer = d.ingest("json")
        self.assert_ack(peer.ask([api_call(colour="red"), api_call(colour=1, shape=[1])]), accepted=2)
        self.assertEqual(d.status()["unknown_fields"], {"colour": 2, "shape": 1})

    def test_known_fields_of_the_wrong_kind_are_invalid(self):
        d = self.daemon()
        peer = d.ingest("json")
        bad = (
            ("method", "FETCH"), ("method", 7.5), ("status", "200"), ("status", 600), ("count", 0),
            ("count", 10**9 + 1), ("direction", "sideways"), ("id", ""), ("id", "x" * 65), ("id", 7),
            ("user", "5"), ("endpoint", "x" * 257), ("latency_ms", -1), ("time", "yesterday"),
            ("time", "2026-11-24T10:00:00"), ("app", "10"), ("account", None), ("type", 1),
        )
        for field, value in bad:
            with self.subTest(field=field, value=value):
                answer = peer.ask([{**api_call(), field: value}, api_call()])
                if answer["ok"]:
                    self.assertEqual((answer["accepted"], answer["rejected_n"]), (1, 1), answer)
                    self.assertIn(answer["rejected"][0]["code"], ("invalid", "too_large", "unknown_type"))
                else:
                    self.assertEqual(answer["code"], "malformed")

    def test_object_types_are_an_open_set_with_aliases(self):
        d = self.daemon()
        peer = d.ingest("json")
        types = ["contacts", "0-1", "companies", "0-2", "deals", "0-3", "tickets", "0-5", "2-123", "p_cars", "0-999"]
        self.assert_ack(peer.ask([record(object_type=t) for t in types]), accepted=len(types))
        rows = {r["object_type"]: r["count"] for r in d.rows("records", account=1)}
        self.assertEqual(
            rows, {"contacts": 2, "companies": 2, "deals": 2, "tickets": 2, "2-123": 1, "p_cars": 1, "0-999": 1}
        )
        self.assertEqual(self.count(d, "records", "count", account=1, object_type="0-1"), 2)

    def test_app_0_counts_for_the_account_and_is_no_app(self):
        d = self.daemon()
        self.assert_ack(d.ingest().ask([record(app=0, count=3), record(app=10, count=4)]), accepted=2)
        rows = {r["app"]: r["count"] for r in d.rows("records", account=1, group_by="app")}
        self.assertEqual(rows, {0: 3, 10: 4})
        self.assertEqual([r["app"] for r in d.rows("apps", account=1)], [10])

    def test_counts_are_summed(self):
        d = self.daemon()
        peer = d.ingest("json")
        peer.ask([api_call(count=10**9) for _ in range(9)] + [record(count=10**9) for _ in range(9)])
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), 9 * 10**9)
        self.assertEqual(self.count(d, "records", "count", account=1), 9 * 10**9)
        self.assertEqual(d.status()["accepted"], 18)  # events, not their count


class Times(DaemonTest):
    NOW = "2026-11-24 12:00:00"

    def test_bounds(self):
        d = self.daemon(clock=self.fake_clock(self.NOW))
        peer = d.ingest("json")
        now = ms_of(self.NOW)
        first = ms_of("2026-10-26 00:00:00")  # today - 29
        for at, code in (
            (now, None), (now + 300000, None), (now + 300001, "too_new"), (now + MS_PER_DAY, "too_new"),
            (first, None), (first - 1, "too_old"), (0, "too_old"),
            ("2026-11-24T12:00:00Z", None), ("2026-11-24T14:05:00+02:00", None),
            ("2026-11-24T12:05:01Z", "too_new"), ("2026-10-26T00:00:00.000Z", None),
            ("2026-10-26T01:59:59+02:00", "too_old"), ("2026-11-23T23:59:60Z", None),
        ):
            with self.subTest(at=at):
                answer = peer.ask([api_call(time_ms=at)])
                self.assert_rejected(answer, *([code] if code else []))

    def test_days_are_utc_days_of_the_events_time(self):
        d = self.daemon(clock=self.fake_clock(self.NOW))
        peer = d.ingest("json")
        for at in ("2026-11-23T23:59:59.999Z", "2026-11-24T00:00:00Z", "2026-11-24T01:30:00+02:00",
                   "2026-11-23T22:30:00-03:00", "2026-11-23T23:59:60Z"):
            peer.ask([api_call(time_ms=at)])
        days = {r["day"]: r["calls"] for r in d.rows("api_usage", account=1)}
        self.assertEqual(days, {"2026-11-23": 3, "2026-11-24": 2})

    def test_late_is_counted(self):
        d = self.daemon(clock=self.fake_clock(self.NOW))
        now = ms_of(self.NOW)
        d.ingest().ask([api_call(time_ms=now - i * MS_PER_DAY) for i in range(5)])
        s = d.status()
        self.assertEqual((s["accepted"], s["late"]), (5, 4))
        self.assertEqual([(r["day"], r["accepted"], r["late"]) for r in s["days"]], [("2026-11-24", 5, 4)])

    def test_the_floor(self):
        d = self.daemon(clock=self.fake_clock(self.NOW), data_floor="2026-11-20")
        peer = d.ingest()
        self.assert_rejected(peer.ask([api_call(time_ms=ms_of("2026-11-19 23:59:59"))]), "before_floor")
        self.assert_ack(peer.ask([api_call(time_ms=ms_of("2026-11-20 00:00:00"))]), accepted=1)
        answer = d.query("api_usage", account=1)
        self.assertEqual((answer["from"], answer["bound"]), ("2026-11-20", "floor"))


class LastActivity(DaemonTest):
    def activity(self, *events):
        """(last_sent, last_received) of app 10 after events at ever later times."""
        d = self.daemon()
        t = now_ms() - 60000
        d.ingest("json").ask([{**e, "time": t + i} for i, e in enumerate(events)])
        rows = d.rows("apps", account=1)
        self.assertEqual(len(rows), 1, rows)
        return tuple(None if v is None else v - t for v in (rows[0]["last_sent"], rows[0]["last_received"]))

    def test_by_kind_and_method(self):
        self.assertEqual(
            self.activity(api_call(), api_call(method="HEAD"), api_call(method="POST"), record(),
                          api_call(method="DELETE"), api_call()), (4, 5))

    def test_failed_calls_are_no_activity(self):
        self.assertEqual(
            self.activity(api_call(), api_call(method="POST"), api_call(status=400), api_call(method="PUT", status=500)),
            (1, 0))

    def test_direction_overrules(self):
        self.assertEqual(
            self.activity(api_call(direction="sent"), record(direction="received"), api_call(status=404, direction="sent")),
            (0, 1))

    def test_an_older_event_does_not_move_it_back(self):
        d = self.daemon()
        t = now_ms()
        peer = d.ingest("json")
        peer.ask([api_call(time_ms=t)])
        peer.ask([api_call(time_ms=t - 5 * MS_PER_DAY)])
        (row,) = d.rows("apps", account=1)
        self.assertEqual(row["last_received"], t)


class IdWindow(DaemonTest):
    def test_an_id_counts_once(self):
        d = self.daemon()
        peer = d.ingest("json")
        at = now_ms()
        self.assert_ack(peer.ask([api_call(id="a", time_ms=at), api_call(id="b"), api_call(id="a")]),
                        accepted=2, duplicate=1)
        self.assert_ack(d.ingest("msgpack").ask([api_call(id="a"), api_call(id="c"), api_call()]),
                        accepted=2, duplicate=1)
        self.assert_ack(peer.ask([api_call(account=2, id="a")]), accepted=1)  # per account
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), 4)
        peer.ask([api_call(account=3)])  # the size is that before the latest commit
        self.assertEqual(d.status()["id_window_entries"], 4)

    def test_the_window_survives_kill(self):
        d = self.daemon()
        d.ingest().ask([api_call(id=f"i{i}") for i in range(100)])
        d.kill()
        d.start()
        self.assert_ack(d.ingest().ask([api_call(id=f"i{i}") for i in range(50, 150)]),
                        accepted=50, duplicate=50)

    def test_a_rejected_event_does_not_take_its_id(self):
        d = self.daemon()
        peer = d.ingest()
        self.assert_ack(peer.ask([api_call(id="x", status=1)]), accepted=0, rejected=1)
        self.assert_ack(peer.ask([api_call(id="x")]), accepted=1)

    def test_ids_are_forgotten_after_the_window(self):
        clock = self.fake_clock()
        d = self.daemon(clock=clock, id_window_hours=2)
        peer = d.ingest()
        self.assert_ack(peer.ask([api_call(id="x", time_ms=clock.ms)]), accepted=1)
        d.advance_clock(3600_000)
        self.assert_ack(peer.ask([api_call(id="x", time_ms=clock.ms)]), accepted=0, duplicate=1)
        d.advance_clock(2 * 3600_000)
        self.assert_ack(peer.ask([api_call(id="x", time_ms=clock.ms)]), accepted=1)

    def test_a_full_window_refuses_events_with_an_id(self):
        d = self.daemon(id_window_bytes="1MiB")
        peer = d.ingest()
        n, full = 0, None
        for batch in range(60):
            answer = peer.ask([api_call(id=f"{batch}-{i}") for i in range(1000)])
            self.assertIs(answer["ok"], True, answer)
            n += answer["accepted"]
            if answer["rejected_n"]:
                full = answer
                break
        self.assertIsNotNone(full, "the window never filled")
        self.assertEqual({r["code"] for r in full["rejected"]}, {"dedupe_full"})
        self.assert_ack(peer.ask([api_call()]), accepted=1)
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), n + 1)


if __name__ == "__main__":
    unittest.main()
