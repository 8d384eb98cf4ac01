"""One model by several processes: convert --shard."""
import json
import subprocess
import time

import pytest

from conftest import PROGRAM, bytes_of, converted, make, switchyard

INDEX = "model.safetensors.index.json"
PLAN = ".switchyard-plan"


@pytest.fixture(scope="module")
def expected(large, tmp_path_factory):
    out = tmp_path_factory.mktemp("expected") / "m"
    converted(large, "--out", out, *SIZE)
    return bytes_of(out)


SIZE = ("--max-shard-size", "30MB")


def shard(checkpoint, out, which, *args):
    """The process of a share."""
    return subprocess.Popen(
        [PROGRAM, "convert", str(checkpoint), "--out", str(out), "--shard",
         which, "--json", "--threads", "1", *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process):
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return json.loads(out)


def run(checkpoint, out, which, *args):
    return result(shard(checkpoint, out, which, *args))


def model(folder):
    """Its files, after a look at what lies beside them."""
    files = bytes_of(folder)
    assert files.pop(PLAN).startswith(b"switchyard plan ")
    assert not [name for name in files if name.startswith(".")]
    return files


def test_one_after_the_other(large, expected, tmp_path):
    out = tmp_path / "m"
    done = []
    for i in (3, 1, 2):
        assert not (out / INDEX).exists()
        done.append(run(large, out, f"{i}/3", *SIZE))
    assert [d["complete"] for d in done] == [False, False, True]
    assert done[0]["files_missing"] > done[1]["files_missing"] > 0
    assert model(out) == expected
    sizes = [d["bytes_written"] for d in done]
    tensors = [len(v) for k, v in expected.items() if k.endswith("rs")]
    assert sum(sizes) == sum(tensors)
    assert max(sizes) - min(sizes) <= max(tensors)


def test_at_once(large, expected, tmp_path):
    shards = [shard(large, tmp_path / "m", f"{i}/4", *SIZE)
              for i in (1, 2, 3, 4, 2)]  # one of them twice
    done = [result(p) for p in shards]
    assert any(d["complete"] for d in done)
    assert model(tmp_path / "m") == expected


def test_two_that_finish_at_once(sample, tmp_path):
    """Both may find the set complete: the model is the same."""
    options = ("--max-shard-size", "20KB")
    converted(sample.checkpoint, "--out", tmp_path / "expected", *options)
    for round in range(10):
        out = tmp_path / f"m{round}"
        both = [shard(sample.checkpoint, out, f"{i}/2", *options)
                for i in (1, 2)]
        assert any([result(p)["complete"] for p in both])
        assert model(out) == bytes_of(tmp_path / "expected")


def test_again(large, expected, tmp_path):
    """What is there is not made again."""
    out = tmp_path / "m"
    run(large, out, "1/2", *SIZE)
    times = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    again = run(large, out, "1/2", *SIZE)
    assert (again["files_written"], again["complete"]) == (0, False)
    assert times == {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    # Other shares than before: it is the files that count.
    for i in (1, 2, 3):
        done = run(large, out, f"{i}/3", *SIZE)
    assert done["complete"] and model(out) == expected
    assert run(large, out, "2/2", *SIZE)["complete"]
    assert model(out) == expected


def test_killed(large, expected, tmp_path):
    """Nothing of a share that dies is seen, and it can be made again."""
    out = tmp_path / "m"
    victim = shard(large, out, "1/2", *SIZE)
    parts = ".shard.part-*/*.safetensors"
    deadline = time.monotonic() + 60
    while not list(out.glob(parts)) and time.monotonic() < deadline:
        time.sleep(0.005)
    victim.kill()
    victim.communicate()
    assert list(out.glob(parts))
    assert not list(out.glob("*.safetensors"))
    done = run(large, out, "2/2", *SIZE)
    assert not done["complete"] and not (out / INDEX).exists()
    assert not list(out.glob(".shard.part-*"))
    assert run(large, out, "1/2", *SIZE)["complete"]
    assert model(out) == expected


def test_one_file(sample, tmp_path):
    converted(sample.checkpoint, "--out", tmp_path / "expected")
    done = [run(sample.checkpoint, tmp_path / "m", f"{i}/2") for i in (2, 1)]
    assert [d["complete"] for d in done] == [False, True]
    assert model(tmp_path / "m") == bytes_of(tmp_path / "expected")


@pytest.mark.parametrize("change", ["seed", "options", "missing chunks"])
def test_another_plan(tmp_path, change):
    make(tmp_path / "c", "--values", "normal", "--seed", 1)
    run(tmp_path / "c", tmp_path / "m", "1/2")
    options = []
    if change == "seed":
        make(tmp_path / "c", "--values", "normal", "--seed", 2)
    elif change == "options":
        options = ["--dtype", "bfloat16"]
    else:
        options = ["--allow-missing-chunks"]
    before = bytes_of(tmp_path / "m")
    refused = switchyard("convert", tmp_path / "c", "--out", tmp_path / "m",
                         "--shard", "2/2", *options)
    assert refused.returncode
    assert "another conversion" in refused.stderr
    assert "same options" in refused.stderr
    assert bytes_of(tmp_path / "m") == before


def test_a_folder_of_something_else(sample, tmp_path):
    out = tmp_path / "m"
    out.mkdir()
    (out / "thesis.txt").write_text("all of it")
    refused = switchyard("convert", sample.checkpoint, "--out", out, "--shard",
                         "1/1")
    assert refused.returncode and "thesis.txt" in refused.stderr
    assert bytes_of(out) == {"thesis.txt": b"all of it"}


@pytest.mark.parametrize("args, word", [
    (["--shard", "0/2"], "I/N"), (["--shard", "3/2"], "I/N"),
    (["--shard", "1"], "I/N"), (["--shard", "1/x"], "I/N"),
    (["--shard", "/2"], "I/N"), (["--shard", "1/99999"], "I/N"),
    (["--shard", "1/2", "--overwrite"], "--overwrite"),
    (["--shard", "1/2", "--verify"], "switchyard verify"),
    (["--shard", "1/2", "--provenance", "p"], "--provenance"),
])
def test_usage(sample, tmp_path, args, word):
    refused = switchyard("convert", sample.checkpoint, "--out", tmp_path / "m",
                         *args)
    assert refused.returncode == 2 and word in refused.stderr
    assert not (tmp_path / "m").exists()
