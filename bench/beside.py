#!/usr/bin/python3
"""What 2,000 keep-alive HTTP connections cost ingest: rounds with and without them take turns.

    DAYBOOKD=build/release/engine/daybookd python3 bench/beside.py [ROUNDS]

One publisher keeps 64 unnumbered batches of 500 API calls in flight over tcp; in the rounds `beside` 2,000 connections are held and
asked 500 times a second, one after the other. Prints events/s of each pair and the median of their ratios. To be held: at
least 80 %.
"""

import os
import socket
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/e2e"))
from harness import Daemon, api_call, decode, encode  # noqa: E402

CONNECTIONS, WINDOW, ROUND_S, ASK_EVERY_S = 2000, 64, 5.0, 0.002
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def ask(connection):
    connection.sendall(GET)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def rate(peer, frame, seconds):
    start, n = time.monotonic(), 0
    for _ in range(WINDOW):
        peer.socket.send(frame)
    while time.monotonic() - start < seconds:
        peer.socket.recv()
        peer.socket.send(frame)
        n += 500
    for _ in range(WINDOW):
        assert decode(peer.socket.recv())["accepted"] == 500
        n += 500
    return n / (time.monotonic() - start)


def keep_asking(connections, stop):
    i = 0
    while not stop.wait(ASK_EVERY_S):
        ask(connections[i % CONNECTIONS])
        i += 1


def beside(host, port, measure):
    connections = [socket.create_connection((host, port)) for _ in range(CONNECTIONS)]
    for c in connections:
        ask(c)
    stop = threading.Event()
    asking = threading.Thread(target=keep_asking, args=(connections, stop))
    asking.start()
    found = measure()
    stop.set()
    asking.join()
    for c in connections:
        ask(c)  # none was given up
        c.close()
    return found


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    with tempfile.TemporaryDirectory() as directory:
        d = Daemon(directory, http_listen="127.0.0.1:0", http_connections_max=CONNECTIONS + 100).start()
        host, port = d.endpoints["http"].rsplit(":", 1)
        peer, frame, ratios = d.ingest(), encode([api_call()] * 500, "msgpack"), []
        rate(peer, frame, 2)
        for _ in range(rounds):
            alone = rate(peer, frame, ROUND_S)
            both = beside(host, int(port), lambda: rate(peer, frame, ROUND_S))
            ratios.append(both / alone)
            print(f"alone {alone:12,.0f}  beside {both:12,.0f} events/s  {both / alone:.3f}", flush=True)
        print(f"median of {rounds}: {statistics.median(ratios):.3f} ({min(ratios):.3f} .. {max(ratios):.3f})")
        d.stop()
        d.close()


if __name__ == "__main__":
    main()
