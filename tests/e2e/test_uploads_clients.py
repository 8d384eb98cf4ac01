"""Uploads with the clients that people use: tuspy, tus-js-client, curl."""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import uuid

import pytest
import tus
from test_service import MiB, Server, serving, soon

TUS_JS = "tus-js-client@4.3.1"  # what Uppy's Tus plugin uses as well


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("uploads"), "--client-rate", 0) as s:
        yield s


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "checkpoint.tar"
    path.write_bytes(random.Random(3).randbytes(5 * MiB + 321))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as a checkpoint has it: many small files, some deep, one empty."""
    root = tmp_path_factory.mktemp("folder") / "checkpoint_1"
    chance = random.Random(4)
    for name in ("checkpoint", "target.a.b/.zarray", "target.a.b/0.0",
                 "target.a.b/0.1", "target.ü/日本", "empty"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(0 if name == "empty" else 30_000))
    return root


def files_of(folder):
    return {str(p.relative_to(folder.parent)): p.read_bytes()
            for p in folder.rglob("*") if p.is_file()}


def endpoint(server):
    return f"http://127.0.0.1:{server.port}{tus.UPLOADS}"


# tuspy.


def client_of(server):
    tusclient = pytest.importorskip("tusclient.client")
    return tusclient.TusClient(endpoint(server))


@pytest.mark.parametrize("options", [
    {}, {"chunk_size": MiB}, {"chunk_size": MiB, "upload_checksum": True}])
def test_tuspy(server, file, options):
    up = client_of(server).uploader(str(file), metadata={"filename": file.name},
                                    **options)
    up.upload()
    assert tus.stored(server, up.url) == file.read_bytes()
    assert list(tus.files(server, up.url.rpartition("/")[2])) == [file.name]


def test_tuspy_folder(server, folder):
    """As the README shows it."""
    client = client_of(server)
    upload = uuid.uuid4().hex
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        client.uploader(str(path), chunk_size=64 << 20, retries=5, metadata={
            "upload": upload,
            "relativePath": str(path.relative_to(folder.parent)),
        }).upload()
    assert tus.stored_in(server, upload) == files_of(folder)
    assert tus.get(server, f"{tus.UPLOADS}/{upload}")["complete"]


def test_tuspy_resumes(server, file):
    client = client_of(server)
    one = client.uploader(str(file), chunk_size=MiB)
    one.upload(stop_at=2 * MiB)
    two = client.uploader(str(file), url=one.url, chunk_size=MiB)
    assert two.offset == 2 * MiB
    two.upload()
    assert tus.stored(server, one.url) == file.read_bytes()


def test_tuspy_goes_on_when_the_server_died(tmp_path, file):
    """kill -9 in the middle; the client only knows to try again."""
    server = Server(tmp_path / "data")
    up = client_of(server).uploader(str(file), chunk_size=256 << 10, retries=50,
                                    retry_delay=0.1)
    up.upload_chunk()
    work = threading.Thread(target=up.upload)
    work.start()
    assert soon(lambda: up.offset > MiB)
    server.stop(signal.SIGKILL)
    server = Server(tmp_path / "data", port=server.port)
    work.join(60)
    assert not work.is_alive()
    assert tus.stored(server, up.url) == file.read_bytes()
    assert server.stop() == 0


# tus-js-client.


SCRIPT = """
const tus = require('tus-js-client')
const fs = require('fs')
const { PassThrough } = require('stream')
const { endpoint, file, options, metadata, abort } = JSON.parse(process.argv[2])
// It knows the length of what it reads from a file; of a pipe it does not.
const input = options.uploadLengthDeferred
  ? fs.createReadStream(file).pipe(new PassThrough())
  : options.chunkSize ? fs.createReadStream(file) : fs.readFileSync(file)
const upload = new tus.Upload(input, {
  endpoint, metadata, retryDelays: Array(100).fill(100), ...options,
  onError: (e) => { console.error(String(e)); process.exit(1) },
  onChunkComplete: (size, at) => console.log(JSON.stringify({ at })),
  onSuccess: async () => {
    if (abort) await upload.abort(true)
    console.log(JSON.stringify({ url: upload.url }))
  },
})
upload.start()
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("there is no node")
    folder = tmp_path_factory.mktemp("node")
    command = ["npm", "install", "--no-save", "--no-audit", "--no-fund",
               "--prefix", folder, TUS_JS]
    try:
        subprocess.run(command, check=True, timeout=120, capture_output=True,
                       env={**os.environ, "npm_config_cache": str(folder / "cache")})
    except (subprocess.SubprocessError, OSError):
        pytest.skip("tus-js-client can't be installed")
    (folder / "upload.js").write_text(SCRIPT)
    return folder / "upload.js"


def start_node(script, server, file, metadata=None, abort=False, **options):
    work = {"endpoint": endpoint(server), "file": str(file), "abort": abort,
            "options": options, "metadata": metadata or {}}
    return subprocess.Popen(["node", script, json.dumps(work)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run_node(*args, **options):
    with start_node(*args, **options) as process:
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])["url"]


@pytest.mark.parametrize("options", [
    {},
    {"chunkSize": MiB},
    {"chunkSize": MiB, "uploadDataDuringCreation": True},
    {"uploadDataDuringCreation": True},
    {"chunkSize": MiB, "uploadLengthDeferred": True},
    {"chunkSize": 8 * MiB, "uploadLengthDeferred": True},
    {"parallelUploads": 3},
    {"overridePatchMethod": True},
])
def test_tus_js(server, script, file, options):
    url = run_node(script, server, file, {"filename": file.name}, **options)
    assert tus.stored(server, url) == file.read_bytes()
    assert list(tus.files(server, url.rpartition("/")[2])) == [file.name]


def test_tus_js_folder(server, script, folder):
    """What a browser's folder gives: relativePath, or null for a lone file."""
    upload = uuid.uuid4().hex
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        run_node(script, server, path, {
            "upload": upload, "name": path.name,
            "relativePath": str(path.relative_to(folder.parent))})
    assert tus.stored_in(server, upload) == files_of(folder)


def test_tus_js_lone_file(server, script, file):
    """Uppy sends a relativePath of null for it."""
    url = run_node(script, server, file, {"relativePath": None, "name": "a.tar",
                                          "type": "application/x-tar"})
    assert list(tus.files(server, url.rpartition("/")[2])) == ["a.tar"]


def test_tus_js_terminates(server, script, file):
    url = run_node(script, server, file, abort=True)
    path = tus.UPLOADS + "/" + url.rpartition("/")[2]
    assert tus.head(server, path).status == 404


def test_tus_js_goes_on_when_the_server_died(tmp_path, script, file):
    server = Server(tmp_path / "data")
    process = start_node(script, server, file, chunkSize=64 << 10)
    for line in process.stdout:
        if json.loads(line)["at"] > MiB:
            break
    server.stop(signal.SIGKILL)
    time.sleep(0.3)
    server = Server(tmp_path / "data", port=server.port)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    url = json.loads(out.splitlines()[-1])["url"]
    stored = tus.stored(server, url)
    assert hashlib.sha256(stored).digest() == \
        hashlib.sha256(file.read_bytes()).digest()
    assert server.stop() == 0


# curl.


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_curl(server, file):
    """curl -T, which waits for 100 Continue, with a length and without."""
    upload = uuid.uuid4().hex
    url = f"{endpoint(server)}/{upload}/files/checkpoint.tar"
    for args, code in [([file], "201"), (["-"], "204")]:
        with open(file, "rb") as body:
            done = subprocess.run(
                ["curl", "-sS", "-w", "%{http_code}", "-T", *args, url],
                stdin=body, capture_output=True, text=True, timeout=60)
        assert (done.stdout, done.returncode) == (code, 0), done.stderr
        assert tus.stored_in(server, upload) == {"checkpoint.tar": file.read_bytes()}
