"""Uploads as a client meets them: tus 1.0, plain PUT, and the lists.

What counts is not the reply but the bytes on the disk, so most tests look
there. Clients that people use are in test_uploads_clients.py, and a server that
dies is in test_uploads_kill.py.
"""
import base64
import hashlib
import http.client
import json
import os
import random
import re
import socket
import time
import urllib.parse
import uuid
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest
import tus
from conftest import golden
from test_service import MiB, Server, problem, serving, small, soon, tar_of, \
    tar_with  # noqa: F401 (small is a fixture)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("uploads"), "--client-rate", 0,
                 "--max-upload", 64 * MiB, "--max-body", MiB) as server:
        yield server


@pytest.fixture
def server(shared):
    """The shared server, which lives after every test."""
    yield shared
    assert shared.request("GET", "/livez").data == b"ok\n"


def some(size, seed=1):
    return random.Random(seed).randbytes(size)


def new_id():
    return uuid.uuid4().hex


def blobs(server):
    return sorted(p.name for p in (server.data / "uploads/blobs").iterdir())


# What is spoken.


@pytest.mark.parametrize("path", [tus.UPLOADS, f"{tus.UPLOADS}/some"])
def test_options(server, path):
    reply = server.request("OPTIONS", path)
    assert reply.status == 204
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert reply.headers["Tus-Version"] == "1.0.0"
    assert reply.headers["Tus-Max-Size"] == str(64 * MiB)
    assert set(reply.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "creation-defer-length",
        "termination", "checksum", "expiration", "concatenation"}
    algorithms = reply.headers["Tus-Checksum-Algorithm"].split(",")
    assert {"sha1", "sha256"} <= set(algorithms)


@pytest.mark.parametrize("version", ["0.2.2", "1.0.1", "", None])
@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "DELETE", "GET"])
def test_other_versions(server, method, version):
    if version is None and method not in ("POST", "PATCH"):
        return  # not a request of tus
    url = tus.UPLOADS if method == "POST" else tus.create(server, 5)
    more = {} if version is None else {"Tus_Resumable": version}
    reply = server.request(method, url, **more, Upload_Length="5")
    assert reply.status == 412
    assert reply.headers["Tus-Version"] == reply.headers["Tus-Resumable"] == "1.0.0"
    if method != "HEAD":
        problem(reply, 412, "unsupported-tus-version")
    if method != "POST":
        assert tus.offset(server, url) == 0


# A file in pieces.


def test_pieces(server):
    data = some(3 * MiB + 17)
    url = tus.create(server, len(data),
                     Upload_Metadata=tus.metadata(filename="a.tar"))
    assert re.fullmatch("/v1/uploads/[0-9a-f]{32}", url)
    tus.send(server, url, data, MiB)
    reply = tus.head(server, url)
    assert reply.headers["Upload-Offset"] == str(len(data))
    assert reply.headers["Upload-Length"] == str(len(data))
    assert reply.headers["Upload-Metadata"] == tus.metadata(filename="a.tar")
    assert "Upload-Expires" not in reply.headers
    assert tus.stored(server, url) == data
    upload = tus.get(server, url)
    assert upload["id"] == url.rpartition("/")[2]
    assert upload["reference"] == "upload:" + upload["id"]
    assert (upload["complete"], upload["files"]) == (True, 1)
    assert upload["bytes"] == len(data)
    assert list(tus.files(server, upload["id"])) == ["a.tar"]


def test_body_may_be_larger_than_others(server):
    """max-body is for other bodies; uploads have a limit of their own."""
    data = some(5 * MiB)
    url = tus.create(server, len(data))
    assert tus.patch(server, url, 0, data).status == 204
    assert tus.stored(server, url) == data


def test_chunked_body(server):
    data = some(2 * MiB)
    url = tus.create(server, len(data))
    pieces = (data[i:i + 1000] for i in range(0, len(data), 1000))
    assert tus.patch(server, url, 0, pieces).status == 204
    assert tus.stored(server, url) == data


def test_empty_file(server):
    url = tus.create(server, 0)
    assert tus.get(server, url)["complete"]
    assert tus.stored(server, url) == b""
    assert tus.patch(server, url, 0, b"").status == 204
    assert tus.patch(server, url, 0, b"x").status in (400, 413)


def test_with_upload(server):
    url = tus.create(server, 10, b"hello")
    assert tus.offset(server, url) == 5
    assert tus.patch(server, url, 5, b"world").status == 204
    assert tus.stored(server, url) == b"helloworld"
    reply = tus.post(server, b"all", Upload_Length="3")
    assert (reply.status, reply.headers["Upload-Offset"]) == (201, "3")


def test_with_upload_that_fails_leaves_nothing(server):
    """Its address was never told, so nobody could go on with it."""
    before = blobs(server)
    for more, data, status in [
        ({"Upload_Length": "3"}, b"four", 413),
        ({"Upload_Length": "4", "Content_Type": "text/plain"}, b"four", 415),
        ({"Upload_Length": "4", "Upload_Checksum": tus.checksum(b"five")},
         b"four", 460),
        ({"Upload_Length": "4", "Upload_Checksum": "crc32 AAAA"}, b"four", 400),
    ]:
        reply = tus.post(server, data, **more)
        assert (reply.status, json.loads(reply.data)["status"]) == (status, status)
    s = server.socket(b"POST /v1/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                      b"Tus-Resumable: 1.0.0\r\nUpload-Length: 100\r\n"
                      b"Content-Length: 100\r\n"
                      b"Content-Type: application/offset+octet-stream\r\n\r\n"
                      b"some of it")
    assert soon(lambda: len(blobs(server)) == len(before) + 1)
    s.close()
    assert soon(lambda: blobs(server) == before)


def test_deferred_length(server):
    url = tus.create(server, None, Upload_Defer_Length="1")
    reply = tus.head(server, url)
    assert reply.headers["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in reply.headers
    assert tus.patch(server, url, 0, b"12345").status == 204
    assert not tus.get(server, url)["complete"]
    problem(tus.patch(server, url, 5, b"67", Upload_Length="4"), 400,
            "invalid-request")
    assert tus.patch(server, url, 5, b"67", Upload_Length="7").status == 204
    assert tus.head(server, url).headers["Upload-Length"] == "7"
    problem(tus.patch(server, url, 7, b"", Upload_Length="8"), 400,
            "invalid-request")
    assert tus.stored(server, url) == b"1234567"
    assert tus.get(server, url)["complete"]


def test_deferred_length_told_at_the_end(server):
    """As a stream whose end shows only when there are no more bytes."""
    url = tus.create(server, None, Upload_Defer_Length="1")
    assert tus.patch(server, url, 0, b"12345").status == 204
    reply = tus.patch(server, url, 5, b"", Upload_Length="5")
    assert (reply.status, reply.headers["Upload-Offset"]) == (204, "5")
    assert tus.get(server, url)["complete"]


def test_method_override(server):
    url = tus.create(server, 5)
    more = tus.headers(X_HTTP_Method_Override="PATCH", Upload_Offset="0",
                       Content_Type=tus.BODY)
    assert server.request("POST", url, b"12345", **more).status == 204
    assert tus.stored(server, url) == b"12345"
    more = tus.headers(X_HTTP_Method_Override="DELETE")
    assert server.request("POST", url, **more).status == 204
    assert tus.head(server, url).status == 404
    more = {"X_HTTP_Method_Override": "DELETE"}  # this is not tus
    assert server.request("POST", tus.create(server, 5), **more).status == 405


@pytest.mark.parametrize("more, status", [
    ({}, 400),
    ({"Upload_Length": "-1"}, 400),
    ({"Upload_Length": "1e3"}, 400),
    ({"Upload_Length": str(2**63)}, 400),
    ({"Upload_Length": str(2**80)}, 400),
    ({"Upload_Length": str(64 * MiB + 1)}, 413),
    ({"Upload_Length": "5", "Upload_Defer_Length": "1"}, 400),
    ({"Upload_Defer_Length": "2"}, 400),
    ({"Upload_Length": "5", "Upload_Metadata": "a !"}, 400),
    ({"Upload_Length": "5", "Upload_Metadata": "a YQ==,a YQ=="}, 400),
    ({"Upload_Length": "5", "Upload_Metadata": "a " + "YWFh" * 3000}, 413),
    ({"Upload_Length": "5", "Upload_Concat": "none"}, 400),
    ({"Upload_Length": "5", "Upload_Concat": "final;/v1/uploads/a"}, 400),
    ({"Upload_Concat": "final;"}, 400),
    ({"Upload_Concat": "final;/v1/uploads/a"}, 404),
    ({"Upload_Length": "5",
      "Upload_Metadata": tus.metadata(upload="too-short")}, 400),
    ({"Upload_Length": "5",
      "Upload_Metadata": tus.metadata(upload="../../../../../etc")}, 400),
])
def test_bad_creations(server, more, status):
    before = blobs(server)
    reply = tus.post(server, **more)
    assert (reply.status, json.loads(reply.data)["status"]) == (status, status)
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert blobs(server) == before


@pytest.mark.parametrize("more, status, slug", [
    ({"Content_Type": "application/octet-stream"}, 415, "unsupported-media-type"),
    ({"Content_Type": tus.BODY + "x"}, 415, "unsupported-media-type"),
    ({"Upload_Offset": "4"}, 409, "offset-mismatch"),
    ({"Upload_Offset": "6"}, 409, "offset-mismatch"),
    ({"Upload_Offset": "-1"}, 400, "invalid-request"),
    ({"Upload_Offset": ""}, 400, "invalid-request"),
    ({"Upload_Checksum": "sha1"}, 400, "invalid-request"),
    ({"Upload_Checksum": "crc32 AAAA"}, 400, "invalid-request"),
    ({"Upload_Checksum": tus.checksum(b"other")}, 460, "checksum-mismatch"),
    ({"Upload_Length": "11"}, 400, "invalid-request"),
])
def test_bad_patches(server, more, status, slug):
    """They change nothing, and the connection goes on."""
    url = tus.create(server, 10, b"01234")
    problem(tus.patch(server, url, 5, b"56789", **more), status, slug)
    assert tus.offset(server, url) == 5
    assert tus.patch(server, url, 5, b"56789").status == 204
    assert tus.stored(server, url) == b"0123456789"


def test_too_many_bytes(server):
    url = tus.create(server, 10, b"01234")
    problem(tus.patch(server, url, 5, b"567890"), 413, "too-large")
    pieces = iter([b"567890"])
    problem(tus.patch(server, url, 5, pieces), 413, "too-large")
    assert tus.offset(server, url) == 5
    assert tus.stored(server, url) == b"01234"


def test_unknown_length_has_a_limit(server):
    url = tus.create(server, None, Upload_Defer_Length="1")
    piece = bytes(8 * MiB)
    for at in range(8):
        assert tus.patch(server, url, at * len(piece), piece).status == 204
    problem(tus.patch(server, url, 64 * MiB, b"x"), 413, "too-large")
    assert server.request("DELETE", url, **tus.headers()).status == 204


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512", "md5"])
def test_checksum(server, algorithm):
    data = some(200_000)
    url = tus.create(server, len(data))
    wrong = tus.checksum(data + b"x", algorithm)
    right = tus.checksum(data, algorithm)
    document = problem(tus.patch(server, url, 0, data, Upload_Checksum=wrong), 460,
                       "checksum-mismatch")
    assert document["expected"] != document["actual"]
    assert tus.offset(server, url) == 0
    assert tus.patch(server, url, 0, data, Upload_Checksum=right).status == 204
    assert tus.stored(server, url) == data


def test_unknown_file(server):
    url = f"{tus.UPLOADS}/{'0' * 32}"
    problem(tus.patch(server, url, 0, b"x"), 404, "not-found")
    assert tus.head(server, url).status == 404
    problem(server.request("DELETE", url, **tus.headers()), 404, "not-found")
    problem(server.request("DELETE", url), 404, "not-found")
    problem(server.request("GET", url), 404, "not-found")
    problem(server.request("GET", url + "/files"), 404, "not-found")


def test_terminate(server):
    url = tus.create(server, 10, b"01234")
    id = url.rpartition("/")[2]
    assert id in blobs(server)
    reply = server.request("DELETE", url, **tus.headers())
    assert (reply.status, reply.headers["Tus-Resumable"]) == (204, "1.0.0")
    assert id not in blobs(server)
    assert tus.head(server, url).status == 404
    problem(server.request("GET", url), 404, "not-found")


# Concatenation.


def parts_of(server, data, size):
    out = []
    for at in range(0, len(data), size):
        part = data[at:at + size]
        out.append(tus.create(server, len(part), part, Upload_Concat="partial"))
    return out


def test_concatenation(server):
    data = some(100_000)
    parts = parts_of(server, data, 30_000)
    assert tus.head(server, parts[0]).headers["Upload-Concat"] == "partial"
    base = f"http://127.0.0.1:{server.port}"
    concat = "final;" + " ".join([parts[0]] + [base + p for p in parts[1:]])
    url = tus.create(server, None, Upload_Concat=concat,
                     Upload_Metadata=tus.metadata(filename="whole"))
    reply = tus.head(server, url)
    assert reply.headers["Upload-Concat"] == concat
    assert reply.headers["Upload-Length"] == str(len(data))
    assert reply.headers["Upload-Offset"] == str(len(data))
    assert tus.stored(server, url) == data
    assert list(tus.files(server, url.rpartition("/")[2])) == ["whole"]
    problem(tus.patch(server, url, len(data), b""), 403, "forbidden")


def test_concatenation_of_what_is_not_there_yet(server):
    parts = parts_of(server, b"12345", 5)
    parts.append(tus.create(server, 5, b"67", Upload_Concat="partial"))
    concat = "final;" + " ".join(parts)
    problem(tus.post(server, Upload_Concat=concat), 409, "unfinished-upload")
    assert tus.patch(server, parts[1], 2, b"890").status == 204
    url = tus.create(server, None, Upload_Concat=concat)
    assert tus.stored(server, url) == b"1234567890"


def test_concatenation_of_what_is_no_part(server):
    url = tus.create(server, 5, b"12345")
    problem(tus.post(server, Upload_Concat=f"final;{url}"), 400, "invalid-request")
    assert tus.stored(server, url) == b"12345"


# Connections that break, and others that want the same file.


def begin_patch(server, url, at, length, data, *more):
    lines = [f"PATCH {url} HTTP/1.1", "Host: 127.0.0.1", "Tus-Resumable: 1.0.0",
             f"Upload-Offset: {at}", f"Content-Length: {length}",
             f"Content-Type: {tus.BODY}", *more]
    s = server.socket("\r\n".join(lines).encode() + b"\r\n\r\n")
    s.sendall(data)
    return s


def test_broken_connection_keeps_what_came(server):
    data = some(4 * MiB)
    cut = 3 * MiB + 5
    url = tus.create(server, len(data))
    begin_patch(server, url, 0, len(data), data[:cut]).close()
    assert soon(lambda: tus.offset(server, url) == cut)
    assert tus.patch(server, url, cut, data[cut:]).status == 204
    assert tus.stored(server, url) == data


def test_broken_connection_with_checksum_keeps_nothing(server):
    data = some(MiB)
    url = tus.create(server, len(data))
    s = begin_patch(server, url, 0, len(data), data[:-1],
                    f"Upload-Checksum: {tus.checksum(data)}")
    blob = server.data / "uploads/blobs" / url.rpartition("/")[2]
    assert soon(lambda: blob.stat().st_size == len(data) - 1)
    s.close()
    assert soon(lambda: blob.stat().st_size == 0)
    assert tus.offset(server, url) == 0
    assert tus.patch(server, url, 0, data).status == 204


def test_long_request_is_committed_meanwhile(server):
    """Should it never end, not all of it has to be sent again."""
    url = tus.create(server, 60 * MiB)
    s = begin_patch(server, url, 0, 60 * MiB, bytes(20 * MiB))
    time.sleep(3)
    s.sendall(bytes(10 * MiB))
    assert soon(lambda: tus.offset(server, url) >= 20 * MiB)
    problem(tus.patch(server, url, tus.offset(server, url), b"x"), 423, "locked")
    s.sendall(bytes(30 * MiB))
    assert reply_to(s) == 204
    s.close()
    assert server.request("DELETE", url, **tus.headers()).status == 204


def test_one_writer(server):
    data = some(MiB)
    url = tus.create(server, len(data))
    s = begin_patch(server, url, 0, len(data), data[:1000])
    blob = server.data / "uploads/blobs" / url.rpartition("/")[2]
    assert soon(lambda: blob.stat().st_size == 1000)
    problem(tus.patch(server, url, 0, data), 423, "locked")
    assert tus.offset(server, url) == 0
    s.sendall(data[1000:])
    assert s.recv(1000).startswith(b"HTTP/1.1 204 ")
    s.close()
    assert tus.stored(server, url) == data


def test_many_writers(server):
    """Of requests at the same time one wins each time; no byte is lost."""
    data = some(MiB)
    url = tus.create(server, len(data))
    piece = 64 << 10

    def work(_):
        codes = set()
        while (at := tus.offset(server, url)) < len(data):
            codes.add(tus.patch(server, url, at, data[at:at + piece]).status)
        return codes

    with ThreadPoolExecutor(6) as pool:
        codes = set().union(*pool.map(work, range(6)))
    # 400: it had become complete meanwhile
    assert {204} <= codes <= {204, 400, 409, 423}
    assert tus.stored(server, url) == data


def test_termination_wins(server):
    """Who deletes need not wait for who writes."""
    url = tus.create(server, MiB)
    s = begin_patch(server, url, 0, MiB, bytes(1000))
    blob = server.data / "uploads/blobs" / url.rpartition("/")[2]
    assert soon(lambda: blob.stat().st_size == 1000)
    assert server.request("DELETE", url, **tus.headers()).status == 204
    s.sendall(bytes(MiB - 1000))
    assert s.recv(1000).startswith(b"HTTP/1.1 4")
    s.close()
    assert soon(lambda: not blob.exists())


def reply_to(s):
    reply = http.client.HTTPResponse(s)
    reply.begin()
    return reply.status


@pytest.mark.parametrize("at, more, status", [
    (7, [], 409),
    (5, ["Upload-Checksum: none"], 400),
    (5, ["Content-Length: 5"], 400),
    (5, [], 413),
])
def test_refused_at_the_head(server, at, more, status):
    """A client that would wait is told before it sends anything."""
    url = tus.create(server, 10, b"01234")
    s = begin_patch(server, url, at, 100 * MiB, b"", "Expect: 100-continue", *more)
    assert reply_to(s) == status
    s.close()


def test_refused_at_the_head_of_others(server):
    for line, status in [
        (f"POST {tus.UPLOADS} HTTP/1.1\r\nUpload-Length: {65 * MiB}\r\n"
         f"Content-Type: {tus.BODY}", 413),
        (f"PUT {tus.UPLOADS}/{new_id()}/files/%2e%2e/a HTTP/1.1", 422),
        (f"PUT {tus.UPLOADS}/short/files/a HTTP/1.1", 400),
    ]:
        s = server.socket(f"{line}\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n"
                          f"Content-Length: {32 * MiB}\r\n"
                          "Expect: 100-continue\r\n\r\n".encode())
        assert reply_to(s) == status, line
        s.close()


def test_continue(server):
    url = tus.create(server, 5)
    s = begin_patch(server, url, 0, 5, b"", "Expect: 100-continue")
    assert s.recv(100).startswith(b"HTTP/1.1 100 ")
    s.sendall(b"12345")
    assert reply_to(s) == 204
    s.close()


# Folders.


def test_folder_by_tus(server):
    upload = new_id()
    wanted = {f"root/{i % 7}/{i}.bin": some(i * 10, i) for i in range(60)}
    urls = [tus.create(server, len(data), data or None,
                       Upload_Metadata=tus.metadata(upload=upload,
                                                    relativePath=path))
            for path, data in wanted.items()]
    assert tus.stored_in(server, upload) == wanted
    info = tus.get(server, f"{tus.UPLOADS}/{upload}")
    assert (info["files"], info["complete"]) == (60, True)
    assert info["bytes"] == sum(map(len, wanted.values()))
    # tus removes the one file, everybody else the whole.
    assert server.request("DELETE", urls[0], **tus.headers()).status == 204
    assert tus.get(server, f"{tus.UPLOADS}/{upload}")["files"] == 59
    problem(server.request("GET", urls[1]), 404, "not-found")
    assert server.request("DELETE", f"{tus.UPLOADS}/{upload}").status == 204
    assert tus.head(server, urls[1]).status == 404
    assert not {u.rpartition("/")[2] for u in urls} & set(blobs(server))


def test_file_of_the_same_path_replaces(server):
    upload = new_id()
    meta = tus.metadata(upload=upload, relativePath="a")
    tus.create(server, 3, b"one", Upload_Metadata=meta)
    two = tus.create(server, 3, Upload_Metadata=meta)
    assert len(tus.get(server, f"{tus.UPLOADS}/{upload}/files")["files"]) == 2
    assert tus.patch(server, two, 0, b"two").status == 204
    assert tus.stored_in(server, upload) == {"a": b"two"}


@pytest.mark.parametrize("path", [
    "../a", "a/../b", "a//b", "a/./b", "..", ".", "a/", "a" * 256,
    "é" * 128, "/".join("a" * 2000),
])
def test_bad_paths(server, path):
    """Neither way takes a path that is not plainly inside the folder."""
    upload = new_id()
    reply = tus.post(server, Upload_Length="1",
                     Upload_Metadata=tus.metadata(upload=upload, relativePath=path))
    codes = [reply.status]
    url = f"{tus.UPLOADS}/{upload}/files/" + urllib.parse.quote(path, safe="")
    codes.append(server.request("PUT", url, b"x").status)
    assert set(codes) <= {400, 404, 413, 422}, codes
    problem(server.request("GET", f"{tus.UPLOADS}/{upload}"), 404, "not-found")


def test_path_that_is_not_utf8(server):
    upload = new_id()
    bad = base64.b64encode(b"\xff\xfe").decode()
    reply = tus.post(server, Upload_Length="1", Upload_Metadata=f"relativePath {bad}")
    put = server.request("PUT", f"{tus.UPLOADS}/{upload}/files/%ff%fe", b"x")
    assert (reply.status, put.status) == (422, 422)


def test_leading_slashes_are_dropped(server):
    for path in "/a/b", "./a/b", "//a/b":
        url = tus.create(server, 1, Upload_Metadata=tus.metadata(relativePath=path))
        assert list(tus.files(server, url.rpartition("/")[2])) == ["a/b"]


UNICODE = ["ünï/cödé.bin", "é" * 127, "a\nb", "a\\..\\b", "日本語/モデル", "emoji 🤖/a b", "e\u0301/combined",
           "100%/a+b&c=d#e?f", "quote\"'<>"]


@pytest.mark.parametrize("path", UNICODE)
def test_unicode_paths(server, path):
    upload = new_id()
    tus.create(server, 3, b"tus", Upload_Metadata=tus.metadata(
        upload=upload, relativePath=path))
    assert tus.stored_in(server, upload) == {path: b"tus"}
    url = f"{tus.UPLOADS}/{upload}/files/" + urllib.parse.quote(path)
    assert server.request("PUT", url, b"put!").status == 204
    assert tus.stored_in(server, upload) == {path: b"put!"}
    assert server.request("HEAD", url).headers["Content-Length"] == "4"
    assert server.request("DELETE", url).status == 204


def test_file_and_folder_of_one_name(server):
    upload = new_id()
    base = f"{tus.UPLOADS}/{upload}/files/"
    assert server.request("PUT", base + "a/b", b"x").status == 201
    problem(server.request("PUT", base + "a", b"x"), 422, "unsafe-path")
    problem(server.request("PUT", base + "a/b/c", b"x"), 422, "unsafe-path")
    assert tus.stored_in(server, upload) == {"a/b": b"x"}


# Plain PUT.


def test_put(server):
    upload = new_id()
    data = some(3 * MiB)
    url = f"{tus.UPLOADS}/{upload}/files/checkpoint_1/a"
    reply = server.request("PUT", url, data)
    assert (reply.status, reply.headers["Location"]) == (201, url)
    assert tus.stored_in(server, upload) == {"checkpoint_1/a": data}
    pieces = iter([b"other ", b"bytes"])
    assert server.request("PUT", url, pieces).status == 204
    assert tus.stored_in(server, upload) == {"checkpoint_1/a": b"other bytes"}
    assert server.request("HEAD", url).headers["Content-Length"] == "11"
    assert server.request("PUT", url + "/../b", b"").status == 422
    assert server.request("PUT", f"{url[:-1]}empty", b"").status == 201
    assert tus.get(server, f"{tus.UPLOADS}/{upload}")["files"] == 2
    assert server.request("DELETE", url).status == 204
    assert server.request("HEAD", url).status == 404
    problem(server.request("DELETE", url), 404, "not-found")
    reply = server.request("GET", url)
    problem(reply, 405, "method-not-allowed")
    assert reply.headers["Allow"] == "HEAD, PUT, DELETE, OPTIONS"


@pytest.mark.parametrize("name", ["Repr_Digest", "Content_Digest"])
def test_put_digest(server, name):
    upload = new_id()
    url = f"{tus.UPLOADS}/{upload}/files/a"
    assert server.request("PUT", url, b"old").status == 201
    data = some(100_000)
    wrong = tus.digest(data + b"x")
    reply = server.request("PUT", url, data, **{name: wrong})
    document = problem(reply, 400, "digest-mismatch")
    assert document["expected"] and document["actual"]
    problem(server.request("PUT", url, data, **{name: "sha-256=abc"}), 400,
            "invalid-request")
    assert tus.stored_in(server, upload) == {"a": b"old"}
    for right in (tus.digest(data), tus.digest(data, "sha-512"),
                  f"unixsum=:AAAA:, {tus.digest(data)}", "unixsum=:AAAA:"):
        assert server.request("PUT", url, data, **{name: right}).status == 204
        assert tus.stored_in(server, upload) == {"a": data}


def test_put_of_a_part(server):
    url = f"{tus.UPLOADS}/{new_id()}/files/a"
    problem(server.request("PUT", url, b"a", Content_Range="bytes 0-0/2"), 400,
            "invalid-request")
    problem(server.request("PUT", url, b"a", Content_Encoding="gzip"), 415,
            "unsupported-media-type")
    assert server.request("HEAD", url).status == 404


def test_put_that_breaks_off_leaves_nothing(server):
    upload = new_id()
    before = blobs(server)
    s = server.socket(f"PUT {tus.UPLOADS}/{upload}/files/a HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                      "Content-Length: 1000\r\n\r\nsome of it".encode())
    assert soon(lambda: len(blobs(server)) == len(before) + 1)
    s.close()
    assert soon(lambda: blobs(server) == before)
    problem(server.request("GET", f"{tus.UPLOADS}/{upload}"), 404, "not-found")


# Lists.


def test_pages(tmp_path):
    with serving(tmp_path, "--client-rate", 0) as server:
        assert tus.get(server, tus.UPLOADS) == {"uploads": [], "next": None}
        ids = [tus.create(server, 1).rpartition("/")[2] for _ in range(25)]
        seen, url = [], tus.UPLOADS + "?limit=10&filter=a%26b%c3%bc"
        while url:
            reply = server.request("GET", url)
            page = json.loads(reply.data)
            assert len(page["uploads"]) <= 10
            seen += [u["id"] for u in page["uploads"]]
            url = page["next"]
            link = f'<{url}>; rel="next"' if url else None
            assert url is None or "filter=a%26b%C3%BC&" in url
            assert reply.headers.get("Link") == link
        assert seen == sorted(ids)
        for limit in "0", "1001", "x", "-1", "":
            problem(server.request("GET", f"{tus.UPLOADS}?limit={limit}"), 400,
                    "invalid-request")
        exact = tus.get(server, tus.UPLOADS + "?limit=25")
        assert (len(exact["uploads"]), exact["next"]) == (25, None)
        assert server.request("HEAD", tus.UPLOADS).data == b""


def test_many_files(server):
    """A page leads to the next, whatever is in the names."""
    upload = new_id()
    paths = sorted([f"d/{i:04}" for i in range(300)] + UNICODE,
                   key=str.encode)

    def put(path):
        url = f"{tus.UPLOADS}/{upload}/files/" + urllib.parse.quote(path)
        return server.request("PUT", url, path.encode()).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, paths)) == {201}
    assert list(tus.files(server, upload)) == paths
    seen, url = [], f"{tus.UPLOADS}/{upload}/files?limit=1"
    for _ in paths:
        page = tus.get(server, url)
        seen += [f["path"] for f in page["files"]]
        url = page["next"]
    assert (seen, url) == (paths, None)


# Limits and time.


def test_quota(tmp_path):
    with serving(tmp_path, "--disk-quota", 10 * MiB) as server:
        url = tus.create(server, 8 * MiB, bytes(8 * MiB))
        problem(tus.post(server, Upload_Length=str(8 * MiB)), 507, "quota-exceeded")
        put = f"{tus.UPLOADS}/{new_id()}/files/a"
        problem(server.request("PUT", put, bytes(8 * MiB)), 507, "quota-exceeded")
        # Without a length it shows when the bytes come.
        pieces = (bytes(MiB) for _ in range(20))
        problem(server.request("PUT", put, pieces), 507, "quota-exceeded")
        assert server.request("DELETE", url).status == 204
        assert server.request("PUT", put, bytes(8 * MiB)).status == 201


def test_entries(tmp_path):
    with serving(tmp_path, "--max-entries", 3) as server:
        base = f"{tus.UPLOADS}/{new_id()}/files/"
        for name in "abc":
            assert server.request("PUT", base + name, b"x").status == 201
        problem(server.request("PUT", base + "d", b"x"), 413, "too-large")
        assert server.request("PUT", base + "a", b"new").status == 204


def test_expiration(tmp_path):
    with serving(tmp_path, "--upload-age", 1) as server:
        reply = tus.post(server, b"12", Upload_Length="5")
        url = reply.headers["Location"]
        expires = parsedate_to_datetime(reply.headers["Upload-Expires"])
        assert abs(expires.timestamp() - time.time() - 1) < 2
        assert tus.head(server, url).headers["Upload-Expires"]
        left = blobs(server)
        assert left
    time.sleep(2.1)
    with serving(tmp_path, "--upload-age", 1) as server:
        assert soon(lambda: tus.head(server, url).status == 404)
        assert blobs(server) == []


def test_patch_puts_expiration_off(tmp_path):
    with serving(tmp_path, "--upload-age", 60) as server:
        url = tus.create(server, 5)
        one = tus.head(server, url).headers["Upload-Expires"]
        time.sleep(1.1)
        two = tus.patch(server, url, 0, b"1").headers["Upload-Expires"]
        assert parsedate_to_datetime(two) > parsedate_to_datetime(one)


def test_restart_keeps_all(tmp_path):
    data = some(MiB)
    with serving(tmp_path) as server:
        url = tus.create(server, len(data))
        assert tus.patch(server, url, 0, data[:1000]).status == 204
    with serving(tmp_path) as server:
        assert tus.offset(server, url) == 1000
        assert tus.patch(server, url, 1000, data[1000:]).status == 204
        assert tus.stored(server, url) == data


def test_stop_keeps_what_came(tmp_path):
    """A request that is still sending when the service stops."""
    server = Server(tmp_path / "data", "--grace-time", 0)
    url = tus.create(server, MiB)
    s = begin_patch(server, url, 0, MiB, bytes(1000))
    blob = server.data / "uploads/blobs" / url.rpartition("/")[2]
    assert soon(lambda: blob.stat().st_size == 1000)
    assert server.stop() == 0
    s.close()
    with serving(tmp_path) as server:
        assert tus.offset(server, url) == 1000


def test_pages_of_an_origin(tmp_path):
    """What a browser needs for tus-js-client on another origin."""
    origin = "https://dash.example"
    with serving(tmp_path, "--cors-origins", origin) as server:
        wanted = ("tus-resumable", "upload-length", "upload-metadata",
                  "upload-offset", "content-type", "upload-checksum",
                  "upload-concat", "upload-defer-length",
                  "x-http-method-override")
        reply = server.request(
            "OPTIONS", f"{tus.UPLOADS}/a", Origin=origin,
            Access_Control_Request_Method="PATCH",
            Access_Control_Request_Headers=", ".join(wanted))
        allowed = reply.headers["Access-Control-Allow-Headers"].lower()
        assert set(wanted) <= set(allowed.split(", "))
        assert "PATCH" in reply.headers["Access-Control-Allow-Methods"]
        reply = tus.post(server, Upload_Length="5", Origin=origin)
        assert reply.headers["Access-Control-Allow-Origin"] == origin
        seen = reply.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Location", "Upload-Offset", "Upload-Length",
                "Tus-Resumable"} <= set(seen)


def test_roles(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"read {'r' * 20}\nconvert {'c' * 20}\n")
    tokens.chmod(0o600)
    read = {"Authorization": f"Bearer {'r' * 20}"}
    convert = {"Authorization": f"Bearer {'c' * 20}"}
    with serving(tmp_path, "--token-file", tokens) as server:
        assert tus.post(server, Upload_Length="5").status == 401
        assert tus.post(server, Upload_Length="5", **read).status == 403
        url = tus.create(server, 5, **convert)
        assert tus.patch(server, url, 0, b"x", **read).status == 403
        assert tus.head(server, url).status == 401
        assert server.request("GET", url, **read).status == 200
        # A method that is only said does not go round the role.
        more = tus.headers(X_HTTP_Method_Override="DELETE", **read)
        assert server.request("POST", url, **more).status == 403


# What uploads are for.


def finished(server, reply):
    assert reply.status == 202, reply.data
    url = reply.headers["Location"]
    for _ in range(60):
        job = tus.get(server, f"{url}?wait=5")
        if job["state"] in ("succeeded", "failed", "cancelled"):
            return job
    raise AssertionError(job)


def convert(server, **request):
    return server.request("POST", "/v1/conversions", json.dumps(request),
                          Content_Type="application/json")


def test_archive_becomes_a_model(server, small):
    """An archive by tus: converted, and closed by that."""
    data = tar_of(small.path, mode="w:gz")
    url = tus.create(server, len(data),
                     Upload_Metadata=tus.metadata(filename="checkpoint.tar.gz"))
    assert tus.patch(server, url, 0, data[:1000]).status == 204
    id = url.rpartition("/")[2]
    problem(convert(server, checkpoint=f"upload:{id}"), 409, "unfinished-upload")
    assert tus.patch(server, url, 1000, data[1000:]).status == 204
    job = finished(server, convert(server, checkpoint=f"upload:{id}"))
    assert job["state"] == "succeeded", job
    info = tus.get(server, url)
    assert info["unpacked"] and not info["in_use"] and info["complete"]
    problem(server.request("PUT", f"{url}/files/more", b"x"), 409, "in-use")
    assert server.request("DELETE", url).status == 204


def test_folder_becomes_a_model(server, small):
    """A folder by PUT, with its gin file beside the checkpoint."""
    upload = new_id()
    base = f"{tus.UPLOADS}/{upload}/files/"
    for path in small.path.rglob("*"):
        if path.is_file():
            name = urllib.parse.quote(str(path.relative_to(small.folder)))
            assert server.request("PUT", base + name,
                                  path.read_bytes()).status == 201
    assert server.request("PUT", base + "model.gin",
                          small.gin.read_bytes()).status == 201
    job = finished(server, convert(
        server, checkpoint=f"upload:{upload}", gin=f"upload:{upload}/model.gin",
        model="acme/from-folder"))
    assert job["state"] == "succeeded", job
    reply = server.request(
        "GET", "/v1/models/acme/from-folder/files/model.safetensors")
    assert reply.data == small.files["model.safetensors"]
    assert not tus.get(server, f"{tus.UPLOADS}/{upload}")["unpacked"]


@pytest.mark.parametrize("case", ["orbax", "orbax-ocdbt", "orbax-zarr3",
                                  "orbax-steps"])
def test_orbax_becomes_a_model(server, tmp_path, case):
    """Archives of Orbax folders, of which "state.step" is not kept."""
    data = (golden.CASES / case / "checkpoint.tar.gz").read_bytes()
    url = tus.create(server, len(data),
                     Upload_Metadata=tus.metadata(filename="orbax.tar.gz"))
    assert tus.patch(server, url, 0, data).status == 204
    id = url.rpartition("/")[2]
    job = finished(server, convert(server, checkpoint=f"upload:{id}",
                                   model=f"acme/{case}"))
    assert job["state"] == "succeeded", job
    file = tmp_path / "model.safetensors"
    file.write_bytes(server.request(
        "GET", f"/v1/models/acme/{case}/files/model.safetensors").data)
    assert golden.tensors(file) == golden.read_expected_tensors(case)
