#!/usr/bin/env python3
"""The JSON Schemas say what the decoder says: every golden frame, and every field of every kind with
values of all sorts, is valid by the schema exactly when the decoder accepts it.

usage: schema_check.py SCHEMA_PRINT

The validator below knows just the keywords that our schemas use and fails on any other."""
import json
import os
import re
import subprocess
import sys

FRAMES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../data/frames")
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}


def same(a, b):
    return type(a) is type(b) and a == b


class Validator:
    def __init__(self, schema):
        self.root = schema
        self.seen = set()

    def valid(self, v, s=None):
        s = self.root if s is None else s
        return all(self.keyword(k, arg, v, s) for k, arg in s.items())

    def keyword(self, k, arg, v, s):
        self.seen.add(k)
        number = TYPES["integer"](v)
        if k in ("$schema", "$id", "$defs", "title", "description", "then"):
            return True
        if k == "$ref":
            assert arg.startswith("#/$defs/"), arg
            return self.valid(v, self.root["$defs"][arg[8:]])
        if k == "type":
            return any(TYPES[t](v) for t in ([arg] if isinstance(arg, str) else arg))
        if k == "enum":
            return any(same(v, a) for a in arg)
        if k == "const":
            return same(v, arg)
        if k == "minimum":
            return not number or v >= arg
        if k == "maximum":
            return not number or v <= arg
        if k == "minLength":
            return not isinstance(v, str) or len(v) >= arg
        if k == "maxLength":
            return not isinstance(v, str) or len(v) <= arg
        if k == "pattern":
            return not isinstance(v, str) or re.search(arg.replace("$", r"\Z"), v) is not None
        if k == "maxItems":
            return not isinstance(v, list) or len(v) <= arg
        if k == "items":
            return not isinstance(v, list) or all(self.valid(i, arg) for i in v)
        if k == "maxProperties":
            return not isinstance(v, dict) or len(v) <= arg
        if k == "required":
            return not isinstance(v, dict) or all(key in v for key in arg)
        if k == "dependentRequired":
            return not isinstance(v, dict) or all(r in v for key in arg if key in v for r in arg[key])
        if k == "properties":
            return not isinstance(v, dict) or all(self.valid(v[key], arg[key]) for key in arg if key in v)
        if k == "additionalProperties":
            assert arg is False
            return not isinstance(v, dict) or all(key in s["properties"] for key in v)
        if k == "anyOf":
            return any(self.valid(v, a) for a in arg)
        if k == "allOf":
            return all(self.valid(v, a) for a in arg)
        if k == "if":
            return not self.valid(v, arg) or self.valid(v, s["then"])
        raise AssertionError("unknown keyword " + k)


def run(program, argument, text=""):
    done = subprocess.run([program, argument], input=text, capture_output=True, text=True, check=True)
    return done.stdout


def golden(name):
    with open(os.path.join(FRAMES, name), encoding="utf-8", errors="surrogateescape") as f:
        return f.read()


def check_golden_frames(batch, event):
    n = 0
    for name in sorted(os.listdir(FRAMES)):
        if not name.endswith(".expect"):
            continue
        expect = golden(name).splitlines()
        if expect[0].startswith("malformed"):
            continue
        value = json.loads(golden(name[:-7] + ".json"))
        verdicts = [line.split()[1] == "ok" for line in expect if re.match(r"\d+ ", line)]
        want = expect[0].startswith("ok") and all(verdicts)
        assert batch.valid(value) == want, name
        for i, good in enumerate(verdicts if isinstance(value, list) else []):
            assert event.valid(value[i]) == good, (name, i)
        n += 1
    assert n >= 20, n


def check_golden_answers(ack, refusal):
    n = 0
    for name in sorted(os.listdir(FRAMES)):
        if not name.endswith(".json") or not name.startswith(("ack-", "refusal-")):
            continue
        value = json.loads(golden(name))
        assert ack.valid(value) == name.startswith("ack-"), name
        assert refusal.valid(value) == name.startswith("refusal-"), name
        for key in list(value):
            if key not in ("producer", "epoch", "seq", "request", "expected_seq", "current_epoch", "retry_after_ms"):
                cut = {k: v for k, v in value.items() if k != key}
                needed = key != "code" or value["ok"] is False
                assert (ack.valid(cut) or refusal.valid(cut)) != needed, (name, key)
        assert not ack.valid({**value, "other": 1}) and not refusal.valid({**value, "other": 1}), name
        n += 1
    assert n >= 7, n


VALUES = [
    None, 0, 1, -1, 99, 100, 599, 600, 10**9, 10**9 + 1, 86400000, 86400001, 2**53 - 1, 2**53, 1.5, True, False,
    "", "x", "7", "07", "x" * 32, "x" * 33, "x" * 64, "x" * 65, "x" * 128, "x" * 129, "x" * 256, "x" * 257,
    "9007199254740991", "GET", "CONNECT", "get", "sent", "received", "private", "built-in", "public", "0-1",
    "a\u0001b", "a\u007f", "2025-11-23T09:57:22Z", "2025-11-23T09:57:22.5+05:45", "2025-11-23",
    [], ["a"], ["a", 1], [1], [1, -1], ["x" * 256], ["x" * 257], ["a"] * 256, ["a"] * 257, [1] * 257, [None], {},
    {"a": 1},
]


def mutations(events):
    """Each event as it is, then with each of its keys and some others left out or replaced."""
    for event in events:
        yield event
        for key in sorted(set(event) | {"app", "id", "user", "direction", "key", "scopes", "count", "other"}):
            yield {k: v for k, v in event.items() if k != key}
            for value in VALUES:
                yield {**event, key: value}


def check_mutations(program, event, batch):
    bases, kinds = [], set()
    for name in sorted(os.listdir(FRAMES)):
        if name.startswith("events-") and name.endswith(".json"):
            for e in json.loads(golden(name)):
                if e["type"] not in kinds:
                    bases.append(e)
                kinds.add(e["type"])
    assert len(bases) == 34, len(bases)
    values = [[e] for e in mutations(bases)]
    verdicts = run(program, "verdicts", "".join(json.dumps(v) + "\n" for v in values)).splitlines()
    assert len(verdicts) == len(values)
    counts = {"+": 0, "-": 0}
    for value, verdict in zip(values, verdicts):
        counts[verdict] += 1
        assert event.valid(value[0]) == (verdict == "+"), (value, verdict)
    print(counts)
    assert min(counts.values()) > 1000
    envelopes = []
    for key in ("producer", "epoch", "seq", "events", "request", "other"):
        base = {"producer": "p", "epoch": 1, "seq": 2, "request": "r", "events": []}
        envelopes.append({k: v for k, v in base.items() if k != key})
        envelopes += [{**base, key: v} for v in VALUES if not (key == "events" and isinstance(v, list))]
    verdicts = run(program, "verdicts", "".join(json.dumps(v) + "\n" for v in envelopes)).splitlines()
    for value, verdict in zip(envelopes, verdicts):
        assert batch.valid(value) == (verdict == ""), (value, verdict)


def main():
    program = sys.argv[1]
    schemas = {name: Validator(json.loads(run(program, name))) for name in ("event", "batch", "ack", "refusal")}
    check_golden_frames(schemas["batch"], schemas["event"])
    check_golden_answers(schemas["ack"], schemas["refusal"])
    check_mutations(program, schemas["event"], schemas["batch"])
    seen = set().union(*(v.seen for v in schemas.values()))
    assert {"if", "anyOf", "dependentRequired", "pattern", "maxItems", "const"} <= seen, seen


main()
