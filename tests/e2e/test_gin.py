"""Gin files: what "switchyard gin" prints, and what convert takes from them."""
import json

import pytest
from conftest import switchyard
from test_jobs import finished, submit, upload
from test_service import form_of, serving

BASE = """\
from __gin__ import dynamic_registration
from flaxformer.architectures.moe import moe_architecture
from flaxformer.architectures.moe import moe_enums
from flaxformer.components import dense
from flax import linen

NUM_HEADS = %gin.REQUIRED
WIDTH = 16
EMBED_DIM = %WIDTH
MLP_DIM = 32
LAYERS = 4
moe_architecture.SparseEncoder:
  num_layers = %LAYERS
  num_sparse_layers = 2
  sparse_layout = %moe_enums.LayerLayout.MIXED
moe_architecture.SparseDecoder.output_logits_factory = None
dense.MlpBlock:
  activations = (@linen.relu,)
  bias_init = @init/linen.initializers.normal()
expert/dense.MlpBlock.activations = \\
    ('relu',)
"""
MODEL = """\
include 'base/base.gin'
import seqio
NUM_HEADS = 2
NUM_EXPERTS = 4
MlpBlock.dtype = 'bfloat16'
"""


@pytest.fixture
def files(tmp_path):
    """write(text of model.gin, name=text...) gives model.gin's path."""
    def write(model, **others):
        for name, text in {"model": model, **others}.items():
            path = tmp_path / (name.replace("__", "/") + ".gin")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "model.gin"
    return write


def understood(path, *args, status=0):
    done = switchyard("gin", path, "--json", *args)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_model(files):
    answer = understood(files(MODEL, base__base=BASE))
    assert answer["macros"] == {
        "NUM_HEADS": 2, "WIDTH": 16, "EMBED_DIM": 16, "MLP_DIM": 32,
        "LAYERS": 4, "NUM_EXPERTS": 4}
    assert answer["parameters"] == {
        "moe_architecture.SparseEncoder.num_layers": 4,
        "moe_architecture.SparseEncoder.num_sparse_layers": 2,
        "moe_architecture.SparseEncoder.sparse_layout":
            "%moe_enums.LayerLayout.MIXED",
        "moe_architecture.SparseDecoder.output_logits_factory": None,
        "dense.MlpBlock.activations": ["@linen.relu"],
        "dense.MlpBlock.bias_init": "@init/linen.initializers.normal()",
        "expert/dense.MlpBlock.activations": ["relu"],
        "MlpBlock.dtype": "bfloat16"}
    assert answer["config"] == {
        "d_model": 16, "d_ff": 32, "num_heads": 2, "num_layers": 4,
        "num_sparse_encoder_layers": 2, "num_experts": 4,
        "dense_act_fn": "relu", "feed_forward_proj": "relu",
        "tie_word_embeddings": True}
    assert answer["refusals"] == []
    assert answer["imports"] == [
        "flaxformer.architectures.moe.moe_architecture",
        "flaxformer.architectures.moe.moe_enums",
        "flaxformer.components.dense", "flax.linen", "seqio"]
    assert answer["includes"] == [{"name": "base/base.gin", "origin": "read",
                                   "file": "model.gin", "line": 1}]


@pytest.mark.parametrize("text, macros, parameters", [
    # all Python literals, over several lines
    ("A = [1, -2.5e-3, 0x1F, 1_000,\n     # why\n     None, True]",
     {"A": [1, -0.0025, 31, 1000, None, True]}, {}),
    ("A = {'k': (1,), 2: 'x' \"y\", (1, 2): r'\\d'}",
     {"A": {"k": [1], "2": "xy", "(1, 2)": "\\d"}}, {}),
    ('A = """two\nlines"""\nB = b"\\xe9"', {"A": "two\nlines", "B": "\u00e9"},
     {}),
    ("A = \\\n    5  # five", {"A": 5}, {}),
    # the last binding wins, whatever was read before
    ("A = 1\nB = %A\nA = 2", {"A": 2, "B": 2}, {}),
    ("f.x = 1\nf:\n  x = 2\n  y = 3", {}, {"f.x": 2, "f.y": 3}),
    # macros over macros, in containers and scopes
    ("A = %B\nB = (%C, [%C])\nC = 'c'", {"A": ["c", ["c"]],
                                        "B": ["c", ["c"]], "C": "c"}, {}),
    ("A = 1\ns/A = 2\nf.x = %s/A\nf.y = %t/A\nf.z = @s/A/macro()",
     {"A": 1, "s/A": 2}, {"f.x": 2, "f.y": "%t/A", "f.z": 2}),
    ("N/macro.value = 3\nf.x = %N\nf.y = @N/gin.macro()", {"N": 3},
     {"f.x": 3, "f.y": 3}),
    ("A = %B\nB = %gin.REQUIRED\nf.x = %A", {"A": "%gin.REQUIRED",
     "B": "%gin.REQUIRED"}, {"f.x": "%gin.REQUIRED"}),
    # a reference, a call, scopes, a singleton
    ("f.x = @a.b\nf.y = @s/a.b()\ns/t/f.x = [@c(), @c]", {},
     {"f.x": "@a.b", "f.y": "@s/a.b()", "s/t/f.x": ["@c()", "@c"]}),
    ("f.x = @one/gin.singleton()\none/gin.singleton.constructor = @a.Make", {},
     {"f.x": "@one/gin.singleton()",
      "one/gin.singleton.constructor": "@a.Make"}),
    # imports, which are not run
    ("from __gin__ import dynamic_registration\nimport __main__ as main\n"
     "import os.path\nfrom a.b import c\nfrom a.b import c as d\n"
     "c.F.x = 1\nd.F.x = 2\nmain.f.x = 3", {}, {"d.F.x": 2, "main.f.x": 3}),
])
def test_constructs(files, text, macros, parameters):
    answer = understood(files("EMBED_DIM = 8\n" + text))
    assert answer["macros"] == {"EMBED_DIM": 8, **macros}
    assert answer["parameters"] == parameters


def test_operative_config(sample):
    """As a run writes it, with comments and lines that go on."""
    answer = understood(sample.gin)
    layout = "%flaxformer.architectures.moe.moe_enums.LayerLayout.MIXED"
    assert answer["parameters"][
        "moe_architecture.SparseEncoder.sparse_layout"] == layout
    assert answer["macros"]["EXPERT_MLP_DIM"] == 32
    assert answer["config"] == {
        "vocab_size": 64, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2,
        "num_layers": 2, "num_decoder_layers": 2,
        "num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1,
        "num_experts": 4, "num_selected_experts": 1,
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128, "dense_act_fn": "relu",
        "feed_forward_proj": "relu"}


def test_text(files):
    done = switchyard("gin", files(MODEL, base__base=BASE))
    assert done.returncode == 0 and done.stderr == ""
    assert "  d_model = 16  # base/base.gin:8\n" in done.stdout
    assert "  dense.MlpBlock.activations = [\"@linen.relu\"]  # " \
           "base/base.gin:18\n" in done.stdout


def test_gin_path(files, tmp_path):
    """Beside the file first, then in the order of the options."""
    path = files("include 'x/a.gin'\ninclude 'x/b.gin'\ninclude 'x/c.gin'",
                 x__a="A = 1", one__x__a="A = 2", one__x__b="B = 2\nEMBED_DIM = 8",
                 two__x__b="B = 3", two__x__c="include 'd.gin'",
                 two__x__d="D = 3", one__d="D = 2")
    answer = understood(path, "--gin-path", tmp_path / "one", "--gin_path",
                        tmp_path / "two")
    assert answer["macros"] == {"A": 1, "B": 2, "EMBED_DIM": 8, "D": 3}


def test_include_that_is_nowhere(files):
    path = files("EMBED_DIM = 8\ninclude '../secret.gin'\ninclude '/etc/passwd'")
    (path.parent.parent / "secret.gin").write_text("SECRET = 1")
    done = switchyard("gin", path, "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["macros"] == {"EMBED_DIM": 8}
    assert [i["origin"] for i in answer["includes"]] == ["missing"] * 2
    assert "/etc/passwd" in done.stderr and "--gin-path" in done.stderr


def test_known_files(files):
    answer = understood(files(
        "include 'flaxformer/t5x/configs/moe/models/switch_base.gin'\n"
        "NUM_EXPERTS = 8\n"))
    assert answer["config"] == {
        "vocab_size": 32128, "d_model": 768, "d_kv": 64, "d_ff": 3072,
        "num_heads": 12, "num_layers": 12, "num_decoder_layers": 12,
        "num_sparse_encoder_layers": 6, "num_sparse_decoder_layers": 6,
        "num_experts": 8, "num_selected_experts": 1, "router_bias": False,
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128, "dense_act_fn": "relu",
        "feed_forward_proj": "relu", "tie_word_embeddings": True}


# What flaxformer's models are refused for; the rest gives a config.
GATED, ROUTER, TOP_2 = "gated", "experts choose", "more than one expert"
PATTERN, EXTRA = "pattern of layers", "a dense layer beside"
MODELS = {
    "switch_base": [], "switch_large": [], "switch_c": [],
    "switch_xxl": [GATED] * 2,
    **{"tokens_choose_" + size: [GATED, GATED, TOP_2, PATTERN, PATTERN]
       for size in ("base", "large", "small", "xl", "xxl")},
    "tokens_choose_tiny": [GATED, GATED, TOP_2],
    **{"experts_choose_" + size: [GATED, GATED, ROUTER, TOP_2]
       for size in ("base", "large", "small", "tiny", "xl", "xxl")},
    **{"st_moe_" + size: [GATED, GATED, EXTRA, EXTRA, TOP_2, PATTERN, PATTERN]
       for size in ("base", "xl", "32b")},
}


@pytest.mark.parametrize("model", MODELS)
def test_models_of_flaxformer(files, model):
    path = files(f"include 'flaxformer/t5x/configs/moe/models/{model}.gin'")
    answer = understood(path, status=3 if MODELS[model] else 0)
    details = [r["detail"] for r in answer["refusals"]]
    assert len(details) == len(MODELS[model]), details
    for word in MODELS[model]:
        assert sum(word in d for d in details) == MODELS[model].count(word)
    for r in answer["refusals"]:
        assert all(r[key] for key in ("file", "line", "parameter", "actual",
                                      "expected", "hint"))
    assert bool(answer["config"]) == (not MODELS[model])


STACK = "NUM_ENCODER_LAYERS = {}\nNUM_ENCODER_SPARSE_LAYERS = {}\n"
LAYOUT = "moe_architecture.SparseEncoder.sparse_layout = {}\n"


@pytest.mark.parametrize("text, parameter, actual", [
    ("dense.MlpBlock.activations = ('gelu', 'linear')",
     "dense.MlpBlock.activations", "('gelu', 'linear')"),
    ("network.T5Config.mlp_activations = ('gelu', 'linear')",
     "network.T5Config.mlp_activations", "('gelu', 'linear')"),
    ("dense.MlpBlock.activations = ('snake',)", "dense.MlpBlock.activations",
     "('snake',)"),
    ("dense.MlpBlock.activations = 'relu'\ne/MlpBlock.activations = 'gelu'",
     "e/MlpBlock.activations", "'gelu'"),
    ("dense.MlpBlock.use_bias = True", "dense.MlpBlock.use_bias", "True"),
    ("a.EncoderLayer.parallel = True", "a.EncoderLayer.parallel", "True"),
    ("R = @ExpertsChooseMaskedRouter()\ns/m.MoeLayer.router = %R",
     "s/m.MoeLayer.router", "@ExpertsChooseMaskedRouter()"),
    ("NUM_SELECTED_EXPERTS = 2", "NUM_SELECTED_EXPERTS", "2"),
    ("K = 2\ns/TokensChooseScatterRouter.num_selected_experts = %K",
     "s/TokensChooseScatterRouter.num_selected_experts", "2"),
    ("EMBED_DIM = 'wide'", "EMBED_DIM", "'wide'"),
    ("EMBED_DIM = 1e999", "EMBED_DIM", "1e999"),
    (STACK.format(12, 4), "NUM_ENCODER_SPARSE_LAYERS",
     "4 of the encoder's 12 layers, MIXED"),
    (STACK.format(12, 5), "NUM_ENCODER_SPARSE_LAYERS",
     "5 of the encoder's 12 layers, MIXED"),
    (STACK.format(4, 2) + LAYOUT.format("%moe_enums.LayerLayout.TOP"),
     "NUM_ENCODER_SPARSE_LAYERS", "2 of the encoder's 4 layers, TOP"),
    (STACK.format(4, 2) + LAYOUT.format("'bottom'"),
     "NUM_ENCODER_SPARSE_LAYERS", "2 of the encoder's 4 layers, BOTTOM"),
    (STACK.format(5, 3) + LAYOUT.format("%LayerLayout.MIDDLE"),
     "NUM_ENCODER_SPARSE_LAYERS", "3 of the encoder's 5 layers, MIDDLE"),
    ("dense.MlpBlock.intermediate_dim = 8\n"
     "expert/dense.MlpBlock.intermediate_dim = 9",
     "expert/dense.MlpBlock.intermediate_dim", "9"),
])
def test_refusals(files, text, parameter, actual):
    answer = understood(files(text), status=3)
    refusal, = answer["refusals"]
    assert refusal["parameter"] == parameter
    assert refusal["actual"] == actual
    assert refusal["file"] == "model.gin"
    assert refusal["expected"] and refusal["hint"]
    assert answer["config"] == {}


@pytest.mark.parametrize("text", [
    STACK.format(12, 6), STACK.format(12, 12), STACK.format(12, 0),
    STACK.format(2, 1), STACK.format(1, 1),
    STACK.format(4, 4) + LAYOUT.format("%LayerLayout.TOP"),
    STACK.format(2, 1) + LAYOUT.format("%LayerLayout.TOP"),
    STACK.format(3, 1) + LAYOUT.format("%LayerLayout.MIDDLE"),
    STACK.format(12, 4) + LAYOUT.format("%Unknown.LAYOUT"),
    "EMBED_DIM = 8\ndense.MlpBlock.use_bias = False\nm.MoeLayer.router = None",
    "EMBED_DIM = 8\nSparseEncoderLayer.extra_mlp = None",
    "EMBED_DIM = 8\nNUM_HEADS = %gin.REQUIRED",
    # there are only experts
    "NUM_ENCODER_LAYERS = 2\nNUM_ENCODER_SPARSE_LAYERS = 2\n"
    "NUM_DECODER_LAYERS = 2\nNUM_DECODER_SPARSE_LAYERS = 2\n"
    "dense.MlpBlock.intermediate_dim = 8\n"
    "expert/dense.MlpBlock.intermediate_dim = 9",
])
def test_no_refusals(files, text):
    assert understood(files(text))["refusals"] == []


@pytest.mark.parametrize("text, word", [
    ("", "says nothing of a model"),
    ("BATCH_SIZE = 128", "says nothing of a model"),
    ("A = (1,", "model.gin, line 1"),
    ("include 'model.gin'", "is not being read already"),
    ("EMBED_DIM = %EMBED_DIM", "leads back to itself"),
])
def test_no_config(files, text, word):
    done = switchyard("gin", files(text))
    assert done.returncode == 3
    assert word in done.stderr


def test_json_error(files):
    done = switchyard("gin", files("A = "), "--json")
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 3 and error["subject"] == "model.gin, line 1"


@pytest.mark.parametrize("args, status, word", [
    ([], 2, "no gin file is given"),
    (["a.gin", "b.gin"], 2, "b.gin"),
    (["/nonexistent.gin"], 4, "nonexistent.gin"),
    (["--gin-path", "/nonexistent"], 4, "/nonexistent"),
])
def test_usage(args, status, word):
    done = switchyard("gin", *args)
    assert done.returncode == status and word in done.stderr


def test_convert_takes_the_same(sample, files, tmp_path):
    text = sample.gin.read_text()
    path = files("include 'x/rest.gin'\nNUM_HEADS = 2\n",
                 path__x__rest=text)
    args = [sample.checkpoint, "--gin", path, "--gin-path", tmp_path / "path"]
    done = switchyard("inspect", *args)
    assert done.returncode == 0, done.stderr
    whole = switchyard("inspect", sample.checkpoint, "--gin", sample.gin)
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == \
        [line.split("  ")[0] for line in whole.stdout.splitlines()]
    path.write_text("include 'x/rest.gin'\nNUM_HEADS = 3\n")
    done = switchyard("convert", *args, "--out", tmp_path / "model")
    assert done.returncode == 3
    assert "model.gin:2 states num_heads = 3" in done.stderr


# ---- over HTTP ----

@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("gin"), "--client-rate", 0) as s:
        yield s


def posted(server, sample, gin, **beside):
    """The answer to a form of the sample, other files beside it, and gin."""
    parts = [("checkpoint", str(p.relative_to(sample.checkpoint.parent)),
              p.read_bytes()) for p in sample.checkpoint.rglob("*")
             if p.is_file()]
    parts += [("checkpoint", name.replace("__", "/") + ".gin", text.encode())
              for name, text in beside.items()]
    body, kind = form_of(*parts, ("gin_file", "model.gin", gin.encode()))
    return server.request("POST", "/v1/inspect", body, Content_Type=kind)


def test_form_with_includes(server, sample):
    folder = sample.checkpoint.name
    reply = posted(server, sample, f"include '{folder}/x/a.gin'",
                   **{folder + "__x__a": "include 'b.gin'",
                      folder + "__x__b": "NUM_HEADS = 3"})
    assert reply.status == 422
    assert "b.gin:1 states num_heads = 3" in reply.data.decode()


@pytest.mark.parametrize("name", [
    "/etc/hostname", "../secret.gin", "../../secret.gin", "{folder}/secret.gin",
    "file://{folder}/secret.gin", "secret.gin",
])
def test_includes_never_leave_the_upload(server, sample, tmp_path, name):
    """The service's own files stay its own, whatever an include says."""
    (tmp_path / "secret.gin").write_text("NUM_HEADS = 3")
    name = name.format(folder=tmp_path)
    reply = posted(server, sample, f"include '{name}'")
    assert reply.status == 200, reply.data
    warning, = [w for w in json.loads(reply.data)["warnings"] if "include" in w]
    assert name in warning and "not at hand" in warning


def test_job_with_includes(server, sample):
    """A gin file of an upload finds what lies beside it, and in its root."""
    folder = sample.checkpoint.parent
    checkpoint = upload(server, "a-sample-and-a-gin-file", {
        **{str(p.relative_to(folder)): p.read_bytes()
           for p in sample.checkpoint.rglob("*") if p.is_file()},
        "other.gin": b"NUM_HEADS = 5"})
    gin = upload(server, "gin-files-of-a-run", {
        "run/model.gin": b"include 'b.gin'\ninclude 'root.gin'",
        "run/b.gin": b"MLP_DIM = 32",
        "root.gin": b"include 'other.gin'\nNUM_HEADS = 3"})
    reply = submit(server, checkpoint=checkpoint, gin=gin + "/run/model.gin")
    job = finished(server, reply.json)
    assert job["state"] == "failed"
    assert "root.gin:2 states num_heads = 3" in json.dumps(job)
    reply = submit(server, checkpoint=checkpoint, gin="include 'other.gin'")
    assert "other.gin:1 states num_heads = 5" in json.dumps(
        finished(server, reply.json))
