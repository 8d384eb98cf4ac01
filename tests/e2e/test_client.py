"""The service as people call it: requests, the safetensors library, curl."""
import io
import json
import re
import subprocess
import tarfile

import pytest
from conftest import PROGRAM, TESTS, converted
from test_service import serving

requests = pytest.importorskip("requests")
safetensors = pytest.importorskip("safetensors")
numpy_files = pytest.importorskip("safetensors.numpy")

SAMPLE = TESTS / "sample/switch-tiny.tar.gz"
GIN = TESTS / "sample/model.gin"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("client")) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def by_command(sample, tmp_path_factory):
    out = tmp_path_factory.mktemp("command") / "model"
    converted(sample.checkpoint, "--gin", sample.gin, "--out", out)
    return {p.name: p.read_bytes() for p in out.iterdir()}


def unpacked(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar}


def test_form(url, by_command):
    with open(SAMPLE, "rb") as checkpoint, open(GIN, "rb") as gin:
        reply = requests.post(f"{url}/v1/convert", timeout=60, files={
            "checkpoint": checkpoint, "gin_file": gin})
    reply.raise_for_status()
    assert reply.headers["Content-Type"] == "application/x-tar"
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    assert unpacked(reply.content) == by_command


def test_folder_as_a_browser_sends_it(url, sample, by_command):
    """Every file a part called checkpoint, named by its relative path."""
    parts = [("checkpoint", (str(p.relative_to(sample.checkpoint.parent)),
                             p.read_bytes()))
             for p in sorted(sample.checkpoint.rglob("*")) if p.is_file()]
    parts.append(("gin_file", ("model.gin", GIN.read_bytes())))
    reply = requests.post(f"{url}/v1/convert", files=parts, timeout=60)
    assert reply.status_code == 200, reply.text
    assert unpacked(reply.content) == by_command


def test_safetensors_opens_it(url, tmp_path):
    with open(SAMPLE, "rb") as body:
        reply = requests.post(f"{url}/v1/convert", data=body, timeout=60,
                              params={"file": "model.safetensors"})
    reply.raise_for_status()
    tensors = numpy_files.load(reply.content)
    path = tmp_path / "model.safetensors"
    path.write_bytes(reply.content)
    with safetensors.safe_open(path, "numpy") as f:
        assert f.metadata() == {"format": "pt"}
        assert sorted(f.keys()) == sorted(tensors)
    assert tensors["shared.weight"].shape == (64, 16)
    assert {str(t.dtype) for t in tensors.values()} == {"float32"}


def test_problem(url):
    reply = requests.post(f"{url}/v1/convert", data=b"nonsense" * 200,
                          timeout=60)
    problem = reply.json()
    assert reply.status_code == problem["status"] == 415
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["X-Request-Id"] == problem["request_id"]


def test_inspect(url, sample):
    with open(SAMPLE, "rb") as body:
        plan = requests.post(f"{url}/v1/inspect", data=body, timeout=60).json()
    by_command = json.loads(subprocess.run(
        [PROGRAM, "inspect", sample.checkpoint, "--json"],
        capture_output=True, check=True).stdout)
    for key in ("files", "tensors", "arrays", "config", "parameters"):
        assert plan[key] == by_command[key]


def test_curl_upload(url, by_command, tmp_path):
    """curl -T checkpoint.tar URL -o model.tar, as the README has it."""
    out = tmp_path / "model.tar"
    subprocess.run(["curl", "-sSf", "-T", SAMPLE, f"{url}/v1/convert",
                    "-o", out], check=True, timeout=60)
    got = unpacked(out.read_bytes())
    assert got["model.safetensors"] == by_command["model.safetensors"]


def example(first_line, url):
    """The README's Python example that begins so, for this server."""
    text = (TESTS.parent / "README.md").read_text()
    code = re.search(rf"(?m)^    {first_line}\n(?:    .*\n)+", text).group()
    code = "\n".join(line[4:] for line in code.splitlines())
    code = code.replace("http://127.0.0.1:8080", url)
    return code.replace('"tests/', f'"{TESTS}/')


def test_readme_convert(url, tmp_path, by_command):
    """The README's Python example runs, and does what it says."""
    code = example("import io, tarfile, requests", url)
    code = code.replace('extractall("model")',
                        f'extractall("{tmp_path}/model")')
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    got = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()}
    assert got == by_command


def test_readme_jobs(url, capsys):
    code = example("import requests\n    url = .*", url)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert re.fullmatch("succeeded [0-9a-f]{40}\n", capsys.readouterr().out)
