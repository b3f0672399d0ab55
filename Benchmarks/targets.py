"""What is started for a run: the nginx that receives, and the two that send to it. All on loopback, on free ports."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import load

DESTINATIONS = ("a", "b", "c")
CREDENTIALS = {"BENCH_GRUVEO_KEY": load.KEY.decode(), "BENCH_CALL_LOG_KEY": "another key only for the benchmark"}
OUTBOXES = {"outbox": "python_outbox.py", "lean": "python_outbox_lean.py", "tuned": "python_outbox_tuned.py"}
SLACK_PRESET = pathlib.Path(__file__).resolve().parent.parent / "Sources/GruveoRelay/Presets/slack.json"
START_SECONDS = 20
STOP_SECONDS = 20

# A mirror makes nginx read the whole body before it answers; a bare `return 200` answers early and throws the body
# away. That costs about 1 µs a request, and a line in a buffered log 0.7 µs. The log names every delivery once.
NGINX = """
daemon off; master_process off; worker_processes 1; pid {prefix}/nginx.pid; error_log {prefix}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;
    keepalive_timeout 1h; keepalive_requests 1000000000; client_body_buffer_size 16k;
    access_log off; log_format delivery '$msec $content_length $http_webhook_id';
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /mirror {{ internal; return 204; }}
        location @answer {{ return 200; }}
        location = /healthz {{ return 200; }}
        location = {path} {{ mirror /mirror; empty_gif; error_page 405 =200 @answer; }}
{sinks}
    }}
}}
"""
SINK = """
        location = /{name} {{ mirror /mirror; empty_gif; error_page 405 =200 @{name}; }}
        location @{name} {{ access_log {prefix}/{name}.log delivery buffer=256k flush=1s; return 200; }}"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """One started program, ready when /healthz answers 200."""

    def __init__(self, command, port, output, environment=None):
        self.port = port
        self.output = output
        with open(output, "wb") as file:
            self.child = subprocess.Popen(
                command, env=os.environ | (environment or {}), stdout=file, stderr=file, stdin=subprocess.DEVNULL)
        self.pid = self.child.pid
        try:
            self.wait_until_ready()
        except BaseException:
            self.child.kill()
            self.child.wait()
            raise

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while self.child.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1) as answer:
                    if answer.status == 200:
                        return
            time.sleep(0.02)
        raise RuntimeError(f"{self.child.args[0]} did not start: {self.said()}")

    def said(self):
        return pathlib.Path(self.output).read_text(errors="replace")[-4000:]

    def stop(self):
        """Ends it politely and returns its exit status."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return "killed: it did not stop on SIGTERM"


def start_nginx(directory):
    """The receiver of the deliveries; it also answers the load itself, for comparison."""
    port = free_port()
    sinks = "".join(SINK.format(name=name, prefix=directory) for name in DESTINATIONS)
    configuration = directory / "nginx.conf"
    configuration.write_text(NGINX.format(prefix=directory, port=port, path=load.PATH, sinks=sinks))
    command = ["nginx", "-e", f"{directory}/error.log", "-p", str(directory), "-c", str(configuration)]
    return Process(command, port, directory / "nginx.out")


def slack_body():
    """The template of the preset alone: its pace and its test of the answer are not what is measured."""
    return json.loads(SLACK_PRESET.read_text())["destination"]["body"]


def start_relay(binary, directory, sinks, body=None):
    """The relay as an administrator runs it, but for the log: one line an event is left out.

    A body is the template of each destination; without one they get the event's own bytes.
    """
    port = free_port()
    routes = directory / "routes.json"
    routes.write_text(json.dumps(routes_file(sinks, body), indent=2))
    command = [
        binary, "serve", "--config", str(routes), "--state", str(directory / "state"),
        "--listen", f"127.0.0.1:{port}", "--log-level", "warning",
    ]  # fmt: skip
    (directory / "state").mkdir(mode=0o700)
    return Process(command, port, directory / "relay.out", CREDENTIALS)


def start_outbox(name, directory, sinks, connections):
    """One of the outboxes, with the same destinations."""
    port = free_port()
    command = [
        sys.executable, str(pathlib.Path(__file__).with_name(OUTBOXES[name])), "--listen", str(port),
        "--sinks", str(sinks), "--path", load.PATH, "--database", str(directory / "outbox.sqlite"),
        "--connections", str(connections),
    ]  # fmt: skip
    return Process(command, port, directory / "outbox.out", CREDENTIALS)


def routes_file(sinks, body):
    """Three destinations, by three routes that all match; only the third signs what it gets."""
    def destination(name, **more):
        template = {"body": body} if body else {}
        return {"url": f"http://127.0.0.1:{sinks}/{name}", "allowPrivate": ["127.0.0.0/8"], **template, **more}

    sign = {"scheme": "gruveo", "keys": [{"env": "BENCH_CALL_LOG_KEY"}]}
    return {
        "sources": {"gruveo": {"path": load.PATH, "keys": [{"env": "BENCH_GRUVEO_KEY"}]}},
        "destinations": {"a": destination("a"), "b": destination("b"), "c": destination("c", sign=sign)},
        "routes": [
            {"name": "sales", "match": {"link": ["@acme.sales", {"prefix": "@acme.sales-"}]}, "to": ["a"]},
            {"name": "customers", "match": {"tracking": {"customer_id": [{"exists": True}]}}, "to": ["b"]},
            {"name": "everything", "match": {}, "to": ["c"]},
        ],
    }  # fmt: skip
