#!/usr/bin/env python3
"""Convert the golden cases and compare: run.py PROGRAM [CASE...]

A case is a folder of cases/ with a case.json, which says

  about       what the case is about, one sentence
  checkpoint  the case whose checkpoint.tar.gz it uses; its own if not stated
  change      what to do to the unpacked checkpoint first, as [verb, path, ...]
  path        what to convert, inside the unpacked folder ("checkpoint")
  default     a run in the default mode: options, and what comes out
  reference   a run with --compat reference

A run that succeeds states "files". In the default mode tensors.txt has every
tensor's dtype, shape and SHA-256, and "config" the values that config.json must
have; in reference mode the files of reference/ and the SHA-256 in "files" must
be met byte for byte; files that a case does not have are those of "small",
which most cases convert to in the end. A run that is refused states "exit", "type" and "words".

Needs nothing but Python. Prints what differs, and "N passed, N failed".
"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
BASE = "small"  # what a case lacks of expected files is as in this one

# What transformers assumes where config.json is silent.
CONFIG_DEFAULTS = {"tie_word_embeddings": True}


def replace(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def link(path):
    path.rename(path.parents[1] / "elsewhere")
    path.symlink_to("../elsewhere")


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xff
    path.write_bytes(data)


CHANGES = {
    "remove": lambda p: p.unlink(),
    "rename": lambda p, to: p.rename(p.parent / to),
    "write": lambda p, text: replace(p, text.encode()),
    "hex": lambda p, text: replace(p, bytes.fromhex(text)),
    "append": lambda p, text: replace(p, p.read_bytes() + text.encode()),
    "cut": lambda p, size: os.truncate(p, size),
    "flip": flip,
    "link": link,
    "substitute": lambda p, old, new: replace(
        p, p.read_bytes().replace(old.encode(), new.encode())),
}


def unpack(name, folder):
    """The checkpoint of a case, changed as the case wants it."""
    case = json.loads((CASES / name / "case.json").read_text())
    source = case.get("checkpoint", name)
    with tarfile.open(CASES / source / "checkpoint.tar.gz") as tar:
        tar.extractall(folder)
    for verb, path, *rest in case.get("change", []):
        before = snapshot(folder)
        CHANGES[verb](folder / path, *rest)
        assert snapshot(folder) != before, f"{verb} {path} changes nothing"
    return case


def snapshot(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
            for p in folder.rglob("*")}


def tensors(path):
    """{name: "dtype shape sha256"} of a safetensors file without holes."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    assert size % 8 == 0, f"{path.name}: the header is not padded"
    assert header.pop("__metadata__") == {"format": "pt"}, path.name
    out, end = {}, 8 + size
    for name, t in header.items():
        begin, stop = (8 + size + n for n in t["data_offsets"])
        assert begin == end, f"{path.name}: a hole before {name}"
        shape = ",".join(map(str, t["shape"]))
        digest = hashlib.sha256(data[begin:stop]).hexdigest()
        out[name] = f"{t['dtype']} {shape} {digest}"
        end = stop
    assert end == len(data), f"{path.name}: bytes after the last tensor"
    return out


def expected_file(case, file):
    own = CASES / case / file
    return own if own.exists() else CASES / BASE / file


def read_expected_tensors(case):
    lines = expected_file(case, "tensors.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def compare_default(name, run, out):
    """What differs from tensors.txt, the index and the config."""
    got = {}
    for path in sorted(out.glob("*.safetensors")):
        for tensor, facts in tensors(path).items():
            got[tensor] = path.name, facts
    want = read_expected_tensors(name)
    for tensor in sorted(want.keys() | got.keys()):
        have = got.get(tensor, ("", "not there"))[1]
        if have != want.get(tensor, "not there"):
            yield f"{tensor}: {have}, not {want.get(tensor, 'there')}"
    index = out / "model.safetensors.index.json"
    if index.exists():
        where = {tensor: file for tensor, (file, _) in got.items()}
        if json.loads(index.read_text())["weight_map"] != where:
            yield "the index does not say where the tensors are"
    config = json.loads((out / "config.json").read_text())
    for key, value in run.get("config", {}).items():
        have = config.get(key, CONFIG_DEFAULTS.get(key))
        if have != value:
            yield f"config.json: {key} is {have!r}, not {value!r}"
    generation = json.loads((out / "generation_config.json").read_text())
    if generation.get("decoder_start_token_id") != 0:
        yield "generation_config.json: no decoder_start_token_id"


def compare_reference(name, run, out):
    """Which files differ from the reference's by a byte."""
    for file, digest in run["files"].items():
        data = (out / file).read_bytes()
        if hashlib.sha256(data).hexdigest() == digest:
            continue
        yield f"{file} differs"
        if file.endswith(".json"):
            kept = expected_file(name, Path("reference", file))
            pairs = zip(kept.read_text().splitlines(),
                        data.decode().splitlines())
            yield from (f"  {b.strip()!r}, not {a.strip()!r}"
                        for a, b in pairs if a != b)


def check_success(name, mode, run, result, out):
    if result.returncode:
        yield f"exit status {result.returncode}: {result.stderr.strip()}"
        return
    files = sorted(p.name for p in out.iterdir())
    if files != sorted(run["files"]):
        yield f"files {files}, not {sorted(run['files'])}"
        return
    compare = compare_default if mode == "default" else compare_reference
    yield from compare(name, run, out)
    for words in run.get("words", []):
        if words not in result.stderr:
            yield f"nothing of '{words}' in: {result.stderr.strip()}"


def check_refusal(run, result, parent):
    """Exit status, error text, and that nothing is left behind."""
    if result.returncode != run["exit"]:
        yield f"exit status {result.returncode}, not {run['exit']}"
    first = [line for line in result.stderr.splitlines()
             if not line.startswith(("  ", "switchyard: warning: "))]
    if len(first) != 1 or not first[0].startswith("switchyard: "):
        yield f"not one error line: {result.stderr.strip()!r}"
    for words in run["words"]:
        if words not in result.stderr:
            yield f"nothing of '{words}' in: {result.stderr.strip()}"
    if run["type"] not in result.stdout:
        yield f"no type {run['type']} in: {result.stdout.strip()}"
    left = [p.name for p in parent.iterdir()]
    if left:
        yield f"left behind: {left}"


def options_of(name, run):
    """The case's options; names of files in its folder become paths."""
    for text in run.get("options", []):
        path = CASES / name / text
        yield str(path) if path.is_file() else text


def run_case(program, name, mode):
    """What differs, as a list of lines."""
    with tempfile.TemporaryDirectory() as scratch:
        source, parent = Path(scratch, "in"), Path(scratch, "out")
        source.mkdir()
        parent.mkdir()
        case = unpack(name, source)
        run = case[mode]
        command = [program, "convert", source / case.get("path", "checkpoint"),
                   "--out", parent / "model", "--json", *options_of(name, run)]
        if mode == "reference":
            command += ["--compat", "reference"]
        result = subprocess.run(command, capture_output=True, text=True,
                                errors="replace", timeout=120)
        if "exit" in run:
            return list(check_refusal(run, result, parent))
        return list(check_success(name, mode, run, result, parent / "model"))


def main(program, *only):
    passed = failed = 0
    for folder in sorted(CASES.iterdir()):
        if only and folder.name not in only:
            continue
        case = json.loads((folder / "case.json").read_text())
        for mode in ("default", "reference"):
            if mode not in case:
                continue
            try:
                wrong = run_case(os.path.abspath(program), folder.name, mode)
            except (AssertionError, OSError, ValueError, KeyError,
                    subprocess.TimeoutExpired) as e:
                wrong = [f"{type(e).__name__}: {e}"]
            passed += not wrong
            failed += bool(wrong)
            for line in wrong[:8]:
                print(f"{folder.name} ({mode}): {line}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
