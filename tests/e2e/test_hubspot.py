"""HubSpot's own API over HTTP: its shapes, its filters and refusals, and numbers equal to the views'."""

import time
import unittest
import urllib.parse
import uuid

from harness import api_call, connection
from http_help import HttpTest

USAGE = "/account-info/v3/api-usage/daily/private-apps"
LIMIT = "/integrations/v1/limit/daily"
AUDIT = "/account-info/v3/activity/audit-logs"
SECURITY = "/account-info/v3/activity/security"
EVENTS = "/events/v3/events/"
INSTALL = "/appinstalls/v3/external-install"

TOKEN = {"Authorization": "Bearer account-7"}
APP_TOKEN = {"Authorization": "Bearer account-7-app-45"}


def iso(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03}Z"


class HubSpot(HttpTest):
    def get(self, c, path, token=TOKEN, **params):
        r = c.get(path + ("?" + urllib.parse.urlencode(params, doseq=True) if params else ""), **token)
        self.assertEqual((r.status, r.headers["Content-Type"]), (200, "application/json"), r)
        return r.json()

    def assert_refused(self, r, status, category, *words):
        self.assertEqual((r.status, r.headers["Content-Type"]), (status, "application/json"), r)
        e = r.json()
        self.assertEqual(sorted(e), ["category", "correlationId", "message", "status"], r)
        self.assertEqual((e["status"], e["category"]), ("error", category), r)
        self.assertEqual(uuid.UUID(e["correlationId"]).version, 4, r)
        for word in words:
            self.assertIn(word, e["message"])
        return e


class Usage(HubSpot):
    def test_the_day_is_that_of_the_reset_zone(self):
        clock = self.fake_clock("2026-11-24 12:00:00")
        d, c = self.serve(clock=clock)
        midnight = clock.ms - 7 * 3_600_000  # of 24 November in New York is 05:00 UTC
        d.ingest().ask([
            {"type": "account.plan", "account": 7, "tier": "professional", "daily_limit": 1000,
             "ten_seconds_limit": 190, "reset_zone": "America/New_York", "time": midnight - 1},
            {"type": "catalog.app", "account": 7, "app": 2, "name": "Shop", "kind": "marketplace", "time": midnight},
            api_call(account=7, app=1, time_ms=midnight + 1, count=250),
            api_call(account=7, app=3, time_ms=clock.ms - 1, count=50, status=429),
            api_call(account=7, app=1, time_ms=midnight - 900_000, count=4000),  # yesterday there
            api_call(account=7, app=2, time_ms=clock.ms - 1, count=7000),  # no private app
            api_call(account=8, app=1, time_ms=clock.ms - 1, count=11),
        ])
        row = d.rows("usage", account=7)[0]
        self.assertEqual(row["calls"], 300)
        r = c.get(USAGE, **TOKEN)
        self.assertEqual(r.json(), {"results": [{
            "name": "private-apps-api-calls-daily", "usageLimit": 1000, "currentUsage": 300,
            "collectedAt": iso(clock.ms), "fetchStatus": "SUCCESS", "resetsAt": iso(midnight + 86_400_000)}]})
        self.assertEqual((r.headers["X-HubSpot-RateLimit-Daily"], r.headers["X-HubSpot-RateLimit-Daily-Remaining"]),
                         ("1000", "700"))
        self.assertEqual(r.headers["Cache-Control"], "no-store")
        for path in (LIMIT, AUDIT, SECURITY, EVENTS):
            self.assertEqual(c.get(path, **TOKEN).headers["X-HubSpot-RateLimit-Daily-Remaining"], "700", path)
        for answer in (self.get(c, LIMIT), self.get(c, LIMIT, token={}, hapikey="account-7")):
            self.assertEqual(answer, [{
                "name": "api-calls-daily", "usageLimit": 1000, "currentUsage": 300, "collectedAt": clock.ms,
                "fetchStatus": "SUCCESS", "resetsAt": midnight + 86_400_000}])

    def test_without_a_plan(self):
        d, c = self.serve()
        d.ingest().ask([api_call(account=7, count=5)])
        r = c.get(USAGE, **TOKEN)
        row = r.json()["results"][0]
        self.assertEqual((row["usageLimit"], row["currentUsage"], row["fetchStatus"]), (0, 5, "NOTFOUND"))
        self.assertNotIn("X-HubSpot-RateLimit-Daily", r.headers)
        self.assertEqual(self.get(c, LIMIT)[0]["currentUsage"], 5)

    def test_more_apps_than_one_question_looks_at(self):
        d, c = self.serve()
        p = d.ingest()
        for start in range(1, 9001, 3000):
            p.ask([api_call(account=7, app=a) for a in range(start, start + 3000)])
        answer = d.query("usage", account=7)
        self.assertEqual((answer["data"]["rows"], "cursor" in answer), ([], True))
        self.assertEqual(self.get(c, USAGE)["results"][0]["currentUsage"], 9000)
        self.assertEqual(self.get(c, LIMIT)[0]["currentUsage"], 9000)


class Logs(HubSpot):
    def setUp(self):
        super().setUp()
        self.clock = self.fake_clock()
        self.d, self.c = self.serve(clock=self.clock)
        t = self.t = self.clock.ms - 3_600_000
        a = {"account": 7}
        events = [
            connection(**a, app=45, user=6, time_ms=t, what="installed"),
            connection(**a, app=45, user=5, time_ms=t + 1000, what="installed"),
            connection(**a, app=9, user=5, time_ms=t + 2000, what="disconnected", reason='a "b"', code="gone"),
            {"type": "sync.changed", **a, "app": 9, "user": 5, "time": t + 3000, "setting": "way", "from": "1", "to": "2"},
            {"type": "permission.granted", **a, "app": 45, "time": t + 4000, "scopes": ["x", "y"]},
            connection(**a, app=45, user=6, time_ms=t + 5000, what="uninstalled"),
            connection(**a, app=45, user=6, time_ms=t + 6000, what="reinstalled"),
            connection(account=8, app=45, user=6, time_ms=t + 7000),
            {"type": "directory.user", **a, "user": 6, "time": t, "name": "Ann", "email": "ann@example.org"},
        ]
        self.assertEqual(self.d.ingest().ask(events)["accepted"], len(events))
        self.rows = self.d.rows("activity", account=7)
        self.assertEqual(len(self.rows), 7)

    def all_pages(self, path, **params):
        """By paging.next.after; the links must lead the same way."""
        found, after, link = [], {}, None
        while True:
            page = self.get(self.c, path, **params, **after)
            if link:
                self.assertEqual(self.c.get(link.split("/", 3)[3].join(["/", ""]), **TOKEN).json(), page)
            found += page["results"]
            if "paging" not in page:
                return found
            self.assertEqual(len(page["results"]), params["limit"])
            after = {"after": page["paging"]["next"]["after"]}
            link = page["paging"]["next"]["link"]
            self.assertTrue(link.startswith("http://127.0.0.1:"), link)

    def test_audit_log(self):
        found = self.get(self.c, AUDIT)
        self.assertEqual(list(found), ["results"])
        found = found["results"]
        self.assertEqual([(int(f["id"]), int(f["targetObjectId"]), f["occurredAt"], f["actingUser"]["userId"])
                          for f in found],
                         [(r["position"], r["app"], iso(r["time"]), r["user"] or 0) for r in self.rows])
        self.assertEqual([(f["category"], f["subCategory"], f["action"]) for f in found], [
            ("CRITICAL_ACTION", "INSTALL_INTEGRATION", "PERFORM"),
            ("CRITICAL_ACTION", "UNINSTALL_INTEGRATION", "PERFORM"),
            ("INTEGRATION_PERMISSION", "SCOPE", "CREATE"),
            ("INTEGRATION_SETTING", "DATA_SYNC", "UPDATE"),
            ("INTEGRATION", "DISCONNECT", "PERFORM"),
            ("CRITICAL_ACTION", "INSTALL_INTEGRATION", "PERFORM"),
            ("CRITICAL_ACTION", "INSTALL_INTEGRATION", "PERFORM")])
        self.assertEqual(found[0]["actingUser"], {"userId": 6, "userEmail": "ann@example.org"})
        self.assertEqual(found[3]["actingUser"], {"userId": 5})
        for limit in (1, 2, 3, 6):
            self.assertEqual(self.all_pages(AUDIT, limit=limit), found)
        self.assertEqual(self.get(self.c, AUDIT, limit=7, sort="-occurredAt", fillFinalTimestamp="true"),
                         {"results": found})

    def ids(self, path, **params):
        return [int(f["id"]) for f in self.get(self.c, path, **params)["results"]]

    def wanted(self, test):
        return [r["position"] for r in self.rows if test(r)]

    def test_filters(self):
        t = self.t
        for path, params, test in (
            (AUDIT, {"actingUserId": 6}, lambda r: r["user"] == 6),
            (AUDIT, {"actingUserId": [5, 6]}, lambda r: r["user"] in (5, 6)),
            (AUDIT, {"actingUserId": 99}, lambda r: False),
            (AUDIT, {"occurredAfter": iso(t + 2000)}, lambda r: r["time"] > t + 2000),
            (AUDIT, {"occurredBefore": iso(t + 2000)}, lambda r: r["time"] < t + 2000),
            (AUDIT, {"occurredAfter": iso(t), "occurredBefore": iso(t + 3000)}, lambda r: t < r["time"] < t + 3000),
            (AUDIT, {"occurredAfter": "2026-11-24T12:00:03+01:00"}, lambda r: r["time"] > t + 3000),
            (AUDIT, {"occurredAfter": "2025-01-01T00:00:00Z"}, lambda r: True),
            (AUDIT, {"actingUserId": "", "after": ""}, lambda r: True),
            (SECURITY, {}, lambda r: "installed" in r["type"]),
            (SECURITY, {"userId": 5}, lambda r: "installed" in r["type"] and r["user"] == 5),
            (SECURITY, {"fromTimestamp": t, "toTimestamp": t + 6000}, lambda r: r["time"] in (t + 1000, t + 5000)),
            (EVENTS, {}, lambda r: True),
            (EVENTS, {"objectType": "app", "objectId": 9}, lambda r: r["app"] == 9),
            (EVENTS, {"objectType": "APP"}, lambda r: True),
            (EVENTS, {"property.app": 9, "property.user": 5}, lambda r: r["app"] == 9 and r["user"] == 5),
            (EVENTS, {"eventType": "app.installed"}, lambda r: r["type"] == "app.installed"),
            (EVENTS, {"eventType": "app.installed", "property.user": 6, "sort": "DESCENDING"},
             lambda r: r["type"] == "app.installed" and r["user"] == 6),
            (EVENTS, {"occurredAfter": iso(t + 2000), "occurredBefore": iso(t + 5000)},
             lambda r: t + 2000 < r["time"] < t + 5000),
        ):
            with self.subTest(path=path, params=params):
                self.assertEqual(self.ids(path, **params), self.wanted(test))

    def test_security(self):
        found = self.get(self.c, SECURITY)["results"]
        self.assertEqual([f["type"] for f in found], ["INSTALL_INTEGRATION", "UNINSTALL_INTEGRATION",
                                                      "INSTALL_INTEGRATION", "INSTALL_INTEGRATION"])
        self.assertEqual(found[1], {"id": str(self.rows[1]["position"]), "type": "UNINSTALL_INTEGRATION",
                                    "createdAt": iso(self.t + 5000), "userId": 6, "actingUser": "ann@example.org",
                                    "objectId": "45"})
        self.assertEqual(self.all_pages(SECURITY, limit=1), found)

    def test_a_final_slash_is_optional(self):
        self.assertEqual(self.get(self.c, EVENTS[:-1]), self.get(self.c, EVENTS))

    def test_events(self):
        found = self.get(self.c, EVENTS)["results"]
        self.assertEqual(found[4], {
            "id": str(self.rows[4]["position"]), "eventType": "app.disconnected", "objectType": "app", "objectId": "9",
            "occurredAt": iso(self.t + 2000),
            "properties": {"app": "9", "user": "5", "reason": 'a "b"', "code": "gone"}})
        self.assertEqual(found[2]["properties"], {"app": "45", "scopes": "x y"})
        for limit in (1, 3):
            self.assertEqual(self.all_pages(EVENTS, limit=limit), found)

    def test_a_cursor_belongs_to_its_question(self):
        after = self.get(self.c, EVENTS, limit=1)["paging"]["next"]["after"]
        for path, params in ((EVENTS, {"after": after, "objectType": "app", "objectId": 9}), (SECURITY, {"after": after}),
                             (EVENTS, {"after": after + "x"})):
            r = self.c.get(path + "?" + urllib.parse.urlencode(params), **TOKEN)
            self.assert_refused(r, 400, "VALIDATION_ERROR", "after")

    def test_refusals(self):
        c = self.c
        for path, query, *words in (
            (USAGE, "colour=red", "hapikey"),
            (AUDIT, "colour=red", "colour", "occurredAfter"),
            (AUDIT, "actingUserId=x", "actingUserId", '"x"', "integer"),
            (AUDIT, "occurredAfter=yesterday", "occurredAfter", "yesterday"),
            (AUDIT, "limit=0", "limit", "1..1000"),
            (AUDIT, "limit=1001", "limit", "1..1000"),
            (SECURITY, "limit=201", "1..200"),
            (AUDIT, "sort=occurredAt", "sort", "newest"),
            (AUDIT, "fillFinalTimestamp=1", "fillFinalTimestamp"),
            (AUDIT, "after=%22%3C", "after"),
            (AUDIT, "after=%zz", "escape"),
            (EVENTS, "eventType=e_visited", "eventType", "app.installed"),
            (EVENTS, "objectType=contact", "objectType", "app"),
            (EVENTS, "objectId=9", "objectType"),
            (EVENTS, "before=x", "before", "after"),
        ):
            with self.subTest(path=path, query=query):
                self.assert_refused(c.get(path + "?" + query, **TOKEN), 400, "VALIDATION_ERROR", *words)
        ids = set()
        for token in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer pat-na1-1"},
                      {"Authorization": "Bearer account-7-app-"}, {"Authorization": "Basic account-7"}):
            for path in (USAGE, LIMIT, AUDIT, SECURITY, EVENTS):
                r = c.get(path, **token)
                ids.add(self.assert_refused(r, 401, "INVALID_AUTHENTICATION", "account-7")["correlationId"])
                self.assertEqual(r.headers["WWW-Authenticate"], "Bearer")
        self.assertEqual(len(ids), 25)
        self.assert_refused(c.get(LIMIT + "?hapikey=account-8", Authorization="Bearer x"), 401, "INVALID_AUTHENTICATION")
        for path in (USAGE, LIMIT, AUDIT, SECURITY, EVENTS):
            r = c.post(path, [], **TOKEN)
            self.assert_refused(r, 405, "METHOD_NOT_ALLOWED")
            self.assertIn("GET", r.headers["Allow"])
            self.assert_refused(c.get(path, Host="evil.example.org", **TOKEN), 403, "MISSING_SCOPES", "Host")
        for path in ("/account-info/v3/details", "/events/v3/events/x", "/appinstalls/v3/x", "/integrations/v1/x"):
            self.assert_refused(c.get(path, **TOKEN), 404, "OBJECT_NOT_FOUND")


class Uninstall(HubSpot):
    def states(self, d, app=45):
        return {r["user"]: r["state"] for r in d.rows("connections", account=7, app=app)}

    def uninstall(self, c, token=APP_TOKEN, **more):
        r = c.ask("DELETE", INSTALL, **token, **more)
        self.assertEqual((r.status, r.body), (204, b""), r)

    def test_every_connection_of_the_app_and_no_other(self):
        d, c = self.serve()
        d.ingest().ask([connection(account=7, app=45, user=u) for u in (5, 6)] +
                       [connection(account=7, app=45, user=6, what="error"), connection(account=7, app=46, user=5),
                        connection(account=8, app=45, user=5)])
        self.uninstall(c)
        self.assertEqual(self.states(d), {5: "uninstalled", 6: "uninstalled"})
        self.assertEqual(self.states(d, 46), {5: "connected"})
        self.assertEqual(d.rows("connections", account=8, app=45)[0]["state"], "connected")
        rows = d.rows("activity", account=7, type="app.uninstalled")
        self.assertEqual(sorted((r["app"], r["user"], r["code"]) for r in rows),
                         [(45, 5, "external_install"), (45, 6, "external_install")])
        found = self.get(c, SECURITY)["results"]
        self.assertEqual([f["objectId"] for f in found if f["type"] == "UNINSTALL_INTEGRATION"], ["45", "45"])
        self.uninstall(c)  # nothing is left to do
        self.assertEqual(len(d.rows("activity", account=7, type="app.uninstalled")), 2)

    def test_acknowledged_means_durable(self):
        d, c = self.serve()
        d.ingest().ask([connection(account=7, app=45, user=5)])
        self.uninstall(c)
        d.kill()
        d.start()
        self.assertEqual(self.states(d), {5: "uninstalled"})

    def test_an_app_that_nobody_knew(self):
        d, c = self.serve()
        for _ in range(3):
            self.uninstall(c)
        self.assertEqual(self.states(d), {0: "uninstalled"})
        self.assertEqual([(r["app"], r["user"]) for r in d.rows("activity", account=7)], [(45, 0)])

    def test_more_connections_than_a_page(self):
        d, c = self.serve()
        d.ingest().ask([connection(account=7, app=45, user=u) for u in range(1, 2501)])
        self.uninstall(c)
        rows = d.rows("connections", account=7, app=45)
        self.assertEqual((len(rows), {r["state"] for r in rows}), (2500, {"uninstalled"}))
        self.assertEqual(len(d.rows("activity", account=7, type="app.uninstalled")), 2500)

    def test_refusals(self):
        d, c = self.serve()
        self.assert_refused(c.ask("DELETE", INSTALL), 401, "INVALID_AUTHENTICATION")
        for token in ("account-7", "account-7-app-0"):
            self.assert_refused(c.ask("DELETE", INSTALL, Authorization="Bearer " + token), 403, "MISSING_SCOPES",
                                "account-7-app-42")
        self.assert_refused(c.ask("DELETE", INSTALL + "?app=5", **APP_TOKEN), 400, "VALIDATION_ERROR")
        self.assert_refused(c.ask("DELETE", INSTALL, Origin="https://evil.example.org", **APP_TOKEN), 403,
                            "MISSING_SCOPES", "origins")
        self.assert_refused(c.get(INSTALL, **APP_TOKEN), 405, "METHOD_NOT_ALLOWED")
        self.assertEqual(d.rows("activity", account=7), [])

    def test_a_full_disk_is_said_and_nothing_is_lost(self):
        d, c = self.serve(front_map_bytes="16MiB", journal_bytes="8MiB")
        p = d.ingest()
        users = range(1, 901)
        p.ask([connection(account=7, app=45, user=u) for u in users])
        for i in range(4000):  # until the small map is full
            a = p.ask([api_call(account=i * 100 + k, id=f"{i}-{k}" + "x" * 40) for k in range(400)])
            if not a["ok"]:
                break
        self.assertEqual(a["code"], "storage_full")
        self.assert_refused(c.ask("DELETE", INSTALL, **APP_TOKEN), 507, "INTERNAL_ERROR")
        self.assertEqual(self.states(d), {u: "connected" for u in users})
        self.assertEqual(len(self.get(c, AUDIT, limit=1000)["results"]), 900)


if __name__ == "__main__":
    unittest.main()
