#!/usr/bin/env python3
"""Save a T5X checkpoint as Orbax does: orbax_layout.py SOURCE TARGET LAYOUT

SOURCE is a checkpoint of ../make_checkpoint.py whose arrays stand in folders.
What t5x saves with Orbax is the same tree: target, and the optimizer's state.
LAYOUT is folders, ocdbt or zarr3 (in a database), or "steps": a manager's
folder with two steps, the arrays in its item "default".

Needs orbax-checkpoint and tensorstore.
"""
import sys
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore as ts


def read_tree(source):
    tree = {"state": {"step": np.int32(500100)}}
    for path in sorted(source.glob("*/.zarray")):
        spec = {"driver": "zarr", "kvstore": f"file://{path.parent}/"}
        *keys, last = path.parent.name.split(".")
        node = tree
        for key in keys:
            node = node.setdefault(key, {})
        node[last] = np.asarray(ts.open(spec).result().read().result())
    return tree


def save(target, tree, **options):
    handler = ocp.PyTreeCheckpointHandler(**options)
    ocp.Checkpointer(handler).save(str(target), tree)


def save_steps(target, tree):
    with ocp.CheckpointManager(str(target)) as manager:
        for step in (7, 12):
            arrays = jax.tree_util.tree_map(
                lambda x: np.asarray(x * (step == 12)), tree)
            manager.save(step, args=ocp.args.StandardSave(arrays))
            manager.wait_until_finished()


def main(source, target, layout):
    tree = read_tree(Path(source).resolve())
    target = Path(target).resolve()
    if layout == "steps":
        save_steps(target, tree)
    else:
        save(target, tree, use_ocdbt=layout != "folders",
             use_zarr3=layout == "zarr3")
    for path in target.rglob("_sharding"):
        path.unlink()  # what no reader needs


if __name__ == "__main__":
    main(*sys.argv[1:])
