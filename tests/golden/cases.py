"""The golden cases: what each is about and how make.py makes it."""
import json
from types import SimpleNamespace

BOTH = ("default", "reference")
REFUSED, UNREADABLE = 3, 4

# A model of every kind of layer, as small as it can be.
SMALL = ("--layers 2 --decoder-layers 2 --encoder-sparse 1 --decoder-sparse 1 "
         "--experts 3 --d-model 8 --d-kv 4 --d-ff 12 --vocab 40 --buckets 8 ")
STORED = SMALL + "--optimizer none "
BARE = STORED + "--compressor null "

WI = "checkpoint/target.encoder.layers_1.mlp.expert.wi.kernel/"
QUERY = "checkpoint/target.encoder.layers_0.attention.query.kernel/"

CASES = {}


def good(name, about, make=BARE, options=(), modes=BOTH, config=None, words=(),
         **more):
    """A checkpoint that converts; config is what differs from the usual."""
    CASES[name] = SimpleNamespace(
        **{"checkpoint": None, "change": (), "path": None, "gin": None,
           "stated": None, "exit": 0, "orbax": None, **more}, about=about, make=make, options=options,
        modes=modes, config=config or {}, words=words)


def bad(name, about, type, words, make=BARE, exit=REFUSED, checkpoint="small",
        change=(), options=(), stated=None, gin=None, path=None):
    """One that is refused, with a problem type and words of its message."""
    if make != BARE:
        checkpoint = None
    CASES[name] = SimpleNamespace(
        about=about, make=make, exit=exit, checkpoint=checkpoint,
        change=change, options=options, stated=stated, gin=gin, path=path,
        orbax=None, type="/problems/" + type, words=words, modes=("default",))


def compressor(**members):
    return f"--compressor '{json.dumps(members)}' "


# Shapes of models.

good("small", "one sparse layer on each side, no optimizer state", STORED)
good("adafactor", "factored optimizer state beside the weights", SMALL)
good("adam", "optimizer state of the weights' shape, nothing compressed",
     BARE + "--optimizer adam")
good("asymmetric", "more decoder than encoder layers, sparse steps 2 and 1",
     BARE + "--layers 4 --encoder-sparse 2 --decoder-layers 3 "
     "--decoder-sparse 3 --experts 5 --heads 5")
good("eleven-experts", "expert_10 is sorted before expert_2",
     BARE + "--experts 11 --d-ff 6")
good("all-sparse", "experts in every layer",
     BARE + "--encoder-sparse 2 --decoder-sparse 2")
good("dense", "no experts at all",
     BARE + "--encoder-sparse 0 --decoder-sparse 0", modes=BOTH,
     config={"encoder_sparse_step": 0, "decoder_sparse_step": 0,
             "num_experts": 8})
good("dense-stated", "no experts at all, and a config.json that says so",
     BARE + "--encoder-sparse 0 --decoder-sparse 0", modes=("default",),
     checkpoint="dense", options=("--config", "config.json"),
     stated={"num_sparse_encoder_layers": 0, "num_experts": 16},
     config={"num_experts": 16})
good("untied", "an output matrix of its own; the reference loses it",
     BARE + "--untied", modes=("default",))
good("sharded", "files of at most 2 KB, some tensors above that",
     BARE + "--experts 2 --d-ff 90", options=("--max-shard-size", "2KB"))

# What is stated.

good("gin", "a gin file in the form of the published ones",
     BARE + "--vocab 32128 --buckets 32",
     options=("--gin", "model.gin", "--num-experts", "3"))
good("gin-gelu", "the reference writes an activation that no model reads",
     BARE + "--vocab 32128 --buckets 32 --activations \"'gelu',\"",
     checkpoint="gin", options=("--gin", "model.gin", "--num-experts", "3"),
     config={"dense_act_fn": "gelu"})
good("gin-macros", "values behind macros, scopes and comments", checkpoint=
     "small", modes=("default",), options=("--gin", "model.gin"), gin="""\
# A run's own file, with what gin allows.
include 'base.gin'
import __main__ as train_script
EMBED_DIM=8  # no blanks
WIDTH = %EMBED_DIM
scope/NUM_THINGS = {'a': [1, 2.5e3, None], "b": (True, @f(), %scope/X)}
dense.MlpBlock.activations = \\
    %ACTIVATIONS
ACTIVATIONS = ('relu',)
NUM_HEADS = 2
NUM_EXPERTS = \\
    3
""")
good("num-experts", "a stated number of experts that is right",
     checkpoint="small", modes=("default",), options=("--num-experts", "3"))

# Data types.

good("bfloat16", "bfloat16 becomes float32", BARE + "--dtype bfloat16")
good("float16", "float16 becomes float32", BARE + "--dtype float16")
good("bfloat16-kept", "bfloat16 stays", BARE + "--dtype bfloat16",
     checkpoint="bfloat16", modes=("default",), options=("--dtype", "source"))
good("to-bfloat16", "float32 is rounded to bfloat16", checkpoint="small",
     modes=("default",), options=("--dtype", "bfloat16"))
good("to-float16", "float32 is rounded to float16; what is too large is told",
     BARE + "--set encoder/encoder_norm/scale=70000", modes=("default",),
     options=("--dtype", "float16"), words=("overflow",))

# How arrays are stored.

good("big-endian", "numbers with the high byte first", BARE + "--big-endian")
good("fortran-order", "chunks in column order, cut along both axes",
     STORED + "--order F --cut 0:2 --cut 1:3")
good("slashes", "chunk files in folders", STORED + "--separator / --cut 0:2")
good("cut-experts", "a chunk is some whole experts",
     STORED + "--experts 4 --cut 0:2")
good("cut-everything", "chunks that hold a tile of every expert and overhang",
     STORED + "--cut 1:3 --cut 2:5")
good("cut-experts-and-more", "chunks cut along all axes, none divides",
     STORED + "--experts 5 --cut 0:3 --cut 1:3 --cut 2:7")
good("small-chunks", "t5x's own rule with a target of 64 bytes",
     BARE + "--chunk-bytes 64")
good("uncompressed", "chunks as they are")
good("zlib", "zlib instead of gzip", BARE + compressor(id="zlib", level=1))
good("bzip2", "bzip2", BARE + compressor(id="bz2", level=1))
good("zstd-absent-zeros", "zstd; chunks of the fill value are not stored",
     BARE + compressor(id="zstd", level=1) + "--fill-value 0 --skip-zeros "
     "--set encoder/layers_0/attention/out/kernel=0")
for i, codec in enumerate(("lz4", "zstd", "zlib", "blosclz")):
    good(f"blosc-{codec}", f"blosc with {codec}, shuffle {i % 3}",
         BARE + "--vocab 600 --set decoder/decoder_norm/scale=1 " +
         compressor(id="blosc", cname=codec, clevel=5, shuffle=i % 3,
                    blocksize=0))

# The index.

good("inline", "every array stands in the index", BARE + "--inline all")
good("inline-pieces", "and in pieces", BARE + "--inline all --inline-chunk 70")
good("inline-small", "small arrays in the index", BARE + "--inline small "
     "--d-ff 260")
good("spec-gcs", "specs that name a bucket", BARE + "--spec gcs")
good("spec-old", "specs of the oldest form", BARE + "--spec old")
good("spec-jax", "specs with a transform and a dtype", BARE + "--spec jax")

# Orbax.

good("orbax", "a folder for each array, and the tree in _METADATA", BARE,
     orbax="folders")
good("orbax-ocdbt", "all arrays in one database, the small ones in its tree",
     BARE + "--values normal", orbax="ocdbt")
good("orbax-zarr3", "zarr 3 arrays with shards, in a database", BARE,
     orbax="zarr3")
good("orbax-optimizer", "the optimizer's state is not read: its data are gone",
     SMALL, orbax="folders", modes=("default",), change=(
         ("remove", "checkpoint/state.param_states.decoder.decoder_norm."
          "scale.v/.zarray"),))
good("orbax-steps", "a manager's folder: the latest step, not one that is "
     "being written", BARE, orbax="steps", modes=("default",),
     change=(("write", "checkpoint/20.orbax-checkpoint-tmp-3/default/_METADATA",
              "{}"),))
good("orbax-the-file", "_METADATA is named, not its folder",
     checkpoint="orbax", modes=("default",), path="checkpoint/_METADATA")
good("orbax-the-manifest", "a database's manifest is named, not its folder",
     checkpoint="orbax-zarr3", modes=("default",),
     path="checkpoint/manifest.ocdbt")
good("orbax-no-index", "a database whose _METADATA is lost still names its "
     "arrays", checkpoint="orbax-zarr3", modes=("default",),
     words=("_METADATA",), change=(("remove", "checkpoint/_METADATA"),))

MANIFEST = "checkpoint/manifest.ocdbt"

bad("orbax-flipped-manifest", "a manifest with a wrong byte", "invalid-index",
    ("manifest.ocdbt", "checksum"), checkpoint="orbax-ocdbt",
    change=(("flip", MANIFEST, 30),))
bad("orbax-cut-manifest", "a manifest that ends early", "invalid-index",
    ("manifest.ocdbt", "length"), checkpoint="orbax-ocdbt",
    change=(("cut", MANIFEST, 60),))
bad("orbax-unmerged", "processes have written, and nobody has put it together",
    "unfinished-checkpoint", ("manifest.ocdbt",), checkpoint="orbax-ocdbt",
    change=(("remove", MANIFEST),))
bad("orbax-lost-tree", "a database without the tree of its keys",
    "invalid-index", ("d/", "not there"), checkpoint="orbax-ocdbt",
    change=(("rename", "checkpoint/d", "e"),))
bad("orbax-lost-data", "a database without its data", "invalid-index",
    ("ocdbt.process_0/d/", "not there"), checkpoint="orbax-ocdbt",
    change=(("rename", "checkpoint/ocdbt.process_0", "elsewhere"),))
bad("orbax-missing-array", "an array that the index lists and nobody copied",
    "invalid-array-metadata", ("encoder/encoder_norm/scale",),
    checkpoint="orbax", change=(
        ("remove", "checkpoint/target.encoder.encoder_norm.scale/.zarray"),))
bad("orbax-damaged-index", "a _METADATA that ends early", "invalid-index",
    ("_METADATA",), checkpoint="orbax",
    change=(("cut", "checkpoint/_METADATA", 300),))
bad("orbax-no-arrays", "arrays in folders, and no index",
    "unfinished-checkpoint", ("_METADATA",), checkpoint="orbax",
    change=(("remove", "checkpoint/_METADATA"),))

# Where the checkpoint is.

good("the-file", "the checkpoint file is named, not its folder",
     checkpoint="small", modes=("default",), path="checkpoint/checkpoint")
good("a-run", "the latest step of a run, by number, not a half-written one",
     checkpoint="small", modes=("default",), path="",
     change=(("write", "checkpoint_900/checkpoint", "older, and no index"),
             ("write", "checkpoint_2000.tmp-1660000000/checkpoint", "partial"),
             ("rename", "checkpoint", "checkpoint_1000")))

good("half-written", "the folder that t5x writes before it is complete, named "
     "by the user", checkpoint="small", modes=("default",),
     path="checkpoint_5.tmp-1660000000", words=("still being written",),
     change=(("rename", "checkpoint", "checkpoint_5.tmp-1660000000"),))
good("symlink", "an array's folder that the user has elsewhere",
     checkpoint="small", modes=("default",),
     change=(("link", "checkpoint/target.encoder.encoder_norm.scale"),))
good("missing-zarray", "dot files lost in a copy: the index tells the layout",
     checkpoint="small", modes=("default",), words=("no .zarray",),
     change=(("remove", QUERY + ".zarray"),))

# Chunks that are not there.

LOST = (("remove", WI + "0.0.0"),)
ZEROS = BARE + "--set encoder/layers_1/mlp/expert/wi/kernel=0"

bad("missing-chunk", "half a download is not a model", "missing-chunk",
    ("encoder/layers_1/mlp/expert/wi/kernel", "0.0.0"), change=LOST)
good("missing-chunk-allowed", "unless the user says that it is; the reference "
     "never asks", ZEROS, checkpoint="small", change=LOST,
     options=("--allow-missing-chunks",), modes=BOTH, words=("missing",))

# Models that transformers cannot express.

bad("gated", "two input matrices: no such experts there", "unsupported-model",
    ("gated", "wi_0"), BARE + "--gated")
bad("gated-gin", "a gin file that tells of gated experts", "unsupported-model",
    ("gated", "model.gin:1"), options=("--gin", "model.gin"),
    gin="dense.MlpBlock.activations = ('gelu', 'linear')\n")
bad("t5", "T5 1.1 is no Switch Transformer", "unsupported-model", ("wi_0",),
    BARE + "--gated --encoder-sparse 0 --decoder-sparse 0 --untied")
bad("decoder-only", "no encoder", "unsupported-model", ("encoder",),
    BARE + "--decoder-only")
bad("sparse-pattern", "experts in the second and third of four layers",
    "unsupported-model", ("encoder", "1", "2"),
    BARE + "--layers 4 --decoder-layers 4 --sparse-at 1,2")
bad("sparse-step-3", "experts in every third layer sit where transformers "
    "has none", "unsupported-model", ("encoder", "2"),
    BARE + "--layers 6 --encoder-sparse 2")

# Tensors that do not fit together.

bad("missing-array", "an array that every such layer has", "tensor-mismatch",
    ("encoder/layers_1/mlp/expert/wo/kernel",),
    BARE + "--drop encoder/layers_1/mlp/expert/wo/kernel")
bad("missing-layer", "a layer without its norm", "tensor-mismatch",
    ("decoder/layers_0/pre_cross_attention_layer_norm/scale",),
    BARE + "--drop decoder/layers_0/pre_cross_attention_layer_norm/scale")
bad("unknown-array", "an array that no such model has", "tensor-mismatch",
    ("encoder/layers_0/adapter/kernel",),
    BARE + "--add encoder/layers_0/adapter/kernel=8,8")
bad("missing-expert", "one layer has an expert less", "shape-mismatch",
    ("decoder/layers_1/mlp/expert/w", "2", "3"),
    BARE + "--reshape decoder/layers_1/mlp/expert/wi/kernel=2,8,12")
bad("wrong-shape", "a matrix that does not fit the others", "shape-mismatch",
    ("encoder/layers_0/attention/key/kernel", "7"),
    BARE + "--reshape encoder/layers_0/attention/key/kernel=8,7")
bad("wrong-rank", "a scale with two axes", "shape-mismatch",
    ("encoder/encoder_norm/scale",),
    BARE + "--reshape encoder/encoder_norm/scale=8,1")
bad("complex", "weights are real numbers", "unsupported-dtype", ("complex64",),
    BARE + "--dtype complex64")

# What is stated contradicts the tensors.

bad("wrong-num-experts", "a stated number of experts that is wrong",
    "config-conflict", ("8", "3"), options=("--num-experts", "8"))
bad("wrong-gin", "the gin file of a wider model", "config-conflict",
    ("d_model", "model.gin:1", "16", "8"), options=("--gin", "model.gin"),
    gin="EMBED_DIM = 16\n")
bad("wrong-config", "the config.json of a deeper model", "config-conflict",
    ("num_layers", "12", "2"), options=("--config", "config.json"),
    stated={"num_layers": 12})
bad("wrong-tie", "a config.json that says tied", "config-conflict",
    ("tie_word_embeddings",), BARE + "--untied --inline all", options=(
        "--config", "config.json"), stated={"tie_word_embeddings": True})
bad("damaged-gin", "a bracket that is not closed", "invalid-gin",
    ("model.gin", "2"), options=("--gin", "model.gin"),
    gin="EMBED_DIM = 8\nx.y = (1, 2\n")
bad("damaged-config", "a config.json that is a list", "invalid-config",
    ("config.json",), options=("--config", "config.json"), stated=[])

# Damaged and unfinished checkpoints.

bad("empty-index", "an index of no bytes", "invalid-index", ("checkpoint",),
    change=(("cut", "checkpoint/checkpoint", 0),))
bad("cut-index", "an index that ends early", "invalid-index", ("checkpoint",),
    change=(("cut", "checkpoint/checkpoint", 5000),))
bad("bomb-index", "five bytes that claim four billion entries",
    "invalid-index", ("checkpoint",),
    change=(("hex", "checkpoint/checkpoint", "dfffffffff"),))
bad("deep-index", "maps in maps without end", "invalid-index", ("checkpoint",),
    change=(("hex", "checkpoint/checkpoint", "81a161" * 3000 + "c0"),))
bad("trailing-index", "bytes behind the index", "invalid-index",
    ("checkpoint",), change=(("append", "checkpoint/checkpoint", "x"),))
bad("tensorflow", "a TensorFlow checkpoint's state file", "unsupported-format",
    ("TensorFlow",), change=(("write", "checkpoint/checkpoint",
                              'model_checkpoint_path: "model.ckpt-1"\n'),))
bad("unfinished", "arrays without an index", "unfinished-checkpoint",
    ("checkpoint",), change=(("remove", "checkpoint/checkpoint"),))
bad("not-a-checkpoint", "a folder of something else", "unsupported-format",
    (), change=(("write", "elsewhere/readme.txt", "hello"),), path="elsewhere")
bad("nothing-there", "a path that does not exist", "not-found", ("nowhere",),
    exit=UNREADABLE, path="nowhere")
bad("escaping-path", "a spec that leads out of the checkpoint", "unsafe-path",
    ("../",), change=(("substitute", "checkpoint/checkpoint",
                       "target.encoder.encoder_norm.scale/",
                       "../../../etc/a.far.away.place/scale/"[:34]),))
bad("absolute-path", "a spec with an absolute path", "unsafe-path", ("/etc/",),
    change=(("substitute", "checkpoint/checkpoint",
             "target.encoder.encoder_norm.scale/",
             "/etc/ncoder.encoder_norm.scale/ab/"),))
bad("cut-chunk", "a chunk that ends early", "invalid-chunk",
    ("encoder/layers_1/mlp/expert/wi/kernel", "0.0.0"),
    change=(("cut", WI + "0.0.0", 100),))
bad("empty-chunk", "a chunk of no bytes", "invalid-chunk",
    ("encoder/layers_1/mlp/expert/wi/kernel", "0.0.0"),
    change=(("cut", WI + "0.0.0", 0),))
bad("flipped-chunk", "a chunk with a wrong byte", "invalid-chunk",
    ("encoder/layers_1/mlp/expert/wi/kernel", "0.0.0"),
    change=(("flip", WI + "0.0.0", -6),))
bad("short-chunk", "an uncompressed chunk without its last byte",
    "invalid-chunk", ("encoder/layers_0/attention/query/kernel", "0.0"),
    checkpoint="uncompressed", change=(("cut", QUERY + "0.0", 255),))
bad("long-chunk", "an uncompressed chunk with a byte more",
    "invalid-chunk", ("encoder/layers_0/attention/query/kernel", "0.0"),
    checkpoint="uncompressed", change=(("append", QUERY + "0.0", "x"),))
bad("damaged-zarray", "metadata that ends early", "invalid-array-metadata",
    ("target.encoder.layers_0.attention.query.kernel/.zarray",),
    change=(("cut", QUERY + ".zarray", 40),))
bad("huge-zarray", "a shape beyond all memory", "invalid-array-metadata",
    ("encoder/layers_0/attention/query/kernel",),
    change=(("substitute", QUERY + ".zarray", '"shape":[8,8]',
             '"shape":[4294967296,4294967296]'),))
bad("unknown-codec", "a compressor that nobody knows", "unsupported-format",
    ("lzma",), change=(("substitute", QUERY + ".zarray", "gzip", "lzma"),))
bad("contradicting-zarray", "a shape that is not the index's",
    "invalid-array-metadata", ("encoder/layers_0/attention/query/kernel",),
    change=(("substitute", QUERY + ".zarray", '"shape":[8,8]',
             '"shape":[8,9]'),))
