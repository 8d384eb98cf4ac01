"""What a conversion costs: instructions for each byte that it writes.

Counted by callgrind, so the same on any machine at any load. A conversion of a
model with ten experts is held against one with two, which leaves out the start;
chunks are plain, so that it is this program that counts and not a library, and
cut both ways, so that they have to be put together. The figures are those of
Debian 12's gcc with -O2; whoever makes it cheaper writes the new ones down.
"""
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import PROGRAM, make

COST = {"float32": 1.43, "bfloat16": 3.52}
TOLERANCE = 1.03

MODEL = ["--d-model", 256, "--d-ff", 1024, "--vocab", 512, "--layers", 1,
         "--decoder-layers", 1, "--encoder-sparse", 1, "--decoder-sparse", 1,
         "--compressor", "null", "--cut", "1:2", "--cut", "2:2"]


def comparable():
    program = Path(PROGRAM).read_bytes()
    return (shutil.which("valgrind") and platform.machine() == "x86_64"
            and b"GCC: (Debian 12" in program and b"__asan_" not in program
            and b"__tsan_" not in program
            and "avx2" in Path("/proc/cpuinfo").read_text())


def count(checkpoint, out, dtype):
    """Instructions, and the bytes of the model."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         PROGRAM, "convert", checkpoint, "--out", out, "--dtype", dtype,
         "--threads", "1", "--quiet"],
        capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    instructions = re.search(r"refs:\s+([\d,]+)", run.stderr)[1]
    return (int(instructions.replace(",", "")),
            (out / "model.safetensors").stat().st_size)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cost")
    for experts in (2, 10):
        make(folder / str(experts), *MODEL, "--experts", experts)
    return folder


@pytest.mark.skipif(not comparable(), reason="another compiler, or no valgrind")
@pytest.mark.parametrize("dtype", COST)
def test_instructions(checkpoints, tmp_path, dtype):
    few, few_bytes = count(checkpoints / "2", tmp_path / "few", dtype)
    many, many_bytes = count(checkpoints / "10", tmp_path / "many", dtype)
    cost = (many - few) / (many_bytes - few_bytes)
    assert cost <= COST[dtype] * TOLERANCE, f"{cost:.3f} instructions a byte"
