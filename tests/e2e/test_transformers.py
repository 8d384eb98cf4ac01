"""What transformers itself makes of the output; ./dev test --slow runs it.

For each version there is a virtual environment, made here on first use in
.venv-transformers-N, or a python named by SWITCHYARD_TRANSFORMERS_4 and _5.
"""
import json
import os
import subprocess
import sys

import pytest

from conftest import TESTS, converted, make

pytestmark = pytest.mark.slow

PACKAGES = {"4": ["transformers==4.44.2", "numpy<2", "torch<2.4"],
            "5": ["transformers>=5,<6", "torch"]}

# Loads a model, says what did not fit, and prints its logits.
PROGRAM = """
import json, sys, torch, transformers
from transformers import SwitchTransformersForConditionalGeneration as Model
transformers.logging.set_verbosity_error()
model, info = Model.from_pretrained(sys.argv[1], output_loading_info=True,
                                    torch_dtype=torch.float32)
model.eval()
with torch.no_grad():
    ids = torch.tensor([[3, 14, 15, 9, 26, 5, 35, 1]])
    start = torch.tensor([[0, 8, 9, 7]])
    out = model(input_ids=ids, decoder_input_ids=start)
    made = model.generate(ids, max_new_tokens=4, do_sample=False)
print(json.dumps({"version": transformers.__version__,
                  "missing": sorted(info["missing_keys"]),
                  "unexpected": sorted(info["unexpected_keys"]),
                  "mismatched": [str(k) for k in info["mismatched_keys"]],
                  "made": made.tolist(), "logits": out.logits.tolist()}))
"""


def python_with(version):
    named = os.environ.get(f"SWITCHYARD_TRANSFORMERS_{version}")
    if named:
        return named
    folder = TESTS.parent / f".venv-transformers-{version}"
    python = folder / "bin/python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder],
                       check=True)
        subprocess.run([python, "-m", "pip", "install", "-q",
                        *PACKAGES[version]], check=True)
        (folder / "ready").touch()
    return python


def load(version, model):
    result = subprocess.run([python_with(version), "-c", PROGRAM, model],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


MODELS = {
    "tied": [], "untied": ["--untied"], "bfloat16": ["--dtype", "bfloat16"],
    "dense": ["--encoder-sparse", "0", "--decoder-sparse", "0"],
    "all-sparse": ["--encoder-sparse", "4", "--decoder-sparse", "4"],
}


@pytest.mark.parametrize("kind", MODELS)
def test_loads_clean_and_agrees(kind, tmp_path):
    make(tmp_path / "c", *MODELS[kind])
    converted(tmp_path / "c", "--out", tmp_path / "m", "--max-shard-size",
              "40KB")
    old, new = (load(version, tmp_path / "m") for version in "45")
    for result in (old, new):
        assert result["missing"] == result["unexpected"] == [], result["version"]
        assert result["mismatched"] == []
    assert old["made"] == new["made"]
    pairs = zip(flatten(old["logits"]), flatten(new["logits"]))
    assert max(abs(a - b) for a, b in pairs) < 1e-4


def flatten(value):
    if isinstance(value, list):
        for item in value:
            yield from flatten(item)
    else:
        yield value
