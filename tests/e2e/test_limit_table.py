"""Every limit of the wire (section 6) one below it, at it and one above it, in both encodings, with
the exact code. Where a limit is an option the daemon is started with a small value of it.

Three tables: what one message may hold, how many things an account or key may have, and what one
answer may hold. Sockets and the budgets in bytes (pending state, journal, id window) follow."""

import socket
import unittest

from harness import MS_PER_DAY, DaemonTest, api_call, connection, decode, encode, envelope, now_ms, record
from http_help import HttpTest

ENCODINGS = ("json", "msgpack")
FIRST_MS = now_ms()


def filled(event, bytes_n, encoding):
    """The event with unknown fields, which are ignored, so that it takes exactly so many bytes."""
    n = 0
    while len(encode({**event, f"pad{n:02}": "x" * 100}, encoding)) + 100 < bytes_n:
        event = {**event, f"pad{n:02}": "x" * 100}
        n += 1
    for last in range(33, 256):
        for extra in range(0, 40):
            e = {**event, "last": "x" * last, **({"more": "x" * extra} if extra else {})}
            if len(encode(e, encoding)) == bytes_n:
                return e
    raise AssertionError(f"no event of {bytes_n} bytes")


def nested(depth):
    return [nested(depth - 1)] if depth > 1 else [1]


# ---- messages of an exact size ----


def message_of(n, encoding):
    """A batch of four events that takes n bytes as a whole."""
    events = [filled(api_call(time_ms=now_ms()), n // 4, encoding) for _ in range(3)]
    rest = n - len(encode(events + [api_call()], encoding)) + len(encode(api_call(), encoding))
    frame = encode(events + [filled(api_call(), rest, encoding)], encoding)
    assert len(frame) == n
    return frame


def batch_of(n, encoding):
    return encode([api_call()] * n, encoding)


def numbered_batch_of(n, encoding):
    return encode(envelope([api_call()] * n, f"{encoding}-{n}", 1, 1), encoding)


def event_of(n, encoding):
    return encode([filled(api_call(), n, encoding)], encoding)


def single_event_of(n, encoding):
    return encode(filled(api_call(), n, encoding), encoding)


def field(make):
    """A batch of one event that make(n) changes."""
    return lambda n, encoding: encode([make(n)], encoding)


def permission(n):
    return {"type": "permission.granted", "account": 1, "app": 1, "time": now_ms(), "scopes": ["s"] * n}


def scope_of(n):
    return {**permission(0), "scopes": ["s" * n]}


def deep_event(n):
    """The array and the event are two levels."""
    return {**api_call(), "x": nested(n - 2)}


# limit, options, L, frame of size n, where its refusal stands, code
MESSAGES = (
    ("message", {"message_bytes_max": 4096, "event_bytes_max": 2048}, 4096, message_of, "batch", "too_large"),
    ("events per batch", {"batch_events_max": 5}, 5, batch_of, "batch", "too_large"),
    ("events per batch, numbered", {"batch_events_max": 5}, 5, numbered_batch_of, "batch", "too_large"),
    ("event", {"event_bytes_max": 1024}, 1024, event_of, "event", "too_large"),
    ("event, alone", {"event_bytes_max": 1024}, 1024, single_event_of, "event", "too_large"),
    ("string: endpoint", {"string_bytes_max": 64}, 64, field(lambda n: api_call(endpoint="x" * n)), "event", "invalid"),
    ("string: reason", {"string_bytes_max": 64}, 64, field(lambda n: connection(reason="x" * n)), "event", "invalid"),
    ("string: object type", {"string_bytes_max": 64}, 64, field(lambda n: record(object_type="x" * n)), "event", "invalid"),
    ("string: record", {"string_bytes_max": 64}, 64, field(lambda n: record(record="x" * n)), "event", "invalid"),
    ("string: one scope", {"string_bytes_max": 64}, 64, field(scope_of), "event", "invalid"),
    ("string, by default", {}, 256, field(lambda n: api_call(endpoint="x" * n)), "event", "invalid"),
    ("id", {}, 64, field(lambda n: api_call(id="x" * n)), "event", "invalid"),
    ("nesting", {"depth_max": 4}, 4, field(deep_event), "batch", "malformed"),
    ("nesting, by default", {}, 8, field(deep_event), "batch", "malformed"),
    ("scopes per event", {"scopes_max": 4}, 4, field(permission), "event", "invalid"),
    ("scopes per event, by default", {}, 256, field(permission), "event", "invalid"),
    ("count of an event", {}, 10**9, field(lambda n: api_call(count=n)), "event", "invalid"),
    ("an integer", {}, 2**53 - 1, field(lambda n: api_call(user=n)), "event", "invalid"),
)


class OneMessage(DaemonTest):
    def test_table(self):
        for limit, options, at, make, where, code in MESSAGES:
            self.directory_of(limit)
            d = self.daemon(**options)
            for encoding in ENCODINGS:
                for n in (at - 1, at, at + 1):
                    with self.subTest(limit=limit, encoding=encoding, n=n):
                        self.check(d, make(n, encoding), encoding, n > at, where, code)
            self.sums(d)
            d.stop()

    def directory_of(self, limit):
        """A store of its own, so that sequence numbers begin anew."""
        self.store = getattr(self, "store", 0) + 1

    def daemon(self, **options):
        return super().daemon(data_dir=f"{self.directory}/data{self.store}", **options)

    def check(self, d, frame, encoding, over, where, code):
        before = d.status()
        answer = d.ingest(encoding).ask_raw(frame)
        after = d.status()
        self.assertLessEqual(before["received"], after["received"])
        if not over:
            self.assertIs(answer["ok"], True, answer)
            self.assertEqual(answer["rejected_n"], 0, answer)
            return
        if where == "event":
            self.assert_ack(answer, accepted=0, rejected=1)
            self.assertEqual([r["code"] for r in answer["rejected"]], [code], answer)
            self.assertTrue(answer["rejected"][0]["message"])
            self.assertEqual(after["rejected"][code], before["rejected"].get(code, 0) + 1)
        else:
            self.assert_refused(answer, code, retry=False)
            self.assertEqual(after["accepted"], before["accepted"])
            refused = sum(after["batches_refused"].values()) - sum(before["batches_refused"].values())
            unread = sum(after["rejected"].values()) - sum(before["rejected"].values())
            self.assertEqual((refused, unread), (0, 1) if code == "malformed" else (1, 0), after)

    def sums(self, d):
        s = d.status()
        self.assertEqual(s["received"], s["accepted"] + s["duplicate"] + sum(s["rejected"].values()))


# ---- how many an account or a key may have ----


def user(i):
    return {"type": "directory.user", "account": 1, "time": now_ms(), "user": i, "name": f"U{i}"}


def by_producer(i):
    return envelope([api_call(time_ms=FIRST_MS)], f"p{i}", 1, 1)


# limit, options, L, the i-th thing, a thing that stays possible, where it is refused, code
THINGS = (
    ("object types per account", {"object_types_max": 16}, 16, lambda i: [record(object_type=f"2-{i}")], "event", "limit"),
    ("apps per account", {"apps_max": 5}, 5, lambda i: [api_call(app=i + 1)], "event", "limit"),
    ("connections per account", {"connections_per_account_max": 6}, 6, lambda i: [connection(app=1 + i % 2, user=i)], "event", "limit"),
    ("users per account", {"users_max": 4}, 4, lambda i: [user(i + 1)], "event", "limit"),
    ("producers per key", {"producers_max": 3}, 3, by_producer, "batch", "limit"),
)


class Things(DaemonTest):
    def test_table(self):
        for row, (limit, options, at, make, where, code) in enumerate(THINGS):
            for encoding in ENCODINGS:
                with self.subTest(limit=limit, encoding=encoding):
                    d = self.daemon(data_dir=f"{self.directory}/{encoding}{row}", **options)
                    peer = d.ingest(encoding)
                    for i in range(at):  # L - 1 and L are among them
                        self.assert_ack(peer.ask(make(i)), accepted=1)
                    over = peer.ask(make(at))
                    if where == "event":
                        self.assert_rejected(over, code)
                        self.assert_ack(peer.ask(make(at - 1)), accepted=1)
                    else:
                        self.assert_refused(over, code, retry=False)
                        self.assert_ack(peer.ask(make(at - 1)), accepted=0, duplicate=1)
                    s = d.status()
                    self.assertEqual(s["rejected"].get(code, 0) + s["batches_refused"].get(code, 0), 1)
                    self.assertEqual(s["received"], s["accepted"] + s["duplicate"] + sum(s["rejected"].values()))
                    d.stop()

    def test_an_idle_producer_makes_room(self):
        clock = self.fake_clock("2026-11-24 12:00:00")
        d = self.make(producers_max=2, producer_idle_days=31, clock_accept="true", clock=clock).start()
        peer, first = d.ingest(), clock.ms
        for i in range(2):
            self.assert_ack(peer.ask(envelope([api_call(time_ms=first)], f"p{i}", 1, 1)), accepted=1)
        for days, code in ((31, "limit"), (32, None)):
            d.kill()
            clock.set(first + days * MS_PER_DAY)
            d.start()
            peer = d.ingest()
            call = [api_call(time_ms=clock.ms)]
            for _ in range(3):
                self.assert_ack(peer.ask(call), accepted=1)  # commits, which sweep
            answer = peer.ask(envelope(call, "new", 1, 1))
            if code:
                self.assert_refused(answer, code, retry=False)
            else:
                self.assert_ack(answer, accepted=1)

    def test_rejected_events_kept(self):
        for encoding in ENCODINGS:
            d = self.daemon(data_dir=f"{self.directory}/{encoding}", rejected_max=5)
            for n in range(1, 8):
                with self.subTest(limit="rejected events kept", encoding=encoding, n=n):
                    self.assert_rejected(d.ingest(encoding).ask([api_call(time_ms=n)]), "too_old")
                    rows = d.rows("rejected")
                    self.assertEqual(len(rows), min(n, 5))
                    s = d.status()
                    self.assertEqual((s["rejected"]["too_old"], s["rejected_rows"]), (n, min(n, 5)))
            d.stop()

    def test_activity_rows(self):
        """At the limit nothing is trimmed; above it the oldest are, and counted, and none is refused."""
        for encoding in ENCODINGS:
            d = self.daemon(data_dir=f"{self.directory}/{encoding}", activity_rows_max=1000, checkpoint_ms=20)
            peer, t, n = d.ingest(encoding), now_ms() - 10_000_000, 0
            for more in (999, 1, 1):
                events = [connection(user=(n + i) % 50, time_ms=t + n + i) for i in range(more)]
                self.assert_ack(peer.ask(events), accepted=more)
                n += more
                with self.subTest(limit="activity rows per account", encoding=encoding, n=n):
                    # Activities are merged, and trimmed, after the checkpoint that they came with.
                    s = d.wait_status(lambda s: s["checkpoint_position"] == s["journal_position"]
                                      and (n <= 1000 or s["activities_trimmed"] > 0))
                    rows = d.rows("activity", account=1, limit=100)
                    self.assertEqual(len(rows) + s["activities_trimmed"], n)
                    if n <= 1000:
                        self.assertEqual(s["activities_trimmed"], 0)
                    else:
                        self.assertLessEqual(len(rows), 1000)
                    self.assertEqual(rows[0]["time"], t + n - 1)
            d.stop()


# ---- answers ----


class Answers(DaemonTest):
    def test_page_rows(self):
        d = self.daemon(page_rows_max=10)
        ingest = d.ingest()
        for account, n in ((1, 9), (2, 10), (3, 11)):
            ingest.ask([record(account=account, app=i + 1) for i in range(n)])
        for encoding in ENCODINGS:
            for account, n in ((1, 9), (2, 10), (3, 11)):
                with self.subTest(limit="page", encoding=encoding, rows=n):
                    page = d.query("records", encoding, account=account)
                    self.assertEqual(len(page["data"]["rows"]), min(n, 10))
                    self.assertEqual("cursor" in page, n > 10)
            for limit in (9, 10, 11):
                with self.subTest(limit="page", encoding=encoding, asked=limit):
                    page = d.query("records", encoding, account=3, limit=limit)
                    self.assertEqual(len(page["data"]["rows"]), min(limit, 10))

    def test_answer_bytes(self):
        """An answer that would be larger ends earlier, with a cursor, and nothing is missing."""
        at = 65536
        d = self.daemon(answer_bytes_max=at)
        ingest = d.ingest()
        for part in range(20):
            ingest.ask([record(app=1 + part * 100 + i, object_type="a_rather_long_name_of_a_type") for i in range(100)])
        for encoding in ENCODINGS:
            with self.subTest(limit="query answer", encoding=encoding):
                sizes, apps, cursor = [], set(), None
                while True:
                    peer = d.querier(encoding)
                    more = {"cursor": cursor} if cursor else {}
                    peer.send({"view": "records", "account": 1, "limit": 1000, "group_by": ["app", "object_type"], **more})
                    frame = peer.receive_frames()[0]
                    peer.close()
                    answer = decode(frame)
                    self.assertIs(answer["ok"], True, answer)
                    sizes.append(len(frame))
                    apps |= {row["app"] for row in answer["data"]["rows"]}
                    cursor = answer.get("cursor")
                    if not cursor:
                        break
                self.assertLessEqual(max(sizes), at)
                self.assertGreater(sizes[0], at // 2)
                self.assertEqual(len(apps), 2000)
                self.assertGreater(len(sizes), 1)

    def test_a_question_of_the_size_of_a_message(self):
        d = self.daemon(message_bytes_max=4096, event_bytes_max=2048)
        for encoding in ENCODINGS:
            for n in (4095, 4096, 4097):
                with self.subTest(limit="message, of a question", encoding=encoding, n=n):
                    answer = d.querier(encoding).ask_raw(self.question(n, encoding))
                    self.assertEqual(answer["code"], "too_large" if n > 4096 else "bad_parameter")

    def question(self, n, encoding):
        return encode(filled({"view": "status"}, n, encoding), encoding)


# ---- sockets ----

GREETING = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL" + b"\x00" * 48


class Connections(DaemonTest):
    def open(self, endpoint):
        host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
        s = socket.create_connection((host, int(port)), timeout=20)
        self.addCleanup(s.close)
        s.sendall(GREETING)
        return s

    def greeted(self, s):
        """Does the engine say its 64 bytes and READY, and stay?"""
        try:
            data = b""
            while len(data) < 66:
                part = s.recv(4096)
                if not part:
                    return False
                data += part
            s.settimeout(0.3)
            return bool(s.recv(4096))
        except TimeoutError:
            return True
        except ConnectionResetError:
            return False

    def check(self, d, endpoint, at):
        """L - 1 and L stay; L + 1 is hung up on, and the others never notice."""
        held = []
        for n in range(1, at + 2):
            s = self.open(endpoint)
            with self.subTest(n=n):
                self.assertEqual(self.greeted(s), n <= at)
            held.append(s)
        held[0].close()
        for _ in range(200):  # the place of one that left is free again, as soon as it is seen to be
            if self.greeted(self.open(endpoint)):
                break
        else:
            self.fail("nobody came in after one had left")

    def test_ingest(self):
        d = self.daemon(connections_max=4, ingest_listen="tcp://127.0.0.1:*")
        self.check(d, d.endpoints["ingest"], 4)
        self.assertIs(d.query("status")["ok"], True)

    def test_push(self):
        d = self.daemon(connections_max=4, push_listen="tcp://127.0.0.1:*")
        self.check(d, d.endpoints["push"], 4)

    def test_query(self):
        d = self.daemon(connections_max=4, query_listen="tcp://127.0.0.1:*")
        self.check(d, d.endpoints["query"], 4)
        self.assert_ack(d.ingest().ask([api_call()]), accepted=1)

    def test_subscribers(self):
        d = self.daemon(subscribers_max=3, feed_listen=f"tcp://127.0.0.1:{free_port()}")
        self.check(d, d.options["feed_listen"], 3)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- over HTTP, where a body is the message ----


class Bodies(HttpTest):
    def test_table(self):
        kinds = {"json": "application/json", "msgpack": "application/msgpack"}
        d, _ = self.serve(http_body_bytes_max=4096)
        for encoding in ENCODINGS:
            for n in (4095, 4096, 4097):
                with self.subTest(limit="message, over HTTP", encoding=encoding, n=n):
                    c = self.client(d)
                    reply = c.post("/v1/events", message_of(n, encoding), kinds[encoding])
                    if n <= 4096:
                        self.assertEqual(reply.status, 200, reply)
                    else:
                        self.assert_problem(reply, 413, "too_large")


# ---- budgets in bytes: when one is used up, not at a number ----


class Budgets(DaemonTest):
    def test_id_window(self):
        for encoding in ENCODINGS:
            with self.subTest(limit="id window", encoding=encoding):
                d = self.daemon(data_dir=f"{self.directory}/{encoding}", id_window_bytes="1MiB")
                peer, n = d.ingest(encoding), 0
                while True:
                    answer = peer.ask([api_call(id=f"{n + i}") for i in range(1000)])
                    n += answer["accepted"]
                    if answer["rejected_n"]:
                        break
                    self.assertLess(n, 40000)
                self.assertGreater(n, 8000)
                self.assertEqual({r["code"] for r in answer["rejected"]}, {"dedupe_full"})
                self.assert_ack(peer.ask([api_call(id="0")]), accepted=0, duplicate=1)
                self.assert_ack(peer.ask([api_call()]), accepted=1)
                self.assertEqual(d.status()["id_window_entries"], n)
                d.stop()

    def test_pending_state(self):
        """Batches in flight of more state than the budget: some are busy, with the time to wait; all
        are answered, and what was accepted is what is counted."""
        for encoding in ENCODINGS:
            with self.subTest(limit="pending state", encoding=encoding):
                d = self.daemon(data_dir=f"{self.directory}/{encoding}", pending_bytes="1MiB", busy_after_ms=0)
                peer, n = d.ingest(encoding), 100
                for k in range(n):
                    peer.send([record(account=1 + k, app=1 + i) for i in range(500)])
                answers = [peer.receive() for _ in range(n)]
                refused = [a for a in answers if not a["ok"]]
                self.assertTrue(refused)
                for a in refused:
                    self.assert_refused(a, "busy", retry=True)
                    self.assertGreater(a["retry_after_ms"], 0)
                accepted = sum(a["accepted"] for a in answers if a["ok"])
                s = d.status()
                self.assertEqual((s["accepted"], s["batches_refused"]["busy"]), (accepted, len(refused)))
                d.stop()

    def test_journal(self):
        """A longer journal is a checkpoint, long before its time; nothing is refused for it."""
        d = self.daemon(journal_bytes="1MiB", group_bytes_max="1MiB", checkpoint_ms="10min")
        peer = d.ingest()
        for _ in range(60):
            self.assert_ack(peer.ask([api_call(endpoint="x" * 200) for _ in range(250)]), accepted=250)
        d.wait_status(lambda s: s["checkpoint_position"] > 0)


if __name__ == "__main__":
    unittest.main()
