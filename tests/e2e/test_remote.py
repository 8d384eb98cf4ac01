"""Checkpoints behind web servers: nginx as it is, and behind a bad network."""
import io
import json
import os
import random
import shutil
import signal
import subprocess
import tarfile
import time

import pytest

from conftest import (PROGRAM, bytes_of, converted, make, peak_memory,
                      switchyard)
from flaky import Flaky
from web import NGINX, Web

pytestmark = pytest.mark.skipif(not NGINX, reason="nginx is not installed")


@pytest.fixture(scope="session")
def folder(tmp_path_factory, sample):
    """What the web server serves: the sample, and one of many chunks."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(sample.checkpoint, folder / "run" / sample.checkpoint.name)
    shutil.copy(sample.gin, folder / "run/model.gin")
    make(folder / "chunks/checkpoint_7", "--d-model", 128, "--d-ff", 512,
         "--vocab", 2048, "--experts", 8, "--values", "normal",
         "--chunk-bytes", 1 << 16)
    return folder


@pytest.fixture(scope="session")
def web(folder, tmp_path_factory):
    with Web(folder, tmp_path_factory.mktemp("nginx")) as web:
        yield web


@pytest.fixture(scope="session")
def expected(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("expected")
    for name, path in (("sample", "run/checkpoint_500100"),
                       ("chunks", "chunks/checkpoint_7")):
        converted(folder / path, "--out", out / name)
    return {name: bytes_of(out / name) for name in ("sample", "chunks")}


def fetched(url, out, *args, **more):
    converted(url, "--out", out, *args, **more)
    return bytes_of(out)


@pytest.mark.parametrize("tail", ["", "/", "/checkpoint"])
def test_https(web, expected, tmp_path, tail):
    url = f"https://localhost:{web.https}/run/checkpoint_500100{tail}"
    got = fetched(url, tmp_path / "out", "--ca-file", web.ca)
    assert got == expected["sample"]


def test_verify(web, folder, expected, tmp_path):
    """A model at a URL, and a checkpoint at another."""
    model = folder / "models/sample"
    model.mkdir(parents=True)
    for name, data in expected["sample"].items():
        (model / name).write_bytes(data)
    base = f"https://localhost:{web.https}"
    for name in ("", "/model.safetensors"):
        result = switchyard("verify", f"{base}/run/checkpoint_500100",
                            f"{base}/models/sample{name}", "--ca-file", web.ca)
        assert result.returncode == 0, result.stderr
    result = switchyard("verify", folder / "chunks/checkpoint_7",
                        f"{base}/models/sample", "--ca-file", web.ca)
    assert result.returncode == 6
    result = switchyard("verify", folder / "run", f"{base}/models/none",
                        "--ca-file", web.ca)
    assert result.returncode == 4 and "models/none" in result.stderr


def test_streamed(web, expected):
    """To standard output, all of it or a part, without a folder."""
    for name, path in (("sample", "run/checkpoint_500100"),
                       ("chunks", "chunks/checkpoint_7")):
        command = [PROGRAM, "convert",
                   f"https://localhost:{web.https}/{path}", "--ca-file",
                   str(web.ca)]
        archive = subprocess.run([*command, "--out", "-"], check=True,
                                 capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            assert expected[name] == {m.name: tar.extractfile(m).read()
                                      for m in tar}
        part = subprocess.run(
            [*command, "--file", "model.safetensors", "--range", "20000-40000"],
            check=True, capture_output=True).stdout
        assert part == expected[name]["model.safetensors"][20000:40001]


def test_gin_and_config_by_url(web, folder, tmp_path):
    base = f"https://localhost:{web.https}/run"
    here = tmp_path / "here"
    converted(folder / "run/checkpoint_500100", "--gin",
              folder / "run/model.gin", "--out", here)
    env = {**os.environ, "SWITCHYARD_CA_FILE": str(web.ca)}
    got = fetched(f"{base}/checkpoint_500100", tmp_path / "there", "--gin",
                  f"{base}/model.gin?x=y", env=env)
    assert got == bytes_of(here)
    (folder / "run/config.json").write_bytes((here / "config.json").read_bytes())
    for config in ("config.json", ""):
        got = fetched(f"{base}/checkpoint_500100", tmp_path / f"c{config}",
                      "--config", f"{base}/{config}", env=env)
        assert got["model.safetensors"] == bytes_of(here)["model.safetensors"]


def test_file_urls(folder, expected, tmp_path):
    for host in ("", "localhost"):
        got = fetched(f"file://{host}{folder}/run/checkpoint_500100",
                      tmp_path / f"out{host}")
        assert got == expected["sample"]


def test_a_stranger_s_certificate(web, tmp_path):
    result = switchyard("inspect", f"https://localhost:{web.https}/run/x")
    assert result.returncode == 4
    assert "certificate" in result.stderr and "--ca-file" in result.stderr


def test_wrong_places(web):
    def fails(path, status, *words):
        result = switchyard("inspect", f"http://127.0.0.1:{web.http}/{path}")
        assert result.returncode == status, result.stderr
        for word in words:
            assert word in result.stderr

    fails("run", 3, "checkpoint_N")  # a folder of steps cannot be listed
    fails("nowhere", 3, "holds no checkpoint")
    fails("run/model.gin", 3)


def needed_bytes(checkpoint):
    """Index, metadata and chunks of target."""
    files = [checkpoint / "checkpoint", *checkpoint.glob("target.*/*"),
             *checkpoint.glob("target.*/.zarray")]
    return sum(p.stat().st_size for p in set(files))


def test_fetches_what_it_needs_once(web, folder, expected, tmp_path):
    checkpoint = folder / "chunks/checkpoint_7"
    assert list(checkpoint.glob("state.*"))
    with Flaky(web.http) as proxy:
        result = converted(proxy.url("chunks/checkpoint_7"), "--out",
                           tmp_path / "out", "--memory", "64MiB", "--json")
        assert bytes_of(tmp_path / "out") == expected["chunks"]
        told = json.loads(result.stdout)
        assert told["fetched_requests"] == proxy.requests
        assert told["fetched_bytes"] <= proxy.bytes
        paths = [path for path, _ in proxy.seen]
        assert not [p for p in paths if "/state." in p]
        assert len(paths) == len(set(paths))
        assert proxy.bytes <= 1.02 * needed_bytes(checkpoint)


def test_many_at_a_time(web, expected, tmp_path):
    """Each reply is late by 30 ms: one after the other takes half a minute."""
    with Flaky(web.http, lambda n, path: ("delay", 0.03)) as proxy:
        start = time.monotonic()
        got = fetched(proxy.url("chunks/checkpoint_7"), tmp_path / "out",
                      "--threads", 1)
        took = time.monotonic() - start
        assert got == expected["chunks"]
        assert took < 0.03 * proxy.requests / 2


@pytest.mark.memory
def test_memory(large, tmp_path):
    """What is fetched ahead comes out of the same budget."""
    with Web(large, tmp_path / "nginx") as web:
        status, peak = peak_memory("convert", f"http://127.0.0.1:{web.http}/",
                                   "--out", tmp_path / "out", "--memory",
                                   "64MiB", "--quiet")
    assert status == 0
    assert peak < 100 << 20


def bad_network(seed):
    """A tenth of all replies fail, each in one of many ways."""
    chance = random.Random(seed)

    def faults(n, path):
        if chance.random() >= 0.1:
            return None
        return chance.choice([
            ("status", 500), ("status", 502), ("status", 503),
            ("status", 503, {"Retry-After": "0"}), ("status", 504),
            ("status", 429), ("status", 408), ("reset", 0), ("reset", 100),
            ("reset", 20000), ("cut", 0), ("cut", 10), ("cut", 30000),
            ("delay", 0.2)])
    return faults


@pytest.mark.parametrize("seed", range(int(os.environ.get(
    "SWITCHYARD_TEST_NETWORKS", 3))))
def test_a_bad_network(web, expected, tmp_path, seed):
    with Flaky(web.http, bad_network(seed)) as proxy:
        got = fetched(proxy.url("chunks/checkpoint_7"), tmp_path / "out")
        assert got == expected["chunks"]
        assert proxy.failed > 20


def test_every_large_reply_breaks_off(web, expected, tmp_path):
    """What came before a break counts: nothing is fetched twice."""
    def faults(n, path):
        return ("cut", 20000) if "target." in path else None

    with Flaky(web.http, faults) as proxy:
        got = fetched(proxy.url("chunks/checkpoint_7"), tmp_path / "out")
        assert got == expected["chunks"]
        again = [h for _, h in proxy.seen if "range" in h and "if-match" in h]
        assert len(again) > 50


@pytest.mark.parametrize("path, word", [
    ("target.encoder.layers_1.mlp.expert.wi.kernel/0.0.0", "wi/kernel"),
    ("target.encoder.layers_1.mlp.expert.wi.kernel/.zarray", "wi.kernel/.zarray"),
    ("/checkpoint", "checkpoint"),
])
def test_a_wrong_byte(web, tmp_path, path, word):
    """What arrives damaged is an error that names it, and no model."""
    def faults(n, asked):
        return ("corrupt", 12) if asked.endswith(path) else None

    with Flaky(web.http, faults) as proxy:
        result = switchyard("convert", proxy.url("chunks/checkpoint_7"),
                            "--out", tmp_path / "out")
        assert proxy.failed > 0
        assert result.returncode == 3, result.stderr
        assert word in result.stderr
        assert not (tmp_path / "out").exists()


def test_a_dead_source(web, tmp_path):
    """All goes well until it dies, in the middle of the conversion."""
    for fault in (("status", 503), ("reset", 0), ("stall", 0)):
        with Flaky(web.http, lambda n, path: fault if n > 150 else None) as p:
            start = time.monotonic()
            result = switchyard("convert", p.url("chunks/checkpoint_7"),
                                "--out", tmp_path / "out", "--timeout", 3)
            took = time.monotonic() - start
            assert result.returncode == 4, result.stderr
            assert p.url("chunks/checkpoint_7") in result.stderr
            assert took < 15
            assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_changes(tmp_path):
    """Arrays that lie in the index are written anew while they are read."""
    make(tmp_path / "own/checkpoint_1", "--inline", "all", "--d-model", 256,
         "--d-ff", 2048, "--vocab", 8192, "--optimizer", "none")
    index = tmp_path / "own/checkpoint_1/checkpoint"
    assert index.stat().st_size > 20 << 20

    def faults(n, path):
        if "range" in proxy.seen[n][1] and n > 20:
            os.utime(index, (n, n))

    with Web(tmp_path / "own", tmp_path / "nginx") as web:
        with Flaky(web.http) as proxy:
            converted(proxy.url("checkpoint_1"), "--out", tmp_path / "out")
        with Flaky(web.http, faults) as proxy:
            result = switchyard("convert", proxy.url("checkpoint_1"), "--out",
                                tmp_path / "out2")
    assert result.returncode == 4, result.stderr
    assert "changed while it was read" in result.stderr
    assert not (tmp_path / "out2").exists()


def test_a_server_that_hides_what_is_absent(folder, web, expected, tmp_path):
    """S3 and GCS say 403 of absent objects to those who may not list."""
    def faults(n, path):
        return None if (folder / path[1:]).is_file() else ("status", 403)

    with Flaky(web.http, faults) as proxy:
        got = fetched(proxy.url("run/checkpoint_500100"), tmp_path / "out")
        assert got == expected["sample"]
        result = switchyard("inspect", proxy.url("nowhere"))
        assert result.returncode == 4 and "403" in result.stderr


def test_refusals_are_no_fill_values(folder, tmp_path):
    """403 and 500 of a chunk are errors even where absence is allowed."""
    for status in (401, 403, 500):
        def faults(n, path):
            hit = path.endswith("decoder_norm.scale/0")
            return ("status", status) if hit else None

        with Web(folder, tmp_path / f"nginx{status}") as web, \
                Flaky(web.http, faults) as proxy:
            result = switchyard("convert", proxy.url("chunks/checkpoint_7"),
                                "--out", tmp_path / "out", "--timeout", 2,
                                "--allow-missing-chunks")
            assert result.returncode == 4, result.stderr
            assert str(status) in result.stderr


def test_a_token_goes_to_its_server_only(web, tmp_path):
    secret = "t0p-s3cret"
    (tmp_path / "token").write_text(secret + "\n")
    with Flaky(web.http) as there:
        def faults(n, path):
            return ("status", 302, {"Location": there.url(path[1:])})

        with Flaky(web.http, faults) as here:
            result = switchyard("inspect", here.url("run/checkpoint_500100"),
                                "--token-file", tmp_path / "token")
            assert result.returncode == 0, result.stderr
            assert all(h["authorization"] == f"Bearer {secret}"
                       for _, h in here.seen)
            assert there.seen
            assert not [h for _, h in there.seen if "authorization" in h]
            assert secret not in result.stdout + result.stderr


def test_secrets_are_not_shown(web, tmp_path):
    env = {**os.environ, "SWITCHYARD_SOURCE_TOKEN": "t0ken"}
    for fault in (("status", 403), ("status", 500), ("reset", 0)):
        with Flaky(web.http, lambda n, path: fault) as proxy:
            result = switchyard("convert", proxy.url("run?sig=s3cret"),
                                "--out", tmp_path / "out", "--timeout", 1,
                                "--json", env=env)
            assert result.returncode == 4
            assert all("sig=s3cret" in path for path, _ in proxy.seen)
            for secret in ("s3cret", "t0ken"):
                assert secret not in result.stdout + result.stderr


@pytest.mark.parametrize("name, options", [
    ("c.tar", ["-c"]), ("c.tar.gz", ["-cz"]), ("c.tar.zst", ["--zstd", "-c"])])
def test_archives(folder, web, expected, tmp_path, name, options):
    """Unpacked while they come in, over a bad network, and removed again."""
    archives = folder / "archives"
    archives.mkdir(exist_ok=True)
    subprocess.run(["tar", *options, "-f", archives / name, "-C",
                    folder / "chunks", "checkpoint_7"], check=True)
    (tmp_path / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    chance = random.Random(name)

    def faults(n, path):
        return chance.choice([("cut", 200000), ("reset", 300000), None])

    with Flaky(web.http, faults) as proxy:
        got = fetched(proxy.url(f"archives/{name}?x=y"), tmp_path / "out",
                      env=env)
    assert got == expected["chunks"]
    assert not list((tmp_path / "tmp").iterdir())


def test_archives_that_are_none(folder, web, tmp_path):
    (folder / "none.tar.gz").write_bytes(b"x" * 5000)
    (tmp_path / "tmp").mkdir()
    for path, status in (("none.tar.gz", 3), ("absent.zip", 4)):
        result = switchyard("inspect", f"http://127.0.0.1:{web.http}/{path}",
                            env={**os.environ, "TMPDIR": str(tmp_path / "tmp")})
        assert result.returncode in (2, status), result.stderr
        assert not list((tmp_path / "tmp").iterdir())


def test_an_interrupt(web, tmp_path):
    with Flaky(web.http, lambda n, p: ("stall", 0) if n > 150 else None) as p:
        run = subprocess.Popen([PROGRAM, "convert",
                                p.url("chunks/checkpoint_7"), "--out",
                                tmp_path / "out"], stderr=subprocess.PIPE)
        while p.requests < 160:
            time.sleep(0.02)
        time.sleep(0.3)
        start = time.monotonic()
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=10)
        assert run.returncode == 1
        assert time.monotonic() - start < 6
        assert not (tmp_path / "out").exists()


def test_urls_that_are_refused():
    for url in ("ftp://127.0.0.1/x", "gopher://127.0.0.1:11211/x",
                "https://user:hunter2@127.0.0.1/x", "http://127.1/x"):
        result = switchyard("inspect", url)
        assert result.returncode == 2, result.stderr
        assert "hunter2" not in result.stderr
