"""How connections and apps stand to each other: what is newest is seen, what is counted adds up, and what only
looks alike is no duplicate. A test's description begins with the items of the feature list (S1..S41)."""

import unittest

from harness import api_call, record
from test_home import DAY, HOUR, Home


class Standing(Home):
    def test_s4_s35_the_newest(self):
        """S4 S35: a newer problem stands beside an older and worse one, on the home and on the app's page"""
        self.start()
        reauth = {"type": "permission.reauth_required", "account": 1, "app": 1, "user": 1,
                  "time": self.now - DAY}
        self.publish(self.signal(1, 1, "connected", 4 * DAY), reauth,
                     self.signal(1, 1, "error", 2 * HOUR, reason="HTTP 500 from upstream"),
                     self.signal(2, 1, "expired", DAY), self.signal(2, 1, "error", HOUR))
        for _ in range(2):
            self.assertEqual([(r["problem"], r["app"], r["state"], r["reason"]) for r in self.rows("attention")],
                             [("expired", 2, "open", None), ("reauth", 1, "open", None),
                              ("error", 1, "open", "HTTP 500 from upstream"), ("error", 2, "open", None)])
            self.assertEqual([r["problem"] for r in self.ask("app", app=1)["data"]["health"]],
                             ["reauth", "error"])
            self.assertEqual([r["state"] for r in self.rows("connections", app=1)], ["reauth"])
            self.checkpoint()
        self.publish({**reauth, "type": "permission.granted", "time": self.now})
        self.assertEqual([r["problem"] for r in self.rows("attention", app=1)], ["error"])
        self.assertEqual([r["state"] for r in self.rows("connections", app=1)], ["error"])

    def test_s1_s4_numbers(self):
        """S1 S4 S15: the numbers of the home add up, and say which apps they leave out"""
        self.start()
        self.publish(
            self.app(14, kind="built-in"),
            self.signal(10, 1, "installed", DAY), self.signal(10, 2, "installed", DAY),
            self.signal(10, 2, "disconnected", HOUR),
            self.signal(11, 1, "installed", DAY), self.signal(11, 1, "error", 2 * HOUR),
            self.signal(11, 1, "recovered", HOUR), self.signal(12, 2, "installed", DAY),
            self.signal(13, 2, "installed", DAY), self.signal(13, 2, "uninstalled", HOUR),
            self.signal(14, 1, "installed", DAY), api_call(1, 15, self.now),
            {"type": "permission.reauth_required", "account": 1, "app": 16, "scopes": ["s"], "time": self.now},
        )
        for _ in range(2):
            home = self.ask("home", viewer=1)["data"]
            self.assertEqual(
                {k: home[k] for k in ("apps", "connections", "connections_connected", "connected", "disconnected",
                                      "expired", "reauth", "error", "mine", "others", "seen_only")},
                {"apps": 4, "connections": 5, "connections_connected": 4, "connected": 2, "disconnected": 1,
                 "expired": 0, "reauth": 0, "error": 1, "mine": 3, "others": 1, "seen_only": 2},
            )
            self.assertEqual(len(self.apps("apps")), 4 + 2 + 1)  # 13 is uninstalled
            self.checkpoint()

    def test_s15_one_developer(self):
        """S15: apps of one developer and kind are not therefore duplicates: all that HubSpot built would be"""
        self.start()
        self.publish(*[self.app(app, name=name, kind="built-in", developer="HubSpot")
                       for app, name in ((10, "Gmail"), (11, "Google Calendar"), (12, "Salesforce sync"))],
                     *[self.signal(app, 2, "installed", DAY) for app in (10, 11, 12)],
                     record(1, 10, self.now, "created", "contacts"))
        self.assertEqual([r["duplicate_of"] for r in self.rows("other_apps", viewer=1)], [None] * 3)


if __name__ == "__main__":
    unittest.main()
