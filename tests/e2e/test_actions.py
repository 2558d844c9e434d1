"""Requests on the query socket: the buttons of the connections home (S5 reconnect what is
disconnected, S14 what to do about a status, S39 disconnect, re-authenticate, install, uninstall):
recorded, published, once by their key, and without any effect on the state by themselves."""

import unittest

import msgpack
import zmq

from harness import DaemonTest, api_call, connection, now_ms
from http_help import HttpTest
from test_feed import FeedTest

WORDS = ("reconnect", "disconnect", "reauthenticate", "install", "uninstall")


def action(what="reconnect", key="k-1", **more):
    return {"action": what, "account": 1, "app": 10, "user": 5, "idempotency_key": key, **more}


def have(d, *users, app=10, account=1):
    """The connections that are asked about."""
    return d.ingest().ask([connection(account, app, u, what="installed") for u in users or (5,)])


class Actions(FeedTest):
    def test_a_request_is_recorded_and_published_and_moves_nothing(self):
        """S5, S14, S39: the service carries it out; what comes of it is an event."""
        d = self.fed()
        s = self.subscribe(d)
        d.ingest().ask([connection(what="installed"), connection(what="disconnected", reason="by user")])
        q = d.querier()
        for i, what in enumerate(WORDS):
            answer = q.ask(action(what, key=f"k-{i}", viewer=9, reason="please", request=i))
            self.assertEqual(answer, {"ok": True, "request": i, "action": what, "account": 1, "app": 10, "user": 5,
                                      "by": 9, "idempotency_key": f"k-{i}"})
        rows = d.rows("activity", account=1, type=["action." + w for w in WORDS], order="arrival")
        self.assertEqual([(r["type"], r["user"], r["by"], r["code"], r["reason"], r["app"]) for r in rows],
                         [("action." + w, 5, 9, f"k-{i}", "please", 10) for i, w in enumerate(WORDS)])
        told = []
        while len(told) < len(WORDS):
            m = s.next()[1]
            if m["kind"] == "activity" and m["type"].startswith("action."):
                told.append(m["type"])
        self.assertEqual(told, ["action." + w for w in WORDS])
        self.assertEqual([c["state"] for c in d.rows("connections", account=1, app=10)], ["disconnected"])
        d.ingest().ask([connection(what="reconnected")])
        while m["kind"] != "status":
            m = s.next()[1]
        self.assertEqual((m["was"], m["state"]), ("disconnected", "connected"))

    def test_the_viewer_stands_for_the_user(self):
        d = self.daemon()
        have(d, 7)
        request = action(viewer=7)
        del request["user"]
        self.assertEqual(d.querier().ask(request)["user"], 7)
        row = d.rows("activity", account=1, type="action.reconnect")[0]
        self.assertEqual((row["user"], row["by"]), (7, 7))

    def test_an_app_that_is_only_asked_for_is_no_app_yet(self):
        d = self.daemon()
        d.ingest().ask([{"type": "catalog.app", "account": 0, "app": 10, "name": "Ten", "kind": "marketplace",
                         "time": now_ms()}])
        self.assertIs(d.querier().ask(action("install"))["ok"], True)
        self.assertEqual(d.rows("connections", account=1, app=10), [])
        self.assertEqual(d.rows("apps", account=1), [])

    def test_both_encodings_and_req_peers(self):
        d = self.daemon()
        have(d)
        for i, (encoding, kind) in enumerate((e, k) for e in ("json", "msgpack") for k in (zmq.DEALER, zmq.REQ)):
            q = d.querier(encoding, kind)
            self.assertIs(q.ask(action(key=f"k-{i}"))["ok"], True)
        self.assertEqual(len(d.rows("activity", account=1, user=5)), 1 + 4)

    def test_what_is_not_there_cannot_be_asked_for(self):
        """S5 S14 S39: an unknown app or connection is not_found, over ZeroMQ as in the log"""
        d = self.daemon()
        have(d)  # user 5, app 10
        d.ingest().ask([api_call(1, 12, now_ms()),
                        {"type": "permission.reauth_required", "account": 1, "app": 13, "time": now_ms()}])
        q = d.querier()
        for _ in range(2):
            for bad in ([action(w, app=app) for w in WORDS for app in (9, 11)]
                        + [action(w, account=2) for w in WORDS]
                        + [action(w, user=6) for w in ("reconnect", "disconnect", "reauthenticate")]
                        + [action(w, app=12) for w in WORDS if w != "install"]):
                with self.subTest(bad):
                    self.assert_refused(q.ask(bad), "not_found", retry=False)
            self.assertIn("no connection of user 6 to app 10", q.ask(action(user=6))["message"])
            self.assertEqual(d.rows("activity", account=1, type=["action." + w for w in WORDS]), [])
            self.assertEqual(d.stop(), 0)
            d.start()
            q = d.querier()
        for i, good in enumerate((action(), action("uninstall", user=6), action("install", app=12),
                                  action("reauthenticate", app=13))):
            self.assertIs(q.ask({**good, "idempotency_key": f"g-{i}"})["ok"], True, good)
        d.ingest().ask([connection(1, 10, 5, what="uninstalled")])
        self.assertIs(q.ask(action(key="g-0"))["ok"], True)  # a repeat finds what the first one did


class OverHttp(HttpTest):
    """S39: the same request as on the query socket, with the same answers."""

    path = "/v1/accounts/1/actions"

    def body(self, what="reconnect", **more):
        return {"action": what, "app": 10, "user": 5, **more}

    def test_the_same_answers_as_on_the_socket(self):
        d, c = self.serve()
        have(d)
        for i, what in enumerate(WORDS):
            r = c.post(self.path, self.body(what, viewer=9, reason="please", request=i), **{"Idempotency-Key": f"k-{i}"})
            self.assertEqual((r.status, r.headers["Content-Type"]), (200, "application/json"), r)
            self.assertEqual(r.json(), d.querier().ask(action(what, key=f"k-{i}", viewer=9, reason="please", request=i)))
        rows = d.rows("activity", account=1, order="arrival")[1:]
        self.assertEqual([(r["type"], r["user"], r["by"], r["code"], r["reason"]) for r in rows],
                         [("action." + w, 5, 9, f"k-{i}", "please") for i, w in enumerate(WORDS)])

    def test_the_key_may_stand_in_the_body(self):
        d, c = self.serve()
        have(d)
        self.assertEqual(c.post(self.path, self.body(idempotency_key="k")).status, 200)
        packed = msgpack.packb(self.body(idempotency_key="m"))
        r = c.post(self.path, packed, "application/msgpack")
        self.assertEqual((r.status, r.headers["Content-Type"]), (200, "application/msgpack"), r)
        self.assertEqual(msgpack.unpackb(r.body)["idempotency_key"], "m")
        self.assertEqual([r["code"] for r in d.rows("activity", account=1, order="arrival")[1:]], ["k", "m"])

    def test_once(self):
        """S39: retries, also over kill -9; other content is a conflict."""
        d, c = self.serve()
        have(d)
        key = {"Idempotency-Key": "k"}
        first = c.post(self.path, self.body(), **key)
        for _ in range(2):
            again = c.post(self.path, self.body(), **key)
            self.assertEqual((again.status, again.body), (200, first.body))
            d.kill()
            d.start()
            c = self.client(d)
        other = c.post(self.path, self.body("uninstall"), **key)
        self.assertEqual((other.status, other.json()["code"], other.json()["retry"]), (409, "conflict", False))
        self.assertEqual(len(d.rows("activity", account=1)), 1 + 1)

    def test_refusals(self):
        d, c = self.serve()
        key = {"Idempotency-Key": "k"}
        rows = (
            (self.body("reboot"), {}, 400, "action is"),
            (self.body(), {}, 400, "idempotency_key is missing"),
            (self.body(idempotency_key="k"), key, 400, "not in both"),
            (self.body(account=2), key, 400, "account stands in the path"),
            (self.body(view="apps"), key, 400, "view"),
            (self.body(colour="red"), key, 400, "colour"),
            (self.body(app=0), key, 400, "app is 0"),
            (self.body(), {"Idempotency-Key": "k" * 65}, 400, "idempotency_key is"),
            (b"{", key, 400, ""),
            (self.body(), key, 404, "no connection of user 5 to app 10"),
            (self.body("install"), key, 404, "no app 10"),
        )
        for body, headers, status, words in rows:
            with self.subTest(body=body):
                r = c.post(self.path, body, **headers)
                self.assertEqual((r.status, r.headers["Content-Type"]), (status, "application/problem+json"), r)
                self.assertIn(words, r.json().get("detail", ""))
        self.assertEqual(c.post("/v1/accounts/x/actions", self.body(), **key).status, 400)
        self.assertEqual(c.post(self.path, self.body(), "text/plain", **key).status, 415)
        self.assertEqual(c.post(self.path, self.body(), Host="evil.example.org", **key).status, 403)
        self.assertEqual(c.get(self.path + "?x=1").status, 405)
        self.assertEqual(d.rows("activity", account=1), [])


class Once(DaemonTest):
    def test_the_same_key_and_content_is_done_once_and_answered_alike(self):
        """S5: also at the same time, from another connection, and after a restart."""
        d = self.daemon()
        have(d)
        q = d.querier()
        first = q.ask(action())
        self.assertIs(first["ok"], True)
        peers = [d.querier() for _ in range(5)]
        for p in peers:
            for _ in range(4):
                p.send(action())
        for p in peers:
            for _ in range(4):
                self.assertEqual(p.receive(), first)
        d.kill()
        d.start()
        self.assertEqual(d.querier().ask(action()), first)
        d.stop()
        d.start()
        self.assertEqual(d.querier("msgpack").ask(action()), first)
        self.assertEqual(len(d.rows("activity", account=1)), 1 + 1)

    def test_the_same_key_with_other_content_is_a_conflict(self):
        d = self.daemon()
        have(d, 5, 6)
        have(d, app=11)
        have(d, account=2)
        q = d.querier()
        self.assertIs(q.ask(action())["ok"], True)
        for other in (action("disconnect"), action(app=11), action(account=2), action(user=6), action(viewer=5),
                      action(reason="r")):
            answer = q.ask(other)
            self.assert_refused(answer, "conflict", retry=False)
            self.assertIn("idempotency_key", answer["message"])
        self.assertIs(q.ask(action("disconnect", key="k-2"))["ok"], True)
        self.assertEqual(len(d.rows("activity", account=1)), 3 + 2)
        self.assertEqual(len(d.rows("activity", account=2)), 1)

    def test_the_key_is_forgotten_after_the_window(self):
        clock = self.fake_clock("2026-11-24 12:00:00")
        d = self.daemon(clock=clock, clock_accept="true")  # at each start
        d.ingest().ask([connection(1, 10, 5, clock.ms, "installed")])
        self.assertIs(d.querier().ask(action())["ok"], True)
        self.assertEqual(d.stop(), 0)
        clock.advance(47 * 3_600_000)
        d.start()
        self.assert_refused(d.querier().ask(action("disconnect")), "conflict")
        self.assertEqual(d.stop(), 0)
        clock.advance(3 * 3_600_000)
        d.start()
        self.assertIs(d.querier().ask(action("disconnect"))["ok"], True)
        self.assertEqual(len(d.rows("activity", account=1)), 1 + 2)


class Refusals(DaemonTest):
    def test_bad_parameters_are_named_with_their_value_and_what_is_allowed(self):
        d = self.daemon()
        q = d.querier()
        for bad, words in (
            (action("explode"), ["action", "explode", "reconnect"]),
            (action(app=0), ["app", "0", "1..9007199254740991"]),
            (action(account="x"), ["account", '"x"', "integer"]),
            (action(key=""), ["idempotency_key", "1..64"]),
            (action(key="x" * 65), ["idempotency_key", "65", "1..64"]),
            (action(reason="x" * 257), ["reason", "257", "0..256"]),
            (action(colour=1), ["colour", "viewer"]),
            ({k: v for k, v in action().items() if k != "user"}, ["user", "missing"]),
            ({k: v for k, v in action().items() if k != "idempotency_key"}, ["idempotency_key", "missing"]),
        ):
            with self.subTest(bad):
                answer = q.ask(dict(bad, request="r"))
                self.assert_refused(answer, "bad_parameter", retry=False)
                self.assertEqual(answer["request"], "r")
                for word in words:
                    self.assertIn(word, answer["message"])
        self.assertEqual(d.rows("activity", account=1), [])
        self.assertEqual(d.status()["received"], 0)

    def test_a_request_that_was_refused_may_come_again_mended(self):
        d = self.daemon()
        self.assert_refused(d.querier().ask(action()), "not_found")
        have(d)
        self.assertIs(d.querier().ask(action("disconnect"))["ok"], True)

    def test_answers_keep_the_order_of_the_questions(self):
        d = self.daemon()
        have(d)
        q, n = d.querier(), 300
        for i in range(n):
            q.send(action(key=f"k-{i}", request=3 * i))
            q.send({"view": "activity", "account": 1, "limit": 1, "request": 3 * i + 1})
            q.send({"view": "none", "request": 3 * i + 2})
        for i in range(n):
            self.assertEqual(q.receive()["request"], 3 * i)
            seen = q.receive()
            self.assertEqual(seen["request"], 3 * i + 1)
            self.assertEqual(seen["data"]["rows"][0]["code"], f"k-{i}", "an answer holds what was answered before it")
            self.assertEqual(q.receive()["request"], 3 * i + 2)


if __name__ == "__main__":
    unittest.main()
