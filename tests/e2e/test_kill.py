"""kill -9 at any moment: of uploads, conversions, publications and deletions.

Clients keep the server busy, each with things of its own; the server is killed
after a random time, or as soon as a client has come to a moment that was picked
(a body half sent, a job seen in some state). It starts again on the same
folder, invariants.py says what has to hold, and the clients go on. Every other
time at least they wait until all jobs have ended, since a job whose process
dies three times is given up. Some rounds end with SIGTERM instead.

SWITCHYARD_TEST_KILLS says how many rounds there are, 200 without it.
SWITCHYARD_TEST_SEED repeats the choices of a run, though not its timing.
"""
import collections
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import threading
import time
import traceback

import pytest
from conftest import bytes_of, converted, make
from invariants import Claim, Concat, Gone, Kind, Ledger, Model, Post, Talk, \
    TusFile, check, check_stopped, checksum, expect
from test_service import Server, tar_of
from tus import BODY, UPLOADS, metadata

ROUNDS = int(os.environ.get("SWITCHYARD_TEST_KILLS", "200"))
SEED = os.environ.get("SWITCHYARD_TEST_SEED")
KiB = 1 << 10

# In the database's order.
JOB_STATES = ["queued", "fetching", "planning", "converting", "publishing",
              "succeeded", "failed", "cancelled"]

# A client's things, at most; it removes some before it makes more.
MANY = 5

# What clients come by, and the server may be killed at.
MOMENTS = [
    "create", "create with bytes", "in patch", "patched", "concat", "in put",
    "put", "delete upload", "submit", "submit with body", "submitted",
    "cancel", "forget", "delete model", "queued", "fetching", "planning",
    "converting", "publishing", "succeeded",
]


class Moments:
    """The moment that is waited for, and how often the server ended at each."""

    def __init__(self):
        self.wanted = None
        self.came = threading.Event()
        self.strike = None  # ends the server
        self.at_once = False
        self.ended_at = collections.Counter({name: 0 for name in MOMENTS})

    def __call__(self, name):
        assert name in MOMENTS, name
        if name == self.wanted:
            if self.at_once:  # some are shorter than a switch of threads
                self.strike()
            self.came.set()

    def wait(self, chance):
        """Until the server is to end: by the clock, or at a rare moment."""
        if chance.random() < 0.3:
            time.sleep(chance.uniform(0.002, 0.08))
            return
        self.came.clear()
        rarest = sorted(MOMENTS, key=self.ended_at.get)[:len(MOMENTS) // 2]
        self.at_once = chance.random() < 0.7
        self.wanted = wanted = chance.choice(rarest)
        came = self.came.wait(0.15)
        self.wanted = None
        if came:
            self.ended_at[wanted] += 1
            time.sleep(chance.uniform(0, 0.01))


class Client:
    """Works until the server is gone. Its things are nobody else's."""

    def __init__(self, name, ledger, moments, seed):
        self.name, self.ledger, self.moment = name, ledger, moments
        self.chance = random.Random(seed)
        self.numbers = itertools.count()
        self.wrong = None
        self.talk = None

    def new_name(self):
        return f"{self.name}-of-the-killed-{next(self.numbers)}"

    def run(self, port):
        self.talk = Talk(port)
        try:
            while True:
                self.step()
        except Gone:
            pass
        except BaseException:  # it is shown by the test's own thread
            self.wrong = traceback.format_exc()
        finally:
            self.talk.close()

    def pieces(self, data, moment):
        """A body in two pieces, with a moment between them."""
        half = self.chance.randrange(len(data) + 1)
        yield data[:half]
        self.moment(moment)
        yield data[half:]

    def step(self):
        """Something small, picked at random. Raises Gone."""
        raise NotImplementedError


class Tus(Client):
    """Files in pieces, with or without the first one; parts; deletions."""

    def create(self, partial=False, whole=False):
        data = self.chance.randbytes(self.chance.choice(
            [0, 1, 1000, 100 * KiB, 300 * KiB]))
        first = len(data) if whole else self.chance.choice([0, len(data) // 2])
        upload = None if partial or self.chance.random() < 0.5 \
            else self.new_name()
        headers = {"Tus_Resumable": "1.0.0", "Upload_Length": str(len(data))}
        if partial:
            headers["Upload_Concat"] = "partial"
        if upload:
            headers["Upload_Metadata"] = metadata(upload=upload, name="a/b")
        if first:
            headers.update(Content_Type=BODY, Content_Length=str(first))
        self.ledger.lost += 1
        self.moment("create")
        reply = expect(self.talk(
            "POST", UPLOADS, self.pieces(data[:first], "create with bytes")
            if first else None, **headers), 201)
        self.ledger.lost -= 1
        url = reply.headers["Location"]
        file = self.ledger.tus[url] = TusFile(upload, data, partial)
        file.acknowledged = int(reply.headers["Upload-Offset"])
        assert file.acknowledged == first
        return url

    def patch(self, url):
        file = self.ledger.tus[url]
        at = file.acknowledged
        size = self.chance.choice([1, 10 * KiB, 200 * KiB])
        part = file.data[at:at + size]
        reply = expect(self.talk(
            "PATCH", url, self.pieces(part, "in patch"), Tus_Resumable="1.0.0",
            Content_Type=BODY, Upload_Offset=str(at),
            Content_Length=str(len(part))), 204)
        assert int(reply.headers["Upload-Offset"]) == at + len(part)
        file.acknowledged = at + len(part)
        self.moment("patched")

    def concat(self):
        urls = [self.create(partial=True, whole=True) for _ in range(2)]
        concat = Concat({url: self.ledger.tus.pop(url) for url in urls})
        self.ledger.concats.append(concat)
        self.moment("concat")
        reply = expect(self.talk(
            "POST", UPLOADS, Tus_Resumable="1.0.0",
            Upload_Concat="final;" + " ".join(urls)), 201)
        concat.url = reply.headers["Location"]

    def delete(self, url):
        self.moment("delete upload")
        with self.ledger.tus[url].exists.becomes(False):
            expect(self.talk("DELETE", url, Tus_Resumable="1.0.0"), 204)

    def step(self):
        there = {url: file for url, file in self.ledger.tus.items()
                 if file.exists.may == {True}}
        open = [url for url, file in there.items()
                if file.acknowledged < len(file.data)]
        if len(there) > MANY:
            self.delete(self.chance.choice(list(there)))
        elif open and self.chance.random() < 0.7:
            self.patch(self.chance.choice(open))
        elif self.chance.random() < 0.3:
            self.concat()
        else:
            self.create()


class Put(Client):
    """Whole files, which replace others, in a few uploads."""

    def step(self):
        upload = f"{self.name}-has-this-upload-{self.chance.randrange(3)}"
        path = self.chance.choice(["a", "b/c", "b/d"])
        url = f"{UPLOADS}/{upload}/files/{path}"
        claim = self.ledger.files.setdefault((upload, path), Claim(None))
        if self.chance.random() < 0.2:
            self.moment("delete upload")
            was = claim.may
            with claim.becomes(None):
                reply = expect(self.talk("DELETE", url), 204, 404)
                assert (reply.status == 404) == (was == {None})
            return
        data = self.chance.randbytes(self.chance.choice([0, 10, 100 * KiB]))
        was = claim.may
        with claim.becomes(checksum(data)):
            reply = expect(self.talk(
                "PUT", url, self.pieces(data, "in put"),
                Content_Length=str(len(data))), 201, 204)
            assert (reply.status == 201) == (was == {None})
        self.moment("put")


class Convert(Client):
    """Jobs, of an upload that is always there or of an archive of their own.

    Looks at them, cancels some, and removes them with their models.
    """

    def __init__(self, *args):
        super().__init__(*args)
        self.models = []

    def send_archive(self, kind):
        """Puts the kind's checkpoint into a new upload, as one archive."""
        upload = self.new_name()
        claim = self.ledger.files[upload, "c.tar"] = Claim(None)
        with claim.becomes(checksum(kind.checkpoint.tar)):
            expect(self.talk(
                "PUT", f"{UPLOADS}/{upload}/files/c.tar",
                self.pieces(kind.checkpoint.tar, "in put"),
                Content_Length=str(len(kind.checkpoint.tar))), 201)
        return upload

    def model(self):
        """A new one, or one for which no job runs."""
        free = [m for m in self.models if not self.jobs_of(m, ended=False)]
        if free and self.chance.random() < 0.3:
            return self.chance.choice(free)
        name = f"{self.name}/model.{next(self.numbers)}"
        model = self.ledger.models[name] = Model(name)
        self.models.append(model)
        return model

    def jobs_of(self, model, ended):
        return [(id, j) for id, j in list(self.ledger.jobs.items())
                if j.model is model and (j.end is not None) == ended]

    def new_post(self):
        kind = self.chance.choice(list(self.ledger.kinds.values()))
        upload = {"there": kind.checkpoint.upload, "body": None}.get(
            source := self.chance.choice(["there", "there", "own", "body"]))
        if source == "own":
            upload = self.send_archive(kind)
        key = self.new_name() if self.chance.random() < 0.6 else None
        return Post(self.model(), kind, key, upload)

    def start(self):
        post = self.new_post()
        post.model.job_starts(post.kind)
        self.ledger.posts.append(post)
        self.moment("submit")
        reply = expect(post.send(self.talk, self.pieces(
            post.body, "submit with body") if not post.upload else None), 202)
        id = json.loads(reply.body)["id"]
        job = self.ledger.took_job(post, id)
        self.moment("submitted")
        if post.key and self.chance.random() < 0.5:
            self.repeat(post, id)
        return id, job

    def repeat(self, post, id):
        """With its key, the same request gives the same job; no other does."""
        again = expect(post.send(self.talk), 202)
        assert json.loads(again.body)["id"] == id
        kind = next(kind for kind in self.ledger.kinds.values()
                    if kind.options != post.kind.options and
                    kind.checkpoint is post.kind.checkpoint)
        other = Post(post.model, kind, post.key, post.upload)
        expect(other.send(self.talk), 422)

    def listen(self, id):
        """To the job's events, until it has ended; each as soon as it comes."""
        for line in self.talk.lines(f"/v1/conversions/{id}/events",
                                    Accept="application/x-ndjson"):
            state = json.loads(line).get("state")
            if state in MOMENTS:
                self.moment(state)

    def look(self, id, job):
        if self.chance.random() < 0.7:
            self.listen(id)
        job.saw(self.talk.json(f"/v1/conversions/{id}"))
        if job.end == "succeeded":
            model = self.talk.json(f"/v1/models/{job.model.name}")
            assert model["revision"] == job.kind.revision

    def end(self, id, job):
        """Cancels it, or forgets it where it has ended meanwhile."""
        over = job.end is not None
        job.cancelled = job.cancelled or not over
        self.moment("forget" if over else "cancel")
        before = set(job.exists.may)
        job.exists.may = before | {False}
        reply = expect(self.talk("DELETE", f"/v1/conversions/{id}"),
                       *([204] if over else [202, 204]))
        job.exists.may = {reply.status == 202}
        if reply.status == 202:
            job.saw(json.loads(reply.body))
            return
        if not over:  # how it has ended nobody knows any more
            job.end = "forgotten"
        self.forget(id)

    def forget(self, id):
        expect(self.talk("GET", f"/v1/conversions/{id}"), 404)
        del self.ledger.jobs[id]
        for key in [k for k, known in list(self.ledger.keys.items())
                    if known[1] == id]:
            del self.ledger.keys[key]

    def delete_model(self, model):
        self.moment("delete model")
        was = set(model.newest.may)
        with model.newest.becomes(None):
            reply = expect(self.talk("DELETE", f"/v1/models/{model.name}"),
                           204, 404)
            assert len(was) > 1 or (reply.status == 404) == (was == {None})
        expect(self.talk("GET", f"/v1/models/{model.name}"), 404)

    def clean_up(self, model):
        for id, job in self.jobs_of(model, ended=True):
            self.end(id, job)
        self.delete_model(model)
        self.models.remove(model)

    def step(self):
        mine = [(id, j) for id, j in list(self.ledger.jobs.items())
                if j.model in self.models]
        live = [(id, j) for id, j in mine if j.end is None]
        quiet = [m for m in self.models if not self.jobs_of(m, ended=False)]
        if len(self.models) > MANY and quiet:
            self.clean_up(self.chance.choice(quiet))
        elif len(live) < 2:
            id, job = self.start()
            if self.chance.random() < 0.2:
                self.end(id, job)
        elif self.chance.random() < 0.1:
            self.end(*self.chance.choice(live))
        else:
            self.look(*self.chance.choice(live))


class Checkpoint:
    """Files of a checkpoint, its archive, and an upload that has the files."""

    def __init__(self, folder, upload):
        self.folder, self.upload = folder, upload
        self.tar = tar_of(folder)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Models that are in several files or in one, as the command makes them."""
    root = tmp_path_factory.mktemp("kinds")
    out = []
    for name, args in (
            ("tiny", ["--layers", 2, "--decoder-layers", 2, "--encoder-sparse",
                      1, "--decoder-sparse", 1]),
            ("small", ["--d-model", 64, "--vocab", 4096, "--experts", 2,
                       "--layers", 1, "--decoder-layers", 1,
                       "--encoder-sparse", 1, "--decoder-sparse", 1,
                       "--values", "normal"])):
        folder = root / name / "checkpoint_1"
        make(folder, "--optimizer", "none", *args)
        checkpoint = Checkpoint(folder, f"always-there-{name}")
        for n, options in enumerate((
                {}, {"dtype": "bfloat16", "max_shard_size": "60KB"})):
            model = root / f"{name}.{n}"
            flags = [f"--{k.replace('_', '-')}={v}"
                     for k, v in options.items()]
            converted(folder, "--out", model, *flags)
            out.append(Kind(checkpoint, options, bytes_of(model)))
    assert len({kind.revision for kind in out}) == len(out)
    assert any(len(kind.files) > 4 for kind in out)
    return out


def start(folder, *args):
    return Server(folder / "data", "--client-rate", 0, "--threads", 1,
                  "--jobs-at-once", 2, "--log-level", "warning", *args)


def send_checkpoints(server, ledger):
    talk = Talk(server.port)
    for checkpoint in {k.checkpoint for k in ledger.kinds.values()}:
        for path in checkpoint.folder.rglob("*"):
            if not path.is_file():
                continue
            name = f"checkpoint_1/{path.relative_to(checkpoint.folder)}"
            expect(talk("PUT", f"{UPLOADS}/{checkpoint.upload}/files/{name}",
                        path.read_bytes()), 201)
            ledger.files[checkpoint.upload, name] = \
                Claim(checksum(path.read_bytes()))
    talk.close()


def one_round(server, clients, moments, chance, number):
    """Lets the clients work on it, and ends it with a signal."""
    threads = [threading.Thread(target=c.run, args=[server.port])
               for c in clients]
    moments.strike = server.process.kill if number == signal.SIGKILL \
        else lambda: None  # a second SIGTERM would not be waited for
    for thread in threads:
        thread.start()
    moments.wait(chance)
    status = server.stop(number)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for client in clients:
        assert client.wrong is None, client.wrong
    assert status == (0 if number == signal.SIGTERM else -number)


def states_of_jobs(data, copy):
    """How many jobs the database has in each state. It is left as it was."""
    for end in "", "-wal":
        shutil.copy(data / f"switchyard.db{end}", f"{copy}{end}")
    with contextlib.closing(sqlite3.connect(copy)) as db:
        rows = db.execute("SELECT state, count(*) FROM jobs GROUP BY state")
        return collections.Counter({JOB_STATES[n]: count
                                    for n, count in rows.fetchall()})


def drop_archives(server, ledger):
    """Removes uploads whose job is forgotten, so that there are never many."""
    used = {post.upload for post, _ in ledger.keys.values()}
    talk = Talk(server.port)
    for upload, path in list(ledger.files):
        if path == "c.tar" and upload not in used:
            expect(talk("DELETE", f"{UPLOADS}/{upload}"), 204, 404)
            del ledger.files[upload, path]
    talk.close()


def empty(server, ledger):
    """Deletes all there is: nothing may be left."""
    talk = Talk(server.port)
    for key, path in (("models", "/v1/models"), ("uploads", UPLOADS),
                      ("conversions", "/v1/conversions")):
        for entry in list(talk.all(path, key)):
            name = entry["name"] if key == "models" else entry["id"]
            expect(talk("DELETE", f"{path}/{name}"), 204)
    talk.close()
    for folder in "models/blobs", "models/staging", "uploads/blobs", \
            "uploads/trees":
        assert list((server.data / folder).iterdir()) == [], folder


def test_kill(tmp_path, kinds):
    seed = SEED or str(random.randrange(1 << 32))
    print(f"SWITCHYARD_TEST_SEED={seed} SWITCHYARD_TEST_KILLS={ROUNDS}")
    chance = random.Random(seed)
    ledger, moments = Ledger(kinds), Moments()
    clients = [kind(f"{kind.__name__.lower()}{n}", ledger, moments,
                    chance.random())
               for n, kind in enumerate([Tus, Put, Convert, Convert])]
    server = start(tmp_path)
    send_checkpoints(server, ledger)
    states = collections.Counter()
    settled = True
    for n in range(ROUNDS):
        # Not all finds a time in which to finish, and what does not goes on.
        stop = n % 10 == 9
        one_round(server, clients, moments, chance,
                  signal.SIGTERM if stop else signal.SIGKILL)
        if stop:
            check_stopped(server.data)
        else:
            states += states_of_jobs(server.data, tmp_path / "copy")
        server = start(tmp_path, "--grace-time", chance.choice([0, 30]))
        settled = not settled or chance.random() < 0.3
        check(server, ledger, settled)
        if settled:
            drop_archives(server, ledger)
    check(server, ledger)
    print("ended at", dict(moments.ended_at), "with jobs", dict(states))
    if ROUNDS >= 200:  # else it has not shown what it is for
        missed = [m for m, n in moments.ended_at.items() if n == 0]
        assert len(missed) < len(MOMENTS) / 2, missed
        assert set(states) >= {"queued", "fetching", "succeeded", "cancelled"}
        assert {"planning", "converting", "publishing"} & set(states)
    empty(server, ledger)
    assert server.stop() == 0
