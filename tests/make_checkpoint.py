#!/usr/bin/env python3
"""Write a T5X checkpoint of a Switch Transformer, as t5x itself lays one out.

A checkpoint is a folder: `checkpoint` (a msgpack map, the index) and one zarr 2
folder for each array, `target.encoder.layers_0...`. parameters() names the
arrays as flaxformer's moe_architecture does; spec() is what t5x puts into the
index for each; write_array() is the zarr folder.

Weights repeat with a period of 251, so that fixtures compress to nothing, but
no two rows, columns or experts of an array are alike; with --values normal they
are random, as a benchmark needs them.

Needs numpy, ml_dtypes and msgpack; zstandard and numcodecs for their codecs.
"""
import argparse
import gzip
import itertools
import json
import math
import multiprocessing
import os
import shutil
import zlib

import ml_dtypes
import msgpack
import numpy as np

GIN = """\
from __gin__ import dynamic_registration
from flaxformer.architectures.moe import moe_architecture
from flaxformer.architectures.t5 import t5_architecture
from flaxformer.components import dense
from flaxformer.components import embedding

# Macros:
# {rule}
EMBED_DIM = {d_model}
HEAD_DIM = {d_kv}
MLP_DIM = {d_ff}
NUM_DECODER_LAYERS = {decoder_layers}
NUM_DECODER_SPARSE_LAYERS = {decoder_sparse}
NUM_EMBEDDINGS = {vocab}
NUM_ENCODER_LAYERS = {layers}
NUM_ENCODER_SPARSE_LAYERS = {encoder_sparse}
NUM_EXPERTS = {experts}
NUM_HEADS = {heads}
NUM_SELECTED_EXPERTS = 1

# Parameters for dense.MlpBlock:
# {rule}
dense.MlpBlock.activations = ({activations})
dense.MlpBlock.intermediate_dim = %MLP_DIM

# Parameters for embedding.Embed:
# {rule}
embedding.Embed.features = %EMBED_DIM
embedding.Embed.num_embeddings = %NUM_EMBEDDINGS
"""


def arguments(argv=None):
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("out", help="the folder to write; what is there is removed")
    model = p.add_argument_group("the model")
    for name, default in (("layers", 4), ("decoder-layers", 4), ("experts", 4),
                          ("d-model", 16), ("heads", 2), ("d-kv", 8),
                          ("d-ff", 32), ("vocab", 64), ("buckets", 32)):
        model.add_argument("--" + name, type=int, default=default)
    model.add_argument("--encoder-sparse", type=int, default=2,
                       help="number of layers with experts")
    model.add_argument("--decoder-sparse", type=int, default=2)
    model.add_argument("--sparse-at", help="which layers have experts, as 1,2")
    model.add_argument("--untied", action="store_true",
                       help="an output matrix of its own")
    model.add_argument("--gated", action="store_true",
                       help="wi_0 and wi_1 instead of wi")
    model.add_argument("--decoder-only", action="store_true")
    model.add_argument("--activations", default="'relu',", help="in the gin")
    model.add_argument("--gin", help="write a gin file of the model here")
    value = p.add_argument_group("the arrays")
    value.add_argument("--dtype", default="float32")
    value.add_argument("--values", default="pattern",
                       choices=["pattern", "normal"])
    value.add_argument("--seed", type=int, default=0)
    value.add_argument("--set", action="append", default=[], metavar="NAME=X",
                       help="fill an array of the target with one value")
    value.add_argument("--reshape", action="append", default=[],
                       metavar="NAME=N,N", help="another shape for an array")
    value.add_argument("--drop", action="append", default=[], metavar="NAME")
    value.add_argument("--add", action="append", default=[],
                       metavar="NAME=N,N", help="an array that nobody expects")
    zarr = p.add_argument_group("how they are stored")
    zarr.add_argument("--compressor", default='{"id":"gzip","level":1}',
                      help="as in .zarray; null for none")
    zarr.add_argument("--order", default="C", choices=["C", "F"])
    zarr.add_argument("--separator", default=".", choices=[".", "/"])
    zarr.add_argument("--big-endian", action="store_true")
    zarr.add_argument("--fill-value", type=json.loads, default=None)
    zarr.add_argument("--chunk-bytes", type=int, default=64 << 20,
                      help="t5x's own target: divisors of the largest axes")
    zarr.add_argument("--cut", action="append", default=[], metavar="AXIS:N",
                      help="cut this axis into N; chunks may overhang")
    zarr.add_argument("--skip-zeros", action="store_true",
                      help="leave out chunks of zeros")
    zarr.add_argument("--no-chunks", action="store_true",
                      help="metadata only: a model of any size at once")
    index = p.add_argument_group("the index")
    index.add_argument("--spec", default="file",
                       choices=["file", "gfile", "gcs", "old", "jax"],
                       help="which writer's form")
    index.add_argument("--inline", default="none",
                       choices=["none", "small", "all"])
    index.add_argument("--inline-chunk", type=int, default=1 << 30,
                       help="cut inline arrays beyond this many bytes")
    index.add_argument("--optimizer", default="adafactor",
                       choices=["adafactor", "adam", "none"])
    index.add_argument("--step", type=int, default=500100)
    p.add_argument("--jobs", type=int, default=1, help="processes")
    return p.parse_args(argv)


# The model: which arrays there are.

def sparse_layers(o, layers, count):
    """flaxformer's MIXED layout with count sparse layers."""
    if o.sparse_at:
        return {int(i) for i in o.sparse_at.split(",")}
    step = layers // count if count else 0
    return {i for i in range(layers) if step and i % step == step - 1}


def attention(o, name):
    inner = o.heads * o.d_kv
    yield from ((f"{name}/{w}/kernel", (o.d_model, inner))
                for w in ("query", "key", "value"))
    yield f"{name}/out/kernel", (inner, o.d_model)


def mlp(o, name, sparse):
    lead = (o.experts,) if sparse else ()
    where = f"{name}/expert" if sparse else name
    for wi in ("wi_0", "wi_1") if o.gated else ("wi",):
        yield f"{where}/{wi}/kernel", (*lead, o.d_model, o.d_ff)
    yield f"{where}/wo/kernel", (*lead, o.d_ff, o.d_model)
    if sparse:
        yield f"{name}/router/router_weights/w/kernel", (o.d_model, o.experts)


def stack(o, side, layers, sparse_count):
    sparse = sparse_layers(o, layers, sparse_count)
    parts = {"encoder": {"attention": "attention"},
             "decoder": {"self_attention": "self_attention",
                         "encoder_decoder_attention": "cross_attention"}}[side]
    yield f"{side}/relpos_bias/rel_embedding", (o.heads, o.buckets)
    yield f"{side}/{side}_norm/scale", (o.d_model,)
    for i in range(layers):
        layer = f"{side}/layers_{i}"
        for name, norm in parts.items():
            yield from attention(o, f"{layer}/{name}")
            yield f"{layer}/pre_{norm}_layer_norm/scale", (o.d_model,)
        yield f"{layer}/pre_mlp_layer_norm/scale", (o.d_model,)
        yield from mlp(o, f"{layer}/mlp", i in sparse)


def named_shapes(texts):
    for text in texts:
        name, _, dims = text.partition("=")
        yield name, tuple(int(n) for n in dims.split(","))


def parameters(o):
    """{name: shape} of every array of the target."""
    shapes = {"token_embedder/embedding": (o.vocab, o.d_model)}
    if not o.decoder_only:
        shapes.update(stack(o, "encoder", o.layers, o.encoder_sparse))
    shapes.update(stack(o, "decoder", o.decoder_layers, o.decoder_sparse))
    if o.untied:
        shapes["decoder/logits_dense/kernel"] = (o.d_model, o.vocab)
    for name, shape in itertools.chain(named_shapes(o.reshape),
                                       named_shapes(o.add)):
        shapes[name] = shape
    for name in o.drop:
        del shapes[name]
    return shapes


def slots(o, shape):
    """{name: shape} of what the optimizer keeps for one array."""
    if o.optimizer == "adam":
        return {"mu": shape, "nu": shape}
    if o.optimizer == "adafactor" and len(shape) >= 2:
        return {"m": (1,), "v": (1,), "v_row": shape[:-1],
                "v_col": shape[:-2] + shape[-1:]}
    if o.optimizer == "adafactor":
        return {"m": (1,), "v": shape, "v_row": (1,), "v_col": (1,)}
    return {}


# The values.

def numpy_dtype(name):
    return np.dtype(getattr(ml_dtypes, name, name))


def values(o, name, shape, dtype):
    """The weights of one array: a function of its name and the seed."""
    fixed = dict(text.split("=") for text in o.set)
    if name in fixed:
        return np.full(shape, float(fixed[name]), np.float32).astype(dtype)
    start = zlib.crc32(f"{o.seed} {name}".encode())
    if o.values == "normal":
        rng = np.random.default_rng(start)
        return rng.standard_normal(shape, np.float32).astype(dtype)
    n = (np.arange(math.prod(shape), dtype=np.int64) * 7 + start) % 251
    return ((n - 125) / np.float32(97)).astype(dtype).reshape(shape)


# zarr 2.

def chunk_shape(o, shape, itemsize):
    """t5x's rule: shrink the longest axis by its divisors until it fits."""
    chunk = list(shape)
    for text in o.cut:
        axis, parts = (int(n) for n in text.split(":"))
        if axis < len(chunk):
            chunk[axis] = -(-chunk[axis] // parts)
    if o.cut:
        return chunk
    divisors = [[i for i in range(1, n + 1) if n % i == 0] for n in shape]
    while math.prod(chunk) * itemsize > o.chunk_bytes and max(chunk) > 1:
        axis = chunk.index(max(chunk))
        divisors[axis].pop()
        chunk[axis] = divisors[axis][-1]
    return chunk


def compress(compressor, data, itemsize):
    kind = compressor and compressor["id"]
    level = compressor and compressor.get("level", 1)
    if kind is None:
        return data
    if kind == "gzip":
        return gzip.compress(data, level, mtime=0)
    if kind == "zlib":
        return zlib.compress(data, level)
    if kind == "bz2":
        import bz2
        return bz2.compress(data, level)
    if kind == "zstd":
        import zstandard
        return zstandard.ZstdCompressor(level=level).compress(data)
    if kind == "blosc":
        from numcodecs import blosc
        return blosc.compress(data, compressor["cname"].encode(),
                              compressor["clevel"], compressor["shuffle"],
                              compressor.get("blocksize", 0), itemsize)
    raise SystemExit(f"unknown compressor {kind}")


def zarr_dtype(o, dtype):
    if dtype.name == "bfloat16":
        return "bfloat16"
    text = np.dtype(dtype).newbyteorder("<").str
    return text.replace("<", ">") if o.big_endian else text


def zarray(o, shape, dtype):
    return {"chunks": chunk_shape(o, shape, dtype.itemsize),
            "compressor": json.loads(o.compressor),
            "dimension_separator": o.separator, "dtype": zarr_dtype(o, dtype),
            "fill_value": o.fill_value, "filters": None, "order": o.order,
            "shape": list(shape), "zarr_format": 2}


def write_chunk(o, path, block, chunk, meta):
    """One chunk file: block, padded at the array's end to a whole chunk."""
    full = np.zeros(chunk, block.dtype)
    full[tuple(slice(n) for n in block.shape)] = block
    if o.skip_zeros and not full.any():
        return
    if o.big_endian and block.dtype.itemsize > 1:
        full = full.byteswap()
    data = full.tobytes(order=o.order)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(compress(meta["compressor"], data, block.dtype.itemsize))


def write_zarray(o, folder, shape, dtype):
    meta = zarray(o, shape, dtype)
    os.makedirs(folder)
    with open(os.path.join(folder, ".zarray"), "w") as f:
        json.dump(meta, f, separators=(",", ":"))
    return meta


def write_array(o, folder, array):
    meta = write_zarray(o, folder, array.shape, array.dtype)
    chunk = meta["chunks"]
    grid = [range(-(-n // c)) for n, c in zip(array.shape, chunk)]
    for at in itertools.product(*grid):
        part = tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunk))
        key = o.separator.join(map(str, at)) or "0"
        write_chunk(o, os.path.join(folder, key), array[part], chunk, meta)


# The index.

def spec(o, name, shape, dtype):
    """What stands in the index for an array that is stored beside it."""
    meta = zarray(o, shape, dtype)
    out = {"driver": "zarr", "dtype": dtype.name,
           "kvstore": {"driver": "file", "path": name + "/"},
           "metadata": {k: meta[k] for k in ("chunks", "compressor", "shape")}}
    if o.spec == "gfile":
        out["kvstore"]["driver"] = "gfile"
    elif o.spec == "gcs":
        out["kvstore"].update(driver="gcs", bucket="t5x-dummy-bucket")
    elif o.spec == "old":  # tensorstore before 0.1.14
        out["path"] = out["kvstore"].pop("path").rstrip("/")
    elif o.spec == "jax":  # jax 0.4.18 and later
        out["metadata"]["dtype"] = meta["dtype"]
        out["transform"] = {"input_exclusive_max": [[n] for n in shape],
                            "input_inclusive_min": [0] * len(shape)}
    return out


def pack_array(array, kind=1):
    """flax's msgpack extension: 1 for an array, 3 for a scalar."""
    body = (list(array.shape), array.dtype.name, array.tobytes())
    return msgpack.ExtType(kind, msgpack.packb(body))


def inline(o, array):
    """An array in the index itself, in pieces where it is too long."""
    if array.nbytes <= o.inline_chunk:
        return pack_array(array)
    flat = array.reshape(-1)
    per = max(1, o.inline_chunk // array.itemsize)
    pieces = [flat[i:i + per] for i in range(0, flat.size, per)]
    return {"__msgpack_chunked_array__": True,
            "shape": {str(i): n for i, n in enumerate(array.shape)},
            "chunks": {str(i): pack_array(p) for i, p in enumerate(pieces)}}


def is_inline(o, shape):
    return (o.inline == "all"
            or o.inline == "small" and math.prod(shape) < 2048
            or math.prod(shape) == 1)


def put(tree, path, leaf):
    *parents, last = path.split("/")
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = leaf


def array_list(o):
    """(path, shape, dtype, in the target) of all arrays, the index's order."""
    shapes = sorted(parameters(o).items())
    f32 = np.dtype(np.float32)
    for name, shape in shapes:
        for slot, size in slots(o, shape).items():
            yield f"state/param_states/{name}/{slot}", size, f32, False
    for name, shape in shapes:
        yield f"target/{name}", shape, numpy_dtype(o.dtype), True


def array_values(o, path, shape, dtype, in_target):
    if not in_target:
        return np.zeros(shape, dtype)
    return values(o, path.removeprefix("target/"), shape, dtype)


def write_stored(job):
    o, entry = job
    path, shape, dtype, _ = entry
    folder = os.path.join(o.out, path.replace("/", "."))
    if o.no_chunks:
        write_zarray(o, folder, shape, dtype)
    else:
        write_array(o, folder, array_values(o, *entry))


def write_gin(o):
    with open(o.gin, "w") as f:
        f.write(GIN.format(rule="=" * 78, **vars(o)))


def write_checkpoint(o):
    shutil.rmtree(o.out, ignore_errors=True)
    os.makedirs(o.out)
    optimizer = {}
    put(optimizer, "state/step", pack_array(np.int32(o.step), kind=3))
    stored = []
    for entry in array_list(o):
        path, shape, dtype, _ = entry
        if is_inline(o, shape):
            put(optimizer, path, inline(o, array_values(o, *entry)))
        else:
            put(optimizer, path, spec(o, path.replace("/", "."), shape, dtype))
            stored.append((o, entry))
    if o.jobs > 1:
        with multiprocessing.Pool(o.jobs) as pool:
            for _ in pool.imap_unordered(write_stored, stored):
                pass
    else:
        for job in stored:
            write_stored(job)
    with open(os.path.join(o.out, "checkpoint"), "wb") as f:
        f.write(msgpack.packb({"version": 3, "optimizer": optimizer}))
    if o.gin:
        write_gin(o)


if __name__ == "__main__":
    write_checkpoint(arguments())
