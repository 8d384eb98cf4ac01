#!/usr/bin/env python3
"""Measure the service; ./dev bench http calls this.

In turns, so that whatever else the machine does falls on all alike:

  status      wrk, 64 connections: requests a second and the 99th percentile,
              of /livez and of a job, beside nginx with a fixed answer
  downloads   wrk, 4 connections: a stored model's file, beside nginx with
              sendfile on the same file
  uploads     curl -T: a file put into an upload, beside the same daemon that
              only writes the bytes into a file (discard), or syncs it as well
              (synced), which is what an acknowledged upload has to be

and once each: memory of the idle service, and from its start to ready.
Prints medians; a ratio is the median of the ratios of single rounds.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import make_checkpoint  # noqa: E402

MIB = 1 << 20


def arguments():
    p = argparse.ArgumentParser(prog="./dev bench http", description=__doc__,
                                formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("-n", "--runs", type=int, default=5)
    p.add_argument("--seconds", type=int, default=4, help="of each wrk run")
    p.add_argument("--upload", type=int, default=512, metavar="MIB",
                   help="size of the file that is uploaded")
    p.add_argument("--json", metavar="FILE", help="write the figures there")
    p.add_argument("--build", type=Path, default=TOP / "build")
    return p.parse_args()


@contextmanager
def running(command, **more):
    process = subprocess.Popen(list(map(str, command)), **more)
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        process.terminate()
        process.wait()


def ready(url):
    """Seconds until the server at url answers."""
    began = time.monotonic()
    while time.monotonic() - began < 20:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return time.monotonic() - began
        except OSError:
            time.sleep(0.0005)
    sys.exit(f"{url} does not answer")


def serve(o, data, log):
    """The service on a free port; its process, and its address."""
    process = subprocess.Popen(
        [str(o.build / "switchyard"), "serve", "--listen", "127.0.0.1:0",
         "--data", str(data), "--client-rate", "0", "--min-free", "0",
         "--log-level", "warning"], stdout=subprocess.PIPE, stderr=log,
        text=True)
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        sys.exit(f"the service does not start; see {log.name}")
    return process, line.split()[-1]


def post(url, body, kind):
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def stored_model(o, scratch, url):
    """Converts a model of some size; the job, and the name of its file."""
    folder = scratch / "switch-http"
    archive = scratch / "switch-http.tar"
    if not archive.exists():
        print("making a checkpoint ...", file=sys.stderr)
        make_checkpoint.write_checkpoint(make_checkpoint.arguments(
            [str(folder / "checkpoint_1"), "--values", "normal", "--heads",
             "12", "--d-kv", "64", "--layers", "2", "--decoder-layers", "2",
             "--encoder-sparse", "1", "--decoder-sparse", "1", "--experts", "8",
             "--d-model", "768", "--d-ff", "3072", "--vocab", "4096",
             "--jobs", str(os.cpu_count())]))
        with tarfile.open(archive, "w") as tar:
            tar.add(folder, ".")
    with open(archive, "rb") as body:
        job = post(f"{url}/v1/conversions?model=bench/http", body.read(),
                   "application/x-tar")
    while job["state"] not in ("succeeded", "failed", "cancelled"):
        with urllib.request.urlopen(url + job["links"]["self"]
                                    + "?wait=30") as reply:
            job = json.load(reply)
    if job["state"] != "succeeded":
        sys.exit(f"the conversion {job['state']}: {job['problem']}")
    return job


NGINX = """
{user}
daemon off; worker_processes {cpus}; pid {folder}/pid;
error_log {folder}/error.log; events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {root};
    location = /fixed {{ default_type text/plain; return 200 "ok\\n"; }} }}
}}
"""


def nginx_config(folder, root, port):
    folder.mkdir(exist_ok=True)
    path = folder / "nginx.conf"
    # The data folder is its owner's alone.
    user = "" if os.getuid() else "user root;"
    path.write_text(NGINX.format(cpus=os.cpu_count(), user=user, folder=folder, root=root,
                                 port=port))
    return path


def wrk(url, connections, seconds):
    """Requests and bytes a second, and the 99th percentile in milliseconds."""
    text = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", url],
        capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text:
        sys.exit(f"{url}: {text}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    amount, unit = re.search(r"Transfer/sec:\s+([\d.]+)(\w+)", text).groups()
    late, scale = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", text).groups()
    return {"rate": rate,
            "bytes": float(amount) * {"B": 1, "KB": 1 << 10, "MB": MIB,
                                      "GB": 1 << 30}[unit],
            "p99_ms": float(late) * {"us": 1e-3, "ms": 1, "s": 1e3}[scale]}


def put(url, file):
    """Bytes a second of one upload."""
    result = subprocess.run(
        ["curl", "-sSf", "-o", os.devnull, "-w", "%{time_total}", "-H",
         "Expect:", "-T", str(file), url],
        capture_output=True, text=True, check=True)
    return {"bytes": file.stat().st_size / float(result.stdout)}


def start_time(o, scratch):
    """Milliseconds from exec to a ready service, on a folder that is there."""
    data = scratch / "start"
    shutil.rmtree(data, ignore_errors=True)
    times = {"fresh": [], "existing": []}
    for i in range(6):
        with open(scratch / "start.log", "w") as log:
            began = time.monotonic()
            process, url = serve(o, data, log)
            ready(url + "/readyz")
            took = (time.monotonic() - began) * 1000
            status = Path(f"/proc/{process.pid}/status").read_text()
            process.terminate()
            process.wait()
        times["existing" if i else "fresh"].append(took)
    shutil.rmtree(data)
    return {"ready_fresh_ms": times["fresh"][0],
            "ready_ms": statistics.median(times["existing"]),
            "idle_mb": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024 / 1e6}


def rounds(o, contests):
    """{contest: {name: [figures]}}; every round runs all of them once."""
    results = {}
    for i in range(o.runs):
        for contest, names in contests.items():
            for name, measure in names.items():
                got = measure()
                results.setdefault(contest, {}).setdefault(name, []).append(got)
                print(f"run {i + 1}: {contest} {name} "
                      + ", ".join(f"{k} {v:,.1f}" for k, v in got.items()),
                      file=sys.stderr)
    return results


def summary(results):
    for contest, names in results.items():
        measure = "rate" if contest == "status" else "bytes"
        for name, runs in names.items():
            row = {"contest": contest, "name": name}
            for key in runs[0]:
                row[key] = statistics.median(r[key] for r in runs)
            for other, theirs in names.items():
                if (name.startswith("switchyard")
                        and not other.startswith("switchyard")):
                    row[f"times_{other}"] = round(statistics.median(
                        a[measure] / b[measure]
                        for a, b in zip(runs, theirs)), 2)
            yield row


def print_table(rows):
    for r in rows:
        first = (f"{r['rate']:12,.0f}/s  p99 {r['p99_ms']:6.2f} ms"
                 if r["contest"] == "status"
                 else f"{r['bytes'] / 1e6:12,.0f} MB/s")
        ratios = "  ".join(f"{r[k]:.2f} x {k[6:]}" for k in r
                           if k.startswith("times_"))
        print(f"{r['contest']:10} {r['name']:18} {first:34} {ratios}")


def main():
    o = arguments()
    for tool in ("wrk", "nginx", "curl"):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
            sys.exit(f"bench: {tool} is not there")
    os.environ["PATH"] += ":/usr/sbin"
    scratch = Path(os.environ.get("TMPDIR", o.build), "bench").resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    once = start_time(o, scratch)
    data = scratch / "data"
    shutil.rmtree(data, ignore_errors=True)
    body = scratch / "upload"
    body.write_bytes(os.urandom(MIB) * o.upload)
    sink = scratch / "sink"
    with ExitStack() as stack:
        log = stack.enter_context(open(scratch / "http.log", "w"))
        process, url = serve(o, data, log)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        job = stored_model(o, scratch, url)
        port = 8900 + os.getpid() % 1000
        stack.enter_context(running(
            ["nginx", "-c", nginx_config(scratch / "nginx",
                                         data / "models/blobs", port)]))
        nginx = f"http://127.0.0.1:{port}"
        ready(nginx + "/fixed")
        with urllib.request.urlopen(url + job["links"]["model"]) as reply:
            blob = max(json.load(reply)["files"], key=lambda f: f["bytes"])
        sinks = {}
        for name, options in ("discard", []), ("synced", ["--sync"]):
            p = stack.enter_context(running(
                [o.build / "tests/bench/bench_upload", *options, sink],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            sinks[name] = f"http://127.0.0.1:{int(p.stdout.readline())}/"
        upload = f"{url}/v1/uploads/measured-by-the-bench/files/body"
        results = rounds(o, {
            "status": {
                "switchyard-livez": lambda: wrk(url + "/livez", 64, o.seconds),
                "switchyard-job": lambda: wrk(url + job["links"]["self"], 64,
                                              o.seconds),
                "nginx": lambda: wrk(nginx + "/fixed", 64, o.seconds)},
            "downloads": {
                "switchyard": lambda: wrk(f"{url}{job['links']['model']}/files/"
                                          f"{blob['name']}", 4, o.seconds),
                "nginx": lambda: wrk(f"{nginx}/{blob['sha256']}", 4,
                                     o.seconds)},
            "uploads": {
                "switchyard": lambda: put(upload, body),
                "discard": lambda: put(sinks["discard"], body),
                "synced": lambda: put(sinks["synced"], body)}})
    for path in (body, sink):
        path.unlink(missing_ok=True)
    shutil.rmtree(data)
    rows = list(summary(results))
    print(f"{os.cpu_count()} CPUs, which wrk and curl share; medians of "
          f"{o.runs} rounds")
    print_table(rows)
    print(f"idle memory {once['idle_mb']:.1f} MB; from start to ready "
          f"{once['ready_ms']:.0f} ms, with a fresh data folder "
          f"{once['ready_fresh_ms']:.0f} ms")
    if o.json:
        Path(o.json).write_text(json.dumps(
            {"cpus": os.cpu_count(), **once, "results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
