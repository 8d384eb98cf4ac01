"""The program as a user runs it."""
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import msgpack
import numpy as np
import pytest

import make_checkpoint
from conftest import (PROGRAM, bytes_of, converted, make, peak_memory,
                      switchyard, tensors_of)

MiB = 1 << 20
IS_ROOT = os.geteuid() == 0


# What comes out.

def test_sample(sample, tmp_path):
    """Weights that tensorstore and flax wrote arrive, turned and split."""
    out = tmp_path / "model"
    converted(sample.checkpoint, "--gin", sample.gin, "--out", out)
    o = make_checkpoint.arguments(["unused", "--values", "normal", "--seed", "7"])
    f32 = make_checkpoint.numpy_dtype("float32")

    def digest(name, shape, expert=None):
        array = make_checkpoint.values(o, name, shape, f32)
        array = array.T if expert is None else array[expert].T
        return hashlib.sha256(array.tobytes()).hexdigest()

    tensors = tensors_of(out)
    query = "decoder.block.1.layer.1.EncDecAttention.q.weight"
    assert tensors[query] == "F32 16,16 " + digest(
        "decoder/layers_1/encoder_decoder_attention/query/kernel", (16, 16))
    for i in range(4):
        wi = f"encoder.block.1.layer.1.mlp.experts.expert_{i}.wi.weight"
        assert tensors[wi] == "F32 32,16 " + digest(
            "encoder/layers_1/mlp/expert/wi/kernel", (4, 16, 32), i)
    config = json.loads((out / "config.json").read_text())
    assert config["num_experts"] == 4 and config["decoder_sparse_step"] == 2


def test_names_of_the_original_script(sample, tmp_path):
    new, old, older = (tmp_path / n for n in ("new", "old", "older"))
    converted(sample.checkpoint, "--gin", sample.gin, "--num-experts", 4,
              "--out", new)
    names = ("--switch_t5x_checkpoint_path", sample.checkpoint, "--gin_file",
             sample.gin, "--num_experts", 4, "--pytorch_dump_folder_path")
    converted(*names, old)
    assert switchyard(*names, older).returncode == 0
    assert bytes_of(new) == bytes_of(old) == bytes_of(older)
    again = tmp_path / "again"
    converted("--switch_t5x_checkpoint_path", sample.checkpoint,
              "--config_name", new, "--pytorch_dump_folder_path", again)
    assert bytes_of(again).keys() == bytes_of(new).keys()
    assert tensors_of(again) == tensors_of(new)


def test_same_bytes_from_any_number_of_threads(large, tmp_path):
    sums = []
    for threads, memory in ((1, "64MiB"), (2, "512MiB"), (8, "96MiB")):
        out = tmp_path / f"model{threads}"
        converted(large, "--out", out, "--threads", threads, "--memory", memory)
        sums.append({k: hashlib.sha256(v).digest()
                     for k, v in bytes_of(out).items()})
    assert sums[0] == sums[1] == sums[2]


@pytest.mark.parametrize("name", ["a b", "ünïcode", "new\nline", "-dash"])
def test_strange_names(sample, tmp_path, name):
    checkpoint = tmp_path / name
    checkpoint.symlink_to(sample.checkpoint)
    converted("--out", f"out {name}/", "--", f"{name}/", cwd=tmp_path)
    assert (tmp_path / f"out {name}" / "model.safetensors").exists()


# What is printed.

def test_json(sample, tmp_path):
    result = converted(sample.checkpoint, "--out", tmp_path / "model", "--json")
    report = json.loads(result.stdout)
    files = {p.name: p.stat().st_size for p in (tmp_path / "model").iterdir()}
    assert {f["name"]: f["bytes"] for f in report["files"]} == files
    assert report["tensors"] == len(tensors_of(tmp_path / "model"))
    assert report["missing_chunks"] == report["overflowed"] == 0


def test_json_error(tmp_path):
    result = switchyard("convert", tmp_path, "--out", tmp_path / "m", "--json")
    problem = json.loads(result.stdout)["error"]
    assert problem["type"] == "/problems/unsupported-format"
    assert problem["detail"] and problem["title"]
    assert result.stderr.startswith("switchyard: ")


def test_quiet(sample, tmp_path):
    result = converted(sample.checkpoint, "--out", tmp_path / "m", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")


def test_no_progress_bar_without_terminal(sample, tmp_path):
    result = converted(sample.checkpoint, "--out", tmp_path / "m")
    assert result.stderr == "" and str(tmp_path / "m") in result.stdout


@pytest.mark.parametrize("args", [["--help"], ["convert", "--help"],
                                  ["inspect", "--help"], ["serve", "--help"]])
def test_help(args):
    result = switchyard(*args)
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith("Usage: switchyard")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_version():
    result = switchyard("--version")
    assert result.returncode == 0 and result.stdout.startswith("switchyard ")


# Exit status.

@pytest.mark.parametrize("args, word", [
    ([], "Usage"),
    (["transmogrify"], "transmogrify"),
    (["convert"], "--out"),
    (["convert", "--out", "OUT"], "checkpoint"),
    (["convert", "SAMPLE"], "--out"),
    (["convert", "SAMPLE", "SAMPLE", "--out", "OUT"], "more than one"),
    (["convert", "SAMPLE", "--out"], "--out"),
    (["convert", "SAMPLE", "--out", "OUT", "--frobnicate"], "frobnicate"),
    (["convert", "SAMPLE", "--out", "OUT", "--num-experts", "-3"], "-3"),
    (["convert", "SAMPLE", "--out", "OUT", "--num-experts", "4x"], "4x"),
    (["convert", "SAMPLE", "--out", "OUT", "--dtype", "int8"], "int8"),
    (["convert", "SAMPLE", "--out", "OUT", "--compat", "cubist"], "cubist"),
    (["convert", "SAMPLE", "--out", "OUT", "--max-shard-size", "5XB"], "5XB"),
    (["convert", "SAMPLE", "--out", "OUT", "--memory", "lots"], "lots"),
    (["inspect", "SAMPLE", "--digest", "--threads", "0"], "0"),
    (["convert", "SAMPLE", "--out", "OUT", "--threads", "0"], "threads"),
    (["inspect", "SAMPLE", "--out", "OUT"], "--out"),
    (["serve", "--listen", "nowhere"], "nowhere"),
])
def test_usage_errors(sample, tmp_path, args, word):
    known = {"SAMPLE": sample.checkpoint, "OUT": tmp_path / "model"}
    result = switchyard(*(known.get(a, a) for a in args), cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert word in result.stderr + result.stdout
    assert list(tmp_path.iterdir()) == []


def test_unreadable_source(sample, tmp_path):
    for path, options in ((tmp_path / "no", ()),
                          (sample.checkpoint, ("--gin", tmp_path / "no.gin")),
                          (sample.checkpoint, ("--config", tmp_path / "no"))):
        result = switchyard("convert", path, "--out", tmp_path / "m", *options)
        assert result.returncode == 4, result.stderr
        assert str(tmp_path / "no") in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(IS_ROOT, reason="root may read everything")
def test_forbidden_source(tmp_path):
    make(tmp_path / "c", "--layers", 2, "--encoder-sparse", 1)
    (tmp_path / "c/checkpoint").chmod(0)
    result = switchyard("convert", tmp_path / "c", "--out", tmp_path / "m")
    assert result.returncode == 4 and "ermission" in result.stderr


def test_standard_output_that_is_full(sample):
    with open("/dev/full", "w") as full:
        result = subprocess.run([PROGRAM, "inspect", sample.checkpoint],
                                stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 5 and "standard output" in result.stderr


# The output folder.

def test_existing_output(sample, tmp_path):
    out = tmp_path / "model"
    out.mkdir()
    converted(sample.checkpoint, "--out", out)  # an empty one is fine
    (out / "mine").write_text("kept")
    before = bytes_of(out)
    result = switchyard("convert", sample.checkpoint, "--out", out)
    assert result.returncode == 5 and "overwrit" in result.stderr
    assert bytes_of(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_overwrite(sample, tmp_path):
    out = tmp_path / "model"
    converted(sample.checkpoint, "--out", out, "--dtype", "float16")
    before = bytes_of(out)
    converted(sample.checkpoint, "--out", out, "--overwrite")
    after = bytes_of(out)
    assert len(after["model.safetensors"]) > len(before["model.safetensors"])
    result = switchyard("convert", tmp_path, "--out", out, "--overwrite")
    assert result.returncode == 3
    assert bytes_of(out) == after
    assert list(tmp_path.iterdir()) == [out]


def test_parents_are_made(sample, tmp_path):
    converted(sample.checkpoint, "--out", tmp_path / "a/b/model")
    assert (tmp_path / "a/b/model/config.json").exists()


def test_output_below_a_file(sample, tmp_path):
    (tmp_path / "file").write_text("x")
    result = switchyard("convert", sample.checkpoint, "--out",
                        tmp_path / "file/model")
    assert result.returncode == 5, result.stderr


@contextmanager
def mounted(folder, options):
    """A small file system of its own at folder."""
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs",
                            folder], capture_output=True)
    if mount.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_full_disk(large, tmp_path):
    """Found before the work, and nothing is left."""
    with mounted(tmp_path / "disk", "size=40m") as disk:
        start = time.monotonic()
        result = switchyard("convert", large, "--out", disk / "model", "--json")
        assert result.returncode == 5, result.stderr
        assert json.loads(result.stdout)["error"]["type"] == \
            "/problems/no-space"
        assert time.monotonic() - start < 2
        assert list(disk.iterdir()) == []


def test_read_only_output(sample, tmp_path):
    with mounted(tmp_path / "disk", "size=40m,ro") as disk:
        result = switchyard("convert", sample.checkpoint, "--out",
                            disk / "model")
        assert result.returncode == 5 and str(disk) in result.stderr


# Being stopped.

def stop_midway(checkpoint, out, number):
    """Sends a signal once some of the output is there."""
    process = subprocess.Popen(
        [PROGRAM, "convert", checkpoint, "--out", out, "--threads", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(out.parent.glob(".*/*.safetensors")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.001)
    time.sleep(0.05)
    assert process.poll() is None, "too fast to be stopped"
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(large, tmp_path, number):
    status, errors = stop_midway(large, tmp_path / "model", number)
    assert status == 1 and errors.startswith("switchyard: ")
    assert list(tmp_path.iterdir()) == []


def test_killed(large, tmp_path):
    out = tmp_path / "model"
    status, _ = stop_midway(large, out, signal.SIGKILL)
    assert status == -signal.SIGKILL and not out.exists()
    converted(large, "--out", out)
    assert (out / "config.json").exists()


# Memory and time.

@pytest.mark.memory
@pytest.mark.parametrize("grid", [None, ["--cut", "1:4", "--cut", "2:4"],
                                  ["--chunk-bytes", 1 << 30]])
def test_peak_memory(large, tmp_path, grid):
    """
    400 MB of weights pass through a budget of 64 MiB: chunks of rows, tiles, and
    whole arrays that alone need all of it.
    """
    checkpoint = large
    if grid:
        checkpoint = tmp_path / "checkpoint"
        make(checkpoint, "--d-model", 512, "--heads", 8, "--d-kv", 64, "--d-ff",
             2048, "--vocab", 8192, "--experts", 8, "--optimizer", "none",
             "--compressor", "null", *grid, "--jobs", os.cpu_count())
    status, peak = peak_memory("convert", checkpoint, "--out", tmp_path / "m",
                               "--memory", "64MiB", "--quiet")
    size = (tmp_path / "m/model.safetensors").stat().st_size
    assert status == 0 and size > 300 * MiB
    assert peak < 64 * MiB + 24 * MiB, f"{peak / MiB:.0f} MiB"


@pytest.mark.memory
def test_plan_of_the_largest_model(tmp_path):
    """1.6 T parameters, 122,880 expert tensors: planned from metadata."""
    make(tmp_path / "c", "--layers", 15, "--decoder-layers", 15,
         "--encoder-sparse", 15, "--decoder-sparse", 15, "--experts", 2048,
         "--d-model", 2080, "--heads", 64, "--d-kv", 64, "--d-ff", 6144,
         "--vocab", 32128, "--optimizer", "none", "--no-chunks")
    result = switchyard("inspect", tmp_path / "c", "--json")
    assert result.returncode == 0, result.stderr
    plan = json.loads(result.stdout)
    assert len(plan["tensors"]) > 122880
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert switchyard("inspect", tmp_path / "c").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Of a processor, so that it does not matter what else runs.
    assert after.ru_utime - before.ru_utime < 0.5
    status, peak = peak_memory("inspect", tmp_path / "c")
    assert status == 0 and peak < 128 * MiB, f"{peak / MiB:.0f} MiB"
    check_parts(tmp_path / "c", plan["files"])


def check_parts(checkpoint, files):
    """Any part of any file can be had, whatever the model's size."""
    def part(file, first, last, *more):
        return subprocess.run(
            [PROGRAM, "convert", str(checkpoint), "--file", file, "--range",
             f"{first}-{last}", *more], capture_output=True, timeout=60)

    tensor_files = [f for f in files if f["name"].endswith(".safetensors")]
    for f in random.sample(tensor_files, 3):
        head = part(f["name"], 0, 7).stdout
        header = json.loads(part(f["name"], 8, 7 + int.from_bytes(
            head, "little")).stdout)
        end = 8 + int.from_bytes(head, "little") + max(
            t["data_offsets"][1] for k, t in header.items()
            if k != "__metadata__")
        assert end == f["bytes"]
        for first in (f["bytes"] - 5, random.randrange(2**20, f["bytes"] - 5)):
            got = part(f["name"], first, first + 4, "--allow-missing-chunks")
            assert got.stdout == bytes(5), got.stderr
            # Without a weight there is nothing to read.
            assert b"is not there" in part(f["name"], first, first).stderr
    # All of them in one file: no header is larger than that.
    head = part("model.safetensors", 0, 7, "--max-shard-size", "10TB").stdout
    assert 10 * MiB < int.from_bytes(head, "little") < 25 * MiB


# inspect.

def test_inspect_reads_no_weight(sample, tmp_path):
    make(tmp_path / "c", "--no-chunks", "--layers", 2, "--encoder-sparse", 1)
    result = switchyard("inspect", tmp_path / "c")
    assert result.returncode == 0, result.stderr
    for text in ("encoder/layers_1/mlp/expert/wi/kernel", "model.safetensors",
                 "num_experts"):
        assert text in result.stdout


def digests(*args):
    result = switchyard("inspect", "--digest", "--json", *args)
    assert result.returncode == 0, result.stderr
    return {a["name"]: a for a in json.loads(result.stdout)["arrays"]}


def test_digest_of_sample(sample):
    """What tensorstore and flax wrote has the digests that numpy makes."""
    o = make_checkpoint.arguments(["unused", "--values", "normal", "--seed", "7"])
    f32 = make_checkpoint.numpy_dtype("float32")
    arrays = digests(sample.checkpoint)
    for name, a in arrays.items():
        values = make_checkpoint.values(o, name, tuple(a["shape"]), f32)
        assert a["sha256"] == hashlib.sha256(values.tobytes()).hexdigest(), name
    lines = switchyard("inspect", sample.checkpoint, "--digest").stdout
    for name, a in arrays.items():
        assert f"  {a['sha256']}  {name} float32 [" in lines


@pytest.mark.parametrize("change", [
    ["--compressor", "null", "--order", "F"],
    ["--compressor", '{"id":"blosc","cname":"lz4","clevel":5,"shuffle":1}'],
    ["--big-endian", "--cut", "0:3", "--cut", "1:5", "--separator", "/"],
    ["--inline", "all", "--inline-chunk", "1000"],
])
def test_digest_is_of_the_values(tmp_path, change):
    make(tmp_path / "a")
    make(tmp_path / "b", *change)
    a, b = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert {k: v["sha256"] for k, v in a.items()} == {
        k: v["sha256"] for k, v in b.items()}


def test_digest_needs_no_model(tmp_path):
    """Not a Switch Transformer, but it can be opened."""
    values = np.arange(6, dtype="<i8").reshape(2, 3)
    packed = msgpack.packb(([2, 3], "int64", values.tobytes()))
    (tmp_path / "checkpoint").write_bytes(msgpack.packb(
        {"version": 3, "optimizer": {"target": {
            "any": {"thing": msgpack.ExtType(1, packed)}}}}))
    assert switchyard("inspect", tmp_path).returncode == 3
    arrays = digests(tmp_path)
    assert list(arrays) == ["any/thing"]
    assert arrays["any/thing"]["sha256"] == hashlib.sha256(
        values.tobytes()).hexdigest()


@pytest.mark.parametrize("root", [
    lambda params: params,
    lambda params: {"params": params, "opt_state": {"0": {}}, "step": 3},
    lambda params: {"target": params, "state": {"step": 3}},
])
def test_flax_file(sample, tmp_path, root):
    """What flax.training writes converts as what T5X does."""
    make(tmp_path / "t5x", "--inline", "all", "--optimizer", "none")
    index = msgpack.unpackb((tmp_path / "t5x/checkpoint").read_bytes())
    folder = tmp_path / "flax"
    folder.mkdir()
    for step in (1, 3):
        (folder / f"checkpoint_{step}").write_bytes(msgpack.packb(
            root(index["optimizer"]["target"]) if step == 3 else {"old": 1}))
    converted(tmp_path / "t5x", "--out", tmp_path / "a")
    converted(folder, "--out", tmp_path / "b")
    converted(folder / "checkpoint_3", "--out", tmp_path / "c")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "c")
    report = json.loads(switchyard("inspect", folder, "--json").stdout)
    assert report["checkpoint"]["format"] == "flax"
    assert report["checkpoint"]["step"] == 3


def test_digest_of_what_is_damaged(sample, tmp_path):
    shutil.copytree(sample.checkpoint, tmp_path / "c")
    folder = tmp_path / "c/target.encoder.layers_1.mlp.expert.wi.kernel"
    chunk = next(p for p in folder.iterdir() if p.name != ".zarray")
    whole = digests(tmp_path / "c")
    chunk.unlink()
    result = switchyard("inspect", "--digest", tmp_path / "c")
    assert result.returncode == 3 and chunk.name in result.stderr
    lost = digests(tmp_path / "c", "--allow-missing-chunks")
    name = "encoder/layers_1/mlp/expert/wi/kernel"
    assert [k for k in whole if whole[k] != lost[k]] == [name]
    assert lost[name]["missing_chunks"] == 1
    chunk.write_bytes(b"")
    result = switchyard("inspect", "--digest", tmp_path / "c", "--json")
    problem = json.loads(result.stdout)["error"]
    assert problem["type"] == "/problems/invalid-chunk"


@pytest.mark.memory
def test_digest_within_memory(large):
    usual = digests(large)
    assert usual == digests(large, "--memory", "24MiB", "--threads", 2)
    status, peak = peak_memory("inspect", "--digest", large, "--memory",
                               "64MiB")
    assert status == 0
    assert peak < 64 * MiB + 32 * MiB, f"{peak / MiB:.0f} MiB"


def test_inspect_agrees_with_convert(sample, tmp_path):
    options = ("--gin", sample.gin, "--dtype", "bfloat16",
               "--max-shard-size", "20KB")
    plan = json.loads(switchyard("inspect", sample.checkpoint, "--json",
                                 *options).stdout)
    converted(sample.checkpoint, "--out", tmp_path / "m", *options)
    names = {p.name for p in (tmp_path / "m").iterdir()}
    assert {f["name"] for f in plan["files"]} == names
    assert {t["name"] for t in plan["tensors"]} == set(
        tensors_of(tmp_path / "m"))
