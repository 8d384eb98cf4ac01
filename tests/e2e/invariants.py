"""What has to hold when the server starts again, whatever moment it died at.

Clients write into a Ledger what they are about to ask for, and what they were
told. check() compares it with what the server says and with what lies in its
data folder:

- What was acknowledged is there: offsets of uploads, files, jobs by their ids
  and idempotency keys, models; and what was deleted stays so. A request whose
  answer never came has happened, or has not: a Claim has both values until the
  next check sees one of them. From then on it has to stay.
- Nothing half is visible: a model that is listed has all its files, their bytes
  are those that the command writes, a job that succeeded has its model.
- There is no orphan: every file in the data folder belongs to something that
  the API tells of, and has the length that this says.

check() adopts what the server made of requests without an answer, so that it
can be held to it. It deletes uploads whose ids nobody was told.
"""
import contextlib
import hashlib
import http.client
import json
import sqlite3
import time
import urllib.parse

import tus

ENDED = ("succeeded", "failed", "cancelled")
HERE = {"tmp", "uploads", "models", "switchyard.db", "switchyard.lock"}
OPEN = {"switchyard.db-wal", "switchyard.db-shm"}


def checksum(data):
    return hashlib.sha256(data).hexdigest()


class Gone(Exception):
    """The server did not answer: nobody knows whether it did what was asked."""


class Talk:
    """One connection that is kept, as clients do. 503 counts as no answer."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port,
                                                     timeout=60)

    def __call__(self, method, path, body=None, headers=(), **more):
        more = {k.replace("_", "-"): v for k, v in more.items()}
        try:
            self.connection.request(method, path, body, {**dict(headers),
                                                         **more})
            reply = self.connection.getresponse()
            reply.body = reply.read()
        except (OSError, http.client.HTTPException) as e:
            self.connection.close()
            raise Gone from e
        if reply.status == 503:
            raise Gone
        return reply

    def lines(self, path, **headers):
        """The lines of a reply, each when it comes."""
        try:
            self.connection.request("GET", path, None, headers)
            reply = self.connection.getresponse()
            assert reply.status == 200, reply.status
            while line := reply.readline():
                yield line
        except (OSError, http.client.HTTPException, ValueError) as e:
            self.connection.close()
            raise Gone from e

    def json(self, path):
        reply = self("GET", path)
        assert reply.status == 200, (path, reply.status, reply.body)
        return json.loads(reply.body)

    def all(self, path, key):
        """The entries of a list, from all its pages."""
        path += "&limit=1000" if "?" in path else "?limit=1000"
        while path:
            page = self.json(path)
            yield from page[key]
            path = page["next"]

    def close(self):
        self.connection.close()


def expect(reply, *statuses):
    """The reply, whose status has to be one of these."""
    assert reply.status in statuses, (reply.status, reply.body)
    return reply


class Claim:
    """Something that the server keeps, and the values that it may have."""

    def __init__(self, *values):
        self.may = set(values)

    @contextlib.contextmanager
    def becomes(self, value):
        """Around a request that makes it so. If that is not answered, both."""
        before = set(self.may)
        self.may = before | {value}
        yield
        self.may = {value}

    def is_now(self, value, what):
        assert value in self.may, f"{what} is {value}, not one of {self.may}"
        self.may = {value}


class TusFile:
    def __init__(self, upload, data, partial=False):
        self.upload = upload
        self.data = data
        self.partial = partial
        self.acknowledged = 0
        self.exists = Claim(True)


class Concat:
    """Parts, and the file that they become; url is None until it is told."""

    def __init__(self, parts):
        self.parts = parts
        self.data = b"".join(p.data for p in parts.values())
        self.url = None


class Job:
    def __init__(self, model, kind, cancelled=False):
        self.model = model
        self.kind = kind
        self.exists = Claim(True)
        self.cancelled = cancelled  # asked for
        self.end = None             # the state that it ended in

    def saw(self, job):
        """Takes note of what the server says about it."""
        id, state = job["id"], job["state"]
        assert self.end in (None, state), f"{id} was {self.end}, is {state}"
        assert job["model"] == self.model.name
        assert state != "failed", job["problem"]
        if state == "cancelled":
            assert self.cancelled, f"nobody has cancelled {id}"
        if state in ENDED:
            if self.end is None:
                self.model.job_ended(self, state)
            self.end = state
        assert (job["revision"] is None) == (state != "succeeded")
        assert job["revision"] in (None, self.kind.revision)
        assert job["finished"] is None or state in ENDED


class Model:
    """A name, and its newest revision. At most one job is for it at a time."""

    def __init__(self, name):
        self.name = name
        self.newest = Claim(None)

    def job_starts(self, kind):
        self.newest.may = self.newest.may | {kind.revision}

    def job_ended(self, job, state):
        if state == "succeeded":
            self.newest.may = {job.kind.revision}
        # One that was cancelled may have published before it heard of that.


class Kind:
    """A checkpoint with options, and the model that it has to become."""

    def __init__(self, checkpoint, options, files):
        self.checkpoint = checkpoint
        self.options = options
        self.files = {name: hashlib.sha256(data).hexdigest()
                      for name, data in files.items()}
        text = "".join(f"{name}\0{len(files[name])}\0{self.files[name]}\n"
                       for name in sorted(files))
        self.revision = hashlib.sha256(text.encode()).hexdigest()[:40]


class Post:
    """A request for a job: JSON that names an upload, or the archive itself."""

    def __init__(self, model, kind, key, upload):
        self.model, self.kind, self.key = model, kind, key
        self.upload = upload  # None: the body is the checkpoint
        self.path = "/v1/conversions"
        options = {"model": model.name, **kind.options}
        if upload:
            self.type = "application/json"
            options["checkpoint"] = f"upload:{upload}"
            self.body = json.dumps(options).encode()
        else:
            self.type = "application/x-tar"
            self.body = kind.checkpoint.tar
            self.path += "?" + urllib.parse.urlencode(options)

    def send(self, talk, pieces=None):
        headers = {"Content-Type": self.type,
                   "Content-Length": str(len(self.body))}
        if self.key:
            headers["Idempotency-Key"] = self.key
        return talk("POST", self.path, pieces or self.body, headers)


class Ledger:
    def __init__(self, kinds):
        self.kinds = {kind.revision: kind for kind in kinds}
        self.files = {}       # (upload, path): Claim of a SHA-256, or None
        self.tus = {}         # url: TusFile
        self.concats = []
        self.lost = 0         # creations whose url was never told
        self.jobs = {}        # id: Job
        self.posts = []       # without an answer so far
        self.keys = {}        # idempotency key: (Post, id)
        self.models = {}      # name: Model

    def took_job(self, post, id):
        """A job that the server says it has for a post."""
        if id not in self.jobs:
            self.jobs[id] = Job(post.model, post.kind)
        if post.key:
            known = self.keys.setdefault(post.key, (post, id))
            assert known[1] == id, f"{post.key} was {known[1]}, is {id}"
        if post in self.posts:
            self.posts.remove(post)
        return self.jobs[id]


class Check:
    def __init__(self, server, ledger):
        self.data = server.data
        self.ledger = ledger
        self.talk = Talk(server.port)
        self.uploads = {}  # id: (info, {path: entry})
        self.found = {}    # name: model, as the API has it

    # ---- uploads ----

    def read_uploads(self):
        """Those that a job has made of its body go with it, at any time."""
        self.uploads = {}
        for info in self.talk.all("/v1/uploads", "uploads"):
            path = f"/v1/uploads/{info['id']}/files"
            try:
                files = list(self.talk.all(path, "files"))
            except AssertionError:
                assert info["unpacked"]
                continue
            assert info["files"] == len(files)
            assert info["complete_files"] == sum(f["complete"] for f in files)
            self.uploads[info["id"]] = info, files

    def blobs_of(self, entry):
        """The names of what has an entry's bytes."""
        if (self.data / "uploads/blobs" / entry["id"]).exists():
            return [entry["id"]]
        reply = self.talk("HEAD", f"/v1/uploads/{entry['id']}",
                          Tus_Resumable="1.0.0")
        kind, _, urls = expect(reply, 200).headers.get(
            "Upload-Concat", "").partition(";")
        assert kind == "final", f"{entry} has no bytes"
        return [url.rpartition("/")[2] for url in urls.split()]

    def bytes_of(self, entry):
        folder = self.data / "uploads/blobs"
        return b"".join((folder / blob).read_bytes()
                        for blob in self.blobs_of(entry))

    def entry(self, upload, **like):
        """The file of an upload that has these members; None."""
        info, files = self.uploads.get(upload, (None, []))
        for entry in files:
            if like.items() <= entry.items():
                return info, entry
        return info, None

    def digest_of(self, upload, path):
        """Of a file's bytes; None where there is none, "?" if unpacked."""
        info, entry = self.entry(upload, path=path, complete=True)
        if not entry:
            return None
        if info["unpacked"]:
            return "?"
        try:
            return checksum(self.bytes_of(entry))
        except (AssertionError, FileNotFoundError):
            # A job may just have come by.
            if self.talk.json(f"/v1/uploads/{upload}")["unpacked"]:
                return "?"
            raise

    def check_files(self):
        for (upload, path), claim in self.ledger.files.items():
            digest = self.digest_of(upload, path)
            if digest == "?":
                claim.may -= {None}
                assert claim.may, f"{upload}/{path} was deleted"
            else:
                claim.is_now(digest, f"{upload}/{path}")
        for files in (f for _, f in self.uploads.values()):
            paths = [f["path"] for f in files if f["complete"]]
            assert len(paths) == len(set(paths)), paths

    def check_tus(self):
        for url, file in list(self.ledger.tus.items()):
            reply = self.talk("HEAD", url, Tus_Resumable="1.0.0")
            expect(reply, 200, 404)
            file.exists.is_now(reply.status == 200, url)
            if reply.status == 404:
                del self.ledger.tus[url]
                continue
            at = int(reply.headers["Upload-Offset"])
            assert file.acknowledged <= at <= len(file.data), url
            info, entry = self.entry(file.upload or url.rpartition("/")[2],
                                     id=url.rpartition("/")[2])
            assert entry and entry["offset"] == at, (url, entry)
            assert entry["complete"] == (at == len(file.data))
            if not info["unpacked"]:
                assert self.bytes_of(entry) == file.data[:at], url
            file.acknowledged = at

    def check_concats(self):
        """All parts, or what they became: never both, never neither."""
        for concat in list(self.ledger.concats):
            left = [url for url in concat.parts
                    if expect(self.talk("HEAD", url, Tus_Resumable="1.0.0"),
                              200, 404).status == 200]
            final = self.find_final(concat)
            assert not final or concat.url in (None, final)
            if final:
                assert not left, "the parts are there, too"
            else:
                assert concat.url is None, f"{concat.url} is lost"
                assert left == list(concat.parts)
            if final:
                file = TusFile(None, concat.data)
                file.acknowledged = len(concat.data)
                self.ledger.tus[final] = file
            else:
                self.ledger.tus.update(concat.parts)
            self.ledger.concats.remove(concat)

    def find_final(self, concat):
        for id, (_, files) in self.uploads.items():
            if [entry["id"] for entry in files] != [id]:
                continue
            url = f"/v1/uploads/{id}"
            told = self.talk("HEAD", url, Tus_Resumable="1.0.0").headers
            if told.get("Upload-Concat") == "final;" + " ".join(concat.parts):
                return url
        return None

    def is_body(self, id):
        """Whether a job has made it of its request's body."""
        info, files = self.uploads[id]
        return info["unpacked"] and [entry["id"] for entry in files] == [id]

    def remove_lost(self):
        """Uploads that clients asked for and never heard of."""
        known = {upload for upload, _ in self.ledger.files}
        known |= {f.upload or url.rpartition("/")[2]
                  for url, f in self.ledger.tus.items()}
        lost = {id for id in self.uploads
                if id not in known and not self.is_body(id)}
        assert len(lost) <= self.ledger.lost, \
            f"nobody asked for {[self.uploads[id] for id in lost]}"
        for id in lost:
            expect(self.talk("DELETE", f"/v1/uploads/{id}"), 204)
            del self.uploads[id]
        self.ledger.lost = 0

    def remove_bodies(self):
        """What jobs have made of their bodies, now that these have ended."""
        for id in list(self.uploads):
            if self.is_body(id):
                expect(self.talk("DELETE", f"/v1/uploads/{id}"), 204, 404)
                del self.uploads[id]

    # ---- jobs and models ----

    def post_of(self, job):
        """The request without an answer that a job is from."""
        for post in self.ledger.posts:
            if post.model.name == job["model"]:
                return post
        raise AssertionError(f"nobody asked for {job}")

    def check_jobs(self):
        jobs = {j["id"]: j for j in self.talk.all("/v1/conversions",
                                                  "conversions")}
        for id, job in jobs.items():
            if id not in self.ledger.jobs:
                self.ledger.took_job(self.post_of(job), id)
        for id, job in list(self.ledger.jobs.items()):
            job.exists.is_now(id in jobs, f"job {id}")
            if id in jobs:
                job.saw(jobs[id])
                one = self.talk.json(f"/v1/conversions/{id}")
                job.saw(one)
            else:
                # Forgotten, so it had ended, and nobody saw how.
                del self.ledger.jobs[id]
                self.ledger.keys = {key: known for key, known
                                    in self.ledger.keys.items()
                                    if known[1] != id}
        return jobs

    def repeat_posts(self):
        """What was never answered is asked again, if it has a key."""
        for post in list(self.ledger.posts):
            if post.key:
                reply = expect(post.send(self.talk), 202)
                self.ledger.took_job(post, json.loads(reply.body)["id"])
        self.ledger.posts.clear()
        for key, (post, id) in self.ledger.keys.items():
            reply = expect(post.send(self.talk), 202)
            assert json.loads(reply.body)["id"] == id, key

    def check_models(self):
        listed = {m["name"]: m for m in self.talk.all("/v1/models", "models")}
        assert set(listed) <= set(self.ledger.models)
        for name, model in self.ledger.models.items():
            newest = listed.get(name, {}).get("revision")
            running = any(j.model is model and j.end is None
                          for j in self.ledger.jobs.values())
            if running:  # it may become the other one at any time
                assert newest in model.newest.may, (name, newest)
            else:
                model.newest.is_now(newest, name)
        self.found = {}
        for name in listed:
            self.check_model(name)

    def check_model(self, name):
        quoted = urllib.parse.quote(name)
        model = self.talk.json(f"/v1/models/{quoted}")
        self.found[name] = []
        for revision in model["revisions"]:
            kind = self.ledger.kinds.get(revision)
            assert kind, f"{name} has {revision}, which nobody asked for"
            whole = self.talk.json(f"/v1/models/{quoted}?revision={revision}")
            assert {f["name"]: f["sha256"] for f in whole["files"]} == \
                kind.files, name
            self.found[name].append(whole)

    def check_bytes(self):
        """Each revision's files are read once; names share their bytes."""
        seen = set()
        for name, revisions in self.found.items():
            for whole in revisions:
                if whole["revision"] in seen:
                    continue
                seen.add(whole["revision"])
                for file in whole["files"]:
                    self.check_stored(name, whole["revision"], file)

    def check_stored(self, name, revision, file):
        reply = self.talk("GET", f"/v1/models/{name}/files/{file['name']}"
                                 f"?revision={revision}")
        assert expect(reply, 200).headers["ETag"] == f'"{file["sha256"]}"'
        assert len(reply.body) == file["bytes"]
        assert hashlib.sha256(reply.body).hexdigest() == file["sha256"]

    # ---- the data folder ----

    def check_disk_soon(self):
        """What goes by itself may be on its way; an orphan stays."""
        end = time.monotonic() + 5
        while True:
            try:
                return self.check_disk()
            except (AssertionError, FileNotFoundError):
                if time.monotonic() > end:
                    raise
            time.sleep(0.02)
            self.read_uploads()
            self.remove_bodies()

    def check_disk(self):
        """Nothing but what is told of. No job runs, and nobody sends."""
        top = {p.name for p in self.data.iterdir()}
        assert HERE <= top <= HERE | OPEN, top
        (run,) = (self.data / "tmp").iterdir()
        assert list(run.iterdir()) == []
        assert {p.name for p in (self.data / "uploads").iterdir()} == \
            {"blobs", "trees"}
        assert {p.name for p in (self.data / "models").iterdir()} == \
            {"blobs", "staging"}
        assert list((self.data / "models/staging").iterdir()) == []
        self.check_blobs("uploads", self.upload_blobs())
        self.check_blobs("models", {f["sha256"]: f["bytes"]
                                    for revisions in self.found.values()
                                    for whole in revisions
                                    for f in whole["files"]})
        self.check_trees()

    def check_blobs(self, what, expected):
        """{name: size}, or None for a size that is not told."""
        folder = self.data / what / "blobs"
        sizes = {p.name: p.stat().st_size for p in folder.iterdir()}
        assert set(sizes) == set(expected), \
            f"orphans {set(sizes) - set(expected)}, " \
            f"lost {set(expected) - set(sizes)}"
        for name, size in expected.items():
            assert size in (None, sizes[name]), name

    def upload_blobs(self):
        expected = {}
        for info, files in self.uploads.values():
            for entry in files if not info["unpacked"] else ():
                blobs = self.blobs_of(entry)
                for blob in blobs:
                    expected[blob] = None
                if len(blobs) == 1:
                    expected[blobs[0]] = entry["offset"]
        return expected

    def check_trees(self):
        trees = {p.name for p in (self.data / "uploads/trees").iterdir()}
        assert trees <= set(self.uploads), trees - set(self.uploads)
        for id, (info, files) in self.uploads.items():
            if info["unpacked"]:
                tree = self.data / "uploads/trees" / id
                stored = sum(p.stat().st_size for p in tree.rglob("*")
                             if p.is_file())
                assert stored == info["bytes"], id

    def check_database(self):
        uri = f"file:{self.data}/switchyard.db?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
            for check in "integrity_check", "foreign_key_check":
                rows = db.execute(f"PRAGMA {check}").fetchall()
                assert rows in ([], [("ok",)]), rows

    # ---- all of it ----

    def settle(self):
        """Waits until all jobs have ended."""
        end = time.monotonic() + 60
        for id, job in list(self.ledger.jobs.items()):
            while job.end is None:
                assert time.monotonic() < end, f"job {id} does not end"
                job.saw(self.talk.json(f"/v1/conversions/{id}?wait=1"))

    def run(self, settled):
        self.read_uploads()
        self.check_files()
        self.check_concats()
        self.check_tus()
        self.remove_lost()
        self.check_jobs()
        self.repeat_posts()
        if settled:
            self.settle()
            self.read_uploads()
            self.remove_bodies()
        self.check_models()
        self.check_bytes()
        if settled:
            self.check_disk_soon()
            self.check_database()
        self.talk.close()


def check(server, ledger, settled=True):
    """All that has to hold. Unless settled, jobs are not waited for."""
    Check(server, ledger).run(settled)


def check_stopped(data):
    """After a stop in time: no job is left in the middle, nothing temporary."""
    assert list((data / "tmp").iterdir()) == []
    assert list((data / "models/staging").iterdir()) == []
    uri = f"file:{data}/switchyard.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
        rows = db.execute("SELECT id, state FROM jobs WHERE lease > 0")
        assert rows.fetchall() == []


__all__ = ["Check", "Claim", "Concat", "Gone", "Job", "Kind", "Ledger",
           "Model", "Post", "Talk", "TusFile", "check", "check_stopped",
           "checksum", "expect", "tus"]
