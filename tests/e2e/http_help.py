"""Clients of the HTTP face for its tests: http.client, raw sockets, and a reader of server-sent events."""

import http.client
import json
import socket

from harness import DEADLINE_S, DaemonTest, api_call, connection, now_ms, record

ANY_PORT = "127.0.0.1:0"


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:300]!r}"


class Client:
    """One keep-alive connection."""

    def __init__(self, daemon):
        host, port = daemon.endpoints["http"].rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=DEADLINE_S)

    def ask(self, method, path, body=None, **headers):
        names = {k.replace("_", "-"): v for k, v in headers.items()}
        self.connection.request(method, path, body, names)
        r = self.connection.getresponse()
        return Reply(r.status, r.headers, r.read())

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body, kind="application/json", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.ask("POST", path, body, Content_Type=kind, **headers)

    def close(self):
        self.connection.close()


class HttpTest(DaemonTest):
    def serve(self, **options):
        d = self.daemon(http_listen=ANY_PORT, **options)
        return d, self.client(d)

    def client(self, d):
        c = Client(d)
        self.addCleanup(c.close)
        return c

    def raw(self, d, data=b"", timeout=DEADLINE_S):
        host, port = d.endpoints["http"].rsplit(":", 1)
        s = socket.create_connection((host, int(port)), timeout=timeout)
        self.addCleanup(s.close)
        if data:
            s.sendall(data)
        return s

    def until_close(self, s):
        data = b""
        while True:
            try:
                part = s.recv(65536)
            except ConnectionResetError:
                return data
            if not part:
                return data
            data += part

    def assert_problem(self, r, status, code=None):
        self.assertEqual(r.status, status, r)
        self.assertEqual(r.headers["Content-Type"], "application/problem+json", r)
        p = r.json()
        self.assertEqual(p["status"], status, r)
        self.assertTrue(p["title"], r)
        self.assertEqual(p["type"], "urn:daybook:problem:" + p["code"], r)
        if code is not None:
            self.assertEqual(p["code"], code, r)
        return p


def fill(peer, account=7):
    """Some of everything."""
    t = now_ms() - 3_600_000
    events = [api_call(account=account, app=a, time_ms=t + a, status=s, count=a) for a in (1, 2, 3) for s in (200, 429)]
    events += [record(account=account, app=a, time_ms=t, action=what, object_type=o, record=a)
               for a in (1, 2) for what in ("created", "updated") for o in ("contacts", "2-7")]
    events += [connection(account=account, app=a, user=u, time_ms=t + a * 10 + u, what="installed")
               for a in (1, 2) for u in (5, 6)]
    events += [{"type": "catalog.app", "account": account, "app": 1, "time": t, "name": 'A "quoted", <b>name</b>\n',
                "kind": "private"}]
    answer = peer.ask(events)
    assert answer["accepted"] == len(events), answer
    return len(events)


class Stream:
    """Server-sent events, read as a browser does."""

    def __init__(self, test, d, path, **headers):
        lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        self.socket = test.raw(d, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while True:
            line = self.file.readline().strip()
            if not line:
                break
            k, v = line.split(b":", 1)
            self.headers[k.decode()] = v.strip().decode()
        self.left = b""
        self.last_id = None
        test.addCleanup(self.close)

    def line(self):
        while b"\n" not in self.left:
            size = int(self.file.readline(), 16)
            if size == 0:
                raise EOFError
            self.left += self.file.read(size)
            self.file.readline()
        line, self.left = self.left.split(b"\n", 1)
        return line.decode()

    def event(self):
        event = {}
        while True:
            line = self.line()
            if line == "" and event.get("data") is not None:
                self.last_id = event.get("id", self.last_id)
                return event
            if line == "" or line.startswith(":"):
                continue
            k, _, v = line.partition(": ")
            event[k] = v

    def row(self):
        return json.loads(self.event()["data"])

    def close(self):
        self.file.close()
        self.socket.close()
