"""What the end-to-end tests share: the program, checkpoints, and a reader."""
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "golden")]

import make_checkpoint  # noqa: E402
import run as golden  # noqa: E402

PROGRAM = os.environ.get("SWITCHYARD", str(TESTS.parent / "build/switchyard"))
SAMPLE_STEP = "checkpoint_500100"


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: not without --slow")
    config.addinivalue_line("markers", "memory: measures it, so not with "
                                       "sanitizers")


def switchyard(*args, **more):
    """Runs the program; the result has returncode, stdout and stderr."""
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True,
                          text=True, timeout=300, **more)


def converted(*args, **more):
    """As switchyard("convert", ...), and it has to succeed."""
    result = switchyard("convert", *args, **more)
    assert result.returncode == 0, result.stderr
    return result


def peak_memory(*args):
    """Runs the program; its exit status and its peak memory in bytes."""
    with tempfile.NamedTemporaryFile() as report:
        subprocess.run([sys.executable, TESTS / "measure.py", report.name,
                        PROGRAM, *map(str, args)], check=True, timeout=300,
                       stdout=subprocess.DEVNULL)
        result = json.load(report)
    return result["status"], result["peak"]


def make(folder, *args):
    """A checkpoint of ../make_checkpoint.py; its options."""
    o = make_checkpoint.arguments([str(folder), *map(str, args)])
    make_checkpoint.write_checkpoint(o)
    return o


def bytes_of(folder):
    """{name: bytes} of a model folder."""
    return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


def tensors_of(folder):
    """{name: "dtype shape sha256"} of all tensors of a model folder."""
    out = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        out.update(golden.tensors(path))
    return out


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """The bundled sample: its checkpoint folder and its gin file."""
    folder = tmp_path_factory.mktemp("sample")
    with tarfile.open(TESTS / "sample/switch-tiny.tar.gz") as tar:
        tar.extractall(folder)
    return SimpleNamespace(checkpoint=folder / SAMPLE_STEP,
                           gin=TESTS / "sample/model.gin")


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """About 400 MB of float32 in chunks of 4 MiB, compressed."""
    folder = tmp_path_factory.mktemp("large") / "checkpoint"
    make(folder, "--d-model", 512, "--heads", 8, "--d-kv", 64, "--d-ff", 2048,
         "--vocab", 8192, "--experts", 8, "--optimizer", "none", "--values",
         "normal", "--compressor", '{"id":"zstd","level":1}', "--chunk-bytes",
         4 << 20, "--jobs", os.cpu_count())
    return folder
