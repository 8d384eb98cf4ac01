#!/usr/bin/env python3
"""Measure conversions; ./dev bench calls this.

Makes a checkpoint of the size of Switch-Base-8 (2.48 GB of float32, gzip level
1, chunks of up to 64 MiB) once, and converts it with everything at hand, in
turns, so that whatever else the machine does falls on all alike:

  switchyard   the program
  floor        bench_floor: the same chunks decoded and written, nothing else
  decode       the same without writing
  reference    transformers' own converter, where a python with it is given

Prints medians. Files are in the page cache, outputs are removed between runs.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import make_checkpoint  # noqa: E402

COMMON = ["--values", "normal", "--heads", "12", "--d-kv", "64"]
SIZES = {
    "base": [*COMMON, "--layers", "12", "--decoder-layers", "12",
             "--encoder-sparse", "6", "--decoder-sparse", "6", "--experts", "8",
             "--d-model", "768", "--d-ff", "3072", "--vocab", "32128"],
    "small": [*COMMON, "--layers", "2", "--decoder-layers", "2",
              "--encoder-sparse", "1", "--decoder-sparse", "1", "--experts",
              "8", "--d-model", "768", "--d-ff", "3072", "--vocab", "4096"],
}


def arguments():
    p = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--small", action="store_true", help="a model of 400 MB instead")
    p.add_argument("-n", "--runs", type=int, default=5)
    p.add_argument("--json", metavar="FILE", help="write the figures there")
    p.add_argument("--reference", metavar="PYTHON",
                   default=os.environ.get("SWITCHYARD_REFERENCE_PYTHON"),
                   help="a python with transformers 4.44.2, flax, tensorstore\n"
                        "and torch; also from SWITCHYARD_REFERENCE_PYTHON")
    p.add_argument("--build", type=Path, default=TOP / "build")
    return p.parse_args()


def prepare(scratch, size):
    """The checkpoint and its config.json, made where they are not there."""
    folder = scratch / f"switch-{size}"
    config = scratch / f"switch-{size}.json"
    o = make_checkpoint.arguments([str(folder), *SIZES[size], "--jobs",
                                   str(os.cpu_count())])
    if not config.exists():
        print(f"making {folder} ...", file=sys.stderr)
        make_checkpoint.write_checkpoint(o)
        config.write_text(json.dumps({
            "vocab_size": o.vocab, "d_model": o.d_model, "d_kv": o.d_kv,
            "d_ff": o.d_ff, "num_heads": o.heads, "num_layers": o.layers,
            "num_decoder_layers": o.decoder_layers, "num_experts": o.experts,
            "num_sparse_encoder_layers": o.encoder_sparse,
            "num_sparse_decoder_layers": o.decoder_sparse}))
    return folder, config


def contenders(o, checkpoint, config, out):
    """{name: command}; a program that is not there is left out."""
    found = {"switchyard": [o.build / "switchyard", "convert", checkpoint,
                            "--out", out, "--quiet"]}
    floor = o.build / "tests/bench/bench_floor"
    if floor.exists():
        found["floor"] = [floor, checkpoint, out]
        found["decode"] = [floor, "--decode-only", checkpoint]
    if o.reference:
        found["reference"] = [
            o.reference, HERE.parent / "golden/reference.py",
            "--switch_t5x_checkpoint_path", checkpoint, "--config_name", config,
            "--pytorch_dump_folder_path", out]
    return {name: list(map(str, command)) for name, command in found.items()}


def run_once(command, report, log):
    """Seconds and peak memory of one run."""
    subprocess.run([sys.executable, HERE.parent / "measure.py", report,
                    *command], stdout=log, stderr=log, check=True)
    result = json.loads(report.read_text())
    if result["status"]:
        sys.exit(f"{' '.join(command)} failed; see {log.name}")
    return result["seconds"], result["peak"]


def read_all(folder):
    """Puts the files into the page cache; their bytes."""
    return sum(len(p.read_bytes()) for p in folder.rglob("*") if p.is_file())


def recycle(folder, size):
    """
    Fills the page cache with a file and drops it. On virtual machines a page
    that was never used costs several times as much as one that was, so without
    this a run's time depends on what ran before it.
    """
    path = folder / "recycled"
    block = bytes(16 << 20)
    with open(path, "wb", buffering=0) as f:
        for _ in range(0, size, len(block)):
            f.write(block)
    path.unlink()


def measure(commands, runs, out, log, size_hint):
    """{name: [(seconds, memory)]}, and the bytes of the model."""
    results = {name: [] for name in commands}
    size = 0
    for i in range(runs):
        for name, command in commands.items():
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            recycle(out.parent, size_hint)
            os.sync()
            results[name].append(
                run_once(command, out.with_name("run.json"), log))
            if name == "switchyard":
                size = sum(p.stat().st_size for p in out.iterdir())
            print(f"run {i + 1}: {name} {results[name][-1][0]:.2f} s",
                  file=sys.stderr)
    shutil.rmtree(out, ignore_errors=True)
    return results, size


def figures(results, size):
    own = statistics.median(s for s, _ in results["switchyard"])
    for name, runs in results.items():
        seconds = [s for s, _ in runs]
        median = statistics.median(seconds)
        yield {"name": name, "runs": len(runs), "seconds": round(median, 3),
               "fastest": round(min(seconds), 3),
               "slowest": round(max(seconds), 3),
               "mb_per_second": round(size / median / 1e6),
               "peak_mb": round(max(m for _, m in runs) / 1e6),
               "times_switchyard": round(median / own, 2)}


def print_table(rows):
    print(f"{'':12}{'median':>9}{'fastest':>9}{'slowest':>9}{'MB/s':>7}"
          f"{'peak MB':>9}{'ratio':>7}")
    for r in rows:
        print(f"{r['name']:12}{r['seconds']:8.2f}s{r['fastest']:8.2f}s"
              f"{r['slowest']:8.2f}s{r['mb_per_second']:7}{r['peak_mb']:9}"
              f"{r['times_switchyard']:7.2f}")


def main():
    o = arguments()
    scratch = Path(os.environ.get("TMPDIR", o.build), "bench")
    scratch.mkdir(parents=True, exist_ok=True)
    size = "small" if o.small else "base"
    checkpoint, config = prepare(scratch, size)
    stored = read_all(checkpoint)
    out = scratch / "model"
    with open(scratch / "bench.log", "w") as log:
        results, model = measure(contenders(o, checkpoint, config, out),
                                 o.runs, out, log, stored)
    rows = list(figures(results, model))
    print(f"{size}: {stored / 1e6:.0f} MB of checkpoint, {model / 1e6:.0f} MB "
          f"of model, {os.cpu_count()} CPUs")
    print_table(rows)
    if o.json:
        Path(o.json).write_text(json.dumps(
            {"size": size, "checkpoint_bytes": stored, "model_bytes": model,
             "cpus": os.cpu_count(), "results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
