"""The live feed (S5 what needs attention shows at once, S14 a status that changes shows at once,
S36 activity as it happens): topics, messages, order, limits, and that a reader who missed messages
reads exactly what he missed from the activity."""

import json
import unittest

import zmq

from harness import DaemonTest, api_call, connection, now_ms

COLUMNS = ["time", "position", "type", "app", "user", "reason", "code", "setting", "from", "to",
           "scopes", "feature", "received", "by"]


class Subscriber:
    """One SUB socket; what it was given is JSON behind a topic."""

    def __init__(self, daemon, *topics, **options):
        self.daemon = daemon
        self.socket = daemon.context.socket(zmq.SUB)
        self.socket.linger = 0
        self.socket.rcvhwm = options.get("rcvhwm", 0)
        if "rcvbuf" in options:
            self.socket.rcvbuf = options["rcvbuf"]
        for topic in topics:
            self.socket.subscribe(topic)
        self.socket.connect(daemon.options["feed_listen"])
        daemon.peers.append(self)

    def next(self, deadline_s=10):
        if not self.socket.poll(deadline_s * 1000):
            raise AssertionError("the feed is silent:\n" + self.daemon.tail())
        topic, payload = self.socket.recv_multipart()
        return topic.decode(), json.loads(payload)

    def close(self):
        self.socket.close()


class FeedTest(DaemonTest):
    def fed(self, **options):
        return self.daemon(feed_listen=f"ipc://{self.directory}/feed", **options)

    def subscribe(self, d, account=1, **options):
        """A subscriber whose subscription has arrived: it has seen a first entry."""
        s = Subscriber(d, f"activity.{account}.", **options)
        marks = d.ingest()
        while not s.socket.poll(50):
            self.assert_ack(marks.ask([self.mark(account)]), accepted=1)
        return s

    def mark(self, account=1):
        return {"type": "sync.changed", "account": account, "app": 99, "user": 1, "time": now_ms(),
                "setting": "mark"}

    def past_marks(self, s):
        """The next message that is not a mark, and the last mark's position."""
        last = None
        while True:
            topic, m = s.next()
            if m["kind"] == "activity" and m["setting"] == "mark":
                last = m["position"]
            else:
                return topic, m, last


class Messages(FeedTest):
    def test_an_entry_is_the_row_of_the_view(self):
        d = self.fed()
        s = self.subscribe(d)
        d.ingest().ask([
            api_call(),
            connection(what="expired", reason='token "expired"', code="E1"),
            {"type": "permission.granted", "account": 1, "app": 10, "time": now_ms(), "scopes": ["a", "b"], "feature": "f"},
            connection(account=11, what="error"),
        ])
        topic, first, mark = self.past_marks(s)
        self.assertEqual(topic, "activity.1.")
        messages = [first] + [s.next()[1] for _ in range(2)]
        rows = {r["position"]: r for r in d.rows("activity", account=1)}
        entries = [m for m in messages if m["kind"] == "activity"]
        self.assertEqual(len(entries), 2)
        for m in entries:
            self.assertEqual(m["account"], 1)
            self.assertEqual({k: m[k] for k in COLUMNS}, rows[m["position"]])
            self.assertEqual(list(rows[m["position"]]), COLUMNS)
        self.assertEqual(entries[0]["previous"], mark)
        self.assertEqual(entries[1]["previous"], entries[0]["position"])
        self.assertFalse(s.socket.poll(0), "account 11 is another topic")

    def test_a_status_change_is_announced_when_and_only_when_the_state_changes(self):
        d = self.fed()
        s = self.subscribe(d)
        t = now_ms() - 10_000
        d.ingest().ask([
            connection(what="installed", time_ms=t), connection(what="connected", time_ms=t + 1),
            connection(what="error", time_ms=t + 2, reason="r", code="c"),
            connection(what="error", time_ms=t + 3),
            connection(what="disconnected", time_ms=t + 4),
            connection(what="expired", time_ms=t + 1),  # late: changes nothing, for it was disconnected since
            connection(what="reconnected", time_ms=t + 5),
        ])
        changes = []
        _, m, _ = self.past_marks(s)
        while len(changes) < 4 or m["kind"] == "status":
            if m["kind"] == "status":
                changes.append((m["was"], m["state"]))
                self.assertEqual((m["app"], m["user"], m["account"]), (10, 5, 1))
            if len(changes) == 4:
                break
            _, m = s.next()
        self.assertEqual(changes, [("none", "connected"), ("connected", "error"), ("error", "disconnected"),
                                   ("disconnected", "connected")])
        self.assertEqual(m["since"], t + 5)

    def test_a_late_signal_that_changes_the_state_is_announced(self):
        d = self.fed(checkpoint_ms=20)
        s = self.subscribe(d)
        t = now_ms() - 10_000
        peer = d.ingest()
        peer.ask([connection(what="disconnected", time_ms=t), connection(what="expired", time_ms=t + 5)])
        d.wait_status(lambda x: x["events_unsaved"] == 0)
        peer.ask([connection(what="connected", time_ms=t + 2)])
        changes = []
        _, m, _ = self.past_marks(s)
        while len(changes) < 2:
            if m["kind"] == "status":
                changes.append((m["was"], m["state"], m["since"]))
            if len(changes) < 2:
                _, m = s.next()
        self.assertEqual(changes, [("none", "disconnected", t), ("disconnected", "expired", t + 5)])

    def test_status_counts_the_feed(self):
        d = self.fed()
        self.subscribe(d)
        status = d.status()
        self.assertEqual(status["feed_subscribers"], 1)
        self.assertGreater(status["feed_messages"], 0)
        self.assertEqual((status["feed_dropped"], status["feed_skipped"]), (0, 0))


class Limits(FeedTest):
    def test_a_subscriber_that_does_not_read_misses_messages_and_no_one_else(self):
        d = self.fed(feed_queue=10)
        lazy = self.subscribe(d, rcvhwm=1, rcvbuf=4096)
        s = self.subscribe(d)
        peer = d.ingest()
        seen, n = [], 0
        while d.status()["feed_dropped"] == 0:
            self.assert_ack(peer.ask([dict(self.mark(), setting="x" * 250) for _ in range(9)]), accepted=9)
            n += 9
            while len(seen) < n:
                m = s.next()[1]
                if m["setting"] != "mark":
                    seen.append(m)
            self.assertLess(n, 100_000)
        self.assertEqual(len(seen), n)
        last, gaps = None, 0
        while lazy.socket.poll(200):
            m = lazy.next()[1]
            gaps += last is not None and m["previous"] != last
            last = m["position"]
        peer.ask([self.mark()])
        m = lazy.next()[1]
        self.assertNotEqual(m["previous"], last, "the message after the gap tells of it")

    def test_more_than_a_turn_has_room_for_is_skipped_counted_and_told(self):
        d = self.fed()
        s = self.subscribe(d)
        n = 5000
        self.assert_ack(d.ingest().ask([dict(self.mark(), setting="flood") for _ in range(n)]), accepted=n)
        skipped = d.wait_status(lambda x: x["feed_skipped"] > 0)["feed_skipped"]
        d.ingest().ask([dict(self.mark(), setting="after")])
        got, last, told = 0, None, False
        while True:
            m = s.next()[1]
            told |= last is not None and m["previous"] != last
            last = m["position"]
            got += m["setting"] == "flood"
            if m["setting"] == "after":
                break
        self.assertEqual(got + skipped, n)
        self.assertTrue(told)

    def test_subscribers_have_a_limit(self):
        d = self.fed(subscribers_max=2)
        a, b = self.subscribe(d), self.subscribe(d)
        Subscriber(d, "activity.1.")
        d.ingest().ask([dict(self.mark(), setting="after")])
        for s in (a, b):
            while s.next()[1]["setting"] != "after":
                pass
        self.assertLessEqual(d.status()["feed_subscribers"], 2)


class CatchingUp(FeedTest):
    def test_a_reader_misses_nothing_and_repeats_nothing_under_kill_9(self):
        """S5: the reader takes a message whose `previous` it knows; else it asks the activity."""
        d = self.fed(checkpoint_ms=100)
        sent, seen = 0, []

        def catch_up():
            after = seen[-1][0] if seen else 0
            seen.extend((r["position"], r["setting"]) for r in
                        d.rows("activity", account=1, order="arrival", after=after, limit=7))

        for life in range(4):
            s = Subscriber(d, "activity.1.")
            peer = d.ingest()
            for i in range(40):
                self.assert_ack(peer.ask([dict(self.mark(), setting=str(sent)), api_call(),
                                          dict(self.mark(account=2))]), accepted=3)
                sent += 1
                if i % 3 == 0:
                    continue  # reads now and then
                while s.socket.poll(0):
                    m = s.next()[1]
                    if seen and m["previous"] == seen[-1][0]:
                        seen.append((m["position"], m["setting"]))
                    elif not seen or m["position"] > seen[-1][0]:
                        catch_up()
            d.kill()
            d.start()
        s = Subscriber(d, "activity.1.")
        catch_up()
        self.assertEqual([x for _, x in seen], [str(i) for i in range(sent)])
        self.assertEqual(sorted({p for p, _ in seen}), [p for p, _ in seen])


if __name__ == "__main__":
    unittest.main()
