"""Does the service do what openapi.yaml says, and nothing else?

schemathesis makes requests from the description, valid ones and others, and
looks at each reply with all its checks: status, media type, headers and body
have to be described, what is not described has to be refused. What a check
cannot know stands in schemathesis.toml, what its requests need in
schema_hooks.py.

SWITCHYARD_TEST_SCHEMA=SECONDS looks for longer, and each time at something
else; SWITCHYARD_TEST_SEED repeats such a run.
"""
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import TESTS
from test_edge import CONVERT, bearer, tokens  # noqa: F401 (a fixture)
from test_service import MiB, serving, soon

HERE = Path(__file__).resolve().parent
SECONDS = int(os.environ.get("SWITCHYARD_TEST_SCHEMA", "0"))
SAMPLE = TESTS / "sample/switch-tiny.tar.gz"
DESCRIPTION = TESTS.parent / "openapi.json"
UPLOAD = "/v1/uploads/an-upload-that-is-there"

pytest.importorskip("schemathesis")


def plant(server, **headers):
    """What the description's examples name: an upload, a job, a model."""
    if server.request("GET", "/v1/models/acme/tiny", **headers).status == 200:
        return
    server.request("PUT", f"{UPLOAD}/files/c.tar.gz", SAMPLE.read_bytes(),
                   **headers)
    server.request("POST", "/v1/conversions", json.dumps({
        "checkpoint": "upload:an-upload-that-is-there",
        "model": "acme/tiny"}), Content_Type="application/json", **headers)


@contextlib.contextmanager
def planted(server, **headers):
    """It stays there, whatever is deleted."""
    over = threading.Event()

    def tend():
        while not over.is_set():
            plant(server, **headers)
            over.wait(0.1)

    thread = threading.Thread(target=tend)
    thread.start()
    assert soon(lambda: server.request(
        "GET", "/v1/models/acme/tiny", **headers).status == 200)
    try:
        yield
    finally:
        over.set()
        thread.join()


def run(server, description, phases, folder, *args, examples=5):
    """Runs schemathesis, which has to be content."""
    seed = os.environ.get("SWITCHYARD_TEST_SEED")
    if not seed:
        seed = str(random.randrange(1 << 32)) if SECONDS else "1"
    print(f"SWITCHYARD_TEST_SEED={seed}")
    bounds = ["--max-time", SECONDS] if SECONDS else ["--max-examples", examples]
    command = [
        Path(sys.executable).with_name("schemathesis"), "--no-color",
        "--config-file", HERE / "schemathesis.toml", "run", description,
        "--url", f"http://127.0.0.1:{server.port}", "--phases", phases,
        "--seed", seed, "--generation-database", "none",
        "--continue-on-failure", "--warnings", "off",
        "--suppress-health-check", "filter_too_much", *bounds, *args,
    ]
    done = subprocess.run(
        list(map(str, command)), cwd=folder, text=True, capture_output=True,
        timeout=SECONDS + 600,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schema_hooks",
             "PYTHONPATH": str(HERE)})
    print(done.stdout[-20000:])
    assert done.returncode == 0, done.stderr[-2000:]
    assert " passed" in done.stdout
    assert " error " not in server.log()  # as no status 500 is, either


LIMITS = ["--client-rate", 0, "--max-body", 4 * MiB, "--max-upload", 4 * MiB]


@pytest.mark.parametrize("phases", ["examples,coverage,fuzzing", "stateful"])
def test_open(tmp_path, phases):
    """Each operation by itself, and one after the other along the links."""
    with serving(tmp_path, "--no-auth", *LIMITS) as server:
        if phases == "stateful":
            plant(server)  # only once: what is deleted has to stay so
            run(server, DESCRIPTION, phases, tmp_path, examples=40)
        else:
            with planted(server):
                run(server, DESCRIPTION, phases, tmp_path)


def test_with_tokens(tmp_path, tokens):  # noqa: F811
    """Where tokens are wanted, nothing is given without one."""
    document = json.loads(DESCRIPTION.read_text())
    assert document["security"] == [{"bearer": []}, {}]
    document["security"] = [{"bearer": []}]
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(document))
    with serving(tmp_path, "--token-file", tokens, *LIMITS) as server, \
            planted(server, **bearer(CONVERT)):
        run(server, description, "examples,coverage", tmp_path,
            "-H", f"Authorization: Bearer {CONVERT}")


def test_description_is_valid():
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(json.loads(DESCRIPTION.read_text()))
