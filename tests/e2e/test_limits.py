"""Every limit of the service has an end that a client is told.

WHERE says for each setting which test runs into it; those that stand elsewhere
are by what the limit protects, the others here.
"""
import contextlib
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest
from conftest import PROGRAM, make
from test_jobs import ask, submit, upload
from test_service import problem, serving, soon, tar_of

HERE = Path(__file__).resolve().parent

# Tests that run into a setting's limit; None: it limits nothing.
WHERE = {
    "max-body": "test_service.py::test_body_beyond_limit",
    "max-upload": "test_uploads.py::test_unknown_length_has_a_limit",
    "upload-age": "test_uploads.py::test_expiration",
    "max-entries": "test_uploads.py::test_many_files",
    "disk-quota": "test_uploads.py::test_quota",
    "min-free": "test_service.py::test_full_disk",
    "jobs-queued": "test_limits.py::test_queue_of_jobs",
    "job-age": "test_job_bodies.py::test_old_jobs_are_forgotten",
    "jobs-at-once": "test_limits.py::test_queue_of_jobs",
    "connections": "test_limits.py::test_connections",
    "client-connections": "test_edge.py::test_connections_of_one_client",
    "client-rate": "test_edge.py::test_rate",
    "request-time": "test_limits.py::test_request_time_of_work",
    "idle-time": "test_limits.py::test_download_that_nobody_reads",
    "memory": "test_limits.py::test_memory",
    "grace-time": "test_service.py::test_stop_cancels_after_grace",
    "source-time": "test_limits.py::test_source_that_says_nothing",
    **dict.fromkeys([
        "config-file", "listen", "data", "token-file", "token", "no-auth",
        "cors-origins", "threads", "log-level", "log-format", "allow-local",
        "source-schemes", "source-ports", "source-hosts", "source-exceptions",
        "ca-file"]),
}

# Addresses and keys of sources begin so.
SOURCES = ("hf-", "gcs-", "s3-")


def test_every_limit_is_tested():
    table = subprocess.run([PROGRAM, "config", "--markdown"], text=True,
                           capture_output=True, check=True).stdout
    names = set(re.findall(r"(?m)^\| `([a-z0-9-]+)` \|", table))
    assert {n for n in names if not n.startswith(SOURCES)} == set(WHERE)
    for where in filter(None, WHERE.values()):
        file, _, name = where.partition("::")
        assert f"\ndef {name}(" in (HERE / file).read_text(), where


@pytest.fixture(scope="module")
def data(tmp_path_factory, slow):
    """A folder with a stored model, and an upload that converts for long."""
    folder = tmp_path_factory.mktemp("limits")
    with serving(folder) as server:
        with open(slow.tar, "rb") as body:
            model = upload(server, "model-of-the-tests", {"c.tar": body})
        upload(server, UPLOAD, {"c.tar": zeros(folder / "checkpoint_1")})
        job = submit(server, checkpoint=model, model="a/model").json
        path = f"/v1/conversions/{job['id']}?wait=60"
        assert ask(server, "GET", path).json["state"] == "succeeded"
    return folder


def zeros(folder):
    """Little to send, and gigabytes to write: chunks that are not there."""
    make(folder, "--no-chunks", "--d-model", 1024, "--d-kv", 64, "--d-ff",
         4096, "--vocab", 8192, "--experts", 64, "--optimizer", "none")
    return tar_of(folder)


UPLOAD = "long-one-of-the-tests"


def begin(server, dtype="float32"):
    """A job that is not over soon; its reply."""
    return submit(server, checkpoint=f"upload:{UPLOAD}", dtype=dtype,
                  model=f"a/{dtype}", allow_missing_chunks=True)


@contextlib.contextmanager
def busy(data, *args):
    """A server whose one job takes a while, and the job's path."""
    with serving(data, "--threads", 1, "--client-rate", 0, *args) as server:
        path = f"/v1/conversions/{begin(server).json['id']}"
        assert soon(lambda: ask(server, "GET", path).json["state"] ==
                    "converting", 60)
        try:
            yield server, path
        finally:
            ask(server, "DELETE", path)


def test_queue_of_jobs(data):
    """One runs, one waits, and the next is told to come again."""
    with busy(data, "--jobs-at-once", 1, "--jobs-queued", 1) as (s, path):
        two = begin(s, "bfloat16")
        assert two.status == 202
        three = begin(s, "source")
        assert problem(three, 429, "queue-full")["hint"]
        assert int(three.headers["Retry-After"]) >= 1
        waiting = f"/v1/conversions/{two.json['id']}"
        assert ask(s, "GET", path).json["state"] == "converting"
        assert ask(s, "GET", waiting).json["state"] == "queued"
        assert ask(s, "DELETE", waiting).status == 202
        two = begin(s, "bfloat16")
        assert two.status == 202
        ask(s, "DELETE", f"/v1/conversions/{two.json['id']}")


def test_connections(tmp_path):
    with serving(tmp_path, "--connections", 8) as server:
        held = [server.socket() for _ in range(8)]
        time.sleep(0.5)  # until the server has them all

        def answers():
            with contextlib.suppress(OSError):
                return server.request("GET", "/livez").status == 200

        assert not answers()
        for connection in held:
            connection.close()
        assert soon(answers)


def test_request_time_of_work(tmp_path):
    """A conversion that takes too long is ended, and the client told why."""
    body = zeros(tmp_path / "checkpoint_1")
    with serving(tmp_path, "--request-time", 1, "--threads", 1) as server:
        began = time.monotonic()
        reply = server.request("POST", "/v1/convert?allow_missing_chunks=true",
                               body)
        told = problem(reply, 503, "cancelled")
        assert told["expected"] == "at most 1 seconds"
        assert int(reply.headers["Retry-After"]) >= 1
        assert time.monotonic() - began < 20


def test_listener_beyond_the_request_time(data):
    """Events of a job go on until the limit; who listens has to come back."""
    with busy(data, "--request-time", 2) as (server, path):
        began = time.monotonic()
        with server.socket(f"GET {path}/events HTTP/1.1\r\n"
                           "Host: localhost\r\n\r\n".encode()) as listener:
            listener.settimeout(20)
            said = b""
            with contextlib.suppress(ConnectionError):
                while piece := listener.recv(10000):
                    said += piece
        assert b"event: state" in said
        assert 1.5 < time.monotonic() - began < 12


def test_waiting_ends_before_the_request_time(data):
    """Who waits for a job's end gets an answer, though not that one."""
    with busy(data, "--request-time", 2) as (server, path):
        began = time.monotonic()
        reply = ask(server, "GET", f"{path}?wait=30")
        assert (reply.status, reply.json["state"]) == (200, "converting")
        assert time.monotonic() - began < 3


def open_files(server):
    """What of stored models the process has open."""
    out = []
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            out.append(str(link.readlink()))
    return [name for name in out if "/models/blobs/" in name]


@pytest.mark.parametrize("what", ["archive", "files/model.safetensors"])
def test_download_that_nobody_reads(data, what):
    """It is let go, with the file that it had open."""
    with serving(data, "--idle-time", 2) as server:
        with server.socket(f"GET /v1/models/a/model/{what} HTTP/1.1\r\n"
                           "Host: localhost\r\n\r\n".encode()) as reader:
            assert reader.recv(12) == b"HTTP/1.1 200"
            assert open_files(server)
            assert soon(lambda: not open_files(server))
        assert soon(lambda: "end=cut" in server.log())


def test_download_beyond_the_request_time(data):
    """However much a reader takes, some time it is over."""
    with serving(data, "--request-time", 3) as server:
        began = time.monotonic()
        with server.socket(b"GET /v1/models/a/model/archive HTTP/1.1\r\n"
                           b"Host: localhost\r\n\r\n") as reader:
            with contextlib.suppress(ConnectionError):
                while reader.recv(10000):
                    time.sleep(0.01)
        assert 2 < time.monotonic() - began < 15
        assert soon(lambda: not open_files(server))


def test_memory(tmp_path):
    """A chunk that is far beyond the budget is refused, not tried."""
    checkpoint = tmp_path / "checkpoint_1"
    make(checkpoint, "--no-chunks", "--vocab", 1 << 15, "--d-model", 1024,
         "--chunk-bytes", 1 << 30, "--optimizer", "none")
    with serving(tmp_path, "--memory", "16MiB") as server:
        reply = server.request("POST", "/v1/convert?allow_missing_chunks=true",
                               tar_of(checkpoint))
        told = problem(reply, 413, "too-large")
        assert "memory" in told["detail"]
        assert told["expected"] == "at most 67108864 bytes"


def test_source_that_says_nothing(tmp_path):
    """Nobody waits longer for it than source-time says."""
    with socket.create_server(("127.0.0.1", 0)) as silent, \
            serving(tmp_path, "--source-schemes", "http", "--source-ports",
                    "1-65535", "--source-exceptions", "127.0.0.1",
                    "--source-time", 2) as server:
        began = time.monotonic()
        port = silent.getsockname()[1]
        reply = submit(server, checkpoint=f"http://127.0.0.1:{port}/c")
        problem(reply, 504, "source-timeout")
        assert 1.5 < time.monotonic() - began < 15
