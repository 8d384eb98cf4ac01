#!/usr/bin/env python3
"""Writes gin_known_*.c: what flaxformer's and t5x's gin files set of a model.

    make_gin_known.py FLAXFORMER T5X

The two are the repositories' folders (what an include's name begins below).
Needs gin-config 0.5 (pip install gin-config), whose parser reads the files. Kept
are the parameters that src/model/gin_model.c looks at, and the macros that it
looks at or that these lead to, each as one statement of canonical gin text in
the line it has in the file; nothing else of a file is.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests/fixtures"))
from gin import config_parser                                # noqa: E402
from make_gin_fixtures import Delegate, Reference, text      # noqa: E402

TABLES = {
    "moe": ["flaxformer/t5x/configs/moe/architectures",
            "flaxformer/t5x/configs/moe/models",
            "flaxformer/t5x/configs/moe/runs",
            "t5x/configs/runs",
            "t5x/contrib/moe/configs/runs"],
    "t5": ["flaxformer/t5x/configs/t5/architectures",
           "flaxformer/t5x/configs/t5/models",
           "t5x/examples/t5/t5_1_0",
           "t5x/examples/t5/t5_1_1"],
}

LAYERS = "num_layers num_sparse_layers sparse_layout"
PARAMETERS = {name: names.split() for name, names in {
    "Decoder": LAYERS + " output_logits_factory",
    "DecoderLayer": "parallel",
    "Embed": "features num_embeddings",
    "Encoder": LAYERS,
    "EncoderLayer": "parallel",
    "MlpBlock": "activations intermediate_dim use_bias",
    "MoeLayer": "expert num_experts router",
    "MultiHeadDotProductAttention": "head_dim num_heads use_bias",
    "RelativePositionBiases": "max_distance num_buckets",
    "RouterWeights": "use_bias",
    "SparseDecoder": LAYERS + " output_logits_factory",
    "SparseDecoderLayer": "extra_mlp parallel",
    "SparseEncoder": LAYERS,
    "SparseEncoderLayer": "extra_mlp parallel",
    "T5Config": "vocab_size emb_dim num_heads num_encoder_layers "
                "num_decoder_layers head_dim mlp_dim mlp_activations "
                "logits_via_embedding",
    "T5LayerNorm": "epsilon",
    "TokensChooseMaskedRouter": "num_selected_experts",
    "TokensChooseScatterRouter": "num_selected_experts",
}.items()}

MACROS = """EMBED_DIM EXPERT_MLP_DIM HEAD_DIM MLP_DIM NUM_DECODER_LAYERS
    NUM_DECODER_SPARSE_LAYERS NUM_EMBEDDINGS NUM_ENCODER_LAYERS
    NUM_ENCODER_SPARSE_LAYERS NUM_EXPERTS NUM_HEADS
    NUM_SELECTED_EXPERTS""".split()

HEAD = """\
/*
 * Written by make_gin_known.py. Its sources are the gin files of
 * https://github.com/google/flaxformer and https://github.com/google-research/t5x.
 */
#include "model/gin_known.h"

#include <stddef.h>

/* clang-format off */

static const struct gin_known_line nothing[] = { { 0, NULL } };

"""


def macros_in(value):
    if isinstance(value, dict):
        return set().union(*map(macros_in, [*value, *value.values()]))
    if isinstance(value, (list, tuple)):
        return set().union(*map(macros_in, value))
    return {value.name} if isinstance(value, Reference) and (
        value.mark == "%") else set()


def is_kept(s, macros):
    if isinstance(s, config_parser.IncludeStatement):
        return True
    if not isinstance(s, config_parser.BindingStatement):
        return False
    if s.arg_name:
        name = s.selector.rpartition(".")[2]
        return s.arg_name in PARAMETERS.get(name, [])
    return s.selector in macros


def needed(files):
    """The macros that matter: those of MACROS, and what all kept lead to."""
    macros = set(MACROS)
    while True:
        more = set().union(*(macros_in(s.value) for file in files.values()
                             for s in file if is_kept(s, macros)
                             and hasattr(s, "value")))
        if more <= macros:
            return macros
        macros |= more


def line_of(s):
    if isinstance(s, config_parser.IncludeStatement):
        statement = "include " + text(s.filename)
    else:
        name = (s.scope + "/" if s.scope else "") + s.selector
        name += "." + s.arg_name if s.arg_name else ""
        statement = name + " = " + text(s.value)
    return "    { %d, %s }," % (s.location.line_num, c_string(statement))


def c_string(value):
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')


def read(roots, folders):
    """{name: statements} of the gin files in folders below the roots."""
    return {path.relative_to(root).as_posix(): list(config_parser.ConfigParser(
        path.read_text(encoding="utf-8"), Delegate()))
        for root in roots for folder in folders
        for path in (root / folder).glob("*.gin")}


def write(out, table, files):
    macros = needed(files)
    rows = []
    out.write(HEAD)
    for i, name in enumerate(sorted(files)):
        lines = [line_of(s) for s in files[name] if is_kept(s, macros)]
        rows.append("    { %s, %s }," % (
            c_string(name), "file_%d" % i if lines else "nothing"))
        if lines:
            print("static const struct gin_known_line file_%d[] = {" % i,
                  *lines, "    { 0, NULL },\n};\n", sep="\n", file=out)
    print("const struct gin_known_file gin_known_%s[] = {" % table,
          *rows, "    { NULL, NULL },\n};", sep="\n", file=out)


def main():
    roots = [pathlib.Path(argument) for argument in sys.argv[1:]]
    for table, folders in TABLES.items():
        path = pathlib.Path(__file__).with_name("gin_known_%s.c" % table)
        with open(path, "w", encoding="utf-8") as out:
            write(out, table, read(roots, folders))


if __name__ == "__main__":
    main()
