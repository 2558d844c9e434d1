#!/usr/bin/python3
"""The views of the connections home at a client: a real daemon, ipc, one question at a time.

    DAYBOOKD=build/release/engine/daybookd python3 bench/views.py [ROUNDS]

The account of micro_views.c, from events: 200 apps, 5,000 connections, 30 full days (each app calls in
every half-hour and changes 300 records of four types in five ways a day), 1,000 users, 320 apps and 200
lessons in the catalogue, 10,100 entries of activity and more. Prints p50, p99, the longest in ms, and
the bytes. To be held: home below 5 ms, every other view below 2 ms, every page of activity the same.
"""

import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/e2e"))
from harness import MS_PER_DAY, Daemon, now_ms  # noqa: E402

ACCOUNT, APPS, PER_APP, USERS = 7, 200, 25, 1000
TYPES = ("contacts", "companies", "deals", "tickets")
ACTIONS = ("created", "updated", "deleted", "merged", "restored")
QUESTIONS = (
    ("home", {"viewer": 5}), ("home", {"viewer": 5, "rows": 500}), ("attention", {}), ("my_apps", {"viewer": 5}),
    ("other_apps", {"viewer": 5}), ("connections", {"app": 10}), ("recommendations", {}), ("app", {"app": 10}),
    ("permissions", {"app": 10}), ("academy", {}), ("catalog", {}), ("users", {}), ("plan", {}), ("settings", {}),
    ("apps", {}), ("usage", {"kind": "all"}), ("usage_alerts", {"kind": "all"}), ("record_alerts", {}),
    ("api_usage", {"kind": "all"}), ("api_usage", {"kind": "all", "group_by": "day", "zone": "Asia/Kathmandu"}),
    ("records", {}), ("records", {"group_by": ["day", "action"]}), ("records", {"group_by": "app"}),
    ("distinct_records", {"app": 10}), ("activity", {}), ("activity", {"app": 10, "user": 5}),
    ("rejected", {}), ("status", {}), ("schema", {}),
)


def reference(now):
    for app in range(1, 321):
        yield {"type": "catalog.app", "account": 0, "app": app, "time": now, "name": f"App number {app}",
               "developer": f"Developer {app % 150}", "shows_status": True,
               "kind": ("marketplace", "private", "built-in")[max(0, app % 7 - 4)],
               "required_scopes": ["contacts.read"], "optional_scopes": ["deals.read=deal sync"]}
    for user in range(1, USERS + 1):
        yield {"type": "directory.user", "account": ACCOUNT, "user": user, "name": f"User Number {user}", "time": now}
    for n in range(200):
        yield {"type": "catalog.academy", "account": 0, "key": str(n), "title": "How to keep it healthy", "time": now,
               "link": "https://academy.example/healthy", "apps": [n % APPS + 1]}
    yield {"type": "account.plan", "account": ACCOUNT, "tier": "pro", "daily_limit": 650000, "time": now}


def signals(now):
    bad = ("app.disconnected", "app.expired", "app.error")
    for app in range(1, APPS + 1):
        for i in range(PER_APP):
            of = {"account": ACCOUNT, "app": app, "user": 1 + (app * 37 + i * 41) % USERS}
            at = now - (app + i) % 20 * MS_PER_DAY - 5000
            for age, kind in ((3000, "app.installed"), (2000, "app.error"), (1000, "app.reconnected")):
                yield {**of, "type": kind, "time": at - age}
            if (app + i) % 10 == 0:
                yield {**of, "type": bad[i % 3], "time": at, "reason": "the token was refused", "code": "401"}


def days(now):
    for ago in range(30):
        start = now - now % MS_PER_DAY - ago * MS_PER_DAY
        room = now - start if ago == 0 else MS_PER_DAY
        for app in range(1, APPS + 1):
            of = {"account": ACCOUNT, "app": app}
            for i in range(48):
                yield {**of, "type": "api.call", "time": start + i * room // 48, "count": 20,
                       "method": "GET" if i % 3 else "POST", "status": 200 if i % 9 else 429}
            for i in range(300):
                yield {**of, "type": "record." + ACTIONS[i % 5], "time": start + i * room // 300,
                       "object_type": TYPES[(i + app) % 4], "record": i}


def publish(peer, events):
    batch, flying = [], 0
    for event in events:
        batch.append(event)
        if len(batch) == 5000:
            peer.send(batch)
            batch, flying = [], flying + 1
        if flying == 16:
            assert peer.receive(60)["rejected_n"] == 0
            flying -= 1
    peer.send(batch)
    for _ in range(flying + 1):
        assert peer.receive(60)["rejected_n"] == 0


def measure(q, question, rounds):
    times = []
    for _ in range(rounds):
        q.send(question)
        start = time.perf_counter()
        frames = q.receive_frames()
        times.append(time.perf_counter() - start)
    assert frames[0].startswith(b'{"ok":true'), frames[0][:300]
    times.sort()
    return "%8.3f %8.3f %8.3f ms %8d bytes" % (
        times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3, times[-1] * 1e3, len(frames[0]))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as directory:
        d = Daemon(directory).start()
        now = now_ms() - 60_000
        for events in (reference(now), signals(now), days(now)):
            publish(d.ingest(), events)
        d.wait_status(lambda s: s["events_unsaved"] == 0, 120)
        q = d.querier()
        print("     p50      p99  longest")
        for view, more in QUESTIONS:
            account = {} if view in ("status", "schema") else {"account": ACCOUNT}
            print(measure(q, {"view": view, **account, **more}, rounds), view, more or "")
        cursor, pages = None, []
        while len(pages) < 203:  # pages of 50: the 10,000th entry is on the 200th
            question = {"view": "activity", "account": ACCOUNT, "limit": 50, **({"cursor": cursor} if cursor else {})}
            pages.append(question)
            cursor = q.ask(question).get("cursor")
        for page in (1, 20, 100, 201):
            print(measure(q, pages[page - 1], rounds), f"activity, 50 entries from number {(page - 1) * 50 + 1} on")
        d.stop()
        d.close()


if __name__ == "__main__":
    main()
