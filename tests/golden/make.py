#!/usr/bin/env python3
"""Make the golden cases again: make.py REFERENCE_PYTHON [CASE...]

Checkpoints come from ../make_checkpoint.py. What the default mode should write
is worked out here from the weights (rename() below); what --compat reference
should write is what reference.py writes under REFERENCE_PYTHON, a python with
transformers 4.44.2, flax, tensorstore and torch. Where a case has both, the
tensors of both must be equal, or making it fails.

cases.py lists the cases. This program replaces their folders.
"""
import gzip
import hashlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402

import make_checkpoint  # noqa: E402
import run  # noqa: E402
from cases import CASES  # noqa: E402

ONE_FILE = ("config.json", "generation_config.json", "model.safetensors")
SAFETENSORS = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}

# (pattern, Hugging Face's name, whether its matrix is transposed)
RENAMES = [(re.compile(pattern + "$"), name, turn) for pattern, name, turn in (
    (r"token_embedder/embedding", "shared.weight", False),
    (r"decoder/logits_dense/kernel", "lm_head.weight", True),
    (r"(\w+)/\w+_norm/scale", "{0}.final_layer_norm.weight", False),
    (r"(\w+)/relpos_bias/rel_embedding", "{0}.block.0.layer.0.SelfAttention."
     "relative_attention_bias.weight", True),
    (r"(\w+)/layers_(\d+)/(?:self_)?attention/(\w)\w+/kernel",
     "{0}.block.{1}.layer.0.SelfAttention.{2}.weight", True),
    (r"(\w+)/layers_(\d+)/encoder_decoder_attention/(\w)\w+/kernel",
     "{0}.block.{1}.layer.1.EncDecAttention.{2}.weight", True),
    (r"(\w+)/layers_(\d+)/pre_(?:self_)?attention_layer_norm/scale",
     "{0}.block.{1}.layer.0.layer_norm.weight", False),
    (r"(\w+)/layers_(\d+)/pre_cross_attention_layer_norm/scale",
     "{0}.block.{1}.layer.1.layer_norm.weight", False),
    (r"(\w+)/layers_(\d+)/pre_mlp_layer_norm/scale",
     "{0}.block.{1}.layer.{ff}.layer_norm.weight", False),
    (r"(\w+)/layers_(\d+)/mlp/(w[io])/kernel",
     "{0}.block.{1}.layer.{ff}.mlp.{2}.weight", True),
    (r"(\w+)/layers_(\d+)/mlp/router/router_weights/w/kernel",
     "{0}.block.{1}.layer.{ff}.mlp.router.classifier.weight", True),
    (r"(\w+)/layers_(\d+)/mlp/expert/(w[io])/kernel",
     "{0}.block.{1}.layer.{ff}.mlp.experts.expert_{expert}.{2}.weight", True),
)]


def rename(name, array):
    """(Hugging Face's name, tensor) of everything that one array becomes."""
    for pattern, target, turn in RENAMES:
        match = pattern.match(name)
        if not match:
            continue
        ff = 1 if name.startswith("encoder/") else 2
        for i, part in enumerate(array if array.ndim == 3 else [array]):
            yield (target.format(*match.groups(), ff=ff, expert=i),
                   part.T if turn else part)
        return
    raise SystemExit(f"no rule for {name}")


def expected_tensors(o, dtype):
    """What the default mode makes: {name: "dtype shape sha256"}."""
    out = {}
    stored = make_checkpoint.numpy_dtype(o.dtype)
    wanted = stored if dtype == "source" else make_checkpoint.numpy_dtype(dtype)
    for name, shape in make_checkpoint.parameters(o).items():
        array = make_checkpoint.values(o, name, shape, stored)
        for target, tensor in rename(name, array):
            with np.errstate(over="ignore"):
                data = tensor.astype(wanted).tobytes()
            out[target] = " ".join((SAFETENSORS[wanted.name],
                                    ",".join(map(str, tensor.shape)),
                                    hashlib.sha256(data).hexdigest()))
    if o.untied:
        for side in ("encoder", "decoder"):
            out[f"{side}.embed_tokens.weight"] = out["shared.weight"]
    return out


def stated_config(o):
    """The config.json that a user of the reference has to write."""
    return {"vocab_size": o.vocab, "d_model": o.d_model, "d_kv": o.d_kv,
            "d_ff": o.d_ff, "num_heads": o.heads, "num_layers": o.layers,
            "num_decoder_layers": o.decoder_layers, "num_experts": o.experts,
            "num_sparse_encoder_layers": o.encoder_sparse,
            "num_sparse_decoder_layers": o.decoder_sparse,
            "relative_attention_num_buckets": o.buckets}


def sparse_step(layers, sparse):
    return layers // sparse if sparse else 0


def expected_config(o, dtype):
    """What config.json must say in the default mode."""
    kept = o.dtype if dtype == "source" else dtype
    return {**stated_config(o), "model_type": "switch_transformers",
            "architectures": ["SwitchTransformersForConditionalGeneration"],
            "encoder_sparse_step": sparse_step(o.layers, o.encoder_sparse),
            "decoder_sparse_step": sparse_step(o.decoder_layers,
                                               o.decoder_sparse),
            "is_encoder_decoder": True, "tie_word_embeddings": not o.untied,
            "decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0,
            "dense_act_fn": "relu", "torch_dtype": kept}


def pack(folder, archive):
    """A tar.gz that depends on nothing but the files' names and bytes."""
    def neutral(info):
        info.mtime = info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mode = 0o755 if info.isdir() else 0o644
        return info

    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as t:
        t.add(folder, "checkpoint", filter=neutral)
    archive.write_bytes(gzip.compress(raw.getvalue(), 9, mtime=0))


def save_with_orbax(python, source, target, layout):
    """The same arrays as Orbax saves them, which tells the time in them."""
    command = [python, HERE / "orbax_layout.py", source, target, layout]
    result = subprocess.run(list(map(str, command)), text=True,
                            capture_output=True)
    if result.returncode:
        raise SystemExit(f"Orbax failed: {result.stderr}")


def convert_by_reference(python, name, case, o, scratch):
    """Runs the reference on the checkpoint as changed; the output folder.

    t5x's loader refuses Orbax's folders: it gets what they were made of.
    """
    source, out = scratch / "in", scratch / "out"
    source.mkdir()
    if case.orbax:
        o.out = str(source / "checkpoint")
        make_checkpoint.write_checkpoint(o)
    else:
        run.unpack(name, source)
    options = dict(zip(case.options[::2], case.options[1::2]))
    how = (["--gin_file", run.CASES / name / "model.gin"]
           if "--gin" in case.options else
           ["--config_name", run.CASES / name / "config.json"])
    if "--max-shard-size" in options:
        how += ["--max_shard_size", options["--max-shard-size"]]
    command = [python, HERE / "reference.py", "--switch_t5x_checkpoint_path",
               source / "checkpoint", "--pytorch_dump_folder_path", out,
               "--num_experts", str(o.experts), *how]
    result = subprocess.run(list(map(str, command)), text=True,
                            capture_output=True)
    if result.returncode:
        raise SystemExit(f"{name}: the reference failed: {result.stderr}")
    return out


def take_reference(name, out, entry, want):
    """Keeps the text files and the digests; compares the tensors."""
    got = {}
    for path in sorted(out.iterdir()):
        entry["files"][path.name] = hashlib.sha256(
            path.read_bytes()).hexdigest()
        if path.suffix != ".json":
            got.update(run.tensors(path))
            continue
        kept = run.CASES / name / "reference" / path.name
        if not same_as_base(kept, path.read_bytes()):
            kept.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, kept)
    wrong = [t for t in want.keys() | got.keys() if want.get(t) != got.get(t)]
    if wrong:
        raise SystemExit(f"{name}: the reference differs in {sorted(wrong)[:5]}")


def same_as_base(path, data):
    """Whether a case's file would be that of the case "small" once more."""
    base = run.CASES / run.BASE / path.relative_to(run.CASES).relative_to(
        path.relative_to(run.CASES).parts[0])
    return base != path and base.exists() and base.read_bytes() == data


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def make_success(python, name, case, o, entry):
    folder = run.CASES / name
    options = dict(zip(case.options[::2], case.options[1::2]))
    dtype = options.get("--dtype", "float32")
    tensors = expected_tensors(o, dtype)
    lines = "".join(f"{k} {v}\n" for k, v in sorted(tensors.items()))
    if not same_as_base(folder / "tensors.txt", lines.encode()):
        (folder / "tensors.txt").write_text(lines)
    if "reference" in case.modes:
        entry["reference"] = {"options": list(case.options), "files": {}}
        if "--gin" not in case.options:
            config = {**stated_config(o), **case.config}
            entry["reference"]["options"] += ["--config", "config.json"]
            write_json(folder / "config.json", config)
            write_json(folder / "case.json", entry)
        with tempfile.TemporaryDirectory() as scratch:
            out = convert_by_reference(python, name, case, o, Path(scratch))
            take_reference(name, out, entry["reference"], tensors)
    if "default" in case.modes:
        entry["default"] = {
            "options": list(case.options), "words": list(case.words),
            "files": list(entry.get("reference", {}).get("files", ONE_FILE)),
            "config": {**expected_config(o, dtype), **case.config}}


def make_case(python, name, case):
    folder = run.CASES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    entry = {"about": case.about}
    if case.checkpoint:
        entry["checkpoint"] = case.checkpoint
    if case.change:
        entry["change"] = [list(change) for change in case.change]
    if case.path is not None:
        entry["path"] = case.path
    arguments = shlex.split(case.make)
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch, "checkpoint")
        gin = ["--gin", str(folder / "model.gin")] * ("--gin" in case.options)
        o = make_checkpoint.arguments([str(target), *arguments, *gin])
        if not case.checkpoint:
            make_checkpoint.write_checkpoint(o)
            if case.orbax:
                saved = Path(scratch, "orbax")
                save_with_orbax(python, target, saved, case.orbax)
                target = saved
            pack(target, folder / "checkpoint.tar.gz")
        elif gin:
            make_checkpoint.write_gin(o)
    if case.gin:
        (folder / "model.gin").write_text(case.gin)
    write_json(folder / "case.json", entry)
    if case.stated is not None:
        write_json(folder / "config.json", case.stated)
    if case.exit:
        entry["default"] = {"options": list(case.options), "exit": case.exit,
                            "type": case.type, "words": list(case.words)}
    else:
        make_success(python, name, case, o, entry)
    write_json(folder / "case.json", entry)


def main(python, *only):
    for name, case in CASES.items():
        if not only or name in only:
            make_case(python, name, case)
            print(name, flush=True)
    if not only:
        for folder in run.CASES.iterdir():
            if folder.name not in CASES:
                shutil.rmtree(folder)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
