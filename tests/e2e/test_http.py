"""The HTTP face: views in every form, health, metrics, the page."""

import csv
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import time
import unittest

import msgpack

from harness import DEADLINE_S, api_call, record
from http_help import HttpTest, fill


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
        ("accounts", {}, ""),
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
        received = {t: int(values[f'daybook_events_received_total{{transport="{t}"}}']) for t in ("zmq", "push", "http")}
        self.assertEqual(received, {"zmq": s["received"], "push": 0, "http": 0})
        self.assertEqual(values['daybook_events_rejected_total{reason="unknown_type"}'], "1")
        self.assertEqual(values['daybook_query_duration_seconds_count{view="apps"}'], "1")
        self.assertEqual(values['daybook_query_duration_seconds_bucket{view="apps",le="+Inf"}'], "1")
        self.assertEqual(values['daybook_http_requests_total{method="GET",route="/v1/{view}",code="404"}'], "1")
        self.assertEqual(int(values["daybook_ack_latency_seconds_count"]), 2)
        self.assertEqual(values["daybook_zmq_missed_edge_total"], "0")
        self.assertEqual(values["daybook_config_last_reload_successful"], "1")
        self.assertEqual(values['daybook_connections{transport="http"}'], "1")
        self.assertGreater(float(values["process_cpu_seconds_total"]), 0)
        self.assertEqual(int(float(values["daybook_commit_events_sum"])), s["received"])
        self.assertEqual(int(values["daybook_commit_events_count"]), s["commits"])
        self.assertEqual(values['daybook_commit_events_bucket{le="1"}'], "1")
        self.assertEqual((values['daybook_store_errors_total{op="commit"}'], values['daybook_store_errors_total{op="merge"}']),
                         ("0", "0"))
        self.assertEqual(abs(float(values["daybook_clock_skew_seconds"])) < 5, True)
        buckets = [int(v) for k, v in values.items() if k.startswith("daybook_commit_duration_seconds_bucket")]
        self.assertEqual(buckets, sorted(buckets))
        promtool = shutil.which("promtool")
        if promtool is None:
            self.skipTest("promtool is not installed (package prometheus)")
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_connections_by_transport(self):
        d, c = self.serve()
        peer = d.ingest()
        until = time.monotonic() + DEADLINE_S
        while True:  # who has gone is noticed a little later
            n = d.status()["connections"]
            zmq = int(self.value(c, 'daybook_connections{transport="zmq"}'))
            if zmq == n - 1:  # one is this client's
                break
            self.assertLess(time.monotonic(), until)
        peer.close()

    def value(self, c, name):
        text = c.get("/metrics").body.decode()
        return float(next(l for l in text.splitlines() if l.startswith(name + " ")).rsplit(" ", 1)[1])

    def test_metrics_of_what_went_wrong(self):
        clock = self.fake_clock()
        d, c = self.serve(clock=clock, front_map_bytes="16MiB", journal_bytes="8MiB")
        p = d.ingest()
        for i in range(4000):  # until the small map is full
            a = p.ask([api_call(account=i, time_ms=clock.ms, id=f"{i}-{k}" + "x" * 40) for k in range(400)])
            if not a["ok"]:
                break
        self.assertEqual(a["code"], "storage_full")
        self.assertGreater(self.value(c, 'daybook_store_errors_total{op="commit"}'), 0)
        d.set_clock(clock.ms + 90 * 86_400_000)
        self.assertAlmostEqual(self.value(c, "daybook_clock_skew_seconds"), 90 * 86_400, delta=120)
        d.set_clock(clock.ms - 91 * 86_400_000)
        self.assertAlmostEqual(self.value(c, "daybook_clock_skew_seconds"), -86_400, delta=120)

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

    def test_the_page_says_what_it_will_need_first(self):
        d, c = self.serve()
        if b"built without its page" in c.get("/").body:
            self.skipTest("this engine was built without its page")
        style, script = re.findall(r'(?:href|src)="(/assets/[^"]+)"', c.get("/").body.decode())
        assets = f"<{style}>; rel=preload; as=style, <{script}>; rel=modulepreload, "
        how = "; rel=preload; as=fetch; crossorigin"
        home, users = "/v1/accounts/7/home?rows=100&viewer=9", "/v1/accounts/7/users"
        both, one = f"{assets}<{home}>{how}, <{users}>{how}", f"{assets}<{users}>{how}"
        for path, want in (
            ("/accounts/7/home?viewer=9", both),
            ("/accounts/7?lang=pl&viewer=9", both),
            ("/accounts/7/home", one),
            ("/accounts/7/insights/api?viewer=9", one),
            ("/accounts/7/home?viewer=9%0d%0aX-Other:%201", one),
            ("/accounts/7/home?viewer=-9", one),
            ("/accounts/7/home?viewer=" + "9" * 300, one),
            ("/accounts/x/home?viewer=9", None),
            ("/accounts/7%0d%0a/home?viewer=9", None),
            ("/accounts/99999999999999999999/home?viewer=9", None),
            ("/accounts/", None),
            ("/", None),
            ("/favicon.svg", None),
        ):
            with self.subTest(path=path):
                r = c.get(path)
                self.assertEqual((r.status, r.headers.get("Link")), (200, want), r)
                self.assertIsNone(r.headers.get("X-Other"))
        for path in (style, script, home, users):
            self.assertEqual(c.get(path).status, 200)

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


if __name__ == "__main__":
    unittest.main()
