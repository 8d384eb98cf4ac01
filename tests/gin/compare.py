#!/usr/bin/env python3
"""Compares "switchyard gin" with gin-config on whole trees of gin files.

    compare.py [-p SWITCHYARD] TREE...

A TREE is what includes begin below, such as a clone of google/flaxformer or of
google-research/t5x. Every file in it is read by both, and so is what gin-config
writes of it again (the form in which a run keeps its config.gin). What switchyard
knows of the files without the tree has to give the same config and refusals.
Exits with 77 where no tree is given, or gin-config is not there.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import reference
except ImportError as e:
    print("skipped:", e)
    sys.exit(77)


def ours(program, path, roots):
    command = [program, "gin", str(path), "--json"]
    for root in roots:
        command += ["--gin-path", str(root)]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, {"error": done.stderr}


def differences(mine, theirs):
    for part in ("macros", "parameters"):
        a, b = mine.get(part, {}), theirs[part]
        for key in sorted(set(a) | set(b)):
            if key not in a or key not in b or a[key] != b[key]:
                yield "%s: %s is %s, in gin-config %s" % (
                    part, key, a.get(key, "absent"), b.get(key, "absent"))


def conclusion(answer):
    return answer.get("config"), [
        [r[key] for key in ("line", "parameter", "actual", "expected")]
        for r in answer.get("refusals", [])]


class Comparison:
    def __init__(self, program, roots):
        self.program, self.roots = program, roots
        self.same = self.refused = self.configs = self.known = 0
        self.different = []

    def file(self, name, path):
        """Compares one file; returns gin-config's own text of it."""
        theirs = reference.read(path, self.roots)
        status, mine = ours(self.program, path, self.roots)
        if "error" in theirs:
            self.refused += 1
            print("%s: gin-config refuses it: %s" % (
                name, theirs["error"].splitlines()[0]))
            return None
        found = list(differences(mine, theirs))
        if "error" in mine and status != 3:
            found.append(mine["error"])
        _, alone = ours(self.program, path, [])
        origins = [include["origin"] for include in alone.get("includes", [])]
        if origins and set(origins) == {"known"}:
            self.known += 1
            if conclusion(alone) != conclusion(mine):
                found.append("what is known gives another config")
        self.same += not found
        self.configs += status == 0
        if found:
            self.different.append(name)
            print(name, *found, sep="\n  ")
        return theirs["text"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-p", "--program", default="./switchyard")
    parser.add_argument("trees", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    if not options.trees:
        print("skipped: no tree of gin files is given")
        sys.exit(77)
    both = Comparison(options.program, options.trees)
    with tempfile.TemporaryDirectory() as folder:
        again = pathlib.Path(folder) / "config.gin"
        for tree in options.trees:
            for path in sorted(tree.rglob("*.gin")):
                name = str(path.relative_to(tree))
                written = both.file(name, path)
                if written is not None:
                    again.write_text(written)
                    both.file(name + ", written again", again)
    print("%d the same (%d give a config, %d need no tree), %d different, %d "
          "that gin-config refuses" % (
              both.same, both.configs, both.known, len(both.different),
              both.refused))
    sys.exit(1 if both.different else 0)


if __name__ == "__main__":
    main()
