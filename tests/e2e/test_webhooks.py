"""Webhooks as HubSpot and GitHub send them, signed here by Python's own hmac."""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import unittest

from harness import DAYBOOKD, now_ms
from http_help import HttpTest

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..")
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
PUBLIC = "https://hooks.example.com/daybook"


def notification(**more):
    return {
        "eventId": 1, "subscriptionId": 12345, "portalId": 7, "occurredAt": now_ms(), "attemptNumber": 0,
        "subscriptionType": "contact.creation", "objectId": 123, "changeSource": "CRM", "changeFlag": "CREATED",
        "appId": 54321, **more,
    }


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()


class Webhooks(HttpTest):
    def serve_hooks(self, text=f"crm hubspot {SECRET}\nhub github github-secret\n", **options):
        path = os.path.join(self.directory, "webhooks")
        with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write(text)
        self.path = path
        return self.serve(webhooks=path, **options)

    def v3(self, c, d, events, name="crm", at=None, secret=SECRET, base=None):
        body = json.dumps(events).encode()
        at = str(now_ms() if at is None else at)
        url = f"{base or 'http://' + d.endpoints['http']}/hubspot/webhooks/{name}"
        signature = hmac.new(secret.encode(), b"POST" + url.encode() + body + at.encode(), hashlib.sha256).digest()
        return c.post(f"/hubspot/webhooks/{name}", body, "application/json",
                      X_HubSpot_Signature_v3=base64.b64encode(signature).decode(), X_HubSpot_Request_Timestamp=at)

    def github(self, c, event, payload, delivery, secret="github-secret", **headers):
        body = json.dumps(payload).encode()
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return c.post("/github/webhooks/hub", body, "application/json", X_Hub_Signature_256=signature,
                      X_GitHub_Event=event, X_GitHub_Delivery=delivery, **headers)

    def accepted(self, r, n, duplicate=0, rejected=0):
        self.assertEqual(r.status, 200, r)
        a = r.json()
        self.assertEqual((a["accepted"], a["duplicate"], a["rejected_n"]), (n, duplicate, rejected), a)

    def test_hubspot_v3(self):
        """S28: what an app or a person changed, told by HubSpot's webhooks."""
        d, c = self.serve_hooks()
        events = [
            notification(),
            notification(eventId=2, subscriptionType="contact.propertyChange", changeSource="INTEGRATION", sourceId="42"),
            notification(eventId=3, subscriptionType=None, eventType="deal.deletion", changeSource="INTEGRATION", sourceId="42"),
        ]
        del events[2]["subscriptionType"]  # the documentation's spelling is eventType
        self.accepted(self.v3(c, d, events), 3)
        self.assertIn('\ndaybook_events_received_total{transport="http"} 3\n', c.get("/metrics").body.decode())
        rows = d.rows("records", account=7, group_by=["app", "action"])
        self.assertEqual({(r["app"], r["action"]): r["count"] for r in rows},
                         {(0, "created"): 1, (42, "updated"): 1, (42, "deleted"): 1})

    def test_hubspot_v1_and_v2(self):
        d, c = self.serve_hooks()
        body = json.dumps([notification()]).encode()
        url = f"http://{d.endpoints['http']}/hubspot/webhooks/crm".encode()
        for version, signature in (("v1", sha256(SECRET.encode(), body)), ("v2", sha256(SECRET.encode(), b"POST", url, body))):
            r = c.post("/hubspot/webhooks/crm", body, "application/json", X_HubSpot_Signature=signature,
                       X_HubSpot_Signature_Version=version)
            self.accepted(r, version == "v1", duplicate=version == "v2")
        self.assertEqual(self.count(d, "records", "count", account=7), 1)

    def test_a_retry_is_counted_once(self):
        """Also after a crash, in another request, and with a higher attemptNumber."""
        d, c = self.serve_hooks()
        events = [notification(eventId=n, objectId=n) for n in range(1, 101)]
        self.accepted(self.v3(c, d, events), 100)
        d.kill()
        d.start()
        c = self.client(d)
        again = [dict(e, attemptNumber=1) for e in reversed(events)]
        self.accepted(self.v3(c, d, again + [notification(eventId=101)]), 1, duplicate=100)
        self.assertEqual(self.count(d, "records", "count", account=7), 101)

    def test_privacy_deletion_is_one_deletion(self):
        d, c = self.serve_hooks()
        self.accepted(self.v3(c, d, [notification(subscriptionType="contact.privacyDeletion", objectId=9)]), 1)
        self.accepted(self.v3(c, d, [notification(subscriptionType="contact.deletion", objectId=9, eventId=8)]), 0, duplicate=1)
        self.assertEqual(self.count(d, "records", "count", account=7, action="deleted"), 1)

    def test_the_public_url_is_what_was_signed(self):
        d, c = self.serve_hooks(public_url=PUBLIC + "/")
        self.accepted(self.v3(c, d, [notification()], base=PUBLIC), 1)
        self.assert_problem(self.v3(c, d, [notification()]), 401, "unauthorized")

    def test_what_is_not_signed_right_is_refused(self):
        d, c = self.serve_hooks()
        body = json.dumps([notification()]).encode()
        kind = "application/json"
        self.assert_problem(self.v3(c, d, [notification()], secret="other"), 401, "unauthorized")
        self.assert_problem(self.v3(c, d, [notification()], at=now_ms() - 301000), 401, "unauthorized")
        self.assert_problem(self.v3(c, d, [notification()], at=now_ms() + 301000), 401, "unauthorized")
        self.assert_problem(self.v3(c, d, [notification()], name="nobody"), 404, "not_found")
        self.assert_problem(c.post("/hubspot/webhooks/crm", body, kind), 401, "unauthorized")
        self.assert_problem(c.post("/hubspot/webhooks/hub", body, kind), 404, "not_found")  # it is GitHub's
        self.assert_problem(c.post("/github/webhooks/hub", body, kind), 401, "unauthorized")
        self.assert_problem(self.github(c, "ping", {}, "1", secret="x"), 401, "unauthorized")
        self.assertEqual(c.get("/hubspot/webhooks/crm").status, 405)
        r = c.post("/hubspot/webhooks/crm", body, "text/plain", X_HubSpot_Signature=sha256(SECRET.encode(), body),
                   X_HubSpot_Signature_Version="v1")
        self.assert_problem(r, 415, "unsupported_media_type")
        self.assertEqual(d.status()["received"], 0)
        text = c.get("/metrics").body.decode()
        self.assertIn('\ndaybook_auth_failures_total{transport="http",reason="signature"} 6\n', text)
        self.assertIn('\ndaybook_auth_failures_total{transport="http",reason="token"} 0\n', text)

    def test_what_cannot_be_mapped_is_counted_and_told(self):
        """A bad notification never holds up the good ones, nor makes HubSpot send all of them again."""
        d, c = self.serve_hooks()
        self.accepted(self.v3(c, d, [notification(), {"portalId": 7}, notification(eventId=2, occurredAt=1)]), 1, rejected=2)
        self.assertEqual([r["code"] for r in sorted(d.rows("rejected"), key=lambda r: r["code"])], ["invalid", "too_old"])
        self.accepted(self.v3(c, d, []), 0)

    def test_github(self):
        """S4, S11: an installation is a connection, told by GitHub's webhooks."""
        d, c = self.serve_hooks()
        installation = {"action": "created", "installation": {"id": 5, "app_id": 42, "account": {"id": 7}},
                        "sender": {"id": 3}}
        self.accepted(self.github(c, "installation", installation, "11-22"), 1)
        again = self.github(c, "installation", installation, "11-22")  # sent again by hand: the same answer, no new event
        self.accepted(again, 1)
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assertEqual(len(d.rows("activity", account=7)), 1)
        (row,) = d.rows("apps", account=7)
        self.assertEqual((row["app"], row["installer"], row["state"]), (42, 3, "connected"))
        # What it holds is older than what happened, and names the installation only: a header names the app.
        issue = {"action": "opened", "issue": {"id": 99, "created_at": "2019-05-15T15:20:18Z"}, "sender": {"id": 3},
                 "repository": {"owner": {"id": 7}}, "installation": {"id": 5}}
        self.accepted(self.github(c, "issues", issue, "11-23", X_GitHub_Hook_Installation_Target_Type="integration",
                                  X_GitHub_Hook_Installation_Target_ID="42"), 1)
        self.assertEqual(self.count(d, "records", "count", account=7, app=42, action="created"), 1)
        other = self.github(c, "issues", dict(issue, action="closed"), "11-23")
        self.assertEqual((other.status, other.json()["code"]), (409, "conflict"))

    def test_github_examples(self):
        """Every payload of @octokit/webhooks-examples: counted as the command line counts the same file, once."""
        path = os.path.join(SOURCE, ".work", "quickstart", "input", "index.json")
        if not os.path.exists(path):
            self.skipTest("./quickstart has not fetched @octokit/webhooks-examples yet")
        with open(path, encoding="utf-8") as f:
            index = json.load(f)
        d, c = self.serve_hooks()
        payloads = [(item["name"], e) for item in index for e in item["examples"]]
        answers = [self.github(c, name, e, f"d-{n}") for n, (name, e) in enumerate(payloads)]
        self.assertEqual({r.status for r in answers}, {200})
        s = d.status()
        self.assertEqual((s["received"], s["duplicate"]), (len(payloads), 0))
        self.assertEqual({r["code"] for r in d.rows("rejected")}, {"invalid"})
        self.assertGreater(s["accepted"], len(payloads) / 2)
        for n, (name, e) in list(enumerate(payloads))[::8]:  # GitHub's button "Redeliver"
            self.assertEqual(self.github(c, name, e, f"d-{n}").status, 200)
        self.assertEqual(d.status()["accepted"], s["accepted"])

    def test_hubspot_samples(self):
        """The documentation's samples and captured deliveries, moved to now: 8 events, two of them told twice."""
        with open(os.path.join(SOURCE, "tests", "data", "webhooks", "hubspot.json"), encoding="utf-8") as f:
            samples = json.load(f)
        times = sorted({e["occurredAt"] for e in samples})
        for e in samples:
            e["occurredAt"] = now_ms() // 60000 * 60000 - 60000 * (len(times) - times.index(e["occurredAt"]))
        d, c = self.serve_hooks()
        self.accepted(self.v3(c, d, samples), 8, duplicate=2, rejected=1)
        rows = d.rows("records", account=49547190, group_by=["app"])
        self.assertEqual({r["app"]: r["count"] for r in rows}, {0: 5, 9393361: 1, 50780459: 1, 2931120: 1})

    def test_a_lost_answer(self):
        """HubSpot gives up after 5 s and sends again: what was committed meanwhile is not counted again."""
        d, c = self.serve_hooks()
        body = json.dumps([notification()]).encode()
        fields = [("Host", d.endpoints["http"]), ("Content-Type", "application/json"), ("Content-Length", len(body)),
                  ("X-HubSpot-Signature", sha256(SECRET.encode(), body)), ("X-HubSpot-Signature-Version", "v1")]
        head = "POST /hubspot/webhooks/crm HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields) + "\r\n"
        lost = self.raw(d, head.encode() + body)
        d.wait_status(lambda s: s["accepted"] == 1)
        lost.close()  # the answer was never read
        r = c.post("/hubspot/webhooks/crm", body, X_HubSpot_Signature=sha256(SECRET.encode(), body),
                   X_HubSpot_Signature_Version="v1")
        self.accepted(r, 0, duplicate=1)
        self.assertEqual(self.count(d, "records", "count", account=7), 1)

    def test_bad_bodies(self):
        d, c = self.serve_hooks(http_body_bytes_max="4KiB")
        for body, accepted, rejected in ((b"", 0, 0), (b"[]", 0, 0), (b"no JSON", 0, 1), (b"[1]", 0, 1), (b"\xff[", 0, 1)):
            r = c.post("/hubspot/webhooks/crm", body, X_HubSpot_Signature=sha256(SECRET.encode(), body),
                       X_HubSpot_Signature_Version="v1")
            with self.subTest(body=body):
                self.accepted(r, accepted, rejected=rejected)
        self.assert_problem(self.v3(c, d, [notification()] * 100), 413, "too_large")

    def test_secrets_are_checked_and_not_shown(self):
        d, _ = self.serve_hooks()
        options = [DAYBOOKD, f"--webhooks={self.path}"]
        shown = subprocess.run([*options, "--print-config"], capture_output=True, text=True, check=True).stdout
        self.assertIn(self.path, shown)
        self.assertNotIn(SECRET, shown + "\n".join(d.lines))
        self.assertEqual(subprocess.run([*options, "--check"], capture_output=True, check=False).returncode, 0)
        os.chmod(self.path, 0o644)
        r = subprocess.run([*options, "--check"], capture_output=True, text=True, check=False)
        self.assertEqual((r.returncode, r.stderr.count("0600")), (78, 1), r)
        os.chmod(self.path, 0o600)
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(f"crm slack {SECRET}\n")
        r = subprocess.run([*options, "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(r.returncode, 78)
        self.assertIn("line 1: the kind is hubspot or github", r.stderr)
        self.assertNotIn(SECRET, r.stderr)

    def test_senders_are_read_anew(self):
        d, c = self.serve_hooks()
        self.assertEqual(self.v3(c, d, [notification()], secret="fresh").status, 401)
        with open(self.path, "w") as f:
            f.write("crm hubspot fresh\n")
        d.process.send_signal(signal.SIGHUP)
        d.wait_line("event=reload")
        self.accepted(self.v3(c, d, [notification()], secret="fresh"), 1)
        self.assertEqual(self.v3(c, d, [notification()]).status, 401)


if __name__ == "__main__":
    unittest.main()
