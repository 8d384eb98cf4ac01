#!/usr/bin/env python3
"""Run docker/Dockerfile without a container engine, and the image it makes.

usage: image.py SCRATCH

Each instruction is carried out as the engine would: a stage is an overlay on a
minimal Debian of its release, RUN is a chroot into it, COPY takes what the
build context or another stage has. The image then runs as a hardened container
does (its user, a read-only root, no capabilities, one volume), answers its own
health check, and converts the sample. Wants root and mmdebstrap; what is made
stays in SCRATCH and is used again.

Prints "N passed, N failed", or exits with 77 where it cannot run.
"""
import atexit
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = TOP / "docker/Dockerfile"
RELEASES = {"12": "bookworm"}
DEVICES = ("null", "zero", "urandom", "random")
STARTS_WITHIN = 10  # seconds


class Failure(Exception):
    """What did not hold."""


def run(*command, **more):
    subprocess.run(list(map(str, command)), check=True, **more)


def instructions(text):
    """(word, argument) of each instruction, its lines joined."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.M)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            word, _, argument = line.strip().partition(" ")
            yield word.upper(), argument.strip()


def base(scratch, image):
    """The root of a minimal Debian for a FROM."""
    found = re.fullmatch(r"debian:(\d+)\.\d+-slim", image)
    if not found:
        raise Failure(f"FROM {image} is not a Debian release in full")
    root = scratch / RELEASES[found[1]]
    if not root.exists():
        part = scratch / "part"
        shutil.rmtree(part, ignore_errors=True)
        run("mmdebstrap", "--quiet", "--variant=apt", "--mode=root",
            RELEASES[found[1]], part)
        part.rename(root)
    return root


class Stage:
    """An overlay over a base, and what the image's configuration says."""

    def __init__(self, scratch, name, lower):
        self.folder = scratch / f"stage-{name}"
        self.root = self.folder / "root"
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("upper", "work", "root"):
            (self.folder / part).mkdir(parents=True)
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={lower},upperdir={self.folder / 'upper'},"
            f"workdir={self.folder / 'work'}", self.root)
        atexit.register(self.unmount)
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:"
                                    "/usr/bin:/sbin:/bin"}
        self.workdir = "/"
        self.user = "0"
        self.volumes = []
        self.ports = []
        self.entry = []
        self.command = []
        self.health = None

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.root)], check=False)

    def path(self, inside):
        return self.root / os.path.join(self.workdir, inside).lstrip("/")

    def mounts(self):
        """Shell lines that make the root usable, in a namespace of its own."""
        root = shlex.quote(str(self.root))
        yield f"mount -t proc proc {root}/proc"
        yield f"mount -t tmpfs -o mode=755,size=1m tmpfs {root}/dev"
        for name in DEVICES:
            yield f"touch {root}/dev/{name}"
            yield f"mount --bind /dev/{name} {root}/dev/{name}"

    def do_run(self, argument):
        (self.root / "etc/resolv.conf").write_text(
            Path("/etc/resolv.conf").read_text())
        script = "\n".join([
            "set -e", *self.mounts(),
            f"exec chroot {shlex.quote(str(self.root))} /bin/sh -c "
            + shlex.quote(f"cd {self.workdir} && {argument}")])
        run("unshare", "--mount", "--pid", "--fork", "sh", "-c", script,
            env=self.environment, stdin=subprocess.DEVNULL)

    def do_copy(self, argument, stages):
        words = argument.split()
        source, target = words[-2:]
        if words[0].startswith("--from="):
            other = stages[words[0].removeprefix("--from=")]
            to = self.path(target)
            to.parent.mkdir(parents=True, exist_ok=True)
            run("cp", "-a", other.path(source), to)
        elif source == ".":
            names = subprocess.run(
                ["git", "-C", TOP, "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard"], capture_output=True, check=True).stdout
            pack = subprocess.Popen(["tar", "-C", TOP, "--null", "-T", "-",
                                     "-c"], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)
            unpack = subprocess.Popen(["tar", "-C", self.path(target), "-x"],
                                      stdin=pack.stdout)
            pack.stdin.write(names)
            pack.stdin.close()
            if pack.wait() or unpack.wait():
                raise Failure("COPY of the context failed")
        else:
            raise Failure(f"COPY {argument}: not a form that is known here")

    def do(self, word, argument, stages):
        if word == "RUN":
            self.do_run(argument)
        elif word == "COPY":
            self.do_copy(argument, stages)
        elif word == "WORKDIR":
            self.workdir = argument
            self.path(".").mkdir(parents=True, exist_ok=True)
        elif word == "ENV":
            self.environment.update(p.split("=", 1)
                                    for p in shlex.split(argument))
        elif word == "USER":
            self.user = argument
        elif word == "VOLUME":
            self.volumes.append(argument)
        elif word == "EXPOSE":
            self.ports.append(int(argument))
        elif word == "ENTRYPOINT":
            self.entry = json.loads(argument)
        elif word == "CMD":
            self.command = json.loads(argument)
        elif word == "HEALTHCHECK":
            self.health = json.loads(argument.partition("CMD")[2])
        else:
            raise Failure(f"{word} is not an instruction that is known here")


def build(scratch):
    """The last stage of the Dockerfile."""
    stages = {}
    stage = None
    for word, argument in instructions(DOCKERFILE.read_text()):
        print(f"+ {word} {argument}", flush=True)
        if word == "FROM":
            image, _, name = argument.partition(" AS ")
            name = name or str(len(stages))
            stage = stages[name] = Stage(scratch, name, base(scratch, image))
        else:
            stage.do(word, argument, stages)
    return stage


class Container:
    """The image, run as docker/compose.yaml does."""

    def __init__(self, image, scratch, **environment):
        self.image = image
        self.data = scratch / "volume"
        shutil.rmtree(self.data, ignore_errors=True)
        # A new volume takes over what the image has there, the owner too.
        run("cp", "-a", image.path(image.volumes[0]), self.data)
        root = shlex.quote(str(image.root))
        script = "\n".join([
            "set -e", *image.mounts(),
            f"mount --bind {shlex.quote(str(self.data))} "
            f"{root}{image.volumes[0]}",
            f"mount -o remount,ro,bind {root} 2>/dev/null"
            f" || mount -o remount,ro {root}",
            f"mount -o remount,ro {root}/dev",
            "exec " + self.inside(image.entry + image.command)])
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL",
             "sh", "-c", script], stdin=subprocess.DEVNULL,
            env={**image.environment, **environment})
        self.environment = environment

    def inside(self, command):
        user = shlex.quote(self.image.user)
        return (f"chroot {shlex.quote(str(self.image.root))} "
                f"setpriv --reuid={user} --regid={user} --clear-groups "
                f"--no-new-privs --bounding-set=-all --inh-caps=-all "
                + shlex.join(command))

    def child(self):
        """The program itself, below unshare; None once it has ended."""
        out = subprocess.run(["pgrep", "-P", str(self.process.pid)],
                             capture_output=True, text=True, check=False)
        return int(out.stdout.split()[0]) if out.stdout.split() else None

    def execute(self, command):
        """As "docker exec": the exit status."""
        return subprocess.run(
            ["nsenter", "--mount", "--pid", "-t", str(self.child()), "sh", "-c",
             self.inside(command)], env={**self.image.environment,
                                         **self.environment},
            check=False).returncode

    def end(self):
        child = self.child()
        if child:
            os.kill(child, 15)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None


def soon(holds):
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if holds():
                return True
        time.sleep(0.05)
    return False


def ask(port, method, path, body=None, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body,
                                     headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def check(what, holds, results):
    print(f"{'ok' if holds else 'FAILED'}: {what}", flush=True)
    results.append(bool(holds))


def try_image(image, scratch, results):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    bare = Container(image, scratch)
    check("without a token it refuses to serve others", bare.process.wait(20),
          results)
    listen = image.environment["SWITCHYARD_LISTEN"].replace(
        str(image.ports[0]), str(port))
    c = Container(image, scratch, SWITCHYARD_TOKEN="of-the-image-test-1234567890",
                  SWITCHYARD_LISTEN=listen)
    try:
        check("it becomes ready",
              soon(lambda: ask(port, "GET", "/readyz")[0] == 200), results)
        check("its health check says so", c.execute(image.health) == 0, results)
        status = Path(f"/proc/{c.child()}/status").read_text()
        check("it is not root", re.search(r"^Uid:\s+10001\b", status, re.M),
              results)
        check("it has no capabilities",
              re.search(r"^CapEff:\s+0+$", status, re.M), results)
        check("its root cannot be written to",
              c.execute(["sh", "-c", "! touch /tmp/x /usr/x /x 2>/dev/null"])
              == 0, results)
        sample = (TOP / "tests/sample/switch-tiny.tar.gz").read_bytes()
        bearer = {"Authorization": "Bearer of-the-image-test-1234567890"}
        check("it wants the token",
              ask(port, "POST", "/v1/convert", sample)[0] == 401, results)
        got = ask(port, "POST", "/v1/convert?file=model.safetensors", sample,
                  **bearer)
        check("it converts", got[0] == 200 and len(got[1]) > 1000, results)
        status, job = ask(port, "POST", "/v1/conversions?model=image/test",
                          sample, **bearer)
        check("it takes a job", status == 202, results)
        path = json.loads(job)["links"]["self"] + "?wait=30"
        job = json.loads(ask(port, "GET", path, **bearer)[1])
        check("the job succeeds", job.get("state") == "succeeded", results)
        stored = ask(port, "GET", "/v1/models/image/test/files/"
                     "model.safetensors", **bearer)
        check("what it stores is what it streams", stored[1] == got[1], results)
    finally:
        check("it ends well", c.end() == 0, results)
    check("what it keeps is in the volume",
          (scratch / "volume/switchyard.db").exists(), results)


def main():
    if os.getuid() != 0 or not shutil.which("mmdebstrap"):
        print("this wants root and mmdebstrap")
        return 77
    scratch = Path(sys.argv[1]).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    results = []
    try:
        image = build(scratch)
        check("the image is built", True, results)
        try_image(image, scratch, results)
    except (Failure, subprocess.CalledProcessError) as e:
        check(str(e), False, results)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
