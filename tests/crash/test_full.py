"""A full disk, a full map, a failing sync: writes are refused with a retryable code, reads go on,
and the sums stay exact."""

import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))

from harness import MS_PER_DAY, DaemonTest, api_call, envelope, now_ms, record  # noqa: E402


N = 1000  # events of a batch


class Full(DaemonTest):
    def fill(self, peer, limit=4000):
        """Numbered batches until one is refused; (seq of the refused one, its answer)."""
        at = now_ms()
        for seq in range(1, limit):
            answer = peer.ask(self.batch(seq, at))
            if not answer["ok"]:
                return seq, answer
            self.assertEqual(answer["accepted"], N, answer)
        self.fail("nothing was ever refused")

    def batch(self, seq, at):
        """Events of accounts never seen before, so that every one takes room in the day store."""
        events = [[11, seq * N + i, 1 + i % 7, at - (i % 20) * MS_PER_DAY, 1 + i % 9, i, 1] for i in range(N)]
        return envelope(events, "filler", 1, seq)

    def check_full(self, d, peer):
        seq, answer = self.fill(peer)
        self.assertIn(answer["code"], ("storage_full", "busy"), answer)
        self.assertIs(answer["retry"], True)
        s = d.status()  # reads go on
        self.assertEqual(s["accepted"], (seq - 1) * N)
        self.assertTrue(d.query("records", account=5)["ok"])
        # Again and again: refused, never counted, and the daemon lives.
        for _ in range(20):
            again = peer.ask(self.batch(seq, now_ms()))
            if again["ok"]:
                return  # a checkpoint made room: fine, it was counted once
            self.assertTrue(again["retry"], again)
        self.assertEqual(d.status()["accepted"], (seq - 1) * N)


class Map(Full):
    def test_a_full_front_map(self):
        """Event ids fill it: their window is bounded by its own option, here far above the map."""
        d = self.daemon(front_map_bytes="16MiB", journal_bytes="8MiB", id_window_bytes="1GiB",
                        checkpoint_ms=50)
        peer, at = d.ingest(), now_ms()
        n, answer = 0, None
        for seq in range(1, 2000):
            answer = peer.ask(envelope([api_call(time_ms=at, id=f"{seq}-{i}") for i in range(N)], "ids", 1, seq))
            if not answer["ok"]:
                break
            n += answer["accepted"]
            if answer["rejected_n"]:
                self.assertEqual({r["code"] for r in answer["rejected"]}, {"dedupe_full"})
                break
        else:
            self.fail("nothing was ever refused")
        if not answer["ok"]:
            self.assert_refused(answer, "storage_full", retry=True)
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), n)
        d.kill()
        d.start()
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), n)
        s = d.status()
        self.assertEqual(s["received"], s["accepted"] + s["duplicate"] + sum(s["rejected"].values()))

    def test_a_full_days_map(self):
        d = self.daemon(days_map_bytes="16MiB", checkpoint_ms=50, pending_bytes="4MiB", journal_bytes="4MiB", group_bytes_max="1MiB", busy_after_ms=0)
        self.check_full(d, d.ingest())
        d.kill()
        d.start()
        self.assertTrue(d.query("status")["ok"])


class Disk(Full):
    SIZE = "24m"

    def mount(self):
        """A small tmpfs, or a skip that says why there is none."""
        path = os.path.join(self.directory, "small")
        os.mkdir(path)
        if os.geteuid() != 0:
            self.skipTest("mounting a small tmpfs needs root")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE}", "tmpfs", path],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a tmpfs: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)
        return path

    def test_a_full_disk_and_room_again(self):
        path = self.mount()
        ballast = os.path.join(path, "ballast")
        with open(ballast, "wb") as f:
            f.write(b"x" * (8 << 20))
        d = self.daemon(data_dir=os.path.join(path, "data"), checkpoint_ms=100)
        peer = d.ingest()
        self.check_full(d, peer)
        before = d.status()["accepted"]
        os.unlink(ballast)
        if d.status()["degraded"]:  # a failed meta write: only a restart writes again
            d.stop()
            d.start()
            peer = d.ingest()
        cursor = peer.ask({"producer": "filler", "epoch": 1, "events": []})
        at = now_ms()
        for seq in range(cursor["seq"] + 1, cursor["seq"] + 6):
            self.assert_ack(peer.ask(self.batch(seq, at)), accepted=N)
        self.assertGreaterEqual(d.status()["accepted"], before + 5 * N)
        s = d.status()
        self.assertEqual(s["received"], s["accepted"] + s["duplicate"] + sum(s["rejected"].values()))


class FailingSync(Full):
    """strace makes fdatasync fail: no ack for the failed commit, no write after it, reads marked."""

    def test_eio(self):
        strace = shutil.which("strace")
        if not strace:
            self.skipTest("strace is not installed")
        wrapper = [strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
                   "-e", "inject=fdatasync:error=EIO:when=40+"]
        d = self.daemon(wrapper=wrapper, checkpoint_ms="10min")
        peer = d.ingest()
        at, acked = now_ms(), 0
        answer = None
        for seq in range(1, 200):
            answer = peer.ask(envelope([record(time_ms=at)], "s", 1, seq))
            if not answer["ok"]:
                break
            acked += 1
        self.assert_refused(answer, "io_error", retry=True)
        self.assertEqual(self.count(d, "records", "count", account=1), acked)
        self.assertIs(d.query("records", account=1).get("degraded"), True)
        self.assert_refused(peer.ask(envelope([record(time_ms=at)], "s", 1, acked + 1)), "io_error", retry=True)
        d.kill()


if __name__ == "__main__":
    unittest.main()
