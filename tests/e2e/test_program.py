"""The program (DESIGN 4): options, exit codes, check, print-config, reload, stop."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import unittest

from harness import DAYBOOKD, DaemonTest, api_call, record


class Options(DaemonTest):
    def run_it(self, *flags, **environment):
        return subprocess.run([DAYBOOKD, f"--data-dir={self.directory}/data", *flags], capture_output=True,
                              text=True, timeout=30, env={**os.environ, **environment})

    def config(self, text):
        path = os.path.join(self.directory, "config.json")
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_version_and_help(self):
        for flag in ("--version", "--help"):
            done = self.run_it(flag)
            self.assertEqual(done.returncode, 0)
            self.assertIn("daybookd", done.stdout)

    def test_an_unknown_option_names_the_nearest(self):
        done = self.run_it("--ingest-listten=tcp://127.0.0.1:9", "--check")
        self.assertIn(done.returncode, (64, 78))
        self.assertIn("ingest_listen", (done.stderr + done.stdout).replace("-", "_"))

    def test_an_option_out_of_range_names_the_range(self):
        done = self.run_it("--io-threads=99", "--check")
        self.assertIn(done.returncode, (64, 78))
        for word in ("99", "1", "16"):
            self.assertIn(word, done.stderr)

    def test_a_bad_file_names_file_and_line(self):
        path = self.config('{\n  "page_rows_max": 10,\n  "page_rows_maxx": 10\n}\n')
        done = self.run_it(f"--config={path}", "--check")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn(f"{path}:3", done.stderr)
        self.assertIn("page_rows_max", done.stderr)

    def test_check_is_silent_about_good_ones(self):
        path = self.config('{"page_rows_max": 10}')
        self.assertEqual(self.run_it(f"--config={path}", "--check").returncode, 0)

    def test_the_later_source_wins_and_is_named(self):
        path = self.config('{"page_rows_max": 10, "read_txn_ms": "3s"}')
        done = self.run_it(f"--config={path}", "--io-threads=2", "--print-config", DAYBOOK_PAGE_ROWS_MAX="20")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = {l.split()[0].rstrip(":=").strip('"'): l for l in done.stdout.splitlines() if l.split()}
        self.assertIn("20", lines["page_rows_max"])
        self.assertRegex(lines["page_rows_max"], "DAYBOOK_PAGE_ROWS_MAX|environment")
        self.assertIn("config.json", lines["read_txn_ms"])
        self.assertRegex(lines["io_threads"], "command")

    def test_only_loopback_is_bound_and_a_keyring_is_no_key_to_it(self):
        done = self.run_it("--ingest-listen=tcp://0.0.0.0:7701", "--check")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("can be reached from other machines", done.stderr)
        done = self.run_it("--http-listen=0.0.0.0:7700", "--keyring=/nowhere/keys", "--check")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn('keyring: "/nowhere/keys": this version checks no keys', done.stderr)
        self.assertIn("can be reached from other machines", done.stderr)

    def test_a_second_daemon_on_the_same_data_is_refused(self):
        d = self.daemon()
        done = self.run_it("--ingest-listen=", "--push-listen=", "--query-listen=", "--feed-listen=", "--http-listen=")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(d.alive())

    def test_a_newer_store_is_refused_and_left_alone(self):
        """Exit code 65, with the format that was found and the one that is known."""
        for store in ("front", "days"):
            with self.subTest(store=store):
                d = self.daemon()
                d.ingest().ask([record()])
                self.assertEqual(d.stop(), 0)
                known = set_format(os.path.join(d.data_dir, store), 99)
                before = contents(d.data_dir)
                done = self.run_it("--ingest-listen=", "--push-listen=", "--query-listen=", "--feed-listen=",
                                   "--http-listen=")
                self.assertEqual(done.returncode, 65, done.stderr)
                self.assertIn("format 99", done.stderr)
                self.assertIn(f" {known}", done.stderr.split("format 99")[1])
                self.assertIn("untouched", done.stderr)
                self.assertEqual(contents(d.data_dir), before)
                set_format(os.path.join(d.data_dir, store), known)
                d.start()
                self.assertEqual(self.count(d, "records", "count", account=1), 1)
                d.close()
                shutil.rmtree(d.data_dir)


def contents(directory):
    """Every file but those of locks, byte for byte."""
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            if "lock" not in name:
                with open(os.path.join(folder, name), "rb") as f:
                    found[os.path.join(folder, name)] = f.read()
    return found


class Val(ctypes.Structure):
    _fields_ = [("n", ctypes.c_size_t), ("p", ctypes.c_char_p)]


def set_format(directory, number):
    """Write the format row of a stopped daemon's store; returns the one that was there."""
    lmdb = ctypes.CDLL("liblmdb.so.0")

    def call(name, *args):
        code = getattr(lmdb, name)(*args)
        assert code == 0, (name, code)

    env, txn, dbi, old = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint(), Val()
    key, val = Val(1, b"f"), Val(1, bytes([number]))
    call("mdb_env_create", ctypes.byref(env))
    call("mdb_env_set_maxdbs", env, ctypes.c_uint(32))
    call("mdb_env_open", env, directory.encode(), ctypes.c_uint(0), ctypes.c_uint(0o600))
    call("mdb_txn_begin", env, None, ctypes.c_uint(0), ctypes.byref(txn))
    call("mdb_dbi_open", txn, b"meta", ctypes.c_uint(0), ctypes.byref(dbi))
    call("mdb_get", txn, dbi, ctypes.byref(key), ctypes.byref(old))
    was = ctypes.string_at(old.p, 1)[0]
    call("mdb_put", txn, dbi, ctypes.byref(key), ctypes.byref(val), ctypes.c_uint(0))
    call("mdb_txn_commit", txn)
    lmdb.mdb_env_close(env)
    return was


class Signals(DaemonTest):
    def test_sigterm_answers_everything_and_exits_0(self):
        d = self.daemon()
        peer = d.ingest()
        for _ in range(300):
            peer.send([record() for _ in range(50)])
        peer.receive()
        d.process.send_signal(signal.SIGTERM)
        answers = [peer.receive() for _ in range(200)]
        self.assertEqual(d._reap(30), 0)
        acked = 50 + sum(a["accepted"] for a in answers if a["ok"])
        for a in answers:
            if not a["ok"]:
                self.assertEqual((a["code"], a["retry"]), ("shutting_down", True), a)
        d.start()
        self.assertGreaterEqual(self.count(d, "records", "count", account=1, group_by="day"), acked)

    def test_sigterm_while_idle_is_quick(self):
        d = self.daemon()
        self.assertEqual(d.stop(deadline_s=5), 0)

    def test_sigint_stops_too(self):
        d = self.daemon()
        d.process.send_signal(signal.SIGINT)
        self.assertEqual(d._reap(10), 0)

    def test_reload_takes_over_live_options_and_survives_bad_ones(self):
        path = os.path.join(self.directory, "live.json")

        def write(**options):
            with open(path, "w") as f:
                json.dump(options, f)

        write(page_rows_max=5)
        d = self.daemon(config=path)
        d.ingest().ask([record(app=i) for i in range(20)])
        self.assertEqual(len(d.query("records", account=1)["data"]["rows"]), 5)
        write(page_rows_max=7)
        seen = len(d.lines)
        d.process.send_signal(signal.SIGHUP)
        d.wait_line("event=reload", after=seen)
        self.assertEqual(len(d.query("records", account=1)["data"]["rows"]), 7)
        write(page_rows_max="many")
        seen = len(d.lines)
        d.process.send_signal(signal.SIGHUP)
        d.wait_line("event=reload", after=seen)
        self.assertEqual(len(d.query("records", account=1)["data"]["rows"]), 7)
        self.assertTrue(d.alive())


class Logs(DaemonTest):
    def test_json_lines(self):
        d = self.make(log_format="json")
        try:
            d.start()
        except Exception:
            pass
        lines = [l for l in d.lines if l.strip()]
        self.assertTrue(lines)
        for line in lines:
            json.loads(line)


if __name__ == "__main__":
    unittest.main()
