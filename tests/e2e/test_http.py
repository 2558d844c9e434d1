"""The HTTP face: views in every form, ingest, streams, health, metrics, description."""

import csv
import gzip
import http.client
import io
import json
import os
import random
import shutil
import socket
import subprocess
import threading
import time
import unittest

import msgpack

from harness import DEADLINE_S, DaemonTest, api_call, connection, envelope, now_ms, record

ANY_PORT = "127.0.0.1:0"


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:300]!r}"


class Client:
    """One keep-alive connection."""

    def __init__(self, daemon):
        host, port = daemon.endpoints["http"].rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=DEADLINE_S)

    def ask(self, method, path, body=None, **headers):
        names = {k.replace("_", "-"): v for k, v in headers.items()}
        self.connection.request(method, path, body, names)
        r = self.connection.getresponse()
        return Reply(r.status, r.headers, r.read())

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body, kind="application/json", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.ask("POST", path, body, Content_Type=kind, **headers)

    def close(self):
        self.connection.close()


class HttpTest(DaemonTest):
    def serve(self, **options):
        d = self.daemon(http_listen=ANY_PORT, **options)
        return d, self.client(d)

    def client(self, d):
        c = Client(d)
        self.addCleanup(c.close)
        return c

    def raw(self, d, data=b"", timeout=DEADLINE_S):
        host, port = d.endpoints["http"].rsplit(":", 1)
        s = socket.create_connection((host, int(port)), timeout=timeout)
        self.addCleanup(s.close)
        if data:
            s.sendall(data)
        return s

    def until_close(self, s):
        data = b""
        while True:
            try:
                part = s.recv(65536)
            except ConnectionResetError:
                return data
            if not part:
                return data
            data += part

    def assert_problem(self, r, status, code=None):
        self.assertEqual(r.status, status, r)
        self.assertEqual(r.headers["Content-Type"], "application/problem+json", r)
        p = r.json()
        self.assertEqual(p["status"], status, r)
        self.assertTrue(p["title"], r)
        self.assertEqual(p["type"], "urn:daybook:problem:" + p["code"], r)
        if code is not None:
            self.assertEqual(p["code"], code, r)
        return p


def fill(peer, account=7):
    """Some of everything."""
    t = now_ms() - 3_600_000
    events = [api_call(account=account, app=a, time_ms=t + a, status=s, count=a) for a in (1, 2, 3) for s in (200, 429)]
    events += [record(account=account, app=a, time_ms=t, action=what, object_type=o, record=a)
               for a in (1, 2) for what in ("created", "updated") for o in ("contacts", "2-7")]
    events += [connection(account=account, app=a, user=u, time_ms=t + a * 10 + u, what="installed")
               for a in (1, 2) for u in (5, 6)]
    events += [{"type": "catalog.app", "account": account, "app": 1, "time": t, "name": 'A "quoted", <b>name</b>\n',
                "kind": "private"}]
    answer = peer.ask(events)
    assert answer["accepted"] == len(events), answer
    return len(events)


class Views(HttpTest):
    PATHS = [
        ("records", {"account": 7}, ""),
        ("records", {"account": 7, "group_by": ["app", "action"], "app": [1, 2]}, "?group_by=app,action&app=1&app=2"),
        ("records", {"account": 7, "group_by": [], "fill": True}, "?group_by=&fill=true"),
        ("records", {"account": 7, "object_type": "2-7"}, "?object_type=2-7"),
        ("api_usage", {"account": 7, "kind": "all"}, "?kind=all"),
        ("distinct_records", {"account": 7, "total": "range"}, "?total=range"),
        ("activity", {"account": 7, "type": ["app.installed"], "user": 5}, "?type=app.installed&user=5"),
        ("apps", {"account": 7}, ""),
        ("connections", {"account": 7, "app": 1}, "?app=1"),
        ("rejected", {"account": 7}, ""),
        ("conservation", {"account": 7}, ""),
        ("schema", {"name": ["apps", "status"]}, "?name=apps%2Cx,status&name=apps"),
        ("status", {}, ""),
    ]

    def test_the_answers_are_those_of_the_query_socket(self):
        d, c = self.serve()
        fill(d.ingest())
        d.ingest().ask([{"type": "record.created", "account": 7, "app": 1, "time": 1}])
        for view, parameters, query in self.PATHS:
            with self.subTest(view=view, query=query):
                path = (f"/v1/accounts/7/{view}" if "account" in parameters else f"/v1/{view}") + query
                r = c.get(path)
                self.assertEqual(r.status, 200, r)
                self.assertEqual(r.headers["Content-Type"], "application/json")
                have, want = r.json(), d.query(view, **parameters)
                for answer in (have, want):
                    answer.pop("as_of")
                    if view == "activity":
                        answer.pop("to")  # the moment it was asked
                if view == "status":
                    self.assertEqual(set(have["data"]), set(want["data"]))
                    continue
                self.assertEqual(have, want)
                self.assertTrue(have["data"]["rows"], path)

    def test_lines_and_csv_hold_the_same_rows(self):
        d, c = self.serve()
        fill(d.ingest())
        for view, parameters, query in self.PATHS:
            if view == "status":
                continue
            with self.subTest(view=view, query=query):
                path = (f"/v1/accounts/7/{view}" if "account" in parameters else f"/v1/{view}") + query
                rows = c.get(path).json()["data"]["rows"]
                lines = c.get(path, Accept="application/x-ndjson")
                self.assertEqual(lines.headers["Content-Type"], "application/x-ndjson")
                self.assertEqual([json.loads(l) for l in lines.body.decode().splitlines()], rows)
                table = c.get(path, Accept="text/csv")
                self.assertEqual(table.headers["Content-Type"].split(";")[0], "text/csv")
                self.assertIn(f'filename="{view}.csv"', table.headers["Content-Disposition"])
                have = list(csv.reader(io.StringIO(table.body.decode(), newline="")))
                if rows:
                    self.assertEqual(have[0], list(rows[0]))
                text = lambda v: "" if v is None else str(v).lower() if isinstance(v, bool) else str(v)
                self.assertEqual(have[1:], [[text(v) for v in row.values()] for row in rows])
        lines = c.get("/v1/status", Accept="application/x-ndjson")
        self.assertEqual(json.loads(lines.body)["version"], c.get("/v1/status").json()["data"]["version"])
        self.assert_problem(c.get("/v1/status", Accept="text/csv"), 406, "not_acceptable")

    def test_accept(self):
        d, c = self.serve()
        for accept, want in (
            ("*/*", "application/json"), ("text/csv;q=0.5, application/json;q=0.4", "text/csv"),
            ("text/*", "text/csv"), ("application/*", "application/json"), ("application/jsonl", "application/x-ndjson"),
            ("text/html, */*;q=0.1", "application/json"), ("application/json;q=0, text/csv", "text/csv"),
        ):
            with self.subTest(accept=accept):
                r = c.get("/v1/accounts/1/apps", Accept=accept)
                self.assertEqual(r.headers["Content-Type"].split(";")[0], want, r)
        self.assert_problem(c.get("/v1/accounts/1/apps", Accept="image/png"), 406, "not_acceptable")

    def test_pages_are_linked(self):
        d, c = self.serve(page_rows_max=3)
        fill(d.ingest())
        want = d.rows("records", account=7, group_by=["app", "object_type", "action"])
        for accept, read in (("application/json", lambda r: r.json()["data"]["rows"]),
                             ("application/x-ndjson", lambda r: [json.loads(l) for l in r.body.splitlines()])):
            rows, path, pages = [], "/v1/accounts/7/records?group_by=app,object_type,action&limit=3", 0
            while path:
                r = c.get(path, Accept=accept)
                self.assertEqual(r.status, 200, r)
                rows += read(r)
                link = r.headers.get("Link")
                path = link[1 : link.index(">")] if link else None
                if link:
                    self.assertTrue(link.endswith('>; rel="next"'), link)
                    self.assertIn("limit=3&", link)
                pages += 1
            self.assertEqual(rows, want)
            self.assertEqual(pages, 3)

    def test_etag(self):
        d, c = self.serve()
        peer = d.ingest()
        fill(peer)
        path = "/v1/accounts/7/records"
        first = c.get(path)
        tag = first.headers["ETag"]
        for value in (tag, f'"x", {tag}', "*", tag[2:]):
            r = c.get(path, If_None_Match=value)
            self.assertEqual((r.status, r.body), (304, b""), r)
            self.assertEqual(r.headers["ETag"], tag)
        self.assertEqual(c.get(path, If_None_Match='W/"0"').status, 200)
        self.assertEqual(c.get(path + "?app=1", If_None_Match=tag).status, 200)
        self.assertEqual(c.get(path, If_None_Match=tag, Accept="text/csv").status, 200)
        peer.ask([api_call(account=7)])  # not in this view: the rows are the same
        self.assertEqual(c.get(path, If_None_Match=tag).status, 304)
        peer.ask([record(account=7)])
        r = c.get(path, If_None_Match=tag)
        self.assertEqual(r.status, 200)
        self.assertNotEqual(r.headers["ETag"], tag)

    def test_gzip(self):
        d, c = self.serve()
        plain = c.get("/v1/schema")
        self.assertNotIn("Content-Encoding", plain.headers)
        for accept in ("gzip", "deflate, gzip;q=0.5", "*"):
            packed = c.get("/v1/schema", Accept_Encoding=accept)
            self.assertEqual(packed.headers["Content-Encoding"], "gzip")
            self.assertLess(len(packed.body), len(plain.body) / 3)
            self.assertEqual(json.loads(gzip.decompress(packed.body))["data"], plain.json()["data"])
            self.assertIn("Accept-Encoding", packed.headers["Vary"])
        for accept in ("gzip;q=0", "identity", "br"):
            self.assertNotIn("Content-Encoding", c.get("/v1/schema", Accept_Encoding=accept).headers)
        self.assertNotIn("Content-Encoding", c.get("/healthz", Accept_Encoding="gzip").headers)

    def test_head(self):
        d, c = self.serve()
        get = c.get("/v1/schema?name=apps")
        head = c.ask("HEAD", "/v1/schema?name=apps")
        self.assertEqual((head.status, head.body), (200, b""))
        for name in ("Content-Length", "Content-Type", "ETag"):
            self.assertEqual(head.headers[name], get.headers[name])

    def test_facts_in_headers(self):
        d, c = self.serve()
        fill(d.ingest())
        r = c.get("/v1/accounts/7/records?to=2026-01-01&from=2025-01-01")
        self.assertEqual(r.headers["Daybook-From"], r.json()["from"])
        self.assertEqual(r.headers["Daybook-To"], "2026-01-01")
        self.assertEqual(int(r.headers["Daybook-Position"]), r.json()["position"])
        self.assertEqual(int(r.headers["Daybook-As-Of"]), r.json()["as_of"])
        self.assertEqual(r.headers["Daybook-Bound"], r.json()["bound"])
        self.assertEqual(r.headers["X-Content-Type-Options"], "nosniff")

    def test_questions_by_post(self):
        d, c = self.serve()
        fill(d.ingest())
        want = d.query("apps", account=7)
        r = c.post("/v1/query", {"view": "apps", "account": 7, "request": "me"})
        self.assertEqual((r.status, r.json()["data"], r.json()["request"]), (200, want["data"], "me"), r)
        r = c.post("/v1/query", msgpack.packb({"view": "apps", "account": 7}), "application/msgpack")
        self.assertEqual(r.headers["Content-Type"], "application/msgpack")
        self.assertEqual(msgpack.unpackb(r.body)["data"], want["data"])
        r = c.post("/v1/query", {"view": "apps", "account": 7}, Accept="text/csv")
        self.assertEqual(len(r.body.splitlines()), 1 + 2 + 2)  # one name holds a line end
        r = c.post("/v1/query", msgpack.packb({"view": "appz"}), "application/msgpack")
        self.assertEqual((r.status, msgpack.unpackb(r.body)["code"]), (404, "not_found"))
        self.assert_problem(c.post("/v1/query", b"nonsense"), 400, "malformed")
        self.assert_problem(c.post("/v1/query", b""), 400, "malformed")
        self.assert_problem(c.post("/v1/query", {"view": "status"}, "text/plain"), 415)

    def test_refusals(self):
        d, c = self.serve()
        rows = (
            ("/v1/accounts/7/recrods", 404, "not_found", "did you mean records"),
            ("/v1/accounts/7/records?colour=red", 400, "bad_parameter", "colour"),
            ("/v1/accounts/7/records?account=8", 400, "bad_parameter", "account stands in the path"),
            ("/v1/accounts/7/records?view=apps", 400, "bad_parameter", "view stands in the path"),
            ("/v1/accounts/x/records", 400, "bad_parameter", "account"),
            ("/v1/accounts/7/records?from=x", 400, "bad_parameter", "2026-11-23"),
            ("/v1/accounts/7/records?from=2026-01-02&to=2026-01-01", 400, "bad_parameter", "from is after to"),
            ("/v1/accounts/7/records?limit=5&limit=6", 400, "bad_parameter", "limit is an array"),
            ("/v1/accounts/7/records?app=%zz", 400, "bad_parameter", "escape"),
            ("/v1/accounts/7/records?app=%ff", 400, "bad_parameter", "UTF-8"),
            ("/v1/accounts/7/records?app=%00", 400, "bad_parameter", "NUL"),
            ("/v1/accounts/7/records?cursor=AAAA", 400, "bad_cursor", "cursor"),
            ("/v1/accounts/7/status", 404, "not_found", "/v1/{view}"),
            ("/v1/records", 404, "not_found", "/v1/accounts/{account}/{view}"),
            ("/v1/accounts/7", 404, "not_found", ""),
            ("/nowhere", 404, "not_found", ""),
            ("/v1/schemas/nothing", 404, "not_found", "event, batch"),
        )
        for path, status, code, words in rows:
            with self.subTest(path=path):
                p = self.assert_problem(c.get(path), status, code)
                self.assertIn(words, p.get("detail", ""))
        many = "&".join(f"p{i}=1" for i in range(70))
        self.assert_problem(c.get(f"/v1/accounts/7/records?{many}"), 413, "too_large")
        for method in ("PUT", "DELETE", "PATCH", "POST"):
            r = c.ask(method, "/v1/status")
            self.assert_problem(r, 405, "method_not_allowed")
            self.assertEqual(r.headers["Allow"], "GET, HEAD, OPTIONS")
        r = c.get("/v1/events")
        self.assert_problem(r, 405)
        self.assertEqual(r.headers["Allow"], "POST, OPTIONS")

    def test_who_may_ask(self):
        d, c = self.serve(public_url="https://Daybook.example.com/x")
        port = d.endpoints["http"].rsplit(":", 1)[1]
        for host in ("127.0.0.1:" + port, "localhost", "a", "app.localhost", "[::1]:7700", "daybook.example.com", ""):
            self.assertEqual(c.get("/v1/status", Host=host).status, 200, host)
        for host in ("evil.example.org", "127.0.0.1.evil.org", "daybook.example.com.evil.org:7700"):
            self.assert_problem(c.get("/v1/status", Host=host), 403, "forbidden")
            self.assert_problem(c.post("/v1/events", [], Host=host), 403, "forbidden")
        self.assert_problem(c.post("/v1/events", [], Origin="https://evil.example.org"), 403)
        self.assert_problem(c.post("/v1/events", [], Origin="null"), 403)
        self.assert_problem(c.post("/v1/events", [], Sec_Fetch_Site="cross-site"), 403)
        self.assertEqual(c.post("/v1/events", [], Origin="http://127.0.0.1:" + port).status, 200)


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


class Stream:
    """Server-sent events, read as a browser does."""

    def __init__(self, test, d, path, **headers):
        lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        self.socket = test.raw(d, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while True:
            line = self.file.readline().strip()
            if not line:
                break
            k, v = line.split(b":", 1)
            self.headers[k.decode()] = v.strip().decode()
        self.left = b""
        self.last_id = None
        test.addCleanup(self.close)

    def line(self):
        while b"\n" not in self.left:
            size = int(self.file.readline(), 16)
            if size == 0:
                raise EOFError
            self.left += self.file.read(size)
            self.file.readline()
        line, self.left = self.left.split(b"\n", 1)
        return line.decode()

    def event(self):
        event = {}
        while True:
            line = self.line()
            if line == "" and event.get("data") is not None:
                self.last_id = event.get("id", self.last_id)
                return event
            if line == "" or line.startswith(":"):
                continue
            k, _, v = line.partition(": ")
            event[k] = v

    def row(self):
        return json.loads(self.event()["data"])

    def close(self):
        self.file.close()
        self.socket.close()


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


class Operation(HttpTest):
    def test_health(self):
        d, c = self.serve()
        self.assertEqual((c.get("/healthz").status, c.get("/healthz").body), (200, b"ok\n"))
        self.assertEqual(c.get("/readyz").json(), {"ready": True, "reasons": []})

    def test_metrics(self):
        d, c = self.serve()
        fill(d.ingest())
        d.query("apps", account=7)
        c.get("/v1/nothing")
        d.ingest().ask([{"type": "x"}])
        text = c.get("/metrics").body.decode()
        values = dict(l.rsplit(" ", 1) for l in text.splitlines() if not l.startswith("#"))
        s = d.status()
        self.assertEqual(int(values["daybook_events_accepted_total"]), s["accepted"])
        self.assertEqual(int(values["daybook_events_received_total"]), s["received"])
        self.assertEqual(values['daybook_events_rejected_total{reason="unknown_type"}'], "1")
        self.assertEqual(values['daybook_query_duration_seconds_count{view="apps"}'], "1")
        self.assertEqual(values['daybook_query_duration_seconds_bucket{view="apps",le="+Inf"}'], "1")
        self.assertEqual(values['daybook_http_requests_total{method="GET",route="/v1/{view}",code="404"}'], "1")
        self.assertEqual(int(values["daybook_ack_latency_seconds_count"]), 2)
        self.assertEqual(values["daybook_zmq_missed_edge_total"], "0")
        self.assertEqual(values["daybook_config_last_reload_successful"], "1")
        self.assertIn('daybook_connections{transport="http"}', values)
        self.assertGreater(float(values["process_cpu_seconds_total"]), 0)
        buckets = [int(v) for k, v in values.items() if k.startswith("daybook_commit_duration_seconds_bucket")]
        self.assertEqual(buckets, sorted(buckets))
        promtool = shutil.which("promtool")
        if promtool is None:
            self.skipTest("promtool is not installed (package prometheus)")
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_the_page(self):
        d, c = self.serve()
        for path in ("/", "/accounts/7/insights"):
            r = c.get(path, Accept_Encoding="gzip")
            self.assertEqual(r.status, 200, r)
            self.assertTrue(r.headers["Content-Type"].startswith("text/html"))
            self.assertIn("default-src 'none'", r.headers["Content-Security-Policy"])
            self.assertEqual(r.headers["X-Frame-Options"], "DENY")
            plain = c.get(path)
            self.assertEqual(plain.body, gzip.decompress(r.body))
            self.assertEqual(c.get(path, If_None_Match=r.headers["ETag"]).status, 304)
        self.assert_problem(c.get("/assets/none.js"), 404)

    def test_a_port_in_use_and_other_hosts_are_configuration(self):
        d, c = self.serve()
        other = self.make(http_listen=d.endpoints["http"], data_dir=os.path.join(self.directory, "other"))
        with self.assertRaises(AssertionError):
            other.start()
        self.assertEqual(other.process.wait(10), 69)
        other = self.make(http_listen="0.0.0.0:0", data_dir=os.path.join(self.directory, "other"))
        with self.assertRaises(AssertionError):
            other.start()
        self.assertEqual(other.process.wait(10), 78)


class Description(HttpTest):
    """Each path and each error that openapi.json documents, asked of the engine and held against it."""

    def setUp(self):
        super().setUp()
        try:
            import jsonschema
        except ImportError:
            self.skipTest("jsonschema is not installed (package python3-jsonschema)")
        self.validator = jsonschema.Draft202012Validator

    def resolve(self, v):
        while "$ref" in v:
            at = self.doc
            for part in v["$ref"][2:].split("/"):
                at = at[part]
            v = at
        return v

    def check(self, path, method, r):
        """The reply is one that the description knows, and its body is valid by it."""
        operation = self.doc["paths"][path][method]
        responses = operation["responses"]
        self.asked.add((path, method, str(r.status) if str(r.status) in responses else "default"))
        response = self.resolve(responses.get(str(r.status), responses.get("default")))
        if r.status in (204, 304):
            return
        kind = r.headers["Content-Type"].split(";")[0]
        self.assertIn(kind, response["content"], (path, r))
        if kind.endswith("json"):
            schema = {"$ref": "#/whole", "whole": response["content"][kind]["schema"],
                      "components": self.doc["components"]}
            errors = sorted(self.validator(schema).iter_errors(r.json()), key=str)
            self.assertEqual(errors[:1], [], (path, r))

    def test_everything_documented_is_so(self):
        clock = self.fake_clock()
        d, c = self.serve(clock=clock, front_map_bytes="16MiB", journal_bytes="8MiB")
        peer = d.ingest()
        t = clock.ms - 1000
        peer.ask([connection(account=7, app=1, user=2, time_ms=t), record(account=7, app=1, time_ms=t),
                  api_call(account=7, app=1, time_ms=t), {"type": "x", "account": 7}])
        self.doc = c.get("/openapi.json").json()
        with open(os.path.join(os.path.dirname(__file__), "../../schemas/openapi.json")) as f:
            self.assertEqual(self.doc, json.load(f))
        self.asked = set()
        evil = {"Host": "evil.example.org"}
        for path, methods in self.doc["paths"].items():
            if "get" not in methods or path.endswith("/stream"):
                continue
            url = path.replace("{account}", "7").replace("{name}", "event")
            if path.endswith("/connections"):
                url += "?app=1"
            more = "&" if "?" in url else "?"
            responses = methods["get"]["responses"]
            first = c.get(url)
            self.assertEqual(first.status, 200, (path, first))
            self.check(path, "get", first)
            if "304" in responses:
                stable = path not in ("/v1/status",)
                tag = first.headers["ETag"] if stable else "*"
                self.check(path, "get", c.get(url, If_None_Match=tag))
            if "400" in responses:
                self.check(path, "get", c.get(url + more + "colour=red"))
            if "403" in responses:
                self.check(path, "get", c.get(url, **evil))
            if "404" in responses:
                self.check(path, "get", c.get(url + "x"))
            if "406" in responses:
                self.check(path, "get", c.get(url, Accept="image/png"))
            content = responses["200"]["content"]
            for kind in content:
                if "{view}" in path or kind == "text/plain":
                    continue
                r = c.get(url, Accept=kind)
                self.assertEqual(r.headers["Content-Type"].split(";")[0], kind, (path, r))
            head = c.ask("HEAD", url)
            self.assertEqual((head.status, head.body), (200, b""))
            self.check(path, "get", Reply(405, *(lambda r: (r.headers, r.body))(c.ask("PATCH", url))))
        self.streams(d, c)
        self.query(c)
        self.ingest(d, c, clock)
        documented = {(p, m, s) for p, methods in self.doc["paths"].items()
                      for m, o in methods.items() for s in o["responses"]}
        documented -= {(p, m, "default") for p, m, _ in documented}
        self.assertEqual(documented - self.asked, set())

    def streams(self, d, c):
        path = "/v1/accounts/{account}/activity/stream"
        url = path.replace("{account}", "7")
        s = Stream(self, d, url + "?after=0")
        self.assertEqual(s.headers["Content-Type"], "text/event-stream")
        row = [s.event(), s.row()][1]
        schema = {"$ref": "#/components/schemas/activity/$defs/answer/properties/data/properties/rows/items",
                  "components": self.doc["components"]}
        self.validator(schema).validate(row)
        s.close()
        self.asked.add((path, "get", "200"))
        self.check(path, "get", c.get(url + "?colour=red"))
        self.check(path, "get", c.get(url, Host="evil.example.org"))

    def query(self, c):
        path = "/v1/query"
        self.check(path, "post", c.post(path, {"view": "apps", "account": 7}))
        self.check(path, "post", c.post(path, b"x"))
        self.check(path, "post", c.post(path, {"view": "apps"}, Host="evil.example.org"))
        self.check(path, "post", c.post(path, {"view": "appz"}))
        self.check(path, "post", c.post(path, {"view": "status"}, Accept="text/csv"))
        self.check(path, "post", c.post(path, {"view": "status"}, "text/plain"))

    def ingest(self, d, c, clock):
        path = "/v1/events"
        event = api_call(time_ms=clock.ms)
        self.check(path, "post", c.post(path, [event, {"type": "x"}], Idempotency_Key="a"))
        self.check(path, "post", c.post(path, [event], Idempotency_Key="a"))
        self.check(path, "post", c.post(path, b"x"))
        self.check(path, "post", c.post(path, [], Host="evil.example.org"))
        self.check(path, "post", c.post(path, {"events": [], "colour": 1}))
        self.check(path, "post", c.post(path, [], "text/plain"))
        self.check(path, "post", c.post(path, [{}] * 10001))
        for i in range(4000):  # until the small map is full
            events = [api_call(account=i * 100 + k, time_ms=clock.ms, id=f"{i}-{k}" + "x" * 40) for k in range(400)]
            r = c.post(path, events)
            if r.status != 200:
                break
        self.assertEqual((r.status, r.json()["code"]), (507, "storage_full"), r)
        self.check(path, "post", r)
        self.assertEqual(c.get("/v1/accounts/7/records").status, 200)
        ready = c.get("/readyz")
        self.assertEqual([x["code"] for x in ready.json()["reasons"]], ["storage_full"])
        self.check("/readyz", "get", ready)
        d.set_clock(clock.ms + 90 * 86_400_000)
        self.check(path, "post", c.post(path, [event]))


if __name__ == "__main__":
    unittest.main()
