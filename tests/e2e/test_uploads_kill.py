"""kill -9 in the middle of uploads: the client goes on, and nothing is lost.

SWITCHYARD_TEST_KILLS says how often, 10 without it. These files are large;
test_kill.py has many small things.
"""
import contextlib
import hashlib
import http.client
import os
import random
import signal
import threading
import time
import uuid

import pytest
import tus
from test_service import MiB, Server

ROUNDS = int(os.environ.get("SWITCHYARD_TEST_KILLS", "10"))
SIZE = 96 * MiB


class Client(threading.Thread):
    """Sends a file in pieces of any size until the server is gone."""

    def __init__(self, server, url, data, seed):
        super().__init__()
        self.server, self.url, self.data = server, url, data
        self.random = random.Random(seed)
        self.acknowledged = 0
        self.wrong = None

    def run(self):
        try:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.send()
        except AssertionError as e:
            self.wrong = e

    def send(self):
        at = tus.offset(self.server, self.url)
        while at < len(self.data):
            size = self.random.choice([1, 1000, MiB, 8 * MiB, SIZE])
            part = self.data[at:at + size]
            reply = tus.patch(self.server, self.url, at, part)
            assert reply.status == 204, reply.data
            at += len(part)
            assert int(reply.headers["Upload-Offset"]) == at
            self.acknowledged = at


@pytest.fixture(scope="module")
def data():
    return random.Random(7).randbytes(SIZE)


def start(folder):
    return Server(folder / "data", "--client-rate", 0)


def test_kill(tmp_path, data):
    """At random moments, again and again, with two clients at work."""
    chance = random.Random(os.environ.get("SWITCHYARD_TEST_SEED"))
    server = start(tmp_path)
    urls = [tus.create(server, SIZE) for _ in range(2)]
    acknowledged = [0, 0]
    whole = 0
    for _ in range(ROUNDS):
        clients = [Client(server, url, data, chance.random()) for url in urls]
        for client in clients:
            client.start()
        time.sleep(chance.uniform(0.005, 0.3))
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        for client in clients:
            client.join(60)
            assert not client.is_alive()
            assert client.wrong is None, client.wrong
        server = start(tmp_path)
        for i, client in enumerate(clients):
            acknowledged[i] = max(acknowledged[i], client.acknowledged)
            at = tus.offset(server, urls[i])
            assert acknowledged[i] <= at <= SIZE
            stored = tus.stored(server, urls[i])
            assert len(stored) == at  # recovery leaves nothing beyond it
            assert stored == data[:at]
            if at == SIZE:
                whole += 1
                assert server.request("DELETE", urls[i]).status == 204
                urls[i] = tus.create(server, SIZE)
                acknowledged[i] = 0
    for i, url in enumerate(urls):
        client = Client(server, url, data, i)
        client.send()
        assert hashlib.sha256(tus.stored(server, url)).digest() == \
            hashlib.sha256(data).digest()
    known = {u["id"] for u in tus.get(server, tus.UPLOADS)["uploads"]}
    assert known == {url.rpartition("/")[2] for url in urls}
    assert {p.name for p in (server.data / "uploads/blobs").iterdir()} == known
    assert server.stop() == 0


def test_kill_while_putting(tmp_path, data):
    """A file that was put is there as a whole or not at all."""
    chance = random.Random(os.environ.get("SWITCHYARD_TEST_SEED"))
    server = start(tmp_path)
    upload = uuid.uuid4().hex
    answered = {}
    number = 0

    def put(first):
        with contextlib.suppress(OSError, http.client.HTTPException):
            for n in range(first, first + 1000):
                size = (n * 7919) % (4 * MiB)
                path = f"{n % 50}"
                body = n.to_bytes(8, "big") + data[:size]
                reply = server.request(
                    "PUT", f"{tus.UPLOADS}/{upload}/files/{path}", body)
                assert reply.status in (201, 204), reply.data
                answered[path] = n

    for _ in range(ROUNDS):
        client = threading.Thread(target=put, args=[number])
        client.start()
        time.sleep(chance.uniform(0.005, 0.3))
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        client.join(60)
        number += 1000
        server = start(tmp_path)
        if not answered:
            continue
        entries = tus.files(server, upload)
        assert set(answered) <= set(entries)
        for path, entry in entries.items():
            stored = tus.stored(server, entry["id"])
            n = int.from_bytes(stored[:8], "big")
            assert entry["complete"] and f"{n % 50}" == path
            assert n >= answered.get(path, 0)
            assert stored[8:] == data[:(n * 7919) % (4 * MiB)]
    blobs = {p.name for p in (server.data / "uploads/blobs").iterdir()}
    assert blobs == {e["id"] for e in tus.files(server, upload).values()}
    assert server.stop() == 0
