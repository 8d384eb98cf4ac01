"""POST /v1/convert with JSON: a model that is made while it is sent."""
import io
import json
import tarfile
import time

import pytest

from conftest import bytes_of, converted, make
from test_jobs import ask, upload
from test_service import serving, soon


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def server(folder, large, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("service"), "--client-rate", 0,
                 "--allow-local", folder, "--allow-local", large.parent,
                 "--threads", 2) as s:
        yield s


@pytest.fixture(scope="module")
def uploaded(server, sample):
    return upload(server, "sample-for-streaming", {
        p.relative_to(sample.checkpoint).as_posix(): p.read_bytes()
        for p in sample.checkpoint.rglob("*") if p.is_file()})


@pytest.fixture(scope="module")
def expected(sample, tmp_path_factory):
    out = tmp_path_factory.mktemp("expected") / "m"
    converted(sample.checkpoint, "--out", out)
    return bytes_of(out)


def convert(server, query="", headers={}, **request):
    return ask(server, "POST", f"/v1/convert{query}", request, **headers)


def unpack(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar}


def test_archive(server, sample, uploaded, expected, tmp_path):
    reply = convert(server, checkpoint=uploaded)
    assert reply.status == 200 and unpack(reply.data) == expected
    assert int(reply.headers["Content-Length"]) == len(reply.data)
    assert reply.headers["Content-Type"] == "application/x-tar"
    converted(sample.checkpoint, "--out", tmp_path / "m", "--dtype", "bfloat16")
    for more in ({"dtype": "bfloat16"}, {"query": "?dtype=bfloat16"}):
        reply = convert(server, checkpoint=uploaded, **more)
        assert unpack(reply.data) == bytes_of(tmp_path / "m")
    assert server.is_clean_soon()


def test_file_and_ranges(server, uploaded, expected):
    for name, data in expected.items():
        reply = convert(server, f"?file={name}", checkpoint=uploaded)
        assert (reply.status, reply.data) == (200, data)
        etag = reply.headers["ETag"]
        for header, part in (("bytes=0-0", data[:1]), ("bytes=-7", data[-7:]),
                             ("bytes=50-", data[50:]),
                             ("bytes=9-77", data[9:78])):
            for more in ({}, {"If-Range": etag}):
                got = convert(server, f"?file={name}", checkpoint=uploaded,
                              headers={"Range": header, **more})
                assert (got.status, got.data) == (206, part)
                assert got.headers["Content-Range"].endswith(f"/{len(data)}")
        for more in ({"Range": "bytes=1-2", "If-Range": '"other"'},
                     {"Range": "bytes=1-2,4-5"}, {"Range": "lines=1-2"}):
            got = convert(server, f"?file={name}", checkpoint=uploaded,
                          headers=more)
            assert (got.status, got.data) == (200, data)
        got = convert(server, f"?file={name}", checkpoint=uploaded,
                      headers={"Range": f"bytes={len(data)}-"})
        assert got.status == 416
        assert got.headers["Content-Range"] == f"bytes */{len(data)}"


def test_etags_tell_plans_apart(server, uploaded):
    def etag(file="model.safetensors", **more):
        return convert(server, f"?file={file}", checkpoint=uploaded,
                       headers={"Range": "bytes=0-0"}, **more).headers["ETag"]
    tags = [etag(), etag("config.json"), etag(dtype="bfloat16"),
            etag(allow_missing_chunks=True)]
    assert len(set(tags)) == 4
    assert etag() == tags[0]


def test_first_byte(server, large):
    """It does not wait for weights."""
    body = json.dumps({"checkpoint": str(large)}).encode()

    def first_byte():
        connection = server.connect()
        connection.request("POST", "/v1/convert", body,
                           {"Content-Type": "application/json"})
        start = time.monotonic()
        reply = connection.getresponse()
        assert reply.status == 200 and len(reply.read(512)) == 512
        seconds = time.monotonic() - start
        connection.close()
        return seconds
    assert min(first_byte() for _ in range(5)) < 0.1
    assert soon(lambda: convert(server, "?file=config.json",
                                checkpoint=str(large)).status == 200)


def test_inspect(server, uploaded, expected):
    reply = ask(server, "POST", "/v1/inspect", {"checkpoint": uploaded})
    assert reply.status == 200
    assert {f["name"]: f["bytes"] for f in reply.json["files"]} == {
        name: len(data) for name, data in expected.items()}


@pytest.mark.parametrize("query, request_, status, word", [
    ("", {}, 400, "checkpoint"),
    ("", {"checkpoint": "upload:nothing-is-here-at-all"}, 404, "nothing-is-here"),
    ("", {"checkpoint": "/etc"}, 403, "/etc"),
    ("", {"checkpoint": "upload:sample-for-streaming", "model": "a/b"}, 400, "model"),
    ("", {"checkpoint": "upload:sample-for-streaming", "verify": True}, 400, "verify"),
    ("", {"checkpoint": "upload:sample-for-streaming", "x": 1}, 400, "x"),
    ("?dtype=float16", {"checkpoint": "upload:sample-for-streaming", "dtype": "float16"},
     400, "twice"),
    ("?file=config.json&file=x", {"checkpoint": "upload:sample-for-streaming"}, 400,
     "twice"),
    ("?file=x", {"checkpoint": "upload:sample-for-streaming"}, 404, "x"),
    ("?y=x", {"checkpoint": "upload:sample-for-streaming"}, 400, "y"),
])
def test_refused(server, uploaded, query, request_, status, word):
    reply = convert(server, query, **request_)
    assert reply.status == status and word in json.dumps(reply.json)


def test_no_json(server):
    reply = server.request("POST", "/v1/convert", b"{", **{
        "Content-Type": "application/json"})
    assert reply.status == 400


def test_error_in_the_middle(server, folder):
    """It ends the connection before the length that was announced."""
    make(folder / "c", "--values", "normal", "--vocab", 8192, "--d-model", 128)
    chunk = next((folder / "c").glob("target.*wo.kernel/*.*"))
    chunk.write_bytes(b"no gzip")
    body = json.dumps({"checkpoint": str(folder / "c")}).encode()
    connection = server.connect()
    connection.request("POST", "/v1/convert", body,
                       {"Content-Type": "application/json"})
    reply = connection.getresponse()
    assert reply.status == 200
    with pytest.raises(Exception, match="IncompleteRead"):
        reply.read()
    connection.close()
    assert soon(lambda: chunk.name in server.log())


def test_many_at_once(server, uploaded, expected):
    """More than run at once: they wait, and all are served."""
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(
            lambda _: convert(server, "?file=model.safetensors",
                              checkpoint=uploaded), range(24)))
    done = [r for r in replies if r.status == 200]
    assert all(r.data == expected["model.safetensors"] for r in done)
    assert len(done) >= 8 and all(r.status in (200, 503) for r in replies)
