"""Models that are written to standard output, whole or in part."""
import io
import json
import os
import random
import subprocess
import tarfile
import time

import pytest

from conftest import (PROGRAM, bytes_of, converted, make, peak_memory,
                      switchyard)

MiB = 1 << 20


def stream(*args, **more):
    """What convert writes to standard output; more is for the process."""
    result = subprocess.run([PROGRAM, "convert", *map(str, args)],
                            capture_output=True, timeout=300, **more)
    assert result.returncode == 0, result.stderr
    return result.stdout


def unpack(archive):
    """{name: bytes} of a tar archive, in its order."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar}


OPTIONS = [[], ["--dtype", "bfloat16"], ["--max-shard-size", "20KB"],
           ["--threads", 1, "--memory", "20KB"]]


@pytest.mark.parametrize("options", OPTIONS)
def test_archive(sample, tmp_path, options):
    converted(sample.checkpoint, "--out", tmp_path / "m", *options)
    archive = stream(sample.checkpoint, "--out", "-", *options)
    members = unpack(archive)
    assert members == bytes_of(tmp_path / "m")
    kinds = [name.endswith(".safetensors") for name in members]
    assert kinds == sorted(kinds)
    assert stream(sample.checkpoint, "--out", "-", *options) == archive


@pytest.mark.parametrize("grid", [[], ["--cut", "1:8"], ["--cut", "2:8"],
                                  ["--cut", "1:3", "--cut", "2:5"]])
def test_grids(tmp_path, grid):
    """Chunks of a few rows of all experts, and less memory than that takes."""
    make(tmp_path / "c", "--d-model", 64, "--d-ff", 96, "--experts", 12,
         "--values", "normal", *grid)
    converted(tmp_path / "c", "--out", tmp_path / "m")
    for options in ([], ["--memory", "64KB"]):
        archive = stream(tmp_path / "c", "--out", "-", *options)
        assert unpack(archive) == bytes_of(tmp_path / "m")


def test_ranges(sample, tmp_path):
    converted(sample.checkpoint, "--out", tmp_path / "m")
    for name, data in bytes_of(tmp_path / "m").items():
        size = len(data)
        assert stream(sample.checkpoint, "--file", name) == data
        ranges = {"0-0": data[:1], "0-": data, "-1": data[-1:],
                  f"-{size + 9}": data, f"{size - 1}-{size + 9}": data[-1:]}
        for _ in range(12):
            a = random.randrange(size)
            b = random.randrange(a, size)
            ranges[f"{a}-{b}"] = data[a:b + 1]
        for text, expected in ranges.items():
            got = stream(sample.checkpoint, "--file", name, "--range", text,
                         "--out", "-")
            assert got == expected, text


@pytest.mark.parametrize("args, status, word", [
    (["--range", "0-1"], 2, "--file"),
    (["--file", "config.json", "--out", "m"], 2, "standard output"),
    (["--file", "config.json", "--json"], 2, "json"),
    (["--out", "-", "--overwrite"], 2, "overwrite"),
    (["--out", "-", "--verify"], 2, "verify"),
    (["--out", "-", "--provenance", "p"], 2, "provenance"),
    (["--file", "config.json", "--range", "9-1"], 2, "FIRST-LAST"),
    (["--file", "config.json", "--range", "x"], 2, "FIRST-LAST"),
    (["--file", "config.json", "--range", "1-2,4-5"], 2, "FIRST-LAST"),
    (["--file", "config.json", "--range", "99999999999999999999-"], 2, "range"),
    (["--file", "config.json", "--range", "1000000-"], 2, "outside"),
    (["--file", "nothing"], None, "no file 'nothing'"),
])
def test_usage(sample, tmp_path, args, status, word):
    result = switchyard("convert", sample.checkpoint, *args, cwd=tmp_path)
    assert result.returncode == status or (status is None and result.returncode)
    assert word in result.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_stays_on_disk(sample, tmp_path):
    (tmp_path / "tmp").mkdir()
    stream(sample.checkpoint, "--out", "-", "--memory", "10KB", cwd=tmp_path,
           env=os.environ | {"TMPDIR": str(tmp_path / "tmp")})
    assert [p.name for p in tmp_path.rglob("*")] == ["tmp"]


def test_reader_that_goes_away(large):
    """A pipe that nobody reads is an error, with a message."""
    with subprocess.Popen([PROGRAM, "convert", large, "--out", "-"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        assert len(p.stdout.read(MiB)) == MiB
        p.stdout.close()
        errors = p.stderr.read().decode()
        assert p.wait(60) > 0
    assert "standard output" in errors


def test_damaged_chunk(sample, tmp_path):
    checkpoint = tmp_path / "c"
    make(checkpoint, "--values", "normal", "--seed", 1)
    chunk = next(checkpoint.glob("target.*wi.kernel/0*"))
    chunk.write_bytes(b"no gzip")
    result = switchyard("convert", checkpoint, "--out", "-", errors="replace")
    assert result.returncode and chunk.name in result.stderr
    # What does not need it is still there.
    assert json.loads(stream(checkpoint, "--file", "config.json"))


def test_first_byte_is_early(large):
    """Long before the model could be converted."""
    def first_byte():
        start = time.monotonic()
        with subprocess.Popen([PROGRAM, "convert", large, "--out", "-"],
                              stdout=subprocess.PIPE) as p:
            p.stdout.read(512)
            seconds = time.monotonic() - start
            p.kill()
        return seconds
    whole = time.monotonic()
    stream(large, "--out", "-")
    whole = time.monotonic() - whole
    assert min(first_byte() for _ in range(3)) < max(whole / 4, 0.2)


@pytest.mark.memory
def test_memory(large):
    status, peak = peak_memory("convert", large, "--out", "-", "--memory",
                               "64MiB")
    assert status == 0 and peak < 96 * MiB, f"{peak / MiB:.0f} MiB"
