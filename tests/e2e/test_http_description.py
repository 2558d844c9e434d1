"""Each path and each error that openapi.json documents, asked of the engine and held against it."""

import hashlib
import hmac
import json
import os
import re
import unittest

from harness import api_call, connection, record
from http_help import HttpTest, Reply, Stream


class Description(HttpTest):
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
        hooks = os.path.join(self.directory, "webhooks")
        with open(hooks, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write("a hubspot secret\na github secret\n")
        d, c = self.serve(clock=clock, front_map_bytes="16MiB", journal_bytes="8MiB", webhooks=hooks)
        peer = d.ingest()
        t = clock.ms - 1000
        peer.ask([connection(account=7, app=1, user=2, time_ms=t), record(account=7, app=1, time_ms=t),
                  api_call(account=7, app=1, time_ms=t), {"type": "x", "account": 7}])
        self.doc = c.get("/openapi.json").json()
        with open(os.path.join(os.path.dirname(__file__), "../../schemas/openapi.json")) as f:
            self.assertEqual(self.doc, json.load(f))
        self.asked = set()
        token = {"Authorization": "Bearer account-7-app-1"}
        evil = {"Host": "evil.example.org", **token}
        for path, methods in self.doc["paths"].items():
            if "get" not in methods or path.endswith("/stream"):
                continue
            url = path.replace("{account}", "7").replace("{name}", "event")
            first = c.get(url, **token)
            while missing := re.match(r"(\w+) is missing", first.status == 400 and first.json().get("detail") or ""):
                url += ("&" if "?" in url else "?") + missing.group(1) + "=1"
                first = c.get(url, **token)
            more = "&" if "?" in url else "?"
            responses = methods["get"]["responses"]
            self.assertEqual(first.status, 200, (path, first))
            self.check(path, "get", first)
            if "304" in responses:
                stable = path not in ("/v1/status",)
                tag = first.headers["ETag"] if stable else "*"
                self.check(path, "get", c.get(url, If_None_Match=tag, **token))
            if "400" in responses:
                self.check(path, "get", c.get(url + more + "colour=red", **token))
            if "401" in responses:
                self.check(path, "get", c.get(url))
            if "403" in responses:
                self.check(path, "get", c.get(url, **evil))
            if "404" in responses:
                self.check(path, "get", c.get(url + "x", **token))
            if "406" in responses:
                self.check(path, "get", c.get(url, Accept="image/png", **token))
            content = responses["200"]["content"]
            for kind in content:
                if "{view}" in path or kind == "text/plain":
                    continue
                r = c.get(url, Accept=kind, **token)
                self.assertEqual(r.headers["Content-Type"].split(";")[0], kind, (path, r))
            head = c.ask("HEAD", url, **token)
            self.assertEqual((head.status, head.body), (200, b""))
            self.check(path, "get", Reply(405, *(lambda r: (r.headers, r.body))(c.ask("PATCH", url, **token))))
        self.uninstall(c, evil)
        self.streams(d, c)
        self.query(c)
        self.webhooks(c)
        self.actions(c)
        self.ingest(d, c, clock)
        documented = {(p, m, s) for p, methods in self.doc["paths"].items()
                      for m, o in methods.items() for s in o["responses"]}
        documented -= {(p, m, "default") for p, m, _ in documented}
        self.assertEqual(documented - self.asked, set())

    def uninstall(self, c, evil):
        path = "/appinstalls/v3/external-install"
        token = {"Authorization": "Bearer account-7-app-1"}
        self.check(path, "delete", c.ask("DELETE", path, **token))
        self.check(path, "delete", c.ask("DELETE", path + "?x=1", **token))
        self.check(path, "delete", c.ask("DELETE", path))
        self.check(path, "delete", c.ask("DELETE", path, **evil))

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

    def actions(self, c):
        path, url = "/v1/accounts/{account}/actions", "/v1/accounts/7/actions"
        body = {"action": "reconnect", "app": 1, "user": 2, "viewer": 9, "request": "r"}
        self.validator({**self.doc, "$ref": "#/components/schemas/Action"}).validate(body)
        self.check(path, "post", c.post(url, body, **{"Idempotency-Key": "k"}))
        self.check(path, "post", c.post(url, {**body, "reason": "r"}, **{"Idempotency-Key": "k"}))
        self.check(path, "post", c.post(url, {**body, "app": 3}, **{"Idempotency-Key": "k"}))
        self.check(path, "post", c.post(url, body))
        self.check(path, "post", c.post(url, body, "text/plain"))
        self.check(path, "post", c.post(url, body, Host="evil.example.org"))

    def query(self, c):
        path = "/v1/query"
        self.check(path, "post", c.post(path, {"view": "apps", "account": 7}))
        self.check(path, "post", c.post(path, b"x"))
        self.check(path, "post", c.post(path, {"view": "apps"}, Host="evil.example.org"))
        self.check(path, "post", c.post(path, {"view": "appz"}))
        self.check(path, "post", c.post(path, {"view": "status"}, Accept="text/csv"))
        self.check(path, "post", c.post(path, {"view": "status"}, "text/plain"))

    def webhooks(self, c):
        for kind, body, known in (("hubspot", b"[]", {"X_HubSpot_Signature_Version": "v1", "X_HubSpot_Signature":
                                                      hashlib.sha256(b"secret[]").hexdigest()}),
                                  ("github", b"{}", {"X_Hub_Signature_256":
                                                     "sha256=" + hmac.new(b"secret", b"{}", "sha256").hexdigest()})):
            path = f"/{kind}/webhooks/{{name}}"
            url = path.replace("{name}", "a")
            self.check(path, "post", c.post(url, body, **known))
            self.check(path, "post", c.post(url, body))
            self.check(path, "post", c.post(url, body, Host="evil.example.org", **known))
            self.check(path, "post", c.post(url + "x", body, **known))
            self.check(path, "post", c.post(url, body, "text/plain", **known))

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
