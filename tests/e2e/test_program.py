"""The program (DESIGN 4): options, exit codes, check, print-config, reload, stop."""

import json
import os
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

    def test_without_a_keyring_only_loopback_is_bound(self):
        done = self.run_it("--ingest-listen=tcp://0.0.0.0:7701", "--check")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("keyring", done.stderr)

    def test_a_second_daemon_on_the_same_data_is_refused(self):
        d = self.daemon()
        done = self.run_it("--ingest-listen=", "--push-listen=", "--query-listen=", "--feed-listen=", "--http-listen=")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(d.alive())

    def test_a_newer_store_is_refused_and_left_alone(self):
        self.skipTest("needs a store of a later version")


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
