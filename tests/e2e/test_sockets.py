"""The sockets of the wire (WIRE 1): sniffing, frames, echo, order, limits of an envelope, push."""

import json
import unittest

import msgpack
import zmq

from harness import DaemonTest, api_call, connection, encode, envelope, is_json, record


class Sniffing(DaemonTest):
    def test_answers_come_in_the_encoding_of_the_question(self):
        d = self.daemon()
        peer = d.ingest()
        event = api_call()
        frames = {
            "map": (json.dumps(event).encode(), True),
            "array": (json.dumps([event]).encode(), True),
            "space": (b" \n\t" + json.dumps([event]).encode(), True),
            "msgpack map": (msgpack.packb(event), False),
            "msgpack array": (msgpack.packb([event]), False),
        }
        for name, (frame, wants_json) in frames.items():
            with self.subTest(name):
                peer.send_raw(frame)
                (answer,) = peer.receive_frames()
                self.assertEqual(is_json(answer), wants_json)
                decoded = json.loads(answer) if wants_json else msgpack.unpackb(answer)
                self.assert_ack(decoded, accepted=1)

    def test_queries_are_sniffed_too(self):
        d = self.daemon()
        for encoding in ("json", "msgpack"):
            with self.subTest(encoding):
                q = d.querier(encoding)
                q.send({"view": "status"})
                (answer,) = q.receive_frames()
                self.assertEqual(is_json(answer), encoding == "json")


class Frames(DaemonTest):
    def test_more_than_one_frame_is_refused(self):
        d = self.daemon()
        for which in ("ingest", "query"):
            with self.subTest(which):
                peer = d.peer(zmq.DEALER, which, "json")
                peer.send_raw(b"[]", b"[]")
                self.assert_refused(peer.receive(), "malformed", retry=False)
                peer.send_raw(b"[]", b"", b"[]")
                self.assert_refused(peer.receive(), "malformed", retry=False)
        self.assert_ack(d.ingest().ask([api_call()]), accepted=1)

    def test_req_peers_get_their_delimiter_back(self):
        d = self.daemon()
        peer = d.ingest("json", kind=zmq.REQ)
        for _ in range(3):
            self.assert_ack(peer.ask(api_call()), accepted=1)
        q = d.querier("json", kind=zmq.REQ)
        self.assertTrue(q.ask({"view": "status"})["ok"])

    def test_a_dealer_with_a_delimiter_gets_it_mirrored(self):
        d = self.daemon()
        peer = d.ingest("json")
        peer.send_raw(b"", encode([api_call()], "json"))
        frames = peer.receive_frames()
        self.assertEqual([len(frames), frames[0]], [2, b""])
        peer.send(api_call())
        self.assertEqual(len(peer.receive_frames()), 1)

    def test_a_message_over_the_limit_is_refused(self):
        d = self.daemon(message_bytes_max="64KiB")
        peer = d.ingest("json")
        frame = encode([api_call(endpoint="x" * 200) for _ in range(400)], "json")
        self.assertGreater(len(frame), 65536)
        try:
            self.assert_refused(peer.ask_raw(frame, deadline_s=3), "too_large", retry=False)
        except AssertionError:
            pass  # libzmq may cut the connection instead of delivering it
        self.assert_ack(d.ingest().ask([api_call()]), accepted=1)

    def test_empty_and_odd_frames_are_answered(self):
        d = self.daemon()
        peer = d.ingest()
        for frame in (b"", b"\xc1", b"\x00", b"{", b"[", b"nonsense", b"\x91", b"\xdd\xff\x00\x00\x00"):
            with self.subTest(frame=frame):
                self.assert_refused(peer.ask_raw(frame), "malformed", retry=False)
        self.assert_ack(peer.ask([api_call()]), accepted=1)


class Echo(DaemonTest):
    def test_what_the_request_carried_comes_back(self):
        d = self.daemon()
        for encoding in ("json", "msgpack"):
            peer = d.ingest(encoding)
            for seq, request in enumerate(["abc", "x" * 64, 0, 2**53 - 1, "ü"], start=1):
                with self.subTest(encoding=encoding, request=request):
                    answer = peer.ask(
                        envelope([api_call()], producer=encoding, epoch=9, seq=seq, request=request)
                    )
                    self.assert_ack(answer, accepted=1)
                    self.assertEqual(
                        [answer[k] for k in ("producer", "epoch", "seq", "request")],
                        [encoding, 9, seq, request],
                    )

    def test_refusals_echo_too(self):
        d = self.daemon()
        answer = d.ingest().ask(envelope([api_call()], producer="e", epoch=3, seq=7, request="r"))
        self.assert_refused(answer, "gap", retry=True)
        self.assertEqual(
            [answer[k] for k in ("producer", "epoch", "seq", "request")], ["e", 3, 7, "r"]
        )

    def test_nothing_is_echoed_that_was_not_there(self):
        d = self.daemon()
        answer = d.ingest().ask([api_call()])
        for key in ("producer", "epoch", "seq", "request"):
            self.assertNotIn(key, answer)

    def test_a_query_echoes_its_request(self):
        d = self.daemon()
        for request in ("q1", 17):
            self.assertEqual(d.query("status", request=request)["request"], request)

    def test_a_long_request_is_refused(self):
        d = self.daemon()
        peer = d.ingest("json")
        for request in ("x" * 65, 2**53, -1, 1.5, [], {}, True):
            with self.subTest(request=request):
                answer = peer.ask({"events": [api_call()], "request": request})
                self.assertIs(answer["ok"], False, answer)

    def test_answers_to_one_peer_come_in_order(self):
        d = self.daemon()
        peer = d.ingest("json")
        n = 300
        for i in range(n):
            kinds = (
                {"events": [api_call()], "request": i},
                {"events": [api_call(status=99)], "request": i},
                {"events": [api_call()], "request": i, "odd": 1},
                {"events": [api_call()], "request": i, "producer": "o", "epoch": 1, "seq": 900},
            )
            peer.send(kinds[i % 4])
        self.assertEqual([peer.receive().get("request") for _ in range(n)], list(range(n)))


class Envelopes(DaemonTest):
    """What makes a whole frame unreadable, in both encodings alike."""

    def refused(self, frames, code=None):
        d = self.daemon()
        peer = d.ingest()
        for name, frame in frames.items():
            with self.subTest(name):
                answer = peer.ask_raw(frame)
                self.assertIs(answer.get("ok"), False, answer)
                self.assertIs(answer["retry"], False, answer)
                if code:
                    self.assertEqual(answer["code"], code, answer)
        self.assert_ack(peer.ask([api_call()]), accepted=1)
        self.assertEqual(d.status()["accepted"], 1)

    def test_integers_and_floats(self):
        frames = {}
        for encoding in ("json", "msgpack"):
            for bad in (2**53, 2**63, -1, 1.5):
                for key in ("epoch", "seq"):
                    e = envelope([api_call()], epoch=1, seq=1)
                    e[key] = bad
                    frames[f"{encoding} {key} {bad}"] = encode(e, encoding)
        frames["seq 1.0"] = b'{"producer": "p", "epoch": 1, "seq": 1.0, "events": []}'
        self.refused(frames)

    def test_unknown_top_level_keys(self):
        self.refused(
            {e: encode(envelope([api_call()], seq=1, colour="red"), e) for e in ("json", "msgpack")}
        )

    def test_duplicate_keys(self):
        event = json.dumps(api_call())[1:-1].encode()
        m = msgpack.packb
        self.refused(
            {
                "json envelope": b'{"events": [], "events": []}',
                "json event": b"[{" + event + b', "account": 2}]',
                "json unknown field": b"[{" + event + b', "x": {"a": 1, "a": 2}}]',
                "msgpack envelope": b"\x82" + m("events") + b"\x90" + m("events") + b"\x90",
                "msgpack event": b"\x91\x83" + m("type") + m("api.call") + (m("app") + m(1)) * 2,
            },
            "malformed",
        )

    def test_bad_text(self):
        def event(text):
            return msgpack.packb([api_call()]).replace(b"GET", text)

        self.refused(
            {
                "json latin1": json.dumps([api_call(endpoint="@")]).encode().replace(b"@", b"\xe4"),
                "json overlong": json.dumps([api_call(endpoint="@")]).encode().replace(b"@", b"\xc0\xaf"),
                "json surrogate": json.dumps([api_call(endpoint="@")]).encode().replace(b"@", b"\xed\xa0\x80"),
                "json NUL": json.dumps([api_call(endpoint="a\0b")]).encode(),
                "msgpack latin1": event(b"G\xe4T"),
                "msgpack NUL": event(b"G\0T"),
                "msgpack surrogate": event(b"\xed\xa0\x80"),
            },
            "malformed",
        )

    def test_nesting(self):
        deep = 1
        for _ in range(9):
            deep = [deep]
        self.refused({e: encode([api_call(x=deep)], e) for e in ("json", "msgpack")}, "malformed")

    def test_trailing_bytes(self):
        self.refused(
            {e: encode([api_call()], e) + b"1" for e in ("json", "msgpack")}, "malformed"
        )

    def test_numbers_in_events_are_integers(self):
        d = self.daemon()
        for encoding in ("json", "msgpack"):
            peer = d.ingest(encoding)
            for field, bad in (("account", 1.5), ("account", 2**53), ("app", -1), ("time", 1.0), ("count", 1e3)):
                with self.subTest(encoding=encoding, field=field, bad=bad):
                    answer = peer.ask([api_call(**{field: bad})] if field not in ("time", "account", "app")
                                      else [{**api_call(), field: bad}])
                    if answer["ok"]:
                        self.assertEqual(answer["rejected_n"], 1, answer)
                    else:
                        self.assertEqual(answer["code"], "malformed", answer)
        self.assertEqual(d.status()["accepted"], 0)


class Push(DaemonTest):
    def test_pushed_events_are_counted(self):
        d = self.daemon()
        for encoding in ("json", "msgpack"):
            p = d.push(encoding)
            for _ in range(10):
                p.send(api_call())
            p.send([record(), connection()])
        d.wait_status(lambda s: s["accepted"] == 24)

    def test_numbered_envelopes_and_bad_frames_are_rejected_and_counted(self):
        d = self.daemon()
        p = d.push("json")
        p.send(envelope([api_call()], seq=1))
        p.send_raw(b"nonsense")
        p.send_raw(b"[]", b"[]")
        p.send(api_call())
        s = d.wait_status(lambda s: s["accepted"] == 1)
        self.assertEqual(s["received"], s["accepted"] + s["duplicate"] + sum(s["rejected"].values()))
        self.assertGreaterEqual(s["rejected"].get("malformed", 0), 2, s["rejected"])
        self.assertEqual(self.count(d, "api_usage", "calls", account=1), 1)
        rows = d.rows("rejected")
        self.assertTrue(all(r["transport"] == "push" for r in rows), rows)

    def test_an_envelope_without_numbers_may_be_pushed(self):
        d = self.daemon()
        d.push("json").send({"events": [api_call(), api_call()]})
        d.wait_status(lambda s: s["accepted"] == 2)


class Endpoints(DaemonTest):
    def test_tcp_with_ports_of_the_system(self):
        any_port = {k: "tcp://127.0.0.1:*" for k in ("ingest_listen", "push_listen", "query_listen")}
        d = self.daemon(**any_port)
        for name in ("ingest", "push", "query"):
            self.assertRegex(d.endpoints[name], r"^tcp://127\.0\.0\.1:\d+$")
        self.assert_ack(d.ingest().ask([api_call()]), accepted=1)
        self.assertTrue(d.query("status")["ok"])


if __name__ == "__main__":
    unittest.main()
