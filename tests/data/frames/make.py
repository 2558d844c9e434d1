#!/usr/bin/env python3
"""Writes the golden frames of this folder, with python3-msgpack and json, neither of which is ours.

NAME.json         the frame in JSON
NAME.hex          the same in msgpack, map form
NAME.compact.hex  the same in msgpack, compact form (batches of events only)
NAME.expect       what every one of them decodes to; not written here but by the golden test, when
                  it is run with GOLDEN_WRITE=1. Read it before committing it.

The frames are data: once published they change only when the contract does."""
import json
import os
import re

import msgpack

HERE = os.path.dirname(os.path.abspath(__file__))
DEF = os.path.join(HERE, "../../../schemas/event.def")
T = 1763891842401


def table():
    """kinds: type -> (number, group); fields: group -> keys in compact order."""
    text = re.sub(r"/\*.*?\*/", "", open(DEF).read(), flags=re.S)
    kinds = {
        t: (int(n), g) for n, t, g in re.findall(r'^KIND\(\w+, (\d+), "([\w.]+)", (\w+)\)', text, flags=re.M)
    }
    fields = {}
    for group, key in re.findall(r'^FIELD\((\w+), \w+, "(\w+)"', text, flags=re.M):
        fields.setdefault(group, []).append(key)
    common = fields.pop("COMMON")
    for keys in fields.values():
        keys += [k for k in common if k not in keys]
    return kinds, fields


KINDS, FIELDS = table()
METHODS = ["", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]


def compact(event):
    number, group = KINDS[event["type"]]
    row = [number, event["account"], event.get("app"), event["time"]]
    row += [event.get(key) for key in FIELDS[group]]
    if group == "API":
        row[4] = METHODS.index(row[4])
    if group == "RECORD" and re.fullmatch(r"0-\d+", row[4]):
        row[4] = int(row[4][2:])
    while row[-1] is None:
        row.pop()
    return row


def write_hex(name, data):
    with open(os.path.join(HERE, name), "w") as f:
        for i in range(0, len(data), 32):
            f.write(data[i : i + 32].hex() + "\n")


def write_json(name, data):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)


def frame(name, value):
    write_json(name + ".json", json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n")
    write_hex(name + ".hex", msgpack.packb(value))


def events(name, rows, bare=False):
    """A batch in all three forms."""
    value = [{"type": t, "account": 62515, "app": 9393361, "time": T, **more} for t, more in rows]
    frame(name, value)
    write_hex(name + ".compact.hex", msgpack.packb([compact(e) for e in value]))


def raw(name, text, packed):
    """Frames that no encoder would make."""
    write_json(name + ".json", text)
    write_hex(name + ".hex", packed)


def of_group(group):
    return [t for t, (_, g) in KINDS.items() if g == group]


def all_kinds():
    full = {"id": "e-1", "user": 77, "direction": "sent"}
    events(
        "events-api",
        [
            ("api.call", {"method": "GET", "status": 200}),
            ("api.call", {"method": "POST", "status": 429, "count": 1000000000, "endpoint": "/crm/v3/objects/{type}",
                          "path": "/crm/v3/objects/contacts", "latency_ms": 86400000, **full}),
            *[("api.call", {"method": m, "status": 599, "count": 2}) for m in METHODS[1:]],
        ],
    )
    events(
        "events-record",
        [(t, {"object_type": o, "record": r, "count": 3, **full})
         for t in of_group("RECORD") for o, r in [("contacts", 106651134132), ("0-1", "106651134132"), ("2-123", "a-b")]]
        + [(t, {"object_type": "gadget"}) for t in of_group("RECORD")],
    )
    events(
        "events-app",
        [(t, {"user": 77, "reason": "token expired", "code": "BAD_REFRESH_TOKEN", "id": t}) for t in of_group("APP")]
        + [("app.installed", {"user": 0})],
    )
    events(
        "events-sync",
        [(t, {"user": 77, "setting": "direction", "from": "one-way", "to": "two-way"}) for t in of_group("SYNC")]
        + [("sync.enabled", {"user": 0})],
    )
    events(
        "events-permission",
        [(t, {"scopes": ["crm.objects.contacts.read", "oauth"], "feature": "sync", "user": 77})
         for t in of_group("PERMISSION")]
        + [("permission.granted", {}), ("permission.revoked", {"scopes": []})],
    )
    events(
        "events-reference",
        [
            ("catalog.app", {"name": "Gadget Sync", "developer": "Gadget GmbH", "kind": "marketplace", "user_level": True,
                             "multi_account": False, "shows_status": True, "required_scopes": ["oauth"],
                             "optional_scopes": ["tickets=support"], "marketplace_url": "https://example.com/m",
                             "settings_url": "https://example.com/s", "icon_url": "https://example.com/i"}),
            ("catalog.app", {"name": "Mine", "kind": "private"}),
            ("catalog.academy", {"key": "l-1", "title": "Connect an app", "link": "https://example.com/l",
                                 "language": "en-GB", "topic": "apps", "apps": [9393361, 2931120]}),
            ("directory.user", {"user": 77, "name": "Zo\u00eb", "email": "zoe@example.com", "role": "admin",
                                "super_admin": True, "teams": [1, 2], "deactivated": False}),
            ("directory.team", {"team": 1, "name": "Sales"}),
            ("account.plan", {"tier": "enterprise", "daily_limit": 1000000, "ten_seconds_limit": 190,
                              "reset_zone": "Europe/Berlin"}),
            ("account.settings", {"beta": True, "user": 77}),
            ("catalog.app.removed", {}),
            ("catalog.academy.removed", {"key": "l-1"}),
            ("directory.user.removed", {"user": 77}),
            ("directory.team.removed", {"key": "1"}),
            ("account.plan.removed", {}),
            ("account.settings.removed", {"id": "gone"}),
        ],
    )


def call(**more):
    return {"type": "api.call", "account": 1, "app": 2, "time": T, "method": "GET", "status": 200, **more}


def envelopes():
    frame("single-event", call())
    frame("single-event-time-as-text", call(time="2025-11-23T09:57:22.401+00:00"))
    frame("empty-batch", [])
    frame("envelope-numbered", {"producer": "billing-eu-1", "epoch": 1763900000000, "seq": 42, "events": [call()]})
    frame("envelope-request", {"events": [call(), call()], "request": "r-7"})
    frame("envelope-cursor", {"producer": "billing-eu-1", "request": 7, "events": []})
    numbered = {"producer": "p", "epoch": 1, "seq": 2}
    frame("refused-unknown-key", {**numbered, "events": [call()], "account": 1})
    frame("refused-seq-alone", {"seq": 2, "events": []})
    frame("refused-no-events", {**numbered})
    frame("refused-events-no-list", {**numbered, "events": {"type": "api.call"}})
    frame("refused-seq-zero", {**numbered, "seq": 0, "events": []})
    frame("refused-producer-empty", {**numbered, "producer": "", "events": []})
    frame("refused-request-long", {**numbered, "events": [], "request": "x" * 65})
    frame("refused-float-in-envelope", {**numbered, "epoch": 1.5, "events": []})


def verdicts():
    frame(
        "verdicts",
        [
            call(),
            {"type": "api.calls", "account": 1, "app": 2, "time": T},
            {"account": 1, "app": 2, "time": T},
            call(account=-1),
            call(app=None),
            call(time=1.5),
            call(time="yesterday"),
            call(method="get"),
            call(status=600),
            call(count=0),
            call(count=1.5),
            call(id="x" * 65),
            call(user="77"),
            call(direction="both"),
            call(user=None, id=None),
            call(colour="red", weight=1.5, nested={"a": [1, {"b": None}]}),
            {"type": "record.created", "account": 1, "app": 0, "time": T, "object_type": "", "record": 7},
            {"type": "record.created", "account": 1, "app": 0, "time": T, "object_type": "deals", "record": True},
            {"type": "app.installed", "account": 1, "app": 2, "time": T},
            {"type": "permission.granted", "account": 1, "app": 2, "time": T, "scopes": "oauth"},
            {"type": "permission.granted", "account": 1, "app": 2, "time": T, "scopes": ["oauth", 7]},
            {"type": "catalog.app", "account": 1, "app": 2, "time": T, "name": "n", "kind": "public"},
            {"type": "directory.team.removed", "account": 1, "time": T},
            7,
            None,
            "event",
            call(),
        ],
    )


def malformed():
    def packed(value):
        return msgpack.packb(value)

    numbered = b'{"producer": "p", "epoch": 1, "seq": 2, "events": '
    head = b"\x84\xa8producer\xa1p\xa5epoch\x01\xa3seq\x02\xa6events"
    raw("malformed-key-twice", numbered + b'[{"type": "api.call", "a": 1, "a": 1}]}',
        head + b"\x91\x83\xa4type\xa8api.call\xa1a\x01\xa1a\x01")
    raw("malformed-utf8", numbered + b'["\xc3\x28"]}', head + b"\x91\xa2\xc3\x28")
    raw("malformed-nul", numbered + b'["a\\u0000b"]}', head + b"\x91\xa3a\x00b")
    raw("malformed-nesting", numbered + b"[[[[[[[[]]]]]]]]}", head + b"\x91" * 7 + b"\x90")
    raw("malformed-integer-of-65-bits", numbered + b"[9223372036854775808]}",
        head + b"\x91\xcf\x80\x00\x00\x00\x00\x00\x00\x00")
    raw("malformed-float-not-finite", numbered + b"[1e999]}", head + b"\x91\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00")
    raw("malformed-something-follows", b"[] []", packed([]) + packed([]))
    raw("malformed-envelope-key-twice", b'{"seq": 1, "seq": 2, "events": []}',
        b"\x83\xa3seq\x01\xa3seq\x02\xa6events\x90")
    raw("malformed-cut", b'[{"type": "api.call"', b"\x91\x81\xa4type\xa8api.c")
    write_hex("malformed-ext.hex", head + b"\x91\xd6\xff\x00\x00\x00\x00")
    write_hex("malformed-bin.hex", head + b"\x91\xc4\x01x")


all_kinds()
envelopes()
verdicts()
malformed()

# Answers: the JSON was written by the golden test; msgpack must say the same, in the same order.
for name in sorted(os.listdir(HERE)):
    if name.endswith(".json") and name.startswith(("ack-", "refusal-")):
        write_hex(name[:-5] + ".hex", msgpack.packb(json.load(open(os.path.join(HERE, name)))))
