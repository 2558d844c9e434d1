"""Connection insights, from events alone, against the real daemon: activity, academy, API usage,
record insights (S20..S33). A test's description begins with the items it holds. What is expected is
worked out here, event by event."""

import itertools
import json
import os
import random
import subprocess
import unittest
import zoneinfo
from datetime import datetime, timedelta, timezone

from harness import DAYBOOK, DaemonTest, api_call, connection, day_text, ms_of, record

HOUR = 3_600_000
DAY = 24 * HOUR
QUARTER = HOUR // 4
NOW = "2026-11-24 12:00:00"


class Insights(DaemonTest):
    def start(self, now=NOW, **options):
        self.clock = self.fake_clock(now)
        self.now = ms_of(now)
        self.d = self.daemon(clock=self.clock, **options)
        self.peer = self.d.ingest("json")
        return self.d

    def publish(self, *events):
        for i in range(0, len(events), 5000):
            part = list(events[i:i + 5000])
            self.assert_ack(self.peer.ask(part), accepted=len(part))

    def checkpoint(self):
        """A stop merges what is pending; the next start reads the tables."""
        self.assertEqual(self.d.stop(), 0)
        self.d.start()
        self.peer = self.d.ingest("json")

    def ask(self, view, **parameters):
        answer = self.d.query(view, **{"account": 1, **parameters})
        self.assertIs(answer["ok"], True, answer)
        return answer

    def rows(self, view, **parameters):
        return self.d.rows(view, **{"account": 1, **parameters})

    def plan(self, **fields):
        return {"type": "account.plan", "account": 1, "time": self.now, "tier": "professional", **fields}

    def kind(self, app, kind):
        return {"type": "catalog.app", "account": 1, "app": app, "time": self.now, "name": f"App {app}",
                "kind": kind}

    def day(self, ago):
        return day_text(self.now - ago * DAY)


class Families(Insights):
    def test_four_families(self):
        """S20 activities, academy, API usage and record insights, each with an answer"""
        self.start()
        self.publish(
            connection(time_ms=self.now, what="connected"), api_call(time_ms=self.now), record(time_ms=self.now),
            {"type": "catalog.academy", "account": 1, "key": "a", "title": "Health", "link": "https://x/a",
             "time": self.now})
        for view in ("activity", "academy", "api_usage", "records"):
            self.assertEqual(len(self.rows(view)), 1, view)


class Activity(Insights):
    def filled(self, n=400):
        self.start(checkpoint_ms=50)
        r = random.Random(7)
        self.sent = []
        for _ in range(n):
            app, user, at = r.randrange(1, 5), r.randrange(4), self.now - r.randrange(6 * DAY)
            if r.random() < 0.3:
                e = {"type": "sync." + r.choice(("enabled", "disabled", "changed")), "account": 1, "app": app,
                     "user": user, "time": at, "setting": "contacts", "from": "off", "to": "on"}
            else:
                e = connection(app=app, user=user, time_ms=at, reason="because",
                               what=r.choice(("installed", "connected", "disconnected", "reinstalled")))
            self.sent.append(e)
        self.publish(*self.sent)

    def key(self, e):
        return (e["type"], e["app"], e["user"], e["time"])

    def test_what_is_logged(self):
        """S21 connects, disconnects, reinstalls and changes of data sync, newest first"""
        self.filled()
        rows = self.rows("activity", limit=30)
        self.assertEqual(sorted(map(self.key, rows)), sorted(map(self.key, self.sent)))
        order = [(r["time"], r["position"]) for r in rows]
        self.assertEqual(order, sorted(order, reverse=True))
        changed = next(r for r in rows if r["type"] == "sync.changed")
        self.assertEqual([changed[k] for k in ("setting", "from", "to")], ["contacts", "off", "on"])
        self.assertEqual(next(r for r in rows if r["type"] == "app.disconnected")["reason"], "because")

    def test_filters(self):
        """S22 filters of type, user and app in every combination, with and without a range"""
        self.filled()
        choices = {
            "app": (None, 1, [2, 4], 99), "user": (None, 0, [1, 3]),
            "type": (None, "app.disconnected", ["sync.enabled", "sync.changed", "app.installed"]),
            "range": (None, (self.now - 4 * DAY, self.now - DAY)),
        }
        for app, user, kind, span in itertools.product(*choices.values()):
            asked = {"app": app, "user": user, "type": kind}
            asked = {k: v for k, v in asked.items() if v is not None}
            wanted = [e for e in self.sent
                      if all(e[k] in (v if isinstance(v, list) else [v]) for k, v in asked.items())
                      and (span is None or span[0] <= e["time"] < span[1])]
            if span:
                asked.update({"from": span[0], "to": span[1]})
            with self.subTest(asked):
                rows = self.rows("activity", limit=50, **asked)
                self.assertEqual(sorted(map(self.key, rows)), sorted(map(self.key, wanted)))

    def test_pages_stand_still(self):
        """S21 S22 pages stay as they are while entries arrive, newer and older ones, over checkpoints"""
        self.filled()
        for asked in ({}, {"app": 2}, {"app": [1, 3], "user": [0, 2], "type": "app.connected"}):
            with self.subTest(asked):
                before = self.rows("activity", **asked)
                seen, cursor = [], {}
                while True:
                    answer = self.ask("activity", limit=7, **asked, **cursor)
                    seen += answer["data"]["rows"]
                    newer = connection(app=2, user=2, time_ms=self.now, what="connected")
                    older = connection(app=2, user=2, time_ms=self.now - 5 * DAY, what="connected")
                    self.publish(newer, older)
                    if len(seen) % 3 == 0:
                        self.d.wait_status(lambda s: s["events_unsaved"] == 0)
                    if "cursor" not in answer:
                        break
                    cursor = {"cursor": answer["cursor"]}
                positions = [r["position"] for r in seen]
                self.assertEqual(len(set(positions)), len(positions), "a row came twice")
                missing = [r for r in before if r not in seen]
                self.assertEqual(missing, [])
                order = [(r["time"], r["position"]) for r in seen]
                self.assertEqual(order, sorted(order, reverse=True))

    def test_academy(self):
        """S23 learning content about apps, by app and language"""
        self.start()
        lesson = {"type": "catalog.academy", "account": 1, "time": self.now}
        self.publish({**lesson, "key": "a", "title": "Keep it healthy", "link": "https://x/a", "apps": [10],
                      "language": "en", "topic": "upkeep"},
                     {**lesson, "key": "b", "title": "Dbaj o to", "link": "https://x/b", "language": "pl"})
        self.assertEqual([r["title"] for r in self.rows("academy")], ["Keep it healthy", "Dbaj o to"])
        self.assertEqual([r["title"] for r in self.rows("academy", app=10)], ["Keep it healthy"])
        self.assertEqual([r["title"] for r in self.rows("academy", language="pl")], ["Dbaj o to"])


class Usage(Insights):
    def test_daily_use_of_private_apps(self):
        """S24 calls by day, of private apps only, per app and in total"""
        self.start()
        self.publish(self.kind(1, "private"), self.kind(2, "marketplace"), self.kind(3, "built-in"),
                     *[api_call(app=app, time_ms=self.now - ago * DAY, count=app * 10 + ago)
                       for app in (1, 2, 3, 4) for ago in (0, 1, 5, 29)])
        for restart in (False, True):
            if restart:
                self.checkpoint()
            self.assertEqual(
                [(r["day"], r["app"], r["calls"]) for r in self.rows("api_usage")],
                [(self.day(ago), app, app * 10 + ago) for ago in (29, 5, 1, 0) for app in (1, 4)])
            self.assertEqual([(r["day"], r["calls"]) for r in self.rows("api_usage", group_by="day")],
                             [(self.day(ago), 50 + 2 * ago) for ago in (29, 5, 1, 0)])

    def expect_zone(self, zone, calls):
        """Rows of api_usage by day in a zone, from (ms, n): two days of the zone, the rest of UTC."""
        tz = zoneinfo.ZoneInfo(zone)

        def local(ms):
            return datetime.fromtimestamp(ms / 1000, timezone.utc).astimezone(tz).date()

        today = local(self.now)
        days = {}
        for ms, n in calls:
            if local(ms) in (today, today - timedelta(1)):
                days[str(local(ms)), zone] = days.get((str(local(ms)), zone), 0) + n
            if day_text(ms) <= str(today - timedelta(2)):
                days[day_text(ms), "UTC"] = days.get((day_text(ms), "UTC"), 0) + n
        return sorted((day, z, n) for (day, z), n in days.items())

    def test_days_of_a_zone(self):
        """S24 S31 today and yesterday of the account's zone, exact; the days before in UTC, and said so"""
        r = random.Random(3)
        for now in ("2026-11-24 03:10:00", "2026-11-24 23:50:00"):
            self.start(now, data_dir=os.path.join(self.directory, now[11:13]))
            calls = [(self.now - r.randrange(5 * DAY), r.randrange(1, 9)) for _ in range(400)]
            self.publish(*[api_call(time_ms=ms, count=n) for ms, n in calls])
            for zone in ("America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati", "Europe/Warsaw"):
                self.publish(self.plan(reset_zone=zone))
                self.now += 1  # the next plan is newer
                for asked in (zone, "account"):
                    rows = self.rows("api_usage", zone=asked, group_by="day", limit=2)
                    self.assertEqual([(x["day"], x["zone"], x["calls"]) for x in rows],
                                     self.expect_zone(zone, calls), (now, zone))
            self.d.stop()

    def test_a_day_of_25_hours(self):
        """S24 S31 the day on which clocks are set back has 100 quarter-hours, the next one 96"""
        self.start("2026-11-02 21:00:00")
        first = ms_of("2026-11-01 04:00:00")  # midnight in New York, still on daylight saving time
        self.publish(*[api_call(time_ms=first + i * QUARTER + 1) for i in range(100 + 64)])
        rows = self.rows("api_usage", zone="America/New_York", slot="quarter")
        self.assertEqual([r["time"] for r in rows], [first + i * QUARTER for i in range(164)])
        self.assertEqual([r["day"] for r in rows], ["2026-11-01"] * 100 + ["2026-11-02"] * 64)
        self.assertEqual([r["calls"] for r in self.rows("api_usage", zone="America/New_York", group_by="day")],
                         [100, 64])
        filled = self.rows("api_usage", zone="America/New_York", slot="quarter", fill=True)
        self.assertEqual(len(filled), 100 + 96)

    def test_a_zone_that_is_none(self):
        """S31 a zone that is none is refused by name, and opens no file elsewhere"""
        self.start()
        for zone in ("Mars/Olympus", "../../../etc/passwd", "/etc/localtime", "localtime", "", "Europe"):
            answer = self.d.query("api_usage", account=1, zone=zone)
            self.assert_refused(answer, "bad_parameter")
            self.assertIn("zone", answer["message"])

    def test_share_of_the_limit(self):
        """S25 limits of the plan, share of today, errors against 5 %, calls that were limited"""
        self.start()
        self.publish(self.plan(daily_limit=10000, ten_seconds_limit=190),
                     api_call(app=1, time_ms=self.now - HOUR, count=2000),
                     api_call(app=2, time_ms=self.now - HOUR, count=450, status=500),
                     api_call(app=2, time_ms=self.now - HOUR, count=50, status=429),
                     api_call(app=1, time_ms=self.now - DAY, count=1000))
        row, = self.rows("usage")
        self.assertEqual(
            {k: row[k] for k in ("day", "zone", "resets", "tier", "daily_limit", "ten_seconds_limit", "calls",
                                 "share_permille", "left", "errors", "error_permille", "errors_over", "limited",
                                 "apps", "yesterday")},
            {"day": "2026-11-24", "zone": "UTC", "resets": ms_of("2026-11-25 00:00:00"), "tier": "professional",
             "daily_limit": 10000, "ten_seconds_limit": 190, "calls": 2500, "share_permille": 250, "left": 7500,
             "errors": 500, "error_permille": 200, "errors_over": True, "limited": 50, "apps": 2,
             "yesterday": 1000})
        self.assertEqual(
            [(a["app"], a["rule"], a["value"], a["expected"]) for a in self.rows("usage_alerts")],
            [(2, "error_rate", 1000, 50), (2, "limited", 50, 0)])

    def test_when_the_limit_is_reached(self):
        """S25 the hour at which today's limit will be reached in the account's zone, and the app behind it"""
        self.start()  # 07:00 in New York; its day began at 05:00 UTC
        midnight = ms_of("2026-11-24 05:00:00")
        usual = [api_call(app=app, time_ms=midnight - DAY + i * QUARTER, count=100)
                 for app in (1, 2) for i in range(96)]
        today = [api_call(app=app, time_ms=midnight + i * QUARTER, count=100 if app == 1 else 500)
                 for app in (1, 2) for i in range(28)]
        self.publish(self.plan(daily_limit=40000, reset_zone="America/New_York"), *usual, *today)
        row, = self.rows("usage")
        # 600 a quarter where 200 were expected; an eighth of a day (2,400) on both sides of the pace.
        calls, so_far, early = 28 * 600, 28 * 200, 96 * 200 // 8
        pace = (calls + early) / (so_far + early)
        self.assertEqual((row["calls"], row["yesterday_by_now"], row["basis"]), (calls, so_far, "profile"))
        self.assertAlmostEqual(row["forecast"], calls + 68 * 200 * pace, delta=2)
        quarters = (40000 - calls) / (200 * pace)
        self.assertAlmostEqual(row["reached"], self.now + quarters * QUARTER, delta=2000)
        self.assertEqual((row["driver"], row["driver_calls"], row["driver_growth"]), (2, 28 * 500, 28 * 400))
        self.publish({**self.plan(daily_limit=1000000, reset_zone="America/New_York"), "time": self.now + 1})
        row, = self.rows("usage")
        self.assertEqual([row[k] for k in ("reached", "driver", "driver_calls", "driver_growth")], [None] * 4)

    def test_spikes_and_trends(self):
        """S25 spikes and drops by the app's own rhythm, marked with the rule; the trend week against week"""
        self.start()
        calls = []
        for ago in range(30):
            weekend = datetime.fromtimestamp((self.now - ago * DAY) / 1000, timezone.utc).weekday() > 4
            n = {4: 9000, 12: 100}.get(ago, 200 if weekend else 1000)  # a Friday and a Thursday
            calls.append((ago, n))
            self.publish(api_call(app=1, time_ms=self.now - ago * DAY, count=n))
        self.checkpoint()
        self.assertEqual(
            [(a["day"], a["rule"], a["value"], a["expected"]) for a in self.rows("usage_alerts", app=1)],
            [(self.day(12), "drop", 100, 1000), (self.day(4), "spike", 9000, 1000)])
        row, = self.rows("usage")
        week = sum(n for ago, n in calls if 1 <= ago <= 7)
        before = sum(n for ago, n in calls if 8 <= ago <= 14)
        self.assertEqual((row["week"], row["week_before"], row["trend_permille"]),
                         (week, before, week * 1000 // before))
        self.assertEqual(self.rows("usage_alerts", rule="limited"), [])

    def test_the_command_line(self):
        """S25 S29 the same rows on the command line"""
        self.start()
        self.publish(self.plan(daily_limit=100), api_call(time_ms=self.now, count=7, status=429))
        environment = dict(os.environ, DAYBOOK_QUERY=self.d.endpoints["query"])
        for view, wanted in (("usage", self.rows("usage")), ("usage_alerts", self.rows("usage_alerts")),
                             ("record_alerts", [])):
            out = subprocess.run([DAYBOOK, "query", view, "account=1", "--json"], env=environment,
                                 capture_output=True, text=True, check=True).stdout
            self.assertEqual(json.loads(out)["data"]["rows"] if out.startswith("{") and '"data"' in out
                             else [json.loads(line) for line in out.splitlines()], wanted)


class Records(Insights):
    def test_events_by_app_type_and_action(self):
        """S26 S27 S28 record events (not records) by day, app, type and action"""
        self.start()
        r, wanted, events = random.Random(5), {}, []
        for _ in range(600):
            ago, app = r.randrange(30), r.randrange(1, 4)
            kind, action = r.choice(("contacts", "deals", "2-77")), r.choice(("created", "updated", "deleted", "merged"))
            events.append(record(app=app, time_ms=self.now - ago * DAY, object_type=kind, action=action,
                                 record=r.randrange(3)))
            key = (self.day(ago), app, kind, action)
            wanted[key] = wanted.get(key, 0) + 1
        self.publish(*events)
        self.checkpoint()
        names = ("day", "app", "object_type", "action")
        for dims in (names, ("day", "app"), ("object_type",), ("action",), ("app", "action")):
            sums = {}
            for key, n in wanted.items():
                part = tuple(v for v, name in zip(key, names) if name in dims)
                sums[part] = sums.get(part, 0) + n
            rows = self.rows("records", group_by=list(dims), limit=20)
            self.assertEqual({tuple(x[d] for d in dims): x["count"] for x in rows}, sums, dims)

    def test_unexpected_behaviour(self):
        """S29 a first delete, a first merge, a first touch of a type, and volumes far off the rhythm"""
        self.start()
        events = [record(app=1, time_ms=self.now - ago * DAY, count=5000 if ago == 2 else 120) for ago in range(20)]
        events += [
            record(app=1, time_ms=self.now - 4 * DAY, action="deleted", count=3),
            record(app=1, time_ms=self.now - 3 * DAY, action="deleted", count=3),
            record(app=1, time_ms=self.now - 5 * DAY, action="merged", object_type="companies", count=2),
            record(app=2, time_ms=self.now - 2 * DAY, action="deleted"),  # all it ever did
            record(app=2, time_ms=self.now - DAY, action="deleted"),
        ]
        self.publish(*events)
        for restart in (False, True):
            if restart:
                self.checkpoint()
            keys = ("app", "day", "rule", "object_type", "action", "value", "expected")
            self.assertEqual(
                [tuple(a[k] for k in keys) for a in self.rows("record_alerts", limit=1)],
                [(1, self.day(5), "first_merge", None, "merged", 2, 0),
                 (1, self.day(5), "first_type", "companies", None, 2, 0),
                 (1, self.day(4), "first_delete", None, "deleted", 3, 0),
                 (1, self.day(2), "volume_high", None, "updated", 5000, 120)])
        self.assertEqual([a["day"] for a in self.rows("record_alerts", rule="first_delete")], [self.day(4)])
        self.assertEqual(len(self.rows("record_alerts", **{"from": self.day(4)})), 2)


class Proof(Insights):
    def test_what_is_open(self):
        """S30 an answer says as of when it is, and which day of its range is still counting"""
        self.start("2026-11-24 23:59:50")
        self.publish(record(time_ms=self.now))
        answer = self.ask("records")
        self.assertEqual((answer["as_of"], answer["open_day"]), (self.now, "2026-11-24"))
        self.assertIsNone(self.ask("records", to=self.day(1))["open_day"])
        self.assertEqual(self.ask("usage")["open_day"], "2026-11-24")
        self.assertEqual(self.ask("api_usage", zone="Asia/Tokyo")["open_day"], "2026-11-25")
        self.d.advance_clock(20_000)
        answer = self.ask("records")
        self.assertEqual((answer["to"], answer["open_day"]), ("2026-11-25", "2026-11-25"))
        self.assertEqual([r["day"] for r in answer["data"]["rows"]], ["2026-11-24"])

    def test_utc(self):
        """S31 a day is the UTC day of the event's own time, whatever zone the process runs in"""
        os.environ["TZ"] = "Asia/Tokyo"
        self.addCleanup(os.environ.pop, "TZ")
        d = self.daemon()
        midnight = (self.d_now() // DAY) * DAY
        self.assert_ack(d.ingest().ask([record(time_ms=midnight - 1, count=2), record(time_ms=midnight, count=3)]),
                        accepted=2)
        self.assertEqual([(r["day"], r["count"]) for r in d.rows("records", account=1)],
                         [(day_text(midnight - 1), 2), (day_text(midnight), 3)])

    def d_now(self):
        return int(datetime.now(timezone.utc).timestamp() * 1000)

    def test_thirty_days(self):
        """S32 today and the 29 days before it are shown, in every view of days"""
        self.start(checkpoint_ms=50)
        self.publish(*[e for ago in range(30) for e in (
            record(time_ms=self.now - ago * DAY), api_call(time_ms=self.now - ago * DAY),
            connection(time_ms=self.now - ago * DAY, what="connected"))])
        self.assert_rejected(self.peer.ask([record(time_ms=self.now - 30 * DAY)]), "too_old")
        for days in (30, 29):
            for view in ("records", "api_usage"):
                answer = self.ask(view, group_by="day")
                self.assertEqual(len(answer["data"]["rows"]), days, view)
                self.assertEqual((answer["from"], answer["bound"]), (day_text(self.clock.ms - 29 * DAY), "retention"))
            self.assertEqual(len(self.rows("activity")), days)
            self.d.advance_clock(DAY)

    def test_the_floor(self):
        """S33 nothing before the floor is taken or shown, and the answer says that the floor cut it"""
        self.start(data_floor="2026-11-20")
        self.assert_rejected(self.peer.ask([record(time_ms=ms_of("2026-11-19 23:59:59"))]), "before_floor")
        self.publish(record(time_ms=ms_of("2026-11-20 00:00:00")))
        for view in ("records", "api_usage", "record_alerts", "usage_alerts", "distinct_records"):
            answer = self.ask(view)
            self.assertEqual((answer["from"], answer["bound"]), ("2026-11-20", "floor"), view)
        answer = self.ask("records", **{"from": "2026-11-21"})
        self.assertEqual((answer["from"], answer["bound"]), ("2026-11-21", None))

    def test_what_was_received(self):
        """S30 how many late, duplicate and rejected events were received on the days of the range"""
        self.start()
        self.assert_ack(self.peer.ask([record(time_ms=self.now, id="a"), record(time_ms=self.now, id="a"),
                                       record(time_ms=self.now - 3 * DAY), record(time_ms=self.now - 40 * DAY)]),
                        accepted=2, duplicate=1, rejected=1)
        today = {"late": 1, "duplicate": 1, "rejected": 1}
        none = {"late": 0, "duplicate": 0, "rejected": 0}
        for view in ("records", "api_usage", "usage", "usage_alerts", "record_alerts", "activity"):
            self.assertEqual(self.ask(view)["received"], today, view)
        self.assertEqual(self.ask("records", to=self.day(1))["received"], none)
        self.assertEqual(self.ask("activity", to=self.now - DAY)["received"], none)
        self.d.advance_clock(DAY)
        self.assertEqual(self.ask("records", **{"from": day_text(self.clock.ms)})["received"], none)
        self.assertEqual(self.ask("records")["received"], today)

    def test_what_was_received_by_account(self):
        """S30 the late, duplicate and rejected events of an account are its own, and survive kill -9"""
        self.start()
        batch = [record(time_ms=self.now, id="a"), record(account=2, time_ms=self.now - 3 * DAY),
                 api_call(account=2, time_ms=self.now - 5 * DAY), record(account=2, time_ms=self.now - 40 * DAY),
                 connection(account=3, time_ms=self.now - 2 * DAY),
                 record(account=3, time_ms=self.now, id="b"), record(account=3, time_ms=self.now, id="b"), {"type": "no"}]
        self.assert_ack(self.peer.ask(batch), accepted=5, duplicate=1, rejected=2)
        want = {1: (0, 0, 0), 2: (2, 0, 1), 3: (1, 1, 0), 4: (0, 0, 0)}
        for crash in (False, True, True):
            if crash:
                self.d.kill()
                self.d.start()
            for account, numbers in want.items():
                got = self.d.query("records", account=account)["received"]
                self.assertEqual((got["late"], got["duplicate"], got["rejected"]), numbers, account)
        self.assertEqual(self.d.status()["late"], 3)  # the sum; a rejected event without an account is the engine's only


if __name__ == "__main__":
    unittest.main()
