"""The command line against a real engine: imports that repeat and resume, queries in every form,
replay, tail, doctor, exit codes."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

from harness import DAYBOOK, DEADLINE_S, DaemonTest, api_call, connection, envelope, now_ms, record

COUNTS = ("accepted", "duplicate", "rejected_n", "skipped_n")


class Cli(DaemonTest):
    def setUp(self):
        super().setUp()
        self.d = self.daemon()
        self.state = os.path.join(self.d.directory, "state")

    def environment(self):
        return dict(
            os.environ,
            DAYBOOK_INGEST=self.d.endpoints["ingest"],
            DAYBOOK_QUERY=self.d.endpoints["query"],
            XDG_STATE_HOME=self.state,
        )

    def run_cli(self, *args, text=None, code=0):
        p = subprocess.run(
            [DAYBOOK, *args], input=text, capture_output=True, text=True, env=self.environment(),
            timeout=DEADLINE_S * 3,
        )
        self.assertEqual(p.returncode, code, f"{args}\n{p.stdout}{p.stderr}")
        return p

    def import_json(self, *args, code=0):
        return json.loads(self.run_cli("import", *args, "--json", code=code).stdout)

    def file(self, name, text):
        path = os.path.join(self.d.directory, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def log_file(self, n, name="access.log"):
        lines = (
            f'h - - [22/Apr/2009:18:{i // 60 % 60:02}:{i % 60:02} +1200] "GET /p{i} HTTP/1.1" '
            f"{404 if i % 10 == 0 else 200} 1\n"
            for i in range(n)
        )
        return self.file(name, "".join(lines))


class Imports(Cli):
    def test_twice_changes_nothing(self):
        path = self.log_file(1234)
        args = ("combined", "--account=7", "--app=42", "--shift-to-now", path)
        first = self.import_json(*args)
        self.assertEqual([first[k] for k in COUNTS], [1234, 0, 0, 0])
        self.assertTrue(first["complete"])
        rows = self.d.rows("api_usage", account=7)
        self.assertEqual(sum(r["calls"] for r in rows), 1234)
        self.assertEqual(sum(r["errors"] for r in rows), 124)
        again = self.import_json(*args)
        self.assertEqual([again[k] for k in COUNTS], [0, 1234, 0, 0])
        self.assertEqual(again["producer"], first["producer"])
        self.assertEqual(again["shift_ms"], first["shift_ms"])
        self.assertEqual(self.d.rows("api_usage", account=7), rows)
        self.assertEqual(self.d.status()["accepted"], 1234)

    def test_the_newest_event_is_now_and_stays_there(self):
        path = self.file("a.csv", "time\n2015-01-01 00:00:00\n2015-01-02 00:00:00\n")
        before = now_ms()
        out = self.import_json("csv", "--account=1", "--app=2", "--shift-to-now", path)
        newest = 1420156800000 + out["shift_ms"]
        self.assertTrue(before <= newest <= now_ms())
        states = os.listdir(os.path.join(self.state, "daybook", "imports"))
        self.assertEqual(states, [out["producer"] + ".json"])

    def test_every_reason_is_told(self):
        old = "2001-01-01T00:00:00Z"
        lines = [json.dumps(e) for e in (api_call(), api_call(time_ms=old), {"type": "x"})] + ["nonsense"]
        lines += [json.dumps(api_call(time_ms=old))] * 250
        path = self.file("a.ndjson", "\n".join(lines) + "\n")
        out = self.import_json("ndjson", path)
        self.assertEqual([out[k] for k in COUNTS], [1, 0, 252, 1])
        self.assertEqual(out["rejected"], {"too_old": 251, "unknown_type": 1})
        self.assertEqual(out["skipped"], {"not_json": 1})
        self.import_json("ndjson", "--strict", path, code=65)
        text = self.run_cli("import", "ndjson", path).stdout
        self.assertRegex(text, r"duplicate +253 .*earlier run")

    def test_wrong_format_is_a_data_error(self):
        path = self.log_file(5)
        p = self.run_cli("import", "hubspot", path, code=65)
        self.assertIn("nothing in it is a hubspot event", p.stderr)

    def test_usage(self):
        path = self.log_file(1)
        for args, words in (
            (("combined", path), "names no account: give --account=N"),
            (("combined", "--account=1", path), "names no app"),
            (("xml", path), "there is no format"),
            (("csv", "--acount=1", path), "did you mean --account?"),
            (("csv",), "an argument is missing"),
        ):
            self.assertIn(words, self.run_cli("import", *args, code=64).stderr)
        self.run_cli("import", "ndjson", "/no/such/file", code=66)
        p = self.run_cli("import", "csv", "--account=1", "--app=1", self.file("x.csv", "a,b\n"), code=65)
        self.assertIn("no column", p.stderr)

    def test_standard_input_and_dry_run(self):
        line = json.dumps({"type": "api.call", "method": "GET", "status": 200, "time": now_ms()})
        p = self.run_cli("import", "ndjson", "--account=3", "--app=4", "--dry-run", "-", text=line + "\n")
        self.assertEqual(json.loads(p.stdout)["account"], 3)
        self.assertEqual(self.d.status()["received"], 0)
        out = json.loads(
            self.run_cli("import", "ndjson", "--account=3", "--app=4", "--json", "-", text=line).stdout
        )
        self.assertEqual(out["accepted"], 1)

    def big_file(self, n):
        t = now_ms()
        text = "".join(
            f'{{"type":"record.created","account":{i % 50},"app":1,"time":{t - i},'
            f'"object_type":"contacts"}}\n'
            for i in range(n)
        )
        return self.file("big.ndjson", text)

    def test_killed_import_resumes(self):
        n = 120_000
        path = self.big_file(n)
        kills = 0
        for _ in range(5):
            before = self.d.status()["accepted"]
            p = subprocess.Popen(
                [DAYBOOK, "import", "ndjson", "--quiet", path], env=self.environment(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            try:
                self.d.wait_status(lambda s: s["accepted"] > before or p.poll() is not None)
                if p.poll() is None:
                    kills += 1
            finally:
                p.send_signal(signal.SIGKILL)
                p.wait()
        out = self.import_json("ndjson", path)
        self.assertGreater(kills, 0)
        self.assertEqual(out["accepted"] + out["duplicate"], n)
        self.assertEqual(out["rejected_n"], 0)
        self.assertEqual(self.d.status()["accepted"], n)
        total = sum(
            r["count"] for a in range(50) for r in self.d.rows("records", account=a, group_by="action")
        )
        self.assertEqual(total, n)

    def test_import_outlives_an_engine_that_is_killed(self):
        n = 120_000
        path = self.big_file(n)
        p = subprocess.Popen(
            [DAYBOOK, "import", "ndjson", "--json", "--timeout=30s", path], env=self.environment(),
            stdout=subprocess.PIPE, text=True,
        )
        self.d.wait_status(lambda s: s["accepted"] > 0)
        self.d.kill()
        self.d.start()
        out = json.loads(p.communicate(timeout=60)[0])
        self.assertEqual(p.returncode, 0)
        self.assertTrue(out["complete"])
        self.assertEqual(self.d.status()["accepted"], n)
        self.assertEqual(self.import_json("ndjson", path)["duplicate"], n)


class Asks(Cli):
    def test_query_in_every_form(self):
        peer = self.d.ingest()
        events = [record(account=5, app=a, action=x) for a in (1, 2) for x in ("created", "deleted")]
        self.assertEqual(peer.ask(events)["accepted"], 4)
        rows = self.d.rows("records", account=5)
        self.assertEqual(len(rows), 4)
        ask = ("query", "records", "account=5")
        lines = self.run_cli(*ask, "--ndjson").stdout.splitlines()
        self.assertEqual([json.loads(line) for line in lines], rows)
        self.assertEqual(json.loads(self.run_cli(*ask, "--json").stdout)["data"]["rows"], rows)
        parsed = list(csv.DictReader(io.StringIO(self.run_cli(*ask, "--csv").stdout)))
        self.assertEqual(parsed, [{k: str(v) for k, v in r.items()} for r in rows])
        table = self.run_cli(*ask).stdout.splitlines()
        self.assertEqual(table[0].split(), ["day", "app", "object_type", "action", "count"])
        self.assertIn("4 rows; ", table[5])
        self.assertIn("log position", table[5])
        self.assertIn("there are more", self.run_cli(*ask, "--rows=3").stdout)
        self.assertIn("2 rows", self.run_cli(*ask, "limit=2").stdout)
        paged = self.run_cli(*ask, "limit=1", "--ndjson", "--all").stdout.splitlines()
        self.assertEqual([json.loads(line) for line in paged], rows)
        filtered = self.run_cli("query", "records", "account=5", "app=2", "action=created,merged", "-n")
        self.assertEqual([json.loads(x)["app"] for x in filtered.stdout.splitlines()], [2])

    def test_wrong_questions_teach(self):
        for args, words in (
            (("recordz", "account=1"), 'did you mean "records"?'),
            (("records", "acount=1"), 'did you mean "account"?'),
            (("records", "account"), "a parameter is written key=value"),
            (("records", "account=x"), "account"),
            (("records",), "account"),
            (("records", "account=1", "--csv", "--json"), "not several"),
            (("records", "account=1", "--csv", "-C", "dya"), "no column"),
        ):
            self.assertIn(words, self.run_cli("query", *args, code=64).stderr)

    def test_status(self):
        self.assertIn("received", self.run_cli("status").stdout)
        self.assertEqual(json.loads(self.run_cli("status", "--json").stdout)["received"], 0)

    def test_instants_are_told_as_such(self):
        """S6 S35: in tables, in objects and in the tables of objects, one form: RFC 3339"""
        at = now_ms() - 60_000
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // 1000))
        self.d.ingest().ask([connection(1, 10, 5, at), connection(1, 10, 5, at, "error")])
        for command in (("attention", "account=1"), ("app", "account=1", "app=10"), ("home", "account=1", "viewer=5"),
                        ("my_apps", "account=1", "viewer=5"), ("activity", "account=1")):
            said = self.run_cli("query", *command).stdout
            self.assertIn(text, said, command)
            self.assertIsNone(re.search(r"\b1[0-9]{12}\b", said), said)

    def test_actions(self):
        """S39: asked for at the terminal, once by its key."""
        at = ("--account=1", "--app=10", "--user=5")
        self.assertIn("no connection of user 5", self.run_cli("action", "reconnect", *at, code=64).stderr)
        self.d.ingest().ask([connection(1, 10, 5)])
        said = self.run_cli("action", "reconnect", *at).stdout
        key = said.split()[-1]
        self.assertEqual(len(key), 32)
        self.assertIn("reconnect of app 10 in account 1", said)
        self.assertEqual(self.run_cli("action", "reconnect", *at, "--key=" + key).stdout, said)
        for i, what in enumerate(("disconnect", "reauthenticate", "install", "uninstall")):
            answer = json.loads(self.run_cli("action", what, *at, f"--key=k-{i}", "--viewer=9", "--reason=please",
                                             "--json").stdout)
            self.assertEqual(answer, {"ok": True, "action": what, "account": 1, "app": 10, "user": 5, "by": 9,
                                      "idempotency_key": f"k-{i}"})
        rows = self.d.rows("activity", account=1, order="arrival")[1:]
        self.assertEqual([(r["type"], r["user"], r["code"]) for r in rows],
                         [("action.reconnect", 5, key)]
                         + [("action." + w, 5, f"k-{i}")
                            for i, w in enumerate(("disconnect", "reauthenticate", "install", "uninstall"))])
        self.assertIn("another request", self.run_cli("action", "install", *at, "--key=k-0", code=64).stderr)
        for wrong, words in (
            (("reboot", *at), 'no action "reboot"'),
            (("install", "--account=1", "--user=5"), "--app=N is required"),
            (("install", "--app=1", "--user=5"), "--account=N is required"),
            (("install", "--account=1", "--app=10"), "--user=N or --viewer=N"),
            (("install", "--account=1", "--app=0", "--user=5"), "app"),
            (("install", *at, "--key=" + "k" * 65), "idempotency_key"),
        ):
            self.assertIn(words, self.run_cli("action", *wrong, code=64).stderr)
        p = self.run_cli("action", "install", *at, "--query=ipc://" + os.path.join(self.d.directory, "nobody"),
                         "--timeout=200ms", code=69)
        self.assertIn("ask again with --key=", p.stderr)
        self.assertIn("reauthenticate", self.run_cli("action", "--help").stdout)
        self.assertIn("reauthenticate", self.run_cli("completion", "bash").stdout)

    def test_nobody_there(self):
        missing = "--query=ipc://" + os.path.join(self.d.directory, "nobody")
        p = self.run_cli("status", missing, "--timeout=200ms", code=69)
        self.assertIn("is daybookd running", p.stderr)
        missing = "--ingest=ipc://" + os.path.join(self.d.directory, "nobody")
        self.run_cli("publish", json.dumps(api_call()), missing, "--timeout=200ms", code=69)
        self.run_cli("import", "ndjson", "-", missing, "--timeout=200ms", text="{}", code=69)

    def test_tail(self):
        peer = self.d.ingest()
        for user in range(1, 6):
            peer.ask([connection(account=9, user=user, reason=f"r{user}")])
        p = self.run_cli("tail", "--account=9", "--lines=2", "--once")
        self.assertEqual(re.findall(r"user (\d)", p.stdout), ["4", "5"])
        p = self.run_cli("tail", "--account=9", "--after=0", "--once", "--json")
        rows = [json.loads(line) for line in p.stdout.splitlines()]
        self.assertEqual([r["user"] for r in rows], [1, 2, 3, 4, 5])
        p = self.run_cli("tail", "--account=9", f"--after={rows[2]['position']}", "--once", "--json")
        self.assertEqual([json.loads(x)["user"] for x in p.stdout.splitlines()], [4, 5])
        self.run_cli("tail", code=64)

    def test_tail_follows(self):
        p = subprocess.Popen(
            [DAYBOOK, "tail", "--account=9", "--json", "--interval=50ms", "--after=0"],
            env=self.environment(), stdout=subprocess.PIPE, text=True,
        )
        try:
            peer = self.d.ingest()
            for user in (1, 2, 3):
                peer.ask([connection(account=9, user=user)])
                self.assertEqual(json.loads(p.stdout.readline())["user"], user)
        finally:
            p.send_signal(signal.SIGINT)
            p.communicate(timeout=DEADLINE_S)
        self.assertEqual(p.returncode, 0)


class Sends(Cli):
    def test_publish(self):
        event = {"type": "api.call", "account": 1, "app": 2, "method": "GET", "status": 200}
        self.assertIn("1 accepted", self.run_cli("publish", json.dumps(event)).stdout)
        text = "\n".join(json.dumps(event) for _ in range(1234)) + "\n"
        out = json.loads(self.run_cli("publish", "--json", text=text).stdout)
        self.assertEqual(out["accepted"], 1234)
        p = self.run_cli("publish", json.dumps(event), '{"type":"x"}', "nonsense", code=65)
        self.assertIn("1 accepted, 0 duplicate, 1 rejected", p.stdout)
        self.assertIn("unknown_type", p.stderr)
        self.assertEqual(self.d.status()["accepted"], 1236)

    def test_publish_numbered_with_an_outbox(self):
        outbox = os.path.join(self.d.directory, "outbox")
        event = json.dumps(api_call())
        self.d.stop()
        args = ("publish", "--producer=p", f"--outbox={outbox}", event)
        p = self.run_cli(*args, "--timeout=300ms", code=69)
        self.assertIn("stays in the outbox", p.stderr)
        self.d.start()
        self.run_cli(*args)
        self.assertEqual(self.d.status()["accepted"], 2)

    def test_generate_and_replay(self):
        stream = os.path.join(self.d.directory, "w.stream")
        self.run_cli("generate", "--events=20000", "--producer=g", "-q", "-o", stream)
        out = json.loads(self.run_cli("replay", "--flat-out", "--json", stream).stdout)
        self.assertEqual((out["frames"], out["accepted"]), (40, 20000))
        out = json.loads(self.run_cli("replay", "--flat-out", "--json", stream).stdout)
        self.assertEqual((out["accepted"], out["duplicate"]), (0, 20000))
        started = time.monotonic()
        self.run_cli("generate", "--events=2000", "--rate=10000", "-q", "-o", stream)
        self.run_cli("replay", stream, "-q")
        self.assertGreater(time.monotonic() - started, 0.14)
        with open(stream, "r+b") as f:
            f.truncate(os.path.getsize(stream) - 5)
        p = self.run_cli("replay", "--flat-out", "-q", stream)
        self.assertIn("ends inside a frame", p.stderr)
        self.run_cli("replay", self.file("x", "nonsense"), code=65)
        self.run_cli("replay", "/no/such/file", code=66)

    def test_generated_lines_are_accepted(self):
        text = self.run_cli("generate", "--events=1000", "--ndjson", "--workload=wr").stdout
        self.assertEqual(len(text.splitlines()), 1000)
        out = json.loads(self.run_cli("publish", "--json", text=text).stdout)
        self.assertEqual(out["accepted"], 1000)

    def test_schema_names_are_printed(self):
        names = self.run_cli("schema").stdout.split()
        self.assertIn("event", names)
        self.assertIn("records", names)
        for name in names:
            json.loads(self.run_cli("schema", name).stdout)
        # The description of the HTTP API is not a JSON Schema.
        self.assertEqual(set(json.loads(self.run_cli("schema", "--all").stdout)), set(names) - {"openapi"})
        self.run_cli("schema", "nonsense", code=64)


class Doctor(Cli):
    def load(self, n):
        peer = self.d.ingest()
        events = [record(account=i % 300, app=i % 7, record=i) for i in range(n)]
        events += [api_call(account=i % 300, app=i % 7, count=3) for i in range(n)]
        self.assertEqual(peer.ask(events)["accepted"], 2 * n)
        peer.close()

    def offline(self, code=0):
        p = self.run_cli("doctor", "--data-dir", self.d.data_dir, "--json", code=code)
        return json.loads(p.stdout)

    def test_all_is_well(self):
        self.load(500)
        report = json.loads(self.run_cli("doctor", "--json").stdout)
        self.assertTrue(report["ok"])
        self.d.stop()
        report = self.offline()
        self.assertTrue(report["ok"])
        ledger = [c["detail"] for c in report["checks"] if c["check"] == "ledger"]
        self.assertIn("500 record events and 1500 calls", ledger[0])

    def test_what_accounts_say_was_received_is_what_was_counted(self):
        day = 86_400_000
        for kill in (False, True, True):
            peer = self.d.ingest()
            peer.ask([record(account=i % 30, time_ms=now_ms() - day * (i % 3 + 1)) for i in range(300)])
            batch = envelope([record(account=5, id="a"), record(account=6, id="a"), {"type": "no", "account": 7}],
                             seq=1, epoch=1 + kill)
            for _ in range(3):
                peer.ask(batch)
            peer.send_raw(b"\x00nonsense")
            peer.receive()
            peer.close()
            self.d.kill() if kill else self.d.stop()
            report = self.offline()
            self.assertTrue(report["ok"], report)
            self.d.start()
        self.d.stop()
        self.assertEqual([c["detail"] for c in self.offline()["checks"] if c["check"] == "received"],
                         ["1 days: late 900, duplicate 14, rejected 5, the same by account"])

    def test_after_a_kill_the_log_makes_up_for_the_tables(self):
        self.load(500)
        self.d.kill()
        self.assertTrue(self.offline()["ok"])

    def test_a_lost_commit_is_found(self):
        self.load(200)
        self.d.stop()
        front = os.path.join(self.d.data_dir, "front")
        kept = os.path.join(self.d.directory, "front.before")
        shutil.copytree(front, kept)
        self.d.start()
        self.load(100)
        self.d.stop()
        self.assertTrue(self.offline()["ok"])
        shutil.rmtree(front)
        shutil.move(kept, front)
        report = self.offline(code=1)
        self.assertIn("ledger", [c["check"] for c in report["checks"] if c["result"] == "FAULT"])

    def test_a_flipped_byte_is_found(self):
        self.load(2000)
        self.d.stop()
        path = os.path.join(self.d.data_dir, "days", "data.mdb")
        with open(path, "r+b") as f:
            data = bytearray(f.read())
            found = 0
            # Nodes of the sheet table: flip one byte in the middle of every full leaf page.
            for page in range(2, len(data) // 4096):
                at = page * 4096
                if data[at + 10] == 2 and data[at + 11] == 0 and any(data[at + 3000 : at + 3100]):
                    data[at + 3050] ^= 0x55
                    found += 1
            f.seek(0)
            f.write(data)
        self.assertGreater(found, 0)
        p = subprocess.run(
            [DAYBOOK, "doctor", "--data-dir", self.d.data_dir], env=self.environment(),
            capture_output=True, text=True, timeout=60,
        )
        self.assertIn(p.returncode, (1, 74), p.stdout + p.stderr)

    def test_no_such_directory(self):
        self.run_cli("doctor", "--data-dir=/no/such", code=66)


if __name__ == "__main__":
    unittest.main()
