#!/usr/bin/env python3
"""Make the sample again: make.py, in this folder.

The checkpoint is written by tensorstore and flax themselves, the libraries that
t5x saves with, so that what the newcomer's first conversion reads is what those
programs write. Needs both, and what ../make_checkpoint.py needs.
"""
import gzip
import io
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
import tensorstore  # noqa: E402
from flax import serialization, traverse_util  # noqa: E402

import make_checkpoint  # noqa: E402

MODEL = ("--layers 2 --decoder-layers 2 --encoder-sparse 1 "
         "--decoder-sparse 1 --d-model 16 --heads 2 --d-kv 8 --d-ff 32 "
         "--vocab 64 --experts 4 --values normal --seed 7").split()
STEP = 500100


def write_array(folder, path, array):
    """A zarr folder; returns the spec that t5x puts into its index."""
    name = path.replace("/", ".")
    store = tensorstore.open(
        {"driver": "zarr", "dtype": array.dtype.name,
         "kvstore": {"driver": "file", "path": str(folder / name)},
         "metadata": {"shape": array.shape, "chunks": array.shape,
                      "compressor": {"id": "gzip"}}}, create=True).result()
    store.write(array).result()
    spec = store.spec().to_json()
    spec["kvstore"] = {"driver": "file", "path": name + "/"}
    del spec["transform"]
    return spec


def write_checkpoint(folder):
    o = make_checkpoint.arguments(["unused", *MODEL])
    flat = {"optimizer/state/step": np.int32(STEP)}
    for entry in make_checkpoint.array_list(o):
        array = make_checkpoint.array_values(o, *entry)
        flat["optimizer/" + entry[0]] = (
            array if array.size == 1 else write_array(folder, entry[0], array))
    index = {"version": 3, **traverse_util.unflatten_dict(flat, sep="/")}
    (folder / "checkpoint").write_bytes(serialization.msgpack_serialize(index))


def neutral(info):
    info.mtime = info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o755 if info.isdir() else 0o644
    return info


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, f"checkpoint_{STEP}")
        folder.mkdir()
        write_checkpoint(folder)
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w",
                          format=tarfile.USTAR_FORMAT) as tar:
            tar.add(folder, folder.name, filter=neutral)
    data = gzip.compress(raw.getvalue(), 9, mtime=0)
    (HERE / "switch-tiny.tar.gz").write_bytes(data)


if __name__ == "__main__":
    main()
