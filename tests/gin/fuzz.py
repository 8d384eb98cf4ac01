#!/usr/bin/env python3
"""Compares "switchyard gin" with gin-config on gin files made at random.

    fuzz.py [-p SWITCHYARD] [-s SEED] [-n CASES]

A case is a few files that include each other from several folders, import
modules under the same and other names, and bind and rebind the same few macros
and parameters in scopes. Where gin-config takes them, both must understand the
same. Modules whose names end alike are imported only where all files register
what they import; gin_names.c says why. Exits with 77 where gin-config is not
there.
"""
import argparse
import pathlib
import random
import sys
import tempfile

try:
    import compare
    import reference
except ImportError as e:
    print("skipped:", e)
    sys.exit(77)

DYNAMIC = "from __gin__ import dynamic_registration\n"
IMPORTS = ["import p", "import p.q", "from p import q", "from p.q import r",
           "from p import q as s", "from s import q", "import p.q.r as r",
           "from p.q import enums", "from q import r"]
NAMES = ["A", "B", "C", "D", "E"]
SCOPES = ["", "", "", "s/", "t/", "s/t/"]
BASES = ["F", "G", "G.c", "H"]
PARAMETERS = ["x", "y", "z"]

# What files without dynamic registration may name, by any end of it.
REGISTERED = DYNAMIC + "from p.q import r\n" + "".join(
    "r.%s.x = 0\n" % base for base in BASES)


class Case:
    """Files below a folder: run/ is where the first one lies, and path/ what
    both programs look in after that."""

    def __init__(self, rng):
        self.rng = rng
        names = ["main.gin", "b.gin", "c.gin", "sub/d.gin", "sub/e.gin"]
        self.names = names[:rng.randint(1, len(names))]
        self.dynamic = rng.random() < 0.7

    def pick(self, *choices):
        return self.rng.choice(choices)

    def macro(self):
        return self.pick(*SCOPES) + self.pick(*NAMES)

    def use(self):
        """A macro, mostly one that the next to be bound is not part of."""
        return self.macro() if self.rng.random() < 0.2 else (
            self.pick(*SCOPES) + self.pick("D", "E", "NOT_BOUND"))

    def value(self, depth=0):
        kind = self.rng.randint(0, 13 if depth < 3 else 8)
        if kind < 3:
            return self.pick("1", "-2", "0x1F", "1.5", "1e-6", "True", "None",
                             "'text'", '"it\'s"', "r'\\d'", "('a' 'b')",
                             "b'\\xff'", "1_000")
        if kind < 7:
            return "%" + self.use()
        if kind == 7:
            return self.pick("%gin.REQUIRED", "%enums.LayerLayout.MIXED",
                             "%LayerLayout.TOP", "@" + self.macro() + "/macro()"
                             if not self.dynamic else "%A")
        if kind == 8:
            return "@" + self.pick(*SCOPES) + self.selector() + self.pick(
                "", "()")
        items = [self.value(depth + 1) for _ in range(self.rng.randint(0, 3))]
        comma = self.pick(", ", ",\n    ", " , # why\n  ")
        if kind < 11:
            return "[" + comma.join(items) + "]"
        if kind < 13:
            return "(" + "".join(item + comma for item in items) + ")"
        return "{" + comma.join("%s: %s" % (self.pick("'k'", "2", "(1, 'x')"),
                                            item) for item in items) + "}"

    def selector(self):
        return self.pick(*self.prefixes) + "." + self.pick(*BASES)

    def statement(self):
        equals = self.pick(" = ", "=", " = \\\n    ")
        kind = self.rng.randint(0, 9)
        if kind < 4:
            return self.macro() + equals + self.value()
        if kind == 4 and not self.dynamic:
            return self.macro() + "/macro.value" + equals + self.value()
        name = self.pick(*SCOPES) + self.selector()
        if kind < 8:
            return "%s.%s%s%s" % (name, self.pick(*PARAMETERS), equals,
                                  self.value())
        lines = ["  %s%s%s\n" % (self.pick(*PARAMETERS), equals, self.value())
                 for _ in range(self.rng.randint(1, 3))]
        return name + ":\n" + self.pick("", "\n", "  # a comment\n").join(lines)

    def file(self, i):
        """Includes name later files only."""
        own = self.dynamic or self.rng.random() < 0.3
        imports = IMPORTS if self.dynamic else [
            line for line in IMPORTS if line.split()[1].startswith("p")]
        imports = self.rng.sample(imports, self.rng.randint(1, 4)) if own else []
        self.prefixes = [line.split()[-1].split(".")[0] for line in imports]
        if not own:
            self.prefixes = ["r", "q.r", "p.q.r"]
            imports = ["include 'registered.gin'"] if i == 0 else []
        lines = [self.statement() for _ in range(self.rng.randint(0, 8))]
        for _ in range(self.rng.randint(0, 3)):
            if i + 1 < len(self.names):
                name = self.pick(*self.names[i + 1:])
                lines.insert(self.rng.randint(0, len(lines)),
                             "include '%s'" % name)
        return (DYNAMIC if own else "") + "\n".join(imports + lines) + (
            self.pick("", "\n", "\n\n# the end"))

    def write(self, folder):
        for i, name in enumerate(self.names):
            path = folder / ("run" if i == 0 else "path") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.file(i))
        path = folder / "path" / "registered.gin"
        path.parent.mkdir(exist_ok=True)
        path.write_text(REGISTERED)
        return folder / "run" / self.names[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-p", "--program", default="./switchyard")
    parser.add_argument("-s", "--seed", type=int, default=1)
    parser.add_argument("-n", "--cases", type=int, default=200)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    same = refused = 0
    for seed in range(options.seed, options.seed + options.cases):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            path = Case(random.Random(seed)).write(folder)
            theirs = reference.read(path, [folder / "path"])
            status, mine = compare.ours(options.program, path,
                                        [folder / "path"])
            if status not in (0, 3):
                sys.exit("seed %d: status %d" % (seed, status))
            if "error" in theirs:
                refused += 1
                if options.verbose:
                    print("seed %d: %s" % (seed, theirs["error"]))
                continue
            found = list(compare.differences(mine, theirs))
            if found:
                print("seed %d" % seed, mine.get("error", ""), *found, sep="\n  ")
                for file in sorted(folder.rglob("*.gin")):
                    print("---- %s\n%s" % (file.relative_to(folder),
                                           file.read_text()))
                sys.exit(1)
            same += 1
    print("%d the same, %d that gin-config refuses" % (same, refused))


if __name__ == "__main__":
    main()
