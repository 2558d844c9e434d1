"""Clients that are not ours: rsyslog's omczmq into the PUSH socket, and the forms that pyzmq,
msgpack and json make by themselves."""

import json
import os
import shutil
import socket
import subprocess
import unittest

import msgpack
import zmq

from harness import DaemonTest, api_call, now_ms

CONFIG = """
module(load="omczmq")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{directory}/log" CreatePath="on" UseSysTimeStamp="off")
template(name="daybook" type="string" string="{template}")
action(type="omczmq" endpoints=">{endpoint}" socktype="PUSH" template="daybook" sendtimeout="1000")
"""
# The template of the README: a program's log line becomes one API call of its app.
TEMPLATE = (
    '{\\"type\\":\\"api.call\\",\\"account\\":77,\\"app\\":4,\\"method\\":\\"POST\\",\\"status\\":201,'
    '\\"time\\":\\"%timereported:::date-rfc3339%\\",\\"endpoint\\":\\"%programname:::json%\\"}'
)


class Rsyslog(DaemonTest):
    def test_log_lines_become_events(self):
        rsyslogd = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin:/bin")
        if not rsyslogd or not any(
            os.path.exists(p) for p in ("/usr/lib/x86_64-linux-gnu/rsyslog/omczmq.so", "/usr/lib/rsyslog/omczmq.so")
        ):
            self.skipTest("rsyslog with omczmq is not installed (packages rsyslog, rsyslog-czmq)")
        d = self.daemon(push_listen="tcp://127.0.0.1:*")
        path = os.path.join(self.directory, "rsyslog.conf")
        with open(path, "w") as f:
            f.write(CONFIG.format(directory=self.directory, template=TEMPLATE, endpoint=d.endpoints["push"]))
        daemon = subprocess.Popen(
            [rsyslogd, "-n", "-f", path, "-i", os.path.join(self.directory, "rsyslog.pid")],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.connect(log, daemon, d)
            for i in range(200):
                log.send(f"<14>myapp[{i}]: request served".encode())
            d.wait_status(lambda s: s["accepted"] >= 200)
            self.assertEqual(self.count(d, "api_usage", "calls", account=77, app=4), 200)
        finally:
            daemon.terminate()
            daemon.communicate(timeout=20)

    def connect(self, log, rsyslogd, d):
        for _ in range(500):
            try:
                return log.connect(os.path.join(self.directory, "log"))
            except OSError:
                self.assertIsNone(rsyslogd.poll(), "rsyslogd ended")
                d._nap()
        self.fail("rsyslog never opened its socket")


class Python(DaemonTest):
    def test_defaults_of_the_libraries(self):
        d = self.daemon()
        s = d.context.socket(zmq.REQ)
        s.linger = 0
        s.connect(d.endpoints["ingest"])
        try:
            s.send_json([api_call(time_ms=now_ms())])
            self.assertEqual(s.recv_json()["accepted"], 1)
            s.send(msgpack.packb({"events": [api_call()]}, use_bin_type=True))
            self.assertEqual(msgpack.unpackb(s.recv())["accepted"], 1)
            s.send(json.dumps([api_call()], ensure_ascii=True, indent=2).encode())
            self.assertEqual(s.recv_json()["accepted"], 1)
        finally:
            s.close()


if __name__ == "__main__":
    unittest.main()
