"""Edges of the feature list (S1..S41) beside the main tests in test_home.py and test_insights.py:
what outlives the days shown, where a rule begins, what else shows a value that one view hides."""

import json
import os
import subprocess
import unittest

from harness import DAYBOOK, MS_PER_DAY, DaemonTest, api_call, connection, day_text, ms_of, record

HOUR = 3_600_000
DAY = MS_PER_DAY


class Features(DaemonTest):
    def start(self, now="2026-11-24 12:00:00", **options):
        self.clock = self.fake_clock(now)
        self.now = self.clock.ms
        self.d = self.daemon(clock=self.clock, **options)
        self.peer = self.d.ingest("json")

    def publish(self, *events):
        self.assert_ack(self.peer.ask(list(events)), accepted=len(events))

    def checkpoint(self):
        self.assertEqual(self.d.stop(), 0)
        self.d.start()
        self.peer = self.d.ingest("json")

    def rows(self, view, **parameters):
        return self.d.rows(view, **{"account": 1, **parameters})

    def ask(self, view, **parameters):
        answer = self.d.query(view, **{"account": 1, **parameters})
        self.assertIs(answer["ok"], True, answer)
        return answer

    def app(self, app, **more):
        return {"type": "catalog.app", "account": 0, "app": app, "time": self.now, "name": f"App {app}",
                "kind": "marketplace", **more}

    def signal(self, app, user, what, age=0, **more):
        return connection(1, app, user, self.now - age, what, **more)

    def command(self, *arguments):
        environment = dict(os.environ, DAYBOOK_QUERY=self.d.endpoints["query"])
        return subprocess.run([DAYBOOK, "query", *arguments], env=environment, capture_output=True, text=True,
                              check=True).stdout


class Connections(Features):
    def test_the_four_fields(self):
        """S6 S7 S8 S9 S10: status, install date, installer, last activity, the same in every view and on the command line"""
        self.start()
        self.publish({"type": "directory.user", "account": 1, "user": 7, "name": "Ada", "time": self.now},
                     self.app(10), self.signal(10, 7, "installed", 3 * DAY),
                     api_call(1, 10, self.now - HOUR, method="POST"), api_call(1, 10, self.now - 2 * HOUR, method="HEAD"))
        wanted = {"state": "connected", "installed": self.now - 3 * DAY, "installer": 7,
                  "last_activity": self.now - HOUR, "last_sent": self.now - HOUR,
                  "last_received": self.now - 2 * HOUR}
        for restart in (False, True):
            if restart:
                self.checkpoint()
            seen = [self.rows("my_apps", viewer=7)[0], self.rows("other_apps", viewer=8)[0], self.rows("apps")[0],
                    self.ask("app", app=10)["data"], self.ask("home", viewer=7)["data"]["my_apps"][0],
                    json.loads(self.command("my_apps", "account=1", "viewer=7", "--ndjson").splitlines()[0])]
            for row in seen:
                self.assertEqual({k: row[k] for k in wanted}, wanted)

    def test_connected_without_an_installation(self):
        """S8 S9: an app is installed when it was connected first, whatever its source calls it"""
        self.start()
        self.publish(self.signal(10, 7, "reconnected", HOUR), self.signal(10, 7, "connected", 2 * DAY),
                     self.signal(11, 7, "installed", DAY), self.signal(11, 7, "connected", DAY - 5))
        for restart in (False, True):
            if restart:
                self.checkpoint()
            self.assertEqual([(r["app"], r["installed"], r["installer"]) for r in self.rows("my_apps", viewer=7)],
                             [(10, self.now - 2 * DAY, 7), (11, self.now - DAY, 7)])

    def test_the_first_installation_outlives_the_days_shown(self):
        """S8 S9 S11: install date and first installer stay when their days are gone; the log shows 30 days"""
        self.start(checkpoint_ms=50)
        self.publish(self.app(10, user_level=True), self.signal(10, 1, "installed", 29 * DAY),
                     self.signal(10, 1, "uninstalled", 28 * DAY), self.signal(10, 2, "installed", DAY),
                     self.signal(11, 3, "expired", 20 * DAY, reason="old"))
        first = self.now - 29 * DAY
        for _ in range(3):
            (row,) = self.rows("my_apps", viewer=2)
            self.assertEqual((row["installed"], row["installer"], row["state"]), (first, 1, "connected"))
            self.assertEqual([(r["problem"], r["opened"], r["reason"]) for r in self.rows("attention")],
                             [("expired", self.now - 20 * DAY, "old")])
            self.d.advance_clock(25 * DAY)
            self.peer.ask([record(1, 99, self.clock.ms)])
            self.checkpoint()
        self.assertEqual(self.rows("activity"), [])

    def test_no_last_activity_in_any_view(self):
        """S13: user-level and multi-account apps show no last activity, whichever view is asked; they count as unused by it"""
        self.start()
        for app, more in ((10, {"user_level": True}), (11, {"multi_account": True}), (12, {})):
            self.publish(self.app(app, **more), self.signal(app, 1, "installed", 28 * DAY),
                         api_call(1, app, self.now - HOUR), record(1, app, self.now - HOUR))
        home = [self.ask("home", viewer=v)["data"][k] for v, k in ((1, "my_apps"), (2, "other_apps"))]
        views = home + [self.rows("my_apps", viewer=1), self.rows("other_apps", viewer=2), self.rows("apps"),
                        [self.ask("app", app=a)["data"] for a in (10, 11, 12)]]
        for rows in views:
            self.assertEqual([[r[k] for k in ("last_activity", "last_sent", "last_received")] for r in rows],
                             [[None] * 3, [None] * 3, [self.now - HOUR] * 3])
        self.assertEqual([r["unused"] for r in self.rows("my_apps", viewer=1, unused_days=20)], [False] * 3)

    def test_no_status_in_any_view(self):
        """S7 S12: a built-in app that shows no status shows none in any view, and no problem"""
        self.start()
        self.publish(self.app(10, kind="built-in"), self.app(11, kind="built-in", shows_status=True),
                     *[self.signal(a, 1, "disconnected", HOUR) for a in (10, 11)])
        for rows in (self.rows("my_apps", viewer=1), self.rows("other_apps", viewer=2), self.rows("apps"),
                     [self.ask("app", app=a)["data"] for a in (10, 11)],
                     [self.rows("connections", app=a)[0] for a in (10, 11)]):
            self.assertEqual([r["state"] for r in rows], [None, "disconnected"])
        self.assertEqual([r["app"] for r in self.rows("attention")], [11])
        self.assertEqual([r["app"] for r in self.ask("home", viewer=1)["data"]["attention"]], [11])
        self.assertEqual(self.ask("app", app=10)["data"]["health"], [])

    def test_from_the_row_to_what_its_menu_offers(self):
        """S14 S16 S17 S18: the row's number is the length of the list behind it; its links lead on"""
        self.start()
        self.publish(self.app(10, marketplace_url="https://m/10", settings_url="https://s/10"),
                     *[self.signal(10, u, "installed", u * HOUR) for u in range(1, 40)],
                     *[self.signal(10, u, "uninstalled") for u in range(1, 10)])
        row, = self.rows("other_apps", viewer=77)
        people = [r for r in self.rows("connections", app=10, limit=7) if r["state"] != "uninstalled"]
        self.assertEqual((row["connections"], len(people)), (30, 30))
        self.assertEqual([(r["user"], r["installed"]) for r in people],
                         [(u, self.now - u * HOUR) for u in range(10, 40)])
        self.assertEqual((row["marketplace_url"], row["settings_url"]), ("https://m/10", "https://s/10"))


class Reference(Features):
    KINDS = (
        ("catalog.app", {"app": 10, "kind": "private"}, "name", "catalog", ("kind", "sideways")),
        ("catalog.academy", {"key": "k", "link": "https://x"}, "title", "academy", ("link", "")),
        ("directory.user", {"user": 7}, "name", "users", ("super_admin", "yes")),
        ("directory.team", {"team": 3}, "name", "teams", ("team", -1)),
        ("account.plan", {}, "tier", "plan", ("daily_limit", "many")),
        ("account.settings", {"user": 7}, "beta", "settings", ("beta", 1)),
    )

    def test_versions(self):
        """S1 S2 S19 S23: of each kind of reference data the newest word counts, removals too, in any order of arrival"""
        self.start()
        for kind, key, field, view, _ in self.KINDS:
            def say(value, age, removed=False):
                self.publish({"type": kind + ".removed" * removed, "account": 1, "time": self.now - age, **key,
                              **({"key": "3"} if removed and "team" in key else {}),
                              **({} if removed else {field: value})})

            a, b = (True, False) if field == "beta" else ("A", "B")
            shown = lambda: [(r[field], r["updated"]) for r in self.rows(view)]
            with self.subTest(kind):
                say(a, 50)
                say(b, 60)  # an older word
                self.assertEqual(shown(), [(a, self.now - 50)])
                say(None, 55, removed=True)  # an older removal
                self.assertEqual(shown(), [(a, self.now - 50)])
                self.checkpoint()
                say(b, 40)
                self.assertEqual(shown(), [(b, self.now - 40)])
                say(None, 30, removed=True)
                self.assertEqual(shown(), [])
                say(a, 35)  # said before it was removed
                self.checkpoint()
                self.assertEqual(shown(), [])
                say(a, 20)
                self.assertEqual(shown(), [(a, self.now - 20)])

    def test_what_is_wrong_with_it(self):
        """S1: reference data is validated: the refusal names field and value"""
        self.start()
        for kind, key, field, view, (name, value) in self.KINDS:
            with self.subTest(kind):
                good = {"type": kind, "account": 1, "time": self.now, **key, field: True if field == "beta" else "A"}
                answer = self.peer.ask([{**good, name: value}, {k: v for k, v in good.items() if k != field}])
                self.assert_rejected(answer, "invalid", "invalid")
                self.assertIn(name, answer["rejected"][0]["message"])
                self.assertIn(field, answer["rejected"][1]["message"])
                self.assertEqual(self.rows(view), [])


class Insights(Features):
    def test_where_the_error_rule_begins(self):
        """S25: errors are over at 5 % of at least 100 calls, not before"""
        self.start()
        for app, good, bad in ((1, 95, 5), (2, 96, 4), (3, 94, 5), (4, 0, 99), (5, 0, 100)):
            if good:
                self.publish(api_call(1, app, self.now, count=good))
            self.publish(api_call(1, app, self.now, status=500, count=bad))
        self.assertEqual([(r["app"], r["value"]) for r in self.rows("usage_alerts", rule="error_rate")],
                         [(1, 50), (5, 1000)])
        for app, over in ((1, True), (2, False), (3, False), (4, False), (5, True)):
            self.assertIs(self.rows("usage", app=app)[0]["errors_over"], over)

    def test_the_limit_that_is_reached_already(self):
        """S25: used up: share above all of it, nothing left, and when it was reached"""
        self.start()
        self.publish({"type": "account.plan", "account": 1, "tier": "free", "daily_limit": 100, "time": self.now},
                     api_call(1, 1, self.now - 6 * HOUR, count=60), api_call(1, 2, self.now - HOUR, count=90))
        row, = self.rows("usage")
        self.assertEqual((row["calls"], row["share_permille"], row["left"]), (150, 1500, 0))
        self.assertTrue(self.now - HOUR - 15 * 60_000 <= row["reached"] <= self.now - HOUR + 15 * 60_000, row)
        self.assertEqual(row["driver"], 2)

    def test_volumes_below_the_rhythm(self):
        """S29: a day far below the app's rhythm is marked, today is not before it is over"""
        self.start("2026-11-24 01:00:00")
        self.publish(*[record(1, 1, self.now - ago * DAY, count=7 if ago == 3 else 1000) for ago in range(1, 21)],
                     record(1, 1, self.now, count=3))
        self.assertEqual([(r["day"], r["rule"], r["value"], r["expected"]) for r in self.rows("record_alerts")],
                         [(day_text(self.now - 3 * DAY), "volume_low", 7, 1000)])

    def test_every_kind_of_action(self):
        """S26 S28: all six actions are counted as events, each by its count; app 0 is a person's own change"""
        self.start()
        actions = ("created", "updated", "deleted", "merged", "restored", "associated")
        self.publish(*[record(1, app, self.now, a, count=i + 1) for i, a in enumerate(actions) for app in (0, 5)])
        for app in (0, 5):
            self.assertEqual([(r["action"], r["count"]) for r in self.rows("records", app=app)],
                             [(a, i + 1) for i, a in enumerate(actions)])
        self.assertEqual(self.rows("records", group_by=[]), [{"count": 42}])
        self.assertEqual([r["app"] for r in self.rows("apps")], [5])

    def test_thirty_days_of_every_view(self):
        """S32 S40: 30 days in every view of days and instants, on the app's page too, and no day more"""
        self.start(checkpoint_ms=50)
        self.publish(*[e for ago in range(30) for e in (
            record(1, 10, self.now - ago * DAY, record=7), api_call(1, 10, self.now - ago * DAY),
            self.signal(10, 1, "connected", ago * DAY))])
        for days in (30, 29, 28):
            first = day_text(self.clock.ms - 29 * DAY)
            for view, more in (("records", {}), ("api_usage", {}), ("distinct_records", {}), ("activity", {"limit": 9})):
                self.assertEqual(len(self.rows(view, **more)), days, view)
            for view, more in (("records", {}), ("api_usage", {}), ("usage_alerts", {}), ("record_alerts", {}),
                               ("distinct_records", {}), ("app", {"app": 10})):
                answer = self.ask(view, **more)
                self.assertEqual((answer["from"], answer["bound"]), (first, "retention"), view)
            page = self.ask("app", app=10, rows=1000)["data"]
            self.assertEqual((len(page["records"]), len(page["log"])), (days, days))
            self.assertEqual(self.rows("distinct_records", total="range", group_by="app")[0]["records"], 1)
            self.d.advance_clock(DAY)

    def test_the_floor_of_december_2025(self):
        """S33: by default data starts on 1 December 2025; the bound named is the one that cut"""
        self.start("2025-12-15 12:00:00")
        self.assert_rejected(self.peer.ask([record(1, 1, ms_of("2025-11-30 23:59:59.999"))]), "before_floor")
        self.publish(record(1, 1, ms_of("2025-12-01 00:00:00")))
        for today, first, bound in (("2025-12-15", "2025-12-01", "floor"), ("2025-12-29", "2025-12-01", "floor"),
                                    ("2025-12-31", "2025-12-02", "retention")):
            self.d.set_clock(ms_of(today + " 12:00:00"))
            for view in ("records", "api_usage", "distinct_records"):
                answer = self.ask(view)
                self.assertEqual((answer["from"], answer["to"], answer["bound"]), (first, today, bound))
            self.assertEqual(len(self.rows("records")), first == "2025-12-01")
            self.assertIsNone(self.ask("records", **{"from": today})["bound"])


class Overview(Features):
    def test_only_open_alerts_of_this_app(self):
        """S35: first and last seen, by user; what is resolved is gone from the page"""
        self.start()
        self.publish(self.signal(10, 1, "error", 5 * HOUR, reason="a"), self.signal(10, 1, "error", 4 * HOUR, reason="b"),
                     self.signal(10, 2, "expired", 3 * HOUR), self.signal(11, 1, "expired", 3 * HOUR))
        health = self.ask("app", app=10)["data"]["health"]
        self.assertEqual([(h["problem"], h["user"], h["opened"], h["last_seen"], h["reason"]) for h in health],
                         [("expired", 2, self.now - 3 * HOUR, self.now - 3 * HOUR, None),
                          ("error", 1, self.now - 5 * HOUR, self.now - 4 * HOUR, "b")])
        self.publish(self.signal(10, 2, "reconnected"), self.signal(10, 1, "reconnected"))
        self.assertEqual(self.ask("app", app=10)["data"]["health"], [])

    def test_one_app_only(self):
        """S37: the log is of one app, by type and user; there is no filter of apps"""
        self.start()
        self.publish(self.signal(10, 1, "installed"), self.signal(11, 1, "installed"))
        self.assert_refused(self.d.query("app", account=1, app=[10, 11]), "bad_parameter")
        self.assertEqual({e["app"] for e in self.ask("app", app=10)["data"]["log"]}, {10})
        taken = {r["name"] for r in self.d.rows("schema", name="app") if r["part"] == "parameter"}
        self.assertEqual(taken, {"view", "viewer", "account", "app", "type", "user", "rows"})

    def test_records_by_day(self):
        """S40: different records of each day: one that changes on two days counts on both"""
        self.start()
        self.publish(*[record(1, 10, self.now - ago * DAY, a, record=r) for ago in (0, 1)
                       for a in ("created", "updated", "deleted", "merged") for r in (1, 2, 2, 2)],
                     record(1, 10, self.now, "updated"))
        for restart in (False, True):
            if restart:
                self.checkpoint()
            records = self.ask("app", app=10)["data"]["records"]
            self.assertEqual([(r["day"], r["action"], r["records"]) for r in records],
                             [(day_text(self.now - ago * DAY), a, 2) for ago in (1, 0)
                              for a in ("created", "updated", "deleted", "merged")])
            self.assertEqual([r["without_record"] for r in records], [0] * 5 + [1, 0, 0])

    def test_learning_content_of_this_app(self):
        """S41: lessons about the app and no others; a removed one goes"""
        self.start()
        lesson = {"type": "catalog.academy", "account": 0, "time": self.now, "title": "T", "link": "https://x"}
        self.publish({**lesson, "key": "a", "apps": [10, 11]}, {**lesson, "key": "b", "apps": [11]},
                     {**lesson, "key": "c"}, {**lesson, "key": "d", "account": 1, "apps": [10]},
                     self.signal(10, 1, "installed"))
        keys = lambda: [r["key"] for r in self.ask("app", app=10)["data"]["academy"]]
        self.assertEqual(keys(), ["a", "d"])
        self.publish({"type": "catalog.academy.removed", "account": 0, "key": "a", "time": self.now + 1})
        self.assertEqual(keys(), ["d"])


if __name__ == "__main__":
    unittest.main()
