"""tus 1.0 by hand, for tests that need to know each byte that is sent."""
import base64
import contextlib
import hashlib
import json
import sqlite3

UPLOADS = "/v1/uploads"
BODY = "application/offset+octet-stream"


def metadata(**pairs):
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}"
                    for key, value in pairs.items())


def checksum(data, algorithm="sha1"):
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


def digest(data, algorithm="sha-256"):
    value = hashlib.new(algorithm.replace("-", ""), data).digest()
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"


def headers(**more):
    return {"Tus_Resumable": "1.0.0", **more}


def post(server, body=None, **more):
    if body is not None:
        more.setdefault("Content_Type", BODY)
    return server.request("POST", UPLOADS, body, **headers(**more))


def create(server, length, body=None, **more):
    """The address of a new file."""
    if length is not None:
        more["Upload_Length"] = str(length)
    reply = post(server, body, **more)
    assert reply.status == 201, reply.data
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    return reply.headers["Location"]


def patch(server, url, offset, body, **more):
    more = {"Content_Type": BODY, "Upload_Offset": str(offset), **more}
    return server.request("PATCH", url, body, **headers(**more))


def head(server, url):
    reply = server.request("HEAD", url, **headers())
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert reply.headers["Cache-Control"] == "no-store"
    return reply


def offset(server, url):
    reply = head(server, url)
    assert reply.status == 200
    return int(reply.headers["Upload-Offset"])


def send(server, url, data, piece):
    """All of the data in pieces, from the beginning."""
    for at in range(0, len(data), piece):
        part = data[at:at + piece]
        reply = patch(server, url, at, part)
        assert reply.status == 204, reply.data
        assert int(reply.headers["Upload-Offset"]) == at + len(part)


def get(server, path):
    reply = server.request("GET", path)
    assert reply.status == 200, reply.data
    assert reply.headers["Content-Type"] == "application/json"
    return json.loads(reply.data)


def files(server, upload):
    """{path: entry} of all files of an upload, page by page."""
    out = {}
    url = f"{UPLOADS}/{upload}/files"
    while url:
        page = get(server, url)
        out.update({f["path"]: f for f in page["files"]})
        url = page["next"]
    return out


def stored(server, url):
    """The bytes of a file as they lie on the disk."""
    id = url.rpartition("/")[2]
    uri = f"file:{server.data}/switchyard.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
        (blobs,) = db.execute("SELECT blobs FROM upload_files WHERE id = ?",
                              [id]).fetchone()
    folder = server.data / "uploads/blobs"
    return b"".join((folder / blob).read_bytes() for blob in blobs.split())


def stored_in(server, upload):
    """{path: bytes} of an upload."""
    return {path: stored(server, entry["id"])
            for path, entry in files(server, upload).items()}
