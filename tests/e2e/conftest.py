"""What the end-to-end tests share: the program, checkpoints, and a reader.

They may run in several processes at once (pytest-xdist), a file's tests always
in one of them, in their order. So each has ports and folders of its own, and
what is dear to make is made once for all of them.
"""
import fcntl
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


# What takes longest starts first, so that nobody waits for it at the end.
LONGEST = ("test_kill.py", "test_schema.py", "test_service.py", "test_edge.py")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda i: LONGEST.index(i.path.name)
               if i.path.name in LONGEST else len(LONGEST))


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


def once(tmp_path_factory, name, fill):
    """A folder that fill(folder) makes for all processes of this run."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / name
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = root / f"{name}.half"
            half.mkdir()
            fill(half)
            half.rename(folder)
    return folder


LARGE = ["--d-model", 512, "--heads", 8, "--d-kv", 64, "--d-ff", 2048,
         "--vocab", 8192, "--experts", 8, "--optimizer", "none", "--values",
         "normal", "--chunk-bytes", 4 << 20, "--jobs", os.cpu_count()]


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """About 400 MB of float32 in chunks of 4 MiB, compressed."""
    def fill(folder):
        make(folder / "checkpoint", *LARGE, "--compressor",
             '{"id":"zstd","level":1}')
    return once(tmp_path_factory, "large", fill) / "checkpoint"


@pytest.fixture(scope="session")
def slow(tmp_path_factory):
    """The same in gzip, which takes a while to convert: a folder and a tar."""
    def fill(folder):
        make(folder / "checkpoint_1", *LARGE)
        with tarfile.open(folder / "checkpoint.tar", "w") as tar:
            tar.add(folder / "checkpoint_1", "checkpoint_1")
    folder = once(tmp_path_factory, "slow", fill)
    return SimpleNamespace(checkpoint=folder / "checkpoint_1",
                           tar=folder / "checkpoint.tar")
