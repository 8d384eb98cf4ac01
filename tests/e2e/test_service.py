"""The service as a client meets it: good requests, bad ones, and rude ones.

Each test ends with a look at the data folder: whatever happened, nothing
temporary may be left once the requests are over. Only http.client and sockets
are used, so that what is sent is what stands here.
"""

import contextlib
import gzip
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

import make_checkpoint  # noqa: E402

PROGRAM = os.environ.get("SWITCHYARD", str(TESTS.parent / "build/switchyard"))
MiB = 1 << 20


# The server.


class Server:
    """A running `switchyard serve` with a data folder of its own."""

    def __init__(self, data, *args, before=(), port=0):
        self.data = data
        self.log_path = Path(f"{data}.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*before, PROGRAM, "serve", "--listen", f"127.0.0.1:{port}"]
                + ["--data", str(data), *map(str, args)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.port = int(line.rpartition(":")[2])

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def socket(self, head=b""):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        s.sendall(head)
        return s

    def request(self, method, path, body=None, **headers):
        """Sends a request; the reply with status, headers and data."""
        connection = self.connect()
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            data = reply.read()
            return SimpleNamespace(
                status=reply.status, headers=reply.headers, data=data
            )
        finally:
            connection.close()

    def leftovers(self):
        """What lies in the folder for temporary things, other than it."""
        tmp = self.data / "tmp"
        return [str(p.relative_to(tmp)) for run in tmp.iterdir() for p in run.iterdir()]

    def is_clean_soon(self):
        return soon(lambda: not self.leftovers())

    def log(self):
        return self.log_path.read_text()

    def stop(self, number=signal.SIGTERM, timeout=30):
        self.process.send_signal(number)
        status = self.process.wait(timeout)
        self.process.stdout.close()
        return status


def soon(condition, seconds=15):
    """Whether a condition comes true within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def serving(folder, *args):
    """A server for one test, which has to end well."""
    server = Server(folder / "data", *args)
    try:
        yield server
        assert server.is_clean_soon(), server.leftovers()
        assert server.stop() == 0
        assert list((server.data / "tmp").iterdir()) == []
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with serving(
        tmp_path_factory.mktemp("server"),
        "--max-body",
        64 * MiB,
        "--max-upload",
        64 * MiB,
        "--max-entries",
        5000,
    ) as server:
        yield server


@pytest.fixture
def server(shared):
    """The shared server, which lives and is clean after every test."""
    yield shared
    assert shared.is_clean_soon(), shared.leftovers()
    assert shared.request("GET", "/livez").data == b"ok\n"


# Checkpoints, and how they are packed.


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A tiny checkpoint and what the command makes of it."""
    folder = tmp_path_factory.mktemp("small")
    checkpoint = folder / "checkpoint_500100"
    gin = folder / "model.gin"
    o = make_checkpoint.arguments([str(checkpoint), "--gin", str(gin)])
    make_checkpoint.write_checkpoint(o)
    out = folder / "model"
    subprocess.run(
        [PROGRAM, "convert", checkpoint, "--out", out],
        check=True,
        capture_output=True,
    )
    files = {p.name: p.read_bytes() for p in out.iterdir()}
    return SimpleNamespace(folder=folder, path=checkpoint, gin=gin, files=files)


@pytest.fixture(scope="module")
def large(slow):
    """The body of a checkpoint that takes a while to convert."""
    return slow.tar


def tar_of(folder, prefix="checkpoint_500100/", mode="w", **more):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, **more) as tar:
        tar.add(folder, prefix or ".")
    return out.getvalue()


def zip_of(folder, prefix="checkpoint_500100/"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for path in files_of(folder):
            z.write(path, prefix + str(path.relative_to(folder)))
    return out.getvalue()


def zst_of(data):
    zstandard = pytest.importorskip("zstandard")
    return zstandard.ZstdCompressor().compress(data)


def files_of(folder):
    return sorted(p for p in Path(folder).rglob("*") if p.is_file())


def tar_with(*members):
    """A tar of (name, bytes) or (name, type, target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, *what in members:
            info = tarfile.TarInfo(name)
            if len(what) == 2:
                info.type, info.linkname = what
                tar.addfile(info)
            else:
                info.size = len(what[0])
                tar.addfile(info, io.BytesIO(what[0]))
    return out.getvalue()


def form_of(*parts):
    """A multipart body of (name, filename or None, bytes), and its type."""
    boundary = "----switchyard-test"
    out = b""
    for name, filename, data in parts:
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if filename is not None:
            out += f'; filename="{filename}"'.encode()
            out += b"\r\nContent-Type: application/octet-stream"
        out += b"\r\n\r\n" + data + b"\r\n"
    out += f"--{boundary}--\r\n".encode()
    return out, f"multipart/form-data; boundary={boundary}"


def unpacked(reply):
    """The files of a tar reply, in order."""
    assert reply.status == 200, reply.data[:500]
    assert reply.headers["Content-Type"] == "application/x-tar"
    assert int(reply.headers["Content-Length"]) == len(reply.data)
    with tarfile.open(fileobj=io.BytesIO(reply.data)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


def problem(reply, status, slug):
    """The problem document of a reply, after a check of all that is promised."""
    assert reply.status == status, reply.data[:500]
    assert reply.headers["Content-Type"] == "application/problem+json"
    document = json.loads(reply.data)
    assert document["type"] == f"/problems/{slug}", document
    assert document["status"] == status
    assert document["title"] and document["detail"]
    assert document["request_id"] == reply.headers["X-Request-Id"]
    return document


# What comes out.


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst", "zip", "pax", "gnu"])
def test_archives(server, small, kind):
    """Whatever the archive, the model is what the command writes."""
    body = {
        "tar": lambda: tar_of(small.path),
        "tar.gz": lambda: tar_of(small.path, mode="w:gz"),
        "tar.zst": lambda: zst_of(tar_of(small.path)),
        "zip": lambda: zip_of(small.path),
        "pax": lambda: tar_of(small.path, format=tarfile.PAX_FORMAT),
        "gnu": lambda: tar_of(small.path, format=tarfile.GNU_FORMAT),
    }[kind]()
    files = unpacked(server.request("POST", "/v1/convert", body))
    assert files == small.files
    assert list(files)[-1] == "model.safetensors"


@pytest.mark.parametrize("prefix", ["", "./", "a/b/checkpoint_500100/"])
def test_folders_around(server, small, prefix):
    body = tar_of(small.path, prefix)
    assert unpacked(server.request("POST", "/v1/convert", body)) == small.files


def test_files_beside(server, small):
    """Configuration in the archive is ignored, even a wrong one."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(small.path, "run/checkpoint_500100")
        for name in ("model.gin", "config.gin", "config.json"):
            info = tarfile.TarInfo(f"run/{name}")
            info.size = 7
            tar.addfile(info, io.BytesIO(b"= wrong"))
    reply = server.request("POST", "/v1/convert", out.getvalue())
    assert unpacked(reply) == small.files


def test_deterministic(server, small):
    body = tar_of(small.path)
    one = server.request("POST", "/v1/convert", body)
    two = server.request("POST", "/v1/convert", body)
    assert one.data == two.data
    assert "model.tar" in one.headers["Content-Disposition"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_one_file(server, small, name):
    reply = server.request("POST", f"/v1/convert?file={name}", tar_of(small.path))
    assert reply.status == 200
    assert reply.data == small.files[name]
    kind = "json" if name.endswith("json") else "octet-stream"
    assert reply.headers["Content-Type"] == f"application/{kind}"


def test_unknown_file(server, small):
    reply = server.request("POST", "/v1/convert?file=a.bin", tar_of(small.path))
    document = problem(reply, 404, "not-found")
    assert "model.safetensors" in document["expected"]
    assert document["subject"] == "a.bin"


def test_options(server, small):
    query = "dtype=bfloat16&max_shard_size=20KB&num_experts=4"
    files = unpacked(server.request("POST", f"/v1/convert?{query}", tar_of(small.path)))
    assert "model.safetensors.index.json" in files
    assert json.loads(files["config.json"])["torch_dtype"] == "bfloat16"


def test_inspect(server, small):
    reply = server.request("POST", "/v1/inspect", zip_of(small.path))
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    command = [PROGRAM, "inspect", small.path, "--json"]
    done = subprocess.run(command, check=True, capture_output=True)
    plan, expected = json.loads(reply.data), json.loads(done.stdout)
    for each in plan, expected:
        each["checkpoint"].pop("path")
    assert plan == expected
    assert str(server.data) not in reply.data.decode()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_curl(server, small, tmp_path):
    """The ways that the documentation shows."""
    archive = tmp_path / "checkpoint.tar.gz"
    archive.write_bytes(tar_of(small.path, mode="w:gz"))
    url = f"http://127.0.0.1:{server.port}/v1/convert"
    for args in (
        ["-T", archive],
        ["--data-binary", f"@{archive}"],
        ["-F", f"checkpoint=@{archive}"],
        ["-H", "Transfer-Encoding: chunked", "-T", archive],
        ["-H", "Expect: 100-continue", "-T", archive],
    ):
        out = tmp_path / "model.tar"
        subprocess.run(
            ["curl", "-sS", "--fail", *map(str, args), "-o", out, url],
            check=True,
            timeout=60,
        )
        with tarfile.open(out) as tar:
            assert set(tar.getnames()) == set(small.files)


# Forms.


def folder_parts(small):
    return [
        ("checkpoint", f"c/{p.relative_to(small.path)}", p.read_bytes())
        for p in files_of(small.path)
    ]


def test_form_with_folder(server, small):
    """As a browser sends a folder that was chosen."""
    body, kind = form_of(*folder_parts(small))
    reply = server.request("POST", "/v1/convert", body, Content_Type=kind)
    assert unpacked(reply) == small.files


def test_form_with_gin_and_options(server, small):
    parts = [
        ("dtype", None, b"float16"),
        ("gin_file", "run.gin", small.gin.read_bytes()),
        ("checkpoint", "c.zip", zip_of(small.path)),
        ("file", None, b"config.json"),
    ]
    body, kind = form_of(*parts)
    reply = server.request("POST", "/v1/convert", body, Content_Type=kind)
    assert json.loads(reply.data)["torch_dtype"] == "float16"


def test_form_with_wrong_config(server, small):
    body, kind = form_of(
        ("checkpoint", "c.tar", tar_of(small.path)),
        ("config", "my.json", b'{"d_model": 17}'),
    )
    reply = server.request("POST", "/v1/convert", body, Content_Type=kind)
    assert reply.status == 422
    assert "my.json" in reply.data.decode() or "d_model" in reply.data.decode()


@pytest.mark.parametrize(
    "parts, word",
    [
        ([], "checkpoint"),
        ([("dtype", None, b"float32")], "checkpoint"),
        ([("checkpoint", None, b"x")], "filename"),
        ([("surprise", None, b"x")], "surprise"),
        ([("dtype", None, b"f\0")], "dtype"),
        ([("dtype", None, b"float32"), ("dtype", None, b"float32")], "twice"),
        ([("gin_file", "a", b""), ("gin_file", "b", b"")], "twice"),
        ([("checkpoint", "a.tar", tar_with(("a", b"x")))] * 2, "archive"),
    ],
)
def test_wrong_forms(server, parts, word):
    body, kind = form_of(*parts)
    reply = server.request("POST", "/v1/convert", body, Content_Type=kind)
    assert word in json.dumps(problem(reply, 400, "invalid-request"))


def test_form_paths(server):
    body, kind = form_of(("checkpoint", "a/../../b", b"x"))
    reply = server.request("POST", "/v1/convert", body, Content_Type=kind)
    problem(reply, 422, "unsafe-path")


def test_malformed_forms(server):
    for kind in "multipart/form-data", "multipart/form-data; boundary=a b":
        reply = server.request("POST", "/v1/convert", b"--a--", Content_Type=kind)
        problem(reply, 400, "invalid-request")
    kind = "multipart/form-data; boundary=x"
    for body in b"", b"junk", b"--x\r\n", b"--x\r\nno header\r\n\r\n":
        reply = server.request("POST", "/v1/convert", body, Content_Type=kind)
        problem(reply, 400, "invalid-request")
    reply = server.request("POST", "/v1/convert", b"", Content_Type="multipart/mixed")
    problem(reply, 415, "unsupported-media-type")


# Wrong requests.


@pytest.mark.parametrize(
    "query",
    [
        "dtype=int8",
        "dtype",
        "num_experts=0",
        "num_experts=-1",
        "max_shard_size=0",
        "max_shard_size=five",
        "compat=yes",
        "allow_missing_chunks=maybe",
        "surprise=1",
        "dtype=float32&dtype=float32",
        "file=a&file=a",
        "dtype=float32%00",
        "compat=reference",
    ],
)
def test_wrong_options(server, small, query):
    for path in "/v1/convert", "/v1/inspect":
        reply = server.request("POST", f"{path}?{query}", tar_of(small.path))
        problem(reply, 400, "invalid-request")


def test_wrong_experts(server, small):
    reply = server.request("POST", "/v1/convert?num_experts=5", tar_of(small.path))
    document = problem(reply, 422, "config-conflict")
    assert document["expected"] and document["actual"]


def test_no_body(server):
    for method in "POST", "PUT":
        problem(server.request(method, "/v1/convert"), 400, "invalid-request")


def test_not_an_archive(server):
    for body in b"x", b"hello" * 10000, os.urandom(100000):
        reply = server.request("POST", "/v1/convert", body)
        problem(reply, 415, "unsupported-media-type")


def test_not_a_checkpoint(server):
    reply = server.request("POST", "/v1/convert", tar_with(("a/README", b"hello")))
    assert 400 <= reply.status < 500
    document = json.loads(reply.data)
    assert str(server.data) not in json.dumps(document)


ROUTES = {
    "/v1/convert": "POST, PUT, OPTIONS",
    "/v1/inspect": "POST, PUT, OPTIONS",
    "/livez": "GET, HEAD, OPTIONS",
    "/readyz": "GET, HEAD, OPTIONS",
    "/openapi.yaml": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("path", ROUTES)
def test_methods(server, path):
    for method in "GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH", "BREW":
        reply = server.request(method, path)
        assert reply.headers["X-Request-Id"]
        if method == "OPTIONS":
            assert (reply.status, reply.data) == (204, b"")
        elif method in ROUTES[path].split(", "):
            assert reply.status != 405
            continue
        elif method == "HEAD":
            assert reply.status == 405
        else:
            problem(reply, 405, "method-not-allowed")
        assert reply.headers["Allow"] == ROUTES[path]


def test_head(server):
    for path in "/livez", "/readyz", "/openapi.yaml":
        head, get = server.request("HEAD", path), server.request("GET", path)
        assert (head.status, head.data) == (200, b"")
        assert head.headers["Content-Length"] == str(len(get.data))


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/livez/", "//livez", "/v1%2Fconvert", "/livez%00", "/livez%00x"],
)
def test_unknown_paths(server, path):
    problem(server.request("GET", path), 404, "not-found")


def test_description(server):
    reply = server.request("GET", "/openapi.yaml")
    assert reply.data == (TESTS.parent / "openapi.yaml").read_bytes()


def test_request_id(server):
    reply = server.request("GET", "/livez", X_Request_Id="my-id.1_A")
    assert reply.headers["X-Request-Id"] == "my-id.1_A"
    assert soon(lambda: "request_id=my-id.1_A" in server.log())
    for bad in "a b", "a" * 65, "<script>", "":
        reply = server.request("GET", "/livez", X_Request_Id=bad)
        assert re.fullmatch("[0-9a-f]{20}", reply.headers["X-Request-Id"])


def test_log(server):
    """A line for each request, without its query, and none of its making."""
    s = server.socket(b"GET /x\x1b[31m\x7f?token=secret HTTP/1.1\r\nHost: localhost\r\n\r\n")
    s.recv(10000)
    s.close()
    assert soon(lambda: "path=\"/x\\u001b[31m\\u007f\"" in server.log())
    assert "secret" not in server.log()


# Hostile archives.


@pytest.mark.parametrize(
    "slug, members",
    [
        ("unsafe-path", [("../../evil", b"x")]),
        ("unsafe-path", [("/tmp/evil", b"x")]),
        ("unsafe-path", [("a/../../../evil", b"x")]),
        ("invalid-archive", [("link", tarfile.SYMTYPE, "/etc"), ("link/x", b"x")]),
        ("invalid-archive", [("a", b"x"), ("b", tarfile.LNKTYPE, "a")]),
        ("invalid-archive", [("b", tarfile.LNKTYPE, "/etc/passwd")]),
        ("invalid-archive", [("fifo", tarfile.FIFOTYPE, "")]),
        ("invalid-archive", [("disk", tarfile.BLKTYPE, "")]),
        ("invalid-archive", [("a", b"x"), ("a", b"y")]),
        ("too-large", [("n" * 2000, b"x")]),
        ("unsafe-path", [("n" * 300, b"x")]),
    ],
)
def test_hostile_archives(server, slug, members):
    body = tar_with(*members)
    for each in body, gzip.compress(body):
        reply = server.request("POST", "/v1/convert", each)
        problem(reply, 413 if slug == "too-large" else 422, slug)
    assert not Path("/tmp/evil").exists()


def test_sparse_archive(server, tmp_path):
    with open(tmp_path / "hole", "wb") as f:
        f.truncate(MiB)
        f.seek(2 * MiB)
        f.write(b"x")
    body = subprocess.run(
        ["tar", "-C", tmp_path, "--sparse", "-c", "hole"],
        check=True,
        capture_output=True,
    ).stdout
    reply = server.request("POST", "/v1/convert", body)
    assert problem(reply, 422, "invalid-archive")["subject"] == "hole"


def zeros(size):
    return io.BytesIO(bytes(size)).read()


def test_bombs(server):
    """200 MB of zeros in a few KB are refused by the limit of 64 MiB."""
    tar = tar_with(("checkpoint", zeros(200 * 1000 * 1000)))
    z = io.BytesIO()
    with zipfile.ZipFile(z, "w", zipfile.ZIP_DEFLATED) as f:
        f.writestr("checkpoint", zeros(200 * 1000 * 1000))
    for body in gzip.compress(tar, 9), zst_of(tar), z.getvalue():
        assert len(body) < MiB
        reply = server.request("POST", "/v1/convert", body)
        problem(reply, 413, "too-large")
    # What would not be stored counts as well.
    body = gzip.compress(tar_with(("state.x", zeros(200 * 1000 * 1000))), 9)
    problem(server.request("POST", "/v1/convert", body), 413, "too-large")


def test_many_files(server):
    body = tar_with(*((f"f{i}", b"") for i in range(5001)))
    problem(server.request("POST", "/v1/convert", body), 413, "too-large")
    deep = tar_with(*((f"{i}/" + "d/" * 60 + "f", b"") for i in range(100)))
    problem(server.request("POST", "/v1/convert", deep), 413, "too-large")
    body, kind = form_of(*(("checkpoint", f"c/f{i}", b"") for i in range(5001)))
    reply = server.request("POST", "/v1/convert", body, Content_Type=kind)
    problem(reply, 413, "too-large")


def test_nested_compression(server, small):
    body = gzip.compress(gzip.compress(tar_of(small.path)))
    problem(server.request("POST", "/v1/convert", body), 422, "invalid-archive")


@pytest.mark.parametrize("mode", ["w", "w:gz", "zip"])
def test_cut_archives(server, small, mode):
    """A complete request with part of an archive."""
    body = zip_of(small.path) if mode == "zip" else tar_of(small.path, mode=mode)
    # The last third of a zip of small files is their directory.
    for part in (0.1, 0.5) if mode == "zip" else (0.1, 0.5, 0.9):
        reply = server.request("POST", "/v1/convert", body[: int(len(body) * part)])
        assert reply.status == 422, reply.data


# Large bodies.


def test_body_beyond_limit(server):
    """Announced too large: answered at once, before any of it was sent."""
    s = server.socket(
        b"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 1000000000000\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = s.recv(10000)
    s.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"/problems/too-large" in answer


def test_endless_body(server):
    """A body of unknown length is cut off, not taken forever."""
    s = server.socket(
        b"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    piece = b"100000\r\n" + tar_with(("a", zeros(100))).ljust(MiB, b"\0") + b"\r\n"
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 200:
            s.sendall(piece)
            sent += 1
    s.close()
    assert sent < 200


def test_huge_head(server):
    s = server.socket(b"GET /livez HTTP/1.1\r\nX: " + b"x" * 200000 + b"\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        assert s.recv(1000).split()[1] in (b"431", b"413", b"414")
    s.close()


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 50",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ],
)
def test_smuggling(server, headers):
    """Two lengths: refused, and the connection is not used any more."""
    s = server.socket(
        f"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n"
        "5\r\nabcde\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    )
    answer = b""
    with contextlib.suppress(ConnectionError):
        while piece := s.recv(10000):
            answer += piece
    s.close()
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1") == 1


def test_junk(server):
    for junk in b"\0" * 100, b"hello\r\n\r\n", b"GET\r\n\r\n", os.urandom(5000):
        s = server.socket(junk)
        s.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while s.recv(10000):
                pass
        s.close()


# Rude clients.


def test_client_leaves_in_body(server, small):
    body = tar_of(small.path)
    head = f"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    for n in 0, 1, 1000, len(body) // 2, len(body) - 1:
        s = server.socket(head.encode() + body[:n])
        assert n < 1000 or soon(server.leftovers)
        s.close()
        assert server.is_clean_soon()


def test_client_leaves_in_reply(tmp_path, large):
    """A model of 400 MB of which nobody reads more than the start."""
    with serving(tmp_path) as server:
        for query in "", "?file=model.safetensors":
            with open(large, "rb") as body:
                connection = server.connect()
                connection.request("POST", "/v1/convert" + query, body)
                reply = connection.getresponse()
            assert reply.status == 200
            assert len(reply.read(100000)) == 100000
            connection.sock.close() if connection.sock else None
            reply.close()
            connection.close()
            assert server.is_clean_soon()
        assert soon(lambda: server.log().count("end=cut") == 2)


def start(server, path):
    """Sends a request with a large body on a socket, without its reply."""
    size = os.path.getsize(path)
    s = server.socket(
        f"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    )
    with open(path, "rb") as body:
        s.sendfile(body)
    return s


def is_converting(server):
    return any((run / "in").exists() and list(run.glob(".out*"))
               for run in (server.data / "tmp").glob("run-*/*"))


def test_client_leaves_in_conversion(tmp_path, large):
    with serving(tmp_path, "--threads", 1) as server:
        s = start(server, large)
        assert soon(lambda: is_converting(server))
        s.close()
        assert server.is_clean_soon()
        assert soon(lambda: "cancelled" in server.log())


def test_silent_client(tmp_path):
    """A body that stops coming ends the connection, and frees the folder."""
    with serving(tmp_path, "--idle-time", 1) as server:
        s = server.socket(
            b"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx"
        )
        assert soon(server.leftovers)
        assert s.recv(1000) == b""
        s.close()
        assert server.is_clean_soon()


def test_reset(server, small):
    """A connection that is reset, not closed."""
    body = tar_of(small.path)
    head = f"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    s = server.socket(head.encode() + body)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    assert server.is_clean_soon()


# Many at once.


def all_at_once(server, n, body):
    replies = []

    def one():
        replies.append(server.request("POST", "/v1/convert", body))

    threads = [threading.Thread(target=one) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return replies


def test_queue(tmp_path, small):
    with serving(tmp_path, "--jobs-at-once", 1, "--jobs-queued", 20) as server:
        replies = all_at_once(server, 16, tar_of(small.path))
        assert len(replies) == 16
        for reply in replies:
            assert unpacked(reply) == small.files


def test_full_queue(tmp_path, small, large):
    """One converts, none may wait: the next is told to come again."""
    with serving(
        tmp_path, "--jobs-at-once", 1, "--jobs-queued", 0, "--threads", 1
    ) as server:
        s = start(server, large)
        assert soon(lambda: is_converting(server))
        reply = server.request("POST", "/v1/convert", tar_of(small.path))
        problem(reply, 503, "busy")
        assert int(reply.headers["Retry-After"]) > 0
        problem(server.request("GET", "/readyz"), 503, "busy")
        assert server.request("GET", "/livez").status == 200
        s.close()


def test_long_work_is_not_silence(tmp_path, large):
    """A conversion may take longer than a client may be silent."""
    with serving(tmp_path, "--idle-time", 1, "--threads", 1) as server:
        s = start(server, large)
        assert soon(lambda: is_converting(server))
        s.settimeout(60)
        assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
        s.close()


def test_disk_of_others(tmp_path):
    """An unusable data folder is told at the start."""
    (tmp_path / "file").write_bytes(b"")
    done = subprocess.run(
        [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "file/x"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 5
    assert "file/x" in done.stderr


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as s:
        s.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6")
def test_ipv6(tmp_path):
    command = [PROGRAM, "serve", "--listen", "[::1]:0", "--data", tmp_path / "data"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on http://[::1]:")
        c = http.client.HTTPConnection("::1", int(line.rpartition(":")[2]))
        c.request("GET", "/livez")
        assert c.getresponse().status == 200
        c.close()
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()


@pytest.mark.parametrize("listen", ["8080", ":8080", "127.0.0.1:", "a b:1", "::1"])
def test_wrong_address(tmp_path, listen):
    done = subprocess.run(
        [PROGRAM, "serve", "--listen", listen, "--data", tmp_path / "data"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "listen" in done.stderr


def test_port_in_use(tmp_path):
    with serving(tmp_path) as server:
        done = subprocess.run(
            [PROGRAM, "serve", "--listen", f"127.0.0.1:{server.port}"]
            + ["--data", tmp_path / "other"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 2
        assert list((tmp_path / "other/tmp").iterdir()) == []


# Mounts a small disk on the folder $0 and runs the rest there.
ON_SMALL_DISK = 'mount -t tmpfs -o size="$1" tmpfs "$0" && shift && exec "$@"'


def can_mount(folder):
    command = ["unshare", "-rm", "sh", "-c", ON_SMALL_DISK, folder, "1m", "true"]
    return (
        shutil.which("unshare")
        and subprocess.run(command, capture_output=True).returncode == 0
    )


def test_full_disk(tmp_path, small):
    """Below the reserve nothing is taken, and the readiness tells why."""
    data = tmp_path / "data"
    data.mkdir()
    if not can_mount(data):
        pytest.skip("no disk can be mounted here")
    before = ["unshare", "-rm", "sh", "-c", ON_SMALL_DISK, str(data), "100m"]
    server = Server(data, before=before)
    document = problem(server.request("GET", "/readyz"), 503, "busy")
    assert "space" in document["detail"]
    reply = server.request("POST", "/v1/convert", tar_of(small.path))
    assert problem(reply, 507, "no-space")["actual"]
    assert server.request("GET", "/livez").status == 200
    assert server.stop() == 0


def test_disk_fills_up(tmp_path, large):
    """An upload of unknown length ends where the reserve begins."""
    data = tmp_path / "data"
    data.mkdir()
    if not can_mount(data):
        pytest.skip("no disk can be mounted here")
    before = ["unshare", "-rm", "sh", "-c", ON_SMALL_DISK, str(data), "350m"]
    server = Server(data, "--min-free", 256 * MiB, before=before)

    def pieces():
        with open(large, "rb") as body:
            while piece := body.read(MiB):
                yield piece

    connection = server.connect()
    connection.request("POST", "/v1/convert", pieces(), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    reply = connection.getresponse()
    assert (reply.status, json.loads(reply.read())["status"]) == (507, 507)
    connection.close()
    assert soon(lambda: server.request("GET", "/readyz").status == 200)
    assert server.stop() == 0


# Stopping.


def test_stop_lets_requests_finish(tmp_path, large):
    server = Server(tmp_path / "data")
    s = start(server, large)
    assert soon(lambda: is_converting(server))
    server.process.send_signal(signal.SIGTERM)
    answer = s.recv(1000)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    while s.recv(1 << 20):
        pass
    s.close()
    assert server.process.wait(30) == 0
    assert list((server.data / "tmp").iterdir()) == []


def test_stop_cancels_after_grace(tmp_path, large):
    server = Server(tmp_path / "data", "--grace-time", 0, "--threads", 1)
    s = start(server, large)
    assert soon(lambda: is_converting(server))
    began = time.monotonic()
    server.process.send_signal(signal.SIGINT)
    answer = s.recv(10000)
    assert answer.startswith(b"HTTP/1.1 503 "), answer
    assert b"/problems/cancelled" in answer
    s.close()
    assert server.process.wait(30) == 0
    assert time.monotonic() - began < 10
    assert list((server.data / "tmp").iterdir()) == []


def test_stop_takes_no_new_work(tmp_path, small, large):
    """While requests finish, an open connection is told that it is over."""
    server = Server(tmp_path / "data", "--threads", 1)
    other = server.connect()
    other.request("GET", "/readyz")
    assert other.getresponse().read() == b"ok\n"
    s = start(server, large)
    assert soon(lambda: is_converting(server))
    server.process.send_signal(signal.SIGTERM)
    assert soon(lambda: "stopping" in server.log())
    for method, path in ("GET", "/readyz"), ("POST", "/v1/convert"):
        other.request(method, path, tar_of(small.path) if method == "POST" else None)
        reply = other.getresponse()
        assert (reply.status, json.loads(reply.read())["status"]) == (503, 503)
    other.close()
    s.close()
    assert server.process.wait(30) == 0


def test_kill_leaves_nothing_for_long(tmp_path, large):
    """What a killed process left, the next one removes; two can't share it."""
    one = Server(tmp_path / "data")
    s = start(one, large)
    assert soon(lambda: is_converting(one))
    two = subprocess.run(
        [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", one.data],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert two.returncode != 0
    assert "in use" in two.stderr or "another" in two.stderr, two.stderr
    assert is_converting(one)
    assert one.stop(signal.SIGKILL) == -signal.SIGKILL
    s.close()
    assert one.leftovers()
    three = Server(tmp_path / "data")
    assert three.leftovers() == []
    assert three.stop() == 0
    assert list((tmp_path / "data/tmp").iterdir()) == []
