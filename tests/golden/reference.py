#!/usr/bin/env python3
"""Run transformers' own converter script, as golden outputs are made with it.

The script is transformers.models.switch_transformers.convert_switch_...; it
imports t5x, which PyPI does not have, for one function. load_t5x_checkpoint()
stands in for it and does what t5x's does: it opens every array of the index,
those of the optimizer too, with tensorstore, and reads them all.

Takes the script's options, and --max_shard_size, which it lacks. Needs
transformers 4.44.2, flax, tensorstore and torch.
"""
import argparse
import asyncio
import os
import runpy
import sys
import types

import tensorstore
from flax import serialization, traverse_util

SCRIPT = ("transformers.models.switch_transformers."
          "convert_switch_transformers_original_flax_checkpoint_to_pytorch")


def is_stored(leaf):
    return isinstance(leaf, dict) and {"driver", "kvstore", "metadata"} <= set(leaf)


async def read_leaf(folder, leaf):
    """An array of the index: its value, or what tensorstore reads for it."""
    if not is_stored(leaf):
        return leaf
    path = leaf["kvstore"].get("path") or leaf["path"]
    metadata = {k: v for k, v in leaf["metadata"].items()
                if k not in ("chunks", "compressor")}
    array = await tensorstore.open(
        {"driver": leaf["driver"], "dtype": leaf["dtype"], "metadata": metadata,
         "kvstore": {"driver": "file", "path": os.path.join(folder, path)}},
        open=True)
    return await array.read()


def load_t5x_checkpoint(path):
    with open(os.path.join(path, "checkpoint"), "rb") as f:
        index = serialization.msgpack_restore(f.read())
    flat = traverse_util.flatten_dict(
        index["optimizer"], sep="/", keep_empty_nodes=True,
        is_leaf=lambda _, v: not isinstance(v, dict) or is_stored(v))

    async def read_all():
        return await asyncio.gather(*(read_leaf(path, v)
                                      for v in flat.values()))

    return traverse_util.unflatten_dict(
        dict(zip(flat, asyncio.run(read_all()))), sep="/")


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--max_shard_size")
    options, rest = parser.parse_known_args()
    t5x = types.ModuleType("t5x")
    t5x.checkpoints = types.ModuleType("t5x.checkpoints")
    t5x.checkpoints.load_t5x_checkpoint = load_t5x_checkpoint
    sys.modules.update({"t5x": t5x, "t5x.checkpoints": t5x.checkpoints})
    if options.max_shard_size:
        from transformers import PreTrainedModel
        save = PreTrainedModel.save_pretrained
        PreTrainedModel.save_pretrained = lambda model, folder: save(
            model, folder, max_shard_size=options.max_shard_size)
    sys.argv[1:] = rest
    runpy.run_module(SCRIPT, run_name="__main__")


if __name__ == "__main__":
    main()
