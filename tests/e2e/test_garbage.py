"""Bad input: every frame of the fuzz corpora is answered or counted, and nothing that comes in on
any socket ends the daemon."""

import os
import random
import socket
import unittest

from harness import DaemonTest, api_call

CORPORA = os.path.join(os.path.dirname(__file__), "..", "data", "fuzz")
HELLOS = (
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32,
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f",
    b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL" + b"\x00" * 48,
    b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL" + b"\x00" * 48 + b"\x04\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00CURVE" + b"\x00" * 47,
    b"\x00" * 64,
    b"",
)


def corpus():
    frames = []
    for folder, _, files in os.walk(CORPORA):
        for name in sorted(files):
            with open(os.path.join(folder, name), "rb") as f:
                frames.append((os.path.join(os.path.basename(folder), name), f.read(1 << 20)))
    return frames


class Frames(DaemonTest):
    def test_the_corpora_are_answered(self):
        d = self.daemon()
        frames = corpus()
        self.assertGreater(len(frames), 100)
        for which in ("ingest", "query"):
            peer = d.peer(5, which)  # DEALER
            for name, frame in frames:
                with self.subTest(socket=which, frame=name):
                    answer = peer.ask_raw(frame)
                    self.assertIn("ok", answer)
        self.sums(d)

    def test_the_corpora_are_counted_when_pushed(self):
        d = self.daemon()
        push = d.push()
        frames = corpus()
        for _, frame in frames:
            push.send_raw(frame)
        push.encoding = "msgpack"
        push.send([api_call(account=424242)])
        self.wait_for(d, 424242)
        s = self.sums(d)
        self.assertGreater(sum(s["rejected"].values()), 50)

    def test_random_changes_of_good_frames(self):
        seed = random.randrange(2**32)
        print(f"seed {seed}")
        r = random.Random(seed)
        d = self.daemon()
        peer = d.ingest()
        frames = [f for _, f in corpus() if 0 < len(f) < 4096]
        n = 3000
        for _ in range(n):
            b = bytearray(r.choice(frames))
            for _ in range(r.randrange(1, 5)):
                b[r.randrange(len(b))] = r.randrange(256)
            peer.send_raw(bytes(b[: r.randrange(1, len(b) + 1)]))
        for _ in range(n):
            self.assertIn("ok", peer.receive())
        self.sums(d)

    def wait_for(self, d, account):
        d.wait_status(lambda s: d.rows("api_usage", account=account))

    def sums(self, d):
        self.assertTrue(d.alive())
        self.assert_ack(d.ingest().ask([api_call()]), accepted=1)
        s = d.status()
        self.assertEqual(s["received"], s["accepted"] + s["duplicate"] + sum(s["rejected"].values()))
        return s


class Sockets(DaemonTest):
    def test_what_is_not_zmtp(self):
        seed = random.randrange(2**32)
        print(f"seed {seed}")
        r = random.Random(seed)
        any_port = {k: "tcp://127.0.0.1:*" for k in ("ingest_listen", "push_listen", "query_listen")}
        d = self.daemon(**any_port)
        for which in ("ingest", "push", "query"):
            port = int(d.endpoints[which].rsplit(":", 1)[1])
            for hello in list(HELLOS) + [r.randbytes(r.randrange(1, 200)) for _ in range(50)]:
                s = socket.create_connection(("127.0.0.1", port))
                s.sendall(hello)
                s.close()
        self.assertTrue(d.alive())
        self.assert_ack(d.ingest().ask([api_call()]), accepted=1)

    def test_peers_that_come_and_go(self):
        d = self.daemon(ingest_listen="tcp://127.0.0.1:*")
        for i in range(300):
            p = d.ingest()
            p.send([api_call(account=9) for _ in range(5)])
            if i % 3 == 0:
                self.assert_ack(p.receive(), accepted=5)
            p.close()
            d.peers.remove(p)
        self.assertTrue(d.alive())
        s = d.status()
        self.assertGreaterEqual(s["accepted"], 500)
        # What closed peers had sent may still be coming in: ask until both counts are of one moment.
        d.wait_status(lambda s: s["accepted"] == self.count(d, "api_usage", "calls", account=9))


if __name__ == "__main__":
    unittest.main()
