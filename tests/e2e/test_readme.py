"""The README's examples, run as they stand, but for the port.

Each indented block is a shell's, Python's, or one of those that are listed here
as not to be run. Shell blocks follow each other in one folder, on one server;
Python's begin anew.
"""
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import PROGRAM, TESTS
from test_service import serving, soon
from test_jobs import ask

README = (TESTS.parent / "README.md").read_text()

# What blocks begin with that are for other places than this test.
ELSEWHERE = {
    "./dev ": "these are what runs this test",
    "autoreconf ": "make distcheck does this",
    "switchyard convert https:": "test_remote.py, test_sources.py have servers",
    "curl -H 'Content-Type: application/json' http://127.0.0.1:8080/v1/conv":
        "test_sources.py, as the above",
    "switchyard gin ": "test_gin.py; the files are the reader's",
    "switchyard --switch_t5x": "test_command.py; capitals are the reader's",
    "switchyard serve ": "the server runs, on another port",
    "uppy.": "for browsers; test_uploads_clients.py",
}


def blocks():
    found = re.findall(r"(?m)(?:^ {4}.*\n(?:\n(?= {4}))?)+", README)
    return [textwrap.dedent(block) for block in found]


def kind(block):
    if block.startswith("import "):
        return "python"
    if block.startswith(tuple(ELSEWHERE)):
        return None
    assert block.startswith(("curl ", "tar ", "switchyard ", "ID=")), block
    return "shell"


@pytest.fixture
def place(tmp_path):
    """A folder as the README takes it for granted, and its environment."""
    (tmp_path / "work/bin").mkdir(parents=True)
    work = tmp_path / "work"
    (work / "bin/switchyard").symlink_to(Path(PROGRAM).resolve())
    (work / "tests").symlink_to(TESTS)
    shutil.copy(TESTS / "sample/model.gin", work)
    # So that curl says by its status that an answer was an error.
    (work / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    return work, {**os.environ, "HOME": str(work),
                  "PATH": f"{work}/bin:{os.environ['PATH']}"}


def run(command, text, server, place):
    folder, environment = place
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    done = subprocess.run([*command, text], cwd=folder, env=environment,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    return done.stdout


def jobs_are_over(server):
    jobs = ask(server, "GET", "/v1/conversions").json["conversions"]
    assert all(job["state"] != "failed" for job in jobs), jobs
    return all(job["state"] == "succeeded" for job in jobs)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_shell(tmp_path, place):
    texts = [block for block in blocks() if kind(block) == "shell"]
    assert len(texts) >= 8
    with serving(tmp_path) as server:
        for text in texts:
            run(["bash", "-euo", "pipefail", "-c"], text, server, place)
            assert soon(lambda: jobs_are_over(server))
        model = ask(server, "GET", "/v1/models/acme/tiny").json
        sizes = {f["name"]: f["bytes"] for f in model["files"]}
    file = place[0] / "model.safetensors"
    assert file.stat().st_size == sizes["model.safetensors"]


@pytest.mark.parametrize("text", [b for b in blocks() if kind(b) == "python"],
                         ids=lambda text: text.split("\n")[0])
def test_python(tmp_path, place, text):
    subprocess.run(["tar", "-xzf", TESTS / "sample/switch-tiny.tar.gz"],
                   cwd=place[0], check=True)
    with serving(tmp_path) as server:
        said = run([sys.executable, "-c"], text, server, place)
        uploads = ask(server, "GET", "/v1/uploads").json["uploads"]
    if "print(job" in text:
        assert re.fullmatch(r"succeeded [0-9a-f]{40}\n", said)
    elif "TusClient" in text:
        assert uploads[0]["files"] == uploads[0]["complete_files"] > 10
    else:
        assert (place[0] / "model/model.safetensors").exists()


def test_every_reason_is_needed():
    for start in ELSEWHERE:
        assert any(block.startswith(start) for block in blocks()), start
