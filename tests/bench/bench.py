#!/usr/bin/env python3
"""Measure conversions; ./dev bench calls this.

Makes a checkpoint of the size of Switch-Base-8 (2.48 GB of float32, gzip level
1, chunks of up to 64 MiB) once, and converts it with everything at hand, in
turns, so that whatever else the machine does falls on all alike:

  switchyard   the program
  floor        bench_floor: the same chunks decoded and written, nothing else
  decode       the same without writing
  tensorstore  reading alone, by what t5x reads with; from here on where a
               python with the libraries is given
  big          transformers' convert_big_switch, which goes array by array
  reference    transformers' own converter

With "grids" as first argument, it converts one model from checkpoints that are
cut in different ways instead: t5x's rule with targets of 64 KiB to 256 MiB,
chunks of one expert, tiles of all experts.

Prints medians: of seconds, and of what processors did in them, which says more
where other programs run. Files are in the page cache, outputs are removed between runs.
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

# How the small model is cut for "grids": what make_checkpoint.py is told.
GRIDS = {
    "experts": ["--cut", "0:8"],
    "64KiB": ["--chunk-bytes", str(64 << 10)],
    "1MiB": ["--chunk-bytes", str(1 << 20)],
    "16MiB": ["--chunk-bytes", str(16 << 20)],
    "64MiB": ["--chunk-bytes", str(64 << 20)],
    "256MiB": ["--chunk-bytes", str(256 << 20)],
    "tiles4": ["--cut", "1:4", "--cut", "2:4"],
    "tiles16": ["--cut", "1:16", "--cut", "2:16"],
}


def arguments():
    p = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("what", nargs="?", choices=["model", "grids"],
                   default="model")
    p.add_argument("--compressor", metavar="JSON",
                   help="as in .zarray, instead of gzip; the floor is left out")
    p.add_argument("--small", action="store_true", help="a model of 400 MB instead")
    p.add_argument("-n", "--runs", type=int, default=5)
    p.add_argument("--json", metavar="FILE", help="write the figures there")
    p.add_argument("--reference", metavar="PYTHON",
                   default=os.environ.get("SWITCHYARD_REFERENCE_PYTHON"),
                   help="a python with transformers 4.44.2, flax, tensorstore\n"
                        "and torch; also from SWITCHYARD_REFERENCE_PYTHON")
    p.add_argument("--build", type=Path, default=TOP / "build")
    return p.parse_args()


def prepare(scratch, size, compressor=None, grid=None):
    """The checkpoint and its config.json, made where they are not there."""
    name = f"switch-{size}"
    how = ["--jobs", str(os.cpu_count())]
    if compressor:
        name += "-" + "".join(c for c in compressor if c.isalnum())
        how += ["--compressor", compressor]
    if grid:
        name += f"-{grid}"
        how += GRIDS[grid]
    folder = scratch / name
    config = scratch / f"{name}.json"
    o = make_checkpoint.arguments([str(folder), *SIZES[size], *how])
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
    if floor.exists() and not o.compressor:
        found["floor"] = [floor, checkpoint, out]
        found["decode"] = [floor, "--decode-only", checkpoint]
    if o.reference:
        contender = [o.reference, HERE / "contender.py"]
        found["tensorstore"] = [*contender, "tensorstore", checkpoint]
        found["big"] = [*contender, "big", checkpoint, out]
        found["reference"] = [
            o.reference, HERE.parent / "golden/reference.py",
            "--switch_t5x_checkpoint_path", checkpoint, "--config_name", config,
            "--pytorch_dump_folder_path", out]
    return {name: list(map(str, command)) for name, command in found.items()}


def run_once(command, report, log):
    """Seconds, seconds of processors, and peak memory of one run."""
    subprocess.run([sys.executable, HERE.parent / "measure.py", report,
                    *command], stdout=log, stderr=log, check=True)
    result = json.loads(report.read_text())
    if result["status"]:
        sys.exit(f"{' '.join(command)} failed; see {log.name}")
    return result["seconds"], result["cpu"], result["peak"]


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
    """{name: [(seconds, cpu, memory)]}, and the bytes of the model."""
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
            if "convert" in command:
                size = sum(p.stat().st_size for p in out.iterdir())
            print(f"run {i + 1}: {name} {results[name][-1][0]:.2f} s",
                  file=sys.stderr)
    shutil.rmtree(out, ignore_errors=True)
    return results, size


def figures(results, size):
    """Rows of the table; ratios are to the first that is measured."""
    own = None
    for name, runs in results.items():
        seconds = [s for s, _, _ in runs]
        median = statistics.median(seconds)
        own = own or median
        yield {"name": name, "runs": len(runs), "seconds": round(median, 3),
               "fastest": round(min(seconds), 3),
               "slowest": round(max(seconds), 3),
               "mb_per_second": round(size / median / 1e6),
               "cpu_seconds": round(statistics.median(c for _, c, _ in runs),
                                    3),
               "peak_mb": round(max(m for _, _, m in runs) / 1e6),
               "times_first": round(median / own, 2)}


def print_table(rows):
    print(f"{'':12}{'median':>9}{'fastest':>9}{'slowest':>9}{'cpu':>9}"
          f"{'MB/s':>7}{'peak MB':>9}{'ratio':>7}")
    for r in rows:
        print(f"{r['name']:12}{r['seconds']:8.2f}s{r['fastest']:8.2f}s"
              f"{r['slowest']:8.2f}s{r['cpu_seconds']:8.2f}s"
              f"{r['mb_per_second']:7}{r['peak_mb']:9}{r['times_first']:7.2f}")


def main():
    o = arguments()
    scratch = Path(os.environ.get("TMPDIR", o.build), "bench")
    scratch.mkdir(parents=True, exist_ok=True)
    size = "small" if o.small or o.what == "grids" else "base"
    out = scratch / "model"
    if o.what == "grids":
        folders = {g: prepare(scratch, size, o.compressor, g)[0] for g in GRIDS}
        commands = {g: [str(o.build / "switchyard"), "convert", str(f), "--out",
                        str(out), "--quiet"] for g, f in folders.items()}
        stored = max(read_all(f) for f in folders.values())
    else:
        checkpoint, config = prepare(scratch, size, o.compressor)
        commands = contenders(o, checkpoint, config, out)
        stored = read_all(checkpoint)
    with open(scratch / "bench.log", "w") as log:
        results, model = measure(commands, o.runs, out, log, stored)
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
