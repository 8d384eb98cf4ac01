#!/usr/bin/env python3
"""What bench.py runs beside the program, in a Python that has the libraries.

  contender.py tensorstore CHECKPOINT     read all parameters, keep none
  contender.py big CHECKPOINT OUT         transformers' convert_big_switch

tensorstore reads eight arrays at a time, each with as many chunks at once as it
likes. convert_big_switch imports tensorflow for one function, to open a file,
and t5x through the module that it takes its names from: open() and an empty
module stand in. It writes float32 here, as the others do. Needs tensorstore;
the second transformers 4.44.2, flax and torch.
"""
import collections
import pathlib
import sys
import types

AT_ONCE = 8


def read_all(checkpoint):
    import tensorstore
    waiting = collections.deque()
    for folder in sorted(pathlib.Path(checkpoint).glob("target.*")):
        waiting.append(tensorstore.open({
            "driver": "zarr", "kvstore": {"driver": "file",
                                          "path": str(folder)}}).result().read())
        if len(waiting) == AT_ONCE:
            waiting.popleft().result()
    for read in waiting:
        read.result()


def stand_in(name, **members):
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module


def convert_big(checkpoint, out):
    import transformers  # noqa: F401  looks for the real tensorflow
    gfile = types.SimpleNamespace(GFile=open)
    stand_in("tensorflow", io=stand_in("tensorflow.io", gfile=gfile))
    stand_in("t5x", checkpoints=stand_in("t5x.checkpoints"))
    from transformers.models.switch_transformers import convert_big_switch
    convert_big_switch.shard_on_the_fly(checkpoint, out, "10GB", "float32")


if __name__ == "__main__":
    {"tensorstore": read_all, "big": convert_big}[sys.argv[1]](*sys.argv[2:])
