"""Jobs and stored models, from an upload to a download."""
import base64
import hashlib
import io
import json
import re
import signal
import tarfile
import time
from types import SimpleNamespace

import pytest
from conftest import TESTS, converted, make
from test_service import Server, serving, soon

SAMPLE = TESTS / "sample/switch-tiny.tar.gz"
ENDED = ("succeeded", "failed", "cancelled")


def ask(server, method, path, body=None, **headers):
    if isinstance(body, dict):
        headers["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    reply = server.request(method, path, body, **headers)
    kind = reply.headers.get("Content-Type")
    if kind in ("application/json", "application/problem+json") and \
            reply.data and reply.status != 206:
        reply.json = json.loads(reply.data)
    return reply


def upload(server, name, files):
    """Puts files into an upload of a chosen name; what requests call it."""
    for path, data in files.items():
        reply = ask(server, "PUT", f"/v1/uploads/{name}/files/{path}", data)
        assert reply.status == 201, reply.data
    return f"upload:{name}"


def submit(server, **request):
    headers = request.pop("headers", {})
    return ask(server, "POST", "/v1/conversions", request, **headers)


def finished(server, job):
    reply = ask(server, "GET", f"/v1/conversions/{job['id']}?wait=30")
    assert reply.status == 200
    assert reply.json["state"] in ENDED, reply.json
    return reply.json


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("jobs"), "--client-rate", 0) as s:
        yield s


@pytest.fixture(scope="module")
def stored(server, sample, tmp_path_factory):
    """A model that a job has made, and the same by the command."""
    out = tmp_path_factory.mktemp("command") / "model"
    converted(sample.checkpoint, "--gin", sample.gin, "--out", out)
    reference = upload(server, "sample-of-the-tests",
                       {"sample.tar.gz": SAMPLE.read_bytes()})
    reply = submit(server, checkpoint=reference, model="acme/tiny",
                   gin=sample.gin.read_text())
    assert reply.status == 202, reply.data
    assert reply.headers["Location"] == f"/v1/conversions/{reply.json['id']}"
    assert int(reply.headers["Retry-After"]) >= 1
    job = finished(server, reply.json)
    assert job["state"] == "succeeded", job
    return SimpleNamespace(job=job, reference=reference, gin=sample.gin,
                           files={p.name: p.read_bytes()
                                  for p in out.iterdir()})


def test_model_is_what_the_command_makes(server, stored):
    model = ask(server, "GET", "/v1/models/acme/tiny").json
    assert model["revision"] == stored.job["revision"]
    assert re.fullmatch("[0-9a-f]{40}", model["revision"])
    assert {f["name"]: f["sha256"] for f in model["files"]} == {
        n: hashlib.sha256(d).hexdigest() for n, d in stored.files.items()}
    for name, data in stored.files.items():
        reply = ask(server, "GET", f"/v1/models/acme/tiny/files/{name}")
        assert reply.status == 200 and reply.data == data
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        assert reply.headers["Repr-Digest"] == f"sha-256=:{digest}:"
        assert reply.headers["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'


def test_archive(server, stored):
    reply = ask(server, "GET", "/v1/models/acme/tiny/archive")
    assert reply.headers["Cache-Control"] == "no-store"  # it has no ETag
    assert int(reply.headers["Content-Length"]) == len(reply.data)
    with tarfile.open(fileobj=io.BytesIO(reply.data)) as tar:
        assert {m.name: tar.extractfile(m).read() for m in tar} == stored.files


@pytest.mark.parametrize("header, want", [
    ("bytes=0-9", [(0, 10)]),
    ("bytes=10-", [(10, None)]),
    ("bytes=-7", [(-7, None)]),
    ("bytes=0-0,5-6", [(0, 1), (5, 7)]),
    ("bytes=5-6, -3", [(5, 7), (-3, None)]),
    ("bytes=0-99999999999999999999", [(0, None)]),
    ("bytes=9-1", "whole"),
    ("bytes=x", "whole"),
    ("lines=0-1", "whole"),
    ("bytes=99999999-", "outside"),
    ("bytes=-0", "outside"),
])
def test_ranges(server, stored, header, want):
    whole = stored.files["model.safetensors"]
    reply = ask(server, "GET", "/v1/models/acme/tiny/files/model.safetensors",
                Range=header)
    if want == "whole":
        assert reply.status == 200 and reply.data == whole
    elif want == "outside":
        assert reply.status == 416
        assert reply.headers["Content-Range"] == f"bytes */{len(whole)}"
    elif len(want) == 1:
        assert reply.status == 206
        assert reply.data == whole[slice(*want[0])]
        first, last, size = map(int, re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+)",
            reply.headers["Content-Range"]).groups())
        assert (whole[first:last + 1], size) == (reply.data, len(whole))
    else:
        assert reply.status == 206
        kind = reply.headers["Content-Type"]
        boundary = kind.removeprefix("multipart/byteranges; boundary=")
        parts = reply.data.split(b"--" + boundary.encode())[1:-1]
        bodies = [p.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
                  for p in parts]
        assert bodies == [whole[slice(*r)] for r in want]


def test_conditions(server, stored):
    path = "/v1/models/acme/tiny/files/config.json"
    data = stored.files["config.json"]
    etag = ask(server, "GET", path).headers["ETag"]
    assert ask(server, "GET", path, If_None_Match=etag).status == 304
    assert ask(server, "GET", path, If_None_Match='"x"').status == 200
    assert ask(server, "GET", path, If_Match='"x"').status == 412
    assert ask(server, "GET", path, If_Match=f'"x", {etag}').status == 200
    reply = ask(server, "GET", path, If_Range=etag, Range="bytes=0-1")
    assert (reply.status, reply.data) == (206, data[:2])
    reply = ask(server, "GET", path, If_Range='"x"', Range="bytes=0-1")
    assert (reply.status, reply.data) == (200, data)
    head = ask(server, "HEAD", path)
    assert int(head.headers["Content-Length"]) == len(data)
    revision = stored.job["revision"]
    reply = ask(server, "GET", f"{path}?revision={revision}")
    assert "immutable" in reply.headers["Cache-Control"]
    assert ask(server, "GET", f"{path}?revision={'0' * 40}").status == 404
    assert ask(server, "GET", "/v1/models/acme/tiny/files/no").status == 404
    assert ask(server, "GET", "/v1/models/acme/none").status == 404


def test_same_again_shares_the_result(server, stored):
    request = dict(checkpoint=stored.reference, gin=stored.gin.read_text())
    reply = submit(server, model="acme/twin", **request)
    job = finished(server, reply.json)
    assert job["revision"] == stored.job["revision"]
    other = submit(server, model="acme/half", dtype="float16", **request)
    job = finished(server, other.json)
    assert job["revision"] != stored.job["revision"]
    names = [m["name"] for m in ask(server, "GET", "/v1/models").json["models"]]
    assert {"acme/half", "acme/tiny", "acme/twin"} <= set(names)
    assert ask(server, "DELETE", "/v1/models/acme/twin").status == 204
    assert ask(server, "GET", "/v1/models/acme/twin").status == 404
    assert ask(server, "GET", "/v1/models/acme/tiny").status == 200


def test_idempotency_key(server, stored):
    request = dict(checkpoint=stored.reference, model="acme/once",
                   dtype="bfloat16", headers={"Idempotency-Key": "k1"})
    one, two = submit(server, **request), submit(server, **request)
    assert one.json["id"] == two.json["id"]
    reply = submit(server, **{**request, "dtype": "float16"})
    assert reply.status == 422
    assert reply.json["type"] == "/problems/idempotency-key-reused"
    finished(server, one.json)


def test_events(server, stored):
    path = f"/v1/conversions/{stored.job['id']}/events"
    reply = ask(server, "GET", path)
    assert reply.headers["Content-Type"] == "text/event-stream"
    blocks = [dict(line.split(": ", 1) for line in block.splitlines())
              for block in reply.data.decode().split("\n\n") if block]
    assert blocks[0] == {"retry": "2000"}
    states = [b for b in blocks if b.get("event") == "state"]
    told = [json.loads(b["data"])["state"] for b in states]
    assert told[0] == "queued" and told[-1] == "succeeded"
    reply = ask(server, "GET", path, Last_Event_ID=states[-2]["id"])
    assert reply.data.count(b"event: state") == 1
    reply = ask(server, "GET", path, Accept="application/x-ndjson")
    lines = [json.loads(line) for line in reply.data.splitlines()]
    assert [e["state"] for e in lines if e["event"] == "state"] == told
    assert ask(server, "GET", path.replace(stored.job["id"], "x")).status == 404


def test_failure_is_told(server, tmp_path):
    make(tmp_path / "c", "--gated")
    files = {str(p.relative_to(tmp_path)): p.read_bytes()
             for p in sorted((tmp_path / "c").rglob("*")) if p.is_file()}
    reference = upload(server, "gated-of-the-tests", files)
    job = finished(server, submit(server, checkpoint=reference).json)
    assert job["state"] == "failed"
    assert job["problem"]["type"] == "/problems/unsupported-model"
    assert ask(server, "DELETE", f"/v1/conversions/{job['id']}").status == 204
    assert ask(server, "GET", f"/v1/conversions/{job['id']}").status == 404


@pytest.mark.parametrize("request_, status, word", [
    ({}, 400, "checkpoint"),
    ({"checkpoint": "x.example/c"}, 400, "upload:ID"),
    ({"checkpoint": "http://x.example/c"}, 403, "http"),
    ({"checkpoint": "upload:none-of-that-name"}, 404, "upload"),
    ({"checkpoint": "upload:sample-of-the-tests", "dtype": "int8"}, 400,
     "int8"),
    ({"checkpoint": "upload:sample-of-the-tests", "colour": 1}, 400, "colour"),
    ({"checkpoint": "upload:sample-of-the-tests", "model": "nosuch"}, 400,
     "nosuch"),
    ({"checkpoint": "upload:sample-of-the-tests", "gin": 5}, 400, "gin"),
])
def test_refused(server, stored, request_, status, word):
    reply = submit(server, **request_)
    assert reply.status == status, reply.data
    assert word in reply.data.decode()


def test_not_json(server):
    reply = ask(server, "POST", "/v1/conversions", b"x")
    assert reply.status == 415
    reply = ask(server, "POST", "/v1/conversions", b"{",
                Content_Type="application/json")
    assert reply.status == 400


def test_json_wants_no_query(server, stored):
    reply = ask(server, "POST", "/v1/conversions?dtype=float16",
                {"checkpoint": stored.reference})
    assert reply.status == 400
    assert reply.json["subject"] == "dtype" and "JSON" in reply.json["hint"]


def test_list(server, stored):
    page = ask(server, "GET", "/v1/conversions?limit=1&state=succeeded").json
    assert len(page["conversions"]) == 1
    rest = ask(server, "GET", page["next"]).json
    assert rest["conversions"][0]["id"] != page["conversions"][0]["id"]
    assert ask(server, "GET", "/v1/conversions?state=odd").status == 400


def state_of(server, job):
    return ask(server, "GET", f"/v1/conversions/{job['id']}").json["state"]


def test_cancel_and_restart(tmp_path, slow):
    """A live job ends soon; one whose process is killed runs again."""
    server = Server(tmp_path / "data", "--threads", 1, "--client-rate", 0)
    with open(slow.tar, "rb") as body:
        reference = upload(server, "large-of-the-tests", {"c.tar": body})
    job = submit(server, checkpoint=reference, model="a/cancelled").json
    assert soon(lambda: state_of(server, job) == "converting")
    began = time.monotonic()
    assert ask(server, "DELETE", f"/v1/conversions/{job['id']}").status == 202
    assert soon(lambda: state_of(server, job) == "cancelled")
    assert time.monotonic() - began < 3
    job = submit(server, checkpoint=reference, model="a/again").json
    assert soon(lambda: state_of(server, job) == "converting")
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL

    server = Server(tmp_path / "data", "--client-rate", 0)
    assert ask(server, "GET", "/v1/models/a/again").status in (200, 404)
    job = finished(server, job)
    assert (job["state"], job["attempts"]) == ("succeeded", 2)
    out = tmp_path / "command"
    converted(slow.checkpoint, "--out", out)
    model = ask(server, "GET", "/v1/models/a/again").json
    assert {f["name"]: f["sha256"] for f in model["files"]} == {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in out.iterdir()}
    staging = tmp_path / "data/models/staging"
    assert list(staging.iterdir()) == []
    assert server.stop() == 0
