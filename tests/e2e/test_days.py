"""Days under a fake clock: midnight without a restart, clock steps, 90 days of retention."""

import os
import unittest

from harness import MS_PER_DAY, DaemonTest, api_call, connection, day_text, ms_of, record


class Midnight(DaemonTest):
    def test_the_window_moves_at_utc_midnight_without_a_restart(self):
        clock = self.fake_clock("2026-11-24 23:59:59.900")
        d = self.daemon(clock=clock)
        peer, q = d.ingest(), d.querier()
        first = ms_of("2026-10-26 00:00:00")
        self.assert_ack(peer.ask([record(time_ms=first, count=7), record(time_ms=clock.ms)]), accepted=2)

        def days():
            answer = q.ask({"view": "records", "account": 1, "group_by": "day"})
            return answer["from"], answer["to"], {r["day"]: r["count"] for r in answer["data"]["rows"]}

        self.assertEqual(days(), ("2026-10-26", "2026-11-24", {"2026-10-26": 7, "2026-11-24": 1}))
        d.set_clock(ms_of("2026-11-25 00:00:00"))
        self.assertEqual(days(), ("2026-10-27", "2026-11-25", {"2026-11-24": 1}))
        self.assert_rejected(peer.ask([record(time_ms=first)]), "too_old")
        self.assert_ack(peer.ask([record(time_ms=first + MS_PER_DAY), record(time_ms=clock.ms)]), accepted=2)
        self.assertEqual(days(), ("2026-10-27", "2026-11-25",
                                  {"2026-10-27": 1, "2026-11-24": 1, "2026-11-25": 1}))

    def test_midnight_between_checkpoint_and_kill(self):
        clock = self.fake_clock("2026-11-24 23:59:00")
        d = self.daemon(clock=clock, checkpoint_ms="10min")
        first = ms_of("2026-10-26 12:00:00")
        d.ingest().ask([record(time_ms=first), record(time_ms=first + MS_PER_DAY)])
        d.kill()
        clock.set(ms_of("2026-11-25 00:01:00"))
        d.start()
        self.assertEqual([r["day"] for r in d.rows("records", account=1)], ["2026-10-27"])


class Steps(DaemonTest):
    """A wall clock that jumps: nothing is deleted, writes wait, reads go on."""

    def test_forward_and_back_again(self):
        start = ms_of("2026-11-24 12:00:00")
        for jump in (31 * MS_PER_DAY, 3650 * MS_PER_DAY, 26 * 3600_000, -3600_000, -31 * MS_PER_DAY):
            with self.subTest(jump=jump):
                clock = self.fake_clock()
                clock.set(start)
                d = self.daemon(clock=clock, data_dir=os.path.join(self.directory, f"data{jump}"))
                peer = d.ingest()
                self.assert_ack(peer.ask([record(time_ms=start - i * MS_PER_DAY) for i in range(30)]), accepted=30)
                d.set_clock(start + jump)
                answer = peer.ask([record(time_ms=clock.ms)])
                self.assert_refused(answer, "clock_suspect", retry=True)
                self.assertTrue(d.status()["clock_suspect"])
                d.set_clock(start + 1000)
                self.assert_ack(peer.ask([record(time_ms=clock.ms)]), accepted=1)
                self.assertFalse(d.status()["clock_suspect"])
                self.assertEqual(self.count(d, "records", "count", account=1), 31)
                d.kill()

    def test_a_jump_over_a_restart(self):
        clock = self.fake_clock("2026-11-24 12:00:00")
        d = self.daemon(clock=clock)
        d.ingest().ask([record(time_ms=clock.ms - i * MS_PER_DAY) for i in range(30)])
        self.assertEqual(d.stop(), 0)
        clock.advance(200 * MS_PER_DAY)
        d.start()
        self.assert_refused(d.ingest().ask([record(time_ms=clock.ms)]), "clock_suspect", retry=True)
        d.advance_clock(-200 * MS_PER_DAY)
        self.assert_ack(d.ingest().ask([record(time_ms=clock.ms)]), accepted=1)
        self.assertEqual(self.count(d, "records", "count", account=1), 31)

    def test_the_operator_accepts_the_new_time(self):
        clock = self.fake_clock("2026-11-24 12:00:00")
        d = self.daemon(clock=clock)
        d.ingest().ask([record(time_ms=clock.ms)])
        self.assertEqual(d.stop(), 0)
        clock.advance(200 * MS_PER_DAY)
        d.options["clock_accept"] = "true"
        d.start()
        self.assert_ack(d.ingest().ask([record(time_ms=clock.ms)]), accepted=1)
        self.assertEqual([r["day"] for r in d.rows("records", account=1)], [day_text(clock.ms)])


class Retention(DaemonTest):
    """90 virtual days: what is over goes, and the files level off."""

    DAYS = 90
    PER_DAY = 6000

    def day(self, d, peer, first):
        """A day's events: spread over it and the two days before."""
        now = d.clock.ms
        for part in range(6):
            events = []
            for i in range(self.PER_DAY // 6):
                account, app = 1 + (i * 7 + part) % 500, 1 + i % 8
                at = now if first else now - (i % 3) * MS_PER_DAY
                events.append([11, account, app, at, 1 + i % 20, None, 1])
                if i % 50 == 0:
                    events.append([20 + i % 3, account, app, at, 1 + i % 9])
            self.assert_ack(peer.ask(events), accepted=len(events))

    def next_day(self, d, day, restart):
        if not restart:
            return d.advance_clock(MS_PER_DAY)
        (d.kill, d.stop)[day % 2]()
        d.clock.advance(MS_PER_DAY)
        d.start()

    def test_90_days_in_one_life(self):
        self.run_90_days(restart=False)

    def test_90_days_with_a_kill_or_a_stop_each_night(self):
        self.run_90_days(restart=True)

    def run_90_days(self, restart):
        clock = self.fake_clock("2026-11-24 12:00:00")
        d = self.daemon(clock=clock, checkpoint_ms=20, journal_bytes="1MiB", group_bytes_max="1MiB")
        files, live = [], []
        for day in range(self.DAYS):
            if day > 0:
                self.next_day(d, day, restart)
            self.day(d, d.ingest(), day < 3)
            oldest = day_text(clock.ms - 31 * MS_PER_DAY)
            s = d.wait_status(lambda s: s["checkpoint_position"] == s["journal_position"]
                              and s["oldest_day"] >= oldest)
            files.append(sum(t["file_bytes"] for t in s["stores"]))
            live.append(sum(t["used_bytes"] for t in s["stores"]))
            if day % 15 == 14 or day == self.DAYS - 1:
                self.check_window(d, min(day + 1, 30))
        print(f"files on day 40, 65, 90: {files[39]}, {files[64]}, {files[89]}; live {live[39]}, {live[64]}, {live[89]}")
        self.assertLess(max(files[60:]), files[40] * 1.25)
        self.assertLess(max(live[60:]), live[40] * 1.25)
        self.assertEqual(d.stop(), 0)

    def check_window(self, d, days_n):
        now = d.clock.ms
        days = sorted({r["day"] for a in (1, 77, 500) for r in d.rows("records", account=a)})
        self.assertEqual(days, [day_text(now - i * MS_PER_DAY) for i in range(days_n)][::-1])
        rows = d.rows("activity", account=1)
        self.assertGreaterEqual(rows[-1]["time"], now // MS_PER_DAY * MS_PER_DAY - 29 * MS_PER_DAY)


if __name__ == "__main__":
    unittest.main()
