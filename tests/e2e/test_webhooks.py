"""Webhooks as HubSpot and GitHub send them, signed here by Python's own hmac."""

import base64
import hashlib
import hmac
import json
import os
import signal
import unittest

from harness import now_ms
from http_help import HttpTest

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

    def github(self, c, event, payload, delivery, secret="github-secret"):
        body = json.dumps(payload).encode()
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return c.post("/github/webhooks/hub", body, "application/json", X_Hub_Signature_256=signature,
                      X_GitHub_Event=event, X_GitHub_Delivery=delivery)

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
        issue = {"action": "opened", "issue": {"id": 99}, "repository": {"owner": {"id": 7}}, "sender": {"id": 3},
                 "installation": {"id": 42}}
        self.accepted(self.github(c, "issues", issue, "11-23"), 1)
        self.assertEqual(self.count(d, "records", "count", account=7, action="created"), 1)

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
