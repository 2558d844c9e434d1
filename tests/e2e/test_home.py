"""The connections home and the app overview, from events alone, against the real daemon. A test's
description begins with the items of the feature list that it holds (S1..S41)."""

import json
import os
import subprocess
import unittest

from harness import DAYBOOK, DEADLINE_S, DaemonTest, api_call, connection, now_ms, record

HOUR = 3_600_000
DAY = 24 * HOUR
CATALOGUE = os.path.join(os.path.dirname(__file__), "../../schemas/catalog.sample.ndjson")


class Home(DaemonTest):
    def start(self, **options):
        self.d = self.daemon(**options)
        self.peer = self.d.ingest("json")
        self.now = now_ms() - 1000
        return self.d

    def publish(self, *events):
        self.assert_ack(self.peer.ask(list(events)), accepted=len(events))

    def signal(self, app, user, what, age=0, account=1, **more):
        return connection(account, app, user, self.now - age, what, **more)

    def app(self, app, account=0, **more):
        more = {"name": f"App {app}", "kind": "marketplace", **more}
        return {"type": "catalog.app", "account": account, "app": app, "time": self.now, **more}

    def user(self, user, **more):
        return {"type": "directory.user", "account": 1, "user": user, "name": f"User {user}",
                "time": self.now, **more}

    def rows(self, view, **parameters):
        parameters.setdefault("account", 1)
        return self.d.rows(view, **parameters)

    def row(self, view, app, **parameters):
        return next(r for r in self.rows(view, **parameters) if r["app"] == app)

    def apps(self, view, **parameters):
        return [r["app"] for r in self.rows(view, **parameters)]

    def ask(self, view, **parameters):
        answer = self.d.query(view, account=1, **parameters)
        self.assertIs(answer["ok"], True, answer)
        return answer

    def checkpoint(self):
        """A stop merges what is pending; the next start reads the tables."""
        self.assertEqual(self.d.stop(), 0)
        self.d.start()
        self.peer = self.d.ingest("json")


class Sections(Home):
    def test_s1_s3_s6_s15(self):
        """S1 S3 S6 S15: one page, four sections, by the viewing user"""
        self.start()
        self.publish(
            self.app(10), self.app(11), self.app(12), self.app(13),
            self.signal(10, 1, "installed", DAY), self.signal(11, 2, "installed", DAY),
            self.signal(12, 1, "installed", DAY), self.signal(12, 2, "connected", DAY),
            self.signal(12, 2, "expired", HOUR),
        )
        for _ in range(2):
            home = self.ask("home", viewer=1)["data"]
            self.assertEqual([r["app"] for r in home["attention"]], [12])
            self.assertEqual([r["app"] for r in home["my_apps"]], [10, 12])
            self.assertEqual([r["app"] for r in home["other_apps"]], [11])
            self.assertEqual([r["app"] for r in home["recommendations"]], [13])
            self.assertEqual(
                [home[k] for k in ("apps", "connections", "connected", "expired", "problems")],
                [3, 4, 2, 1, 1],
            )
            for section in ("attention", "my_apps", "other_apps", "recommendations"):
                self.assertEqual(home[section], self.rows(section, viewer=1))
            self.assertEqual(self.apps("my_apps", viewer=2), [11, 12])
            self.assertEqual(self.apps("other_apps", viewer=2), [10])
            self.assertEqual(self.apps("my_apps", viewer=3), [])
            self.assertEqual(self.apps("other_apps", viewer=3), [10, 11, 12])
            self.checkpoint()

    def test_s2(self):
        """S2: the beta is opted into by a super admin; refused before where it is enforced"""
        self.start(enforce_beta="true")
        self.publish(self.user(1, super_admin=True), self.user(2))
        self.assertEqual(self.rows("settings"), [])

        def switch(user, beta, age):
            self.publish({"type": "account.settings", "account": 1, "user": user, "beta": beta,
                          "time": self.now - age})
            return self.d.query("home", account=1, viewer=1)

        self.assert_refused(self.d.query("home", account=1, viewer=1), "forbidden", retry=False)
        self.assert_refused(switch(2, True, 30), "forbidden")
        self.assertIs(switch(1, True, 20)["ok"], True)
        (row,) = self.rows("settings")
        self.assertEqual((row["beta"], row["user"], row["super_admin"], row["updated"]),
                         (True, 1, True, self.now - 20))
        self.assertIs(switch(2, False, 15)["ok"], True)  # nobody asked user 2
        self.assertEqual(self.rows("settings"), [row])
        self.checkpoint()
        self.assertIs(switch(2, True, 12)["ok"], True)
        self.assertEqual(self.rows("settings"), [row])
        self.assert_refused(switch(1, False, 10), "forbidden")
        self.assertIs(self.d.query("records", account=1)["ok"], True)

    def test_s2_not_enforced(self):
        """S2: by default the switch is only reported"""
        self.start()
        self.assertIs(self.ask("home", viewer=1)["ok"], True)

    def test_s18(self):
        """S18: links to the marketplace and to the settings page"""
        self.start()
        self.publish(self.app(10, marketplace_url="https://m", settings_url="https://s"),
                     self.signal(10, 2, "installed"))
        row = self.row("other_apps", 10, viewer=1)
        self.assertEqual((row["marketplace_url"], row["settings_url"]), ("https://m", "https://s"))

    def test_viewer_is_needed(self):
        self.start()
        for view in ("home", "my_apps", "other_apps"):
            answer = self.d.query(view, account=1)
            self.assert_refused(answer, "bad_parameter", retry=False)
            self.assertIn("viewer", answer["message"])


class Attention(Home):
    def test_s4(self):
        """S4: expired, disconnected, errors, reauthentication: the worst first, then the oldest"""
        self.start()
        self.publish(
            self.signal(1, 1, "error", 5 * HOUR, reason="timeout", code="E1"),
            self.signal(2, 1, "expired", 3 * HOUR), self.signal(2, 2, "expired", 4 * HOUR),
            self.signal(3, 1, "disconnected", HOUR), self.signal(4, 1, "installed", HOUR),
            {"type": "permission.reauth_required", "account": 1, "app": 5, "user": 1,
             "time": self.now - 9 * HOUR},
        )
        for _ in range(2):
            rows = self.rows("attention")
            self.assertEqual(
                [(r["problem"], r["severity"], r["app"], r["user"]) for r in rows],
                [("disconnected", 4, 3, 1), ("expired", 3, 2, 2), ("expired", 3, 2, 1),
                 ("reauth", 2, 5, 1), ("error", 1, 1, 1)],
            )
            self.assertEqual((rows[4]["reason"], rows[4]["code"]), ("timeout", "E1"))
            self.assertEqual(self.rows("attention", limit=1), rows)
            self.assertEqual(self.apps("attention", problem=["error", "reauth"]), [5, 1])
            self.checkpoint()

    def test_s4_one_per_problem(self):
        """S4: one row per connection and problem; repeats renew it, a return reopens it"""
        self.start()
        self.publish(*[self.signal(1, 1, "error", age * HOUR) for age in (9, 8, 7)])
        (row,) = self.rows("attention")
        self.assertEqual((row["repeats"], row["episodes"]), (3, 1))
        self.assertEqual((row["opened"], row["last_seen"]),
                         (self.now - 9 * HOUR, self.now - 7 * HOUR))
        self.publish(self.signal(1, 1, "reconnected", 6 * HOUR))
        self.assertEqual(self.rows("attention"), [])
        (row,) = self.rows("attention", state="resolved")
        self.assertEqual((row["resolved"], row["action"]), (self.now - 6 * HOUR, None))
        self.publish(self.signal(1, 1, "error", 5 * HOUR))
        (row,) = self.rows("attention", state="all")
        self.assertEqual((row["state"], row["episodes"], row["repeats"], row["opened"]),
                         ("open", 2, 1, self.now - 5 * HOUR))

    def test_s4_recovered(self):
        """S4: an error that recovered is resolved a day after its last failure"""
        clock = self.fake_clock("2026-11-24 12:00:00")
        self.d = self.daemon(clock=clock)
        self.peer = self.d.ingest("json")
        self.now = clock.ms
        self.publish(self.signal(1, 1, "error", 2 * HOUR), self.signal(1, 1, "recovered", HOUR))
        (row,) = self.rows("attention")
        self.assertEqual((row["state"], row["ended"], row["action"]),
                         ("open", self.now - HOUR, None))
        self.d.set_clock(clock.ms + 22 * HOUR - 1)
        self.assertEqual(len(self.rows("attention")), 1)
        self.d.set_clock(clock.ms + 1)
        self.assertEqual(self.rows("attention"), [])
        (row,) = self.rows("attention", state="resolved")
        self.assertEqual(row["resolved"], self.now - 2 * HOUR + DAY)

    def test_s5(self):
        """S5: the row says what ends it, and the event of that does"""
        self.start()
        reauth = {"type": "permission.reauth_required", "account": 1, "app": 4, "user": 1,
                  "time": self.now - HOUR}
        self.publish(self.signal(1, 1, "error", HOUR), self.signal(2, 1, "expired", HOUR),
                     self.signal(3, 1, "disconnected", HOUR), reauth)
        self.assertEqual({r["app"]: r["action"] for r in self.rows("attention")},
                         {1: "reconnect", 2: "reconnect", 3: "reconnect", 4: "reauthenticate"})
        self.publish(*[self.signal(app, 1, "reconnected") for app in (1, 2, 3)],
                     {**reauth, "type": "permission.granted", "time": self.now})
        self.assertEqual(self.rows("attention"), [])


class Apps(Home):
    def test_s7_s8_s9(self):
        """S7 S8 S9: status, install date, installer"""
        self.start()
        self.publish(self.user(7), self.signal(10, 7, "installed", DAY),
                     self.signal(11, 7, "installed", DAY), self.signal(11, 7, "disconnected"))
        row = self.row("my_apps", 10, viewer=7)
        self.assertEqual((row["state"], row["installed"], row["installer"], row["installer_name"]),
                         ("connected", self.now - DAY, 7, "User 7"))
        self.assertEqual(self.row("my_apps", 11, viewer=7)["state"], "disconnected")

    def test_s10(self):
        """S10: sent and received are kept apart"""
        self.start()
        self.publish(self.signal(10, 1, "installed", DAY),
                     api_call(1, 10, self.now - 5000), record(1, 10, self.now - 9000),
                     api_call(1, 10, self.now - 100, status=500))
        for _ in range(2):
            row = self.row("my_apps", 10, viewer=1)
            self.assertEqual(
                (row["last_sent"], row["last_received"], row["last_activity"]),
                (self.now - 9000, self.now - 5000, self.now - 5000),
            )
            self.checkpoint()

    def test_s11(self):
        """S11: the first installation and its user survive uninstalling, in any order of arrival"""
        self.start()
        self.publish(self.app(10, user_level=True))
        self.publish(self.signal(10, 3, "installed", DAY))
        self.publish(self.signal(10, 2, "uninstalled", 8 * DAY))
        self.publish(self.signal(10, 2, "installed", 9 * DAY))
        self.publish(self.signal(10, 3, "reinstalled", HOUR))
        for _ in range(2):
            row = self.row("my_apps", 10, viewer=3)
            self.assertEqual((row["installed"], row["installer"]), (self.now - 9 * DAY, 2))
            self.assertEqual(row["connections"], 1)
            self.checkpoint()

    def test_s12(self):
        """S12: a built-in app shows a status only when the catalogue says so"""
        self.start()
        self.publish(
            self.app(10, kind="built-in"), self.app(11, kind="built-in", shows_status=True),
            self.app(12, kind="private"),
            *[self.signal(app, 1, "expired", HOUR) for app in (10, 11, 12)],
        )
        self.assertEqual([r["state"] for r in self.rows("my_apps", viewer=1)],
                         [None, "expired", "expired"])
        self.assertEqual(self.apps("attention"), [11, 12])
        self.assertEqual([r["state"] for r in self.rows("connections", app=10)], [None])
        self.assertIsNone(self.ask("app", app=10)["data"]["state"])

    def test_s13(self):
        """S13: user-level and multi-account apps show no last activity though there is some"""
        self.start()
        self.publish(self.app(10, user_level=True), self.app(11, multi_account=True), self.app(12))
        for app in (10, 11, 12):
            self.publish(self.signal(app, 1, "installed", DAY), api_call(1, app, self.now))
        for row in self.rows("my_apps", viewer=1):
            shown = self.now if row["app"] == 12 else None
            self.assertEqual((row["last_activity"], row["last_received"]), (shown, shown))
        self.assertEqual(len(self.rows("api_usage", kind="all")), 3)

    def test_s15_flags(self):
        """S15: duplicate and unused apps are flagged"""
        self.start()
        self.publish(*[self.signal(app, 2, "installed", 20 * DAY) for app in range(10, 16)])
        for app in (10, 11):
            self.publish(*[record(1, app, self.now, a, t) for a in ("created", "updated")
                           for t in ("contacts", "deals")])
        self.publish(record(1, 12, self.now, "created", "tickets"),
                     self.app(13, developer="Acme"), self.app(14, developer="Acme"),
                     self.app(12, name="Slack Sync"), self.app(15, name="slack sync"))
        rows = {r["app"]: r for r in self.rows("other_apps", viewer=1, unused_days=10)}
        self.assertEqual({app: r["duplicate_of"] for app, r in rows.items()},
                         {10: "11", 11: "10", 12: "15", 13: None, 14: None, 15: "12"})
        self.assertEqual(rows[10]["duplicate_why"], "shares 4 of 4 kinds of record changes")
        self.assertEqual(rows[12]["duplicate_why"], "same name")
        self.assertEqual([app for app, r in rows.items() if r["unused"]], [13, 14, 15])
        self.assertEqual(self.apps("other_apps", viewer=1, unused=True), [])
        self.assertEqual(self.apps("other_apps", viewer=1, duplicate=True), [10, 11, 12, 15])

    def test_s16_s17(self):
        """S16 S17: the number of connections across users, and the people behind it"""
        self.start()
        self.publish(
            self.user(1, email="one@x.example"), self.user(2, deactivated=True),
            *[self.signal(10, user, "installed", user * HOUR) for user in (1, 2, 3, 4)],
            self.signal(10, 4, "uninstalled"), self.signal(10, 3, "disconnected"),
        )
        self.assertEqual(self.row("other_apps", 10, viewer=9)["connections"], 3)
        rows = self.rows("connections", app=10)
        self.assertEqual(
            [(r["user"], r["user_name"], r["email"], r["deactivated"], r["state"]) for r in rows],
            [(1, "User 1", "one@x.example", False, "connected"),
             (2, "User 2", None, True, "connected"), (3, None, None, None, "disconnected"),
             (4, None, None, None, "uninstalled")],
        )
        self.assertEqual([r["installed"] for r in rows],
                         [self.now - user * HOUR for user in (1, 2, 3, 4)])
        self.assertEqual(self.rows("connections", app=10, limit=1), rows)


class Recommendations(Home):
    def test_s19(self):
        """S19: apps of the catalogue that nobody has connected, each with a reason"""
        self.start()
        self.publish(
            self.app(10, developer="Acme"), self.app(11), self.app(12, kind="built-in"),
            self.app(13, developer="Acme"), self.app(14, kind="private"),
            self.app(15, account=1, name="Ours"), self.signal(10, 2, "installed"),
            self.app(16), {"type": "catalog.app.removed", "account": 0, "app": 16,
                           "time": self.now + 1},
        )
        rows = self.rows("recommendations")
        self.assertEqual([(r["rank"], r["app"]) for r in rows], [(1, 13), (2, 11), (3, 15), (4, 12)])
        self.assertEqual(rows[0]["why"], "by Acme, who made App 10")
        self.assertEqual(self.rows("recommendations"), rows)
        self.publish(self.signal(13, 1, "connected"))
        self.assertEqual(self.apps("recommendations"), [11, 15, 12])
        self.publish(self.signal(13, 1, "uninstalled"))
        self.assertEqual(self.apps("recommendations"), [13, 11, 15, 12])

    def popular(self):
        self.publish(*[self.app(app) for app in (10, 11, 12, 13)],
                     *[self.signal(10, 1, "installed", DAY, account=a) for a in range(1, 21)],
                     *[self.signal(13, 1, "installed", DAY, account=a) for a in range(2, 12)],
                     *[self.signal(12, 1, "installed", DAY, account=a) for a in range(2, 11)])
        self.checkpoint()  # accounts are counted after a start

    def test_s19_popularity(self):
        """S19: ranked by what at least ten accounts with the same apps have connected"""
        self.start()
        self.popular()
        first = None
        while not first or first["accounts"] is None:
            first = self.rows("recommendations")[0]
        self.assertEqual(
            (first["app"], first["accounts"], first["of_accounts"], first["why"]),
            (13, 10, 20, "10 of 20 accounts with App 10 have it too"),
        )
        rest = self.rows("recommendations")[1:]
        self.assertEqual([(r["app"], r["accounts"]) for r in rest], [(11, None), (12, None)])

    def test_s19_popularity_off(self):
        """S19: an option keeps accounts from being compared"""
        self.start(recommend_popularity="false")
        self.popular()
        self.assertEqual(self.apps("recommendations"), [11, 12, 13])


class Academy(Home):
    def lesson(self, key, account=0, **more):
        return {"type": "catalog.academy", "account": account, "app": 0, "time": self.now,
                "key": key, "title": key.upper(), "link": "https://x", **more}

    def test_s23(self):
        """S23: learning content by app, topic and language; an account's own wins"""
        self.start()
        self.publish(self.lesson("a", apps=[10, 11], topic="sync", language="en-GB"),
                     self.lesson("b", topic="limits", language="de"),
                     self.lesson("b", account=1, topic="upkeep", language="en"))
        keys = lambda **p: [r["key"] for r in self.rows("academy", **p)]
        self.assertEqual(keys(), ["a", "b"])
        self.assertEqual(keys(app=11), ["a"])
        self.assertEqual(keys(topic=["limits", "upkeep"]), ["b"])
        self.assertEqual(keys(language="en"), ["a", "b"])
        self.assertEqual(keys(language="de"), [])
        self.assertEqual([r["source"] for r in self.rows("academy")], ["common", "account"])

    def test_s23_removed(self):
        """S23: content is replaced and removed, versions are told"""
        self.start()
        self.publish(self.lesson("a"), {**self.lesson("a"), "title": "New", "time": self.now + 5})
        (row,) = self.rows("academy")
        self.assertEqual((row["title"], row["updated"]), ("New", self.now + 5))
        self.publish({"type": "catalog.academy.removed", "account": 0, "key": "a", "app": 0,
                      "time": self.now + 6})
        self.assertEqual(self.rows("academy"), [])


class Overview(Home):
    def overview(self, app=10, **parameters):
        return self.ask("app", app=app, **parameters)["data"]

    def test_s34(self):
        """S34: one answer about one app, also after it was uninstalled; none about an unknown one"""
        self.start()
        self.publish(self.app(10, developer="Acme"), self.signal(10, 1, "installed", DAY))
        data = self.overview()
        self.assertEqual((data["name"], data["developer"], data["state"], data["connections"]),
                         ("App 10", "Acme", "connected", 1))
        for block in ("health", "log", "permissions", "records", "academy"):
            self.assertIsInstance(data[block], list)
        self.publish(self.signal(10, 1, "uninstalled"))
        self.assertEqual(self.overview()["state"], "uninstalled")
        self.assert_refused(self.d.query("app", account=1, app=99), "not_found")
        self.assert_refused(self.d.query("app", account=2, app=10), "not_found")

    def test_s35(self):
        """S35: open alerts of that app, with first and last seen"""
        self.start()
        self.publish(self.signal(10, 1, "error", 2 * HOUR, reason="quota"),
                     self.signal(10, 1, "error", HOUR, reason="timeout"),
                     self.signal(11, 1, "error", HOUR))
        (row,) = self.overview()["health"]
        self.assertEqual((row["problem"], row["opened"], row["last_seen"], row["reason"]),
                         ("error", self.now - 2 * HOUR, self.now - HOUR, "timeout"))

    def log(self):
        self.publish(
            self.signal(10, 1, "installed", 5 * HOUR), self.signal(10, 2, "installed", 4 * HOUR),
            self.signal(10, 1, "reconnected", 3 * HOUR),
            {"type": "sync.disabled", "account": 1, "app": 10, "user": 2, "setting": "contacts",
             "from": "on", "to": "off", "time": self.now - 2 * HOUR},
            self.signal(10, 1, "uninstalled", HOUR), self.signal(11, 1, "installed", HOUR),
        )

    def test_s36(self):
        """S36: what happened to the app, newest first, sync switches too"""
        self.start()
        self.log()
        log = self.overview()["log"]
        self.assertEqual([e["type"] for e in log],
                         ["app.uninstalled", "sync.disabled", "app.reconnected", "app.installed",
                          "app.installed"])
        self.assertEqual((log[1]["setting"], log[1]["from"], log[1]["to"]),
                         ("contacts", "on", "off"))
        self.assertEqual(log, self.rows("activity", app=10))
        self.assertEqual(len(self.overview(rows=2)["log"]), 2)

    def test_s37(self):
        """S37: filters of type and user, and no others"""
        self.start()
        self.log()
        log = self.overview(user=1, type=["app.installed", "app.reconnected"])["log"]
        self.assertEqual([e["type"] for e in log], ["app.reconnected", "app.installed"])
        self.assert_refused(self.d.query("app", account=1, app=10, setting="x"), "bad_parameter")

    def permission(self, what, age, **more):
        return {"type": "permission." + what, "account": 1, "app": 10, "time": self.now - age,
                **more}

    def test_s38_s39(self):
        """S38 S39: by feature: authorised now, may need update, available after re-authentication"""
        self.start()
        self.publish(
            self.app(10, required_scopes=["read", "write"],
                     optional_scopes=["deals=deal sync", "lists=lists", "mail=mail",
                                      "mail.send=mail"]),
            self.signal(10, 1, "installed", DAY),
        )
        status = lambda: {r["feature"]: r["status"] for r in self.overview()["permissions"]}
        self.assertEqual(status(), {None: "authorized", "deal sync": "reauth", "lists": "reauth",
                                    "mail": "reauth"})
        self.publish(self.permission("granted", HOUR, scopes=["read", "deals", "mail", "lists"]))
        self.assertEqual(status(), {None: "update", "deal sync": "authorized",
                                    "lists": "authorized", "mail": "update"})
        self.publish(self.permission("granted", 50, scopes=["write", "mail.send"]),
                     self.permission("revoked", 40, scopes=["deals"]),
                     self.permission("reauth_required", 30, scopes=["lists"]))
        for _ in range(2):
            self.assertEqual(status(), {None: "authorized", "deal sync": "reauth",
                                        "lists": "reauth", "mail": "authorized"})
            self.checkpoint()
        rows = self.rows("permissions", app=10, status="reauth")
        self.assertEqual([(r["feature"], r["missing"]) for r in rows],
                         [("deal sync", "deals"), ("lists", "lists")])
        self.assertEqual(self.overview()["permissions"], self.rows("permissions", app=10))

    def test_s40_s26(self):
        """S40 S26: the app page counts records, the account page counts events"""
        self.start()
        self.publish(*[record(1, 10, self.now, "updated", record=7) for _ in range(5)],
                     record(1, 10, self.now, "updated", record=8),
                     record(1, 10, self.now, "merged", record=7),
                     record(1, 11, self.now, "updated", record=9))
        for _ in range(2):
            records = self.overview()["records"]
            self.assertEqual([(r["action"], r["records"], r["exact"]) for r in records],
                             [("updated", 2, True), ("merged", 1, True)])
            events = self.rows("records", app=10, group_by=["day", "action"])
            self.assertEqual([(r["action"], r["count"]) for r in events],
                             [("updated", 6), ("merged", 1)])
            self.checkpoint()

    def test_s41(self):
        """S41: learning content about that app"""
        self.start()
        lesson = {"type": "catalog.academy", "account": 0, "app": 0, "time": self.now,
                  "title": "T", "link": "https://x"}
        self.publish({**lesson, "key": "ten", "apps": [10]}, {**lesson, "key": "all"},
                     self.signal(10, 1, "installed"))
        self.assertEqual([r["key"] for r in self.overview()["academy"]], ["ten"])

    def test_s14(self):
        """S14: the settings page, the connection's details, and that it was disconnected"""
        self.start()
        self.publish(self.app(10, settings_url="https://s"), self.signal(10, 1, "installed", HOUR),
                     self.signal(10, 1, "disconnected", 0, reason="asked for"))
        data = self.overview()
        self.assertEqual((data["settings_url"], data["state"], data["since"]),
                         ("https://s", "disconnected", self.now))
        self.assertEqual(data["health"][0]["reason"], "asked for")


class Proof(Home):
    def test_s30_s32_s33(self):
        """S30 S32 S33: what is open, the bound of the range, and what came late"""
        clock = self.fake_clock("2026-11-24 12:00:00")
        self.d = self.daemon(clock=clock, data_floor="2026-11-20")
        self.peer = self.d.ingest("json")
        self.now = clock.ms
        self.publish(record(1, 10, self.now), record(1, 10, self.now - 2 * DAY))
        answer = self.peer.ask([record(1, 10, self.now - 10 * DAY)])
        self.assert_rejected(answer, "before_floor")
        self.publish(record(1, 10, self.now, id="x"))
        self.assert_ack(self.peer.ask([record(1, 10, self.now, id="x")]), 0, duplicate=1)
        for view, more in (("records", {}), ("app", {"app": 10})):
            answer = self.ask(view, **more)
            self.assertEqual((answer["from"], answer["to"], answer["bound"], answer["open_day"]),
                             ("2026-11-20", "2026-11-24", "floor", "2026-11-24"))
            self.assertEqual(answer["received"], {"late": 1, "duplicate": 1, "rejected": 1})
        answer = self.ask("records", to="2026-11-23")
        self.assertIsNone(answer["open_day"])
        self.assertEqual(answer["received"], {"late": 0, "duplicate": 0, "rejected": 0})

    def test_reference_lists(self):
        """S1: users, teams, plan and catalogue are events too, listed with their versions"""
        self.start()
        self.publish(
            self.user(2, teams=[5], super_admin=True, role="Sales"), self.user(10),
            {"type": "directory.team", "account": 1, "team": 5, "name": "Five", "time": self.now},
            {"type": "account.plan", "account": 1, "tier": "pro", "daily_limit": 650000,
             "reset_zone": "Europe/Berlin", "time": self.now},
        )
        for _ in range(2):
            users = self.rows("users")
            self.assertEqual([(u["user"], u["teams"], u["role"]) for u in users],
                             [(2, "5", "Sales"), (10, None, None)])
            self.assertEqual([t["name"] for t in self.rows("teams")], ["Five"])
            (plan,) = self.rows("plan")
            self.assertEqual((plan["tier"], plan["daily_limit"], plan["updated"]),
                             ("pro", 650000, self.now))
            self.checkpoint()
        self.publish({"type": "directory.user.removed", "account": 1, "user": 2,
                      "time": self.now + 1})
        self.assertEqual([u["user"] for u in self.rows("users")], [10])

    def test_sample_catalogue(self):
        """S19 S23: the catalogue that comes with the source is imported by the command line"""
        self.start()
        p = subprocess.run(
            [DAYBOOK, "import", "ndjson", "--shift-to-now", "--json", CATALOGUE],
            capture_output=True, text=True, timeout=DEADLINE_S * 3,
            env=dict(os.environ, DAYBOOK_INGEST=self.d.endpoints["ingest"],
                     DAYBOOK_QUERY=self.d.endpoints["query"],
                     XDG_STATE_HOME=os.path.join(self.directory, "state")),
        )
        self.assertEqual(p.returncode, 0, p.stderr)
        out = json.loads(p.stdout)
        self.assertEqual((out["accepted"], out["rejected_n"], out["skipped_n"]), (22, 0, 0))
        self.assertEqual(len(self.rows("catalog")), 12)
        self.assertEqual(len(self.rows("recommendations")), 12)
        self.assertEqual(len(self.rows("academy", language="en")), 9)


if __name__ == "__main__":
    unittest.main()
