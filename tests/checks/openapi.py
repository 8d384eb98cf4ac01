#!/usr/bin/env python3
"""Does openapi.yaml describe the routes that the program has?

Compares it with `switchyard serve --list-routes`, checks that every $ref leads
somewhere, that operation ids are unique, and that the problems it names are in
the program's list of errors, with their status, and that openapi.json says the
same; --write makes that. Exits with 77 without PyYAML.
"""

import json
import os
import re
import subprocess
import sys

try:
    import yaml
except ImportError:
    sys.exit(77)

SRCDIR = os.environ.get("srcdir", ".")
PROGRAM = os.environ.get("SWITCHYARD", "./switchyard")


def routes_of_program():
    done = subprocess.run(
        [PROGRAM, "serve", "--list-routes"],
        check=True,
        capture_output=True,
        text=True,
    )
    # What a last parameter with slashes is called there, OpenAPI has no word for.
    return set(done.stdout.replace("...}", "}").split("\n")) - {""}


def routes_of_description(document):
    methods = {"get", "head", "post", "put", "options", "delete", "patch"}
    return {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method in methods
    }


def nodes(node):
    yield node
    if isinstance(node, dict):
        node = node.values()
    if not isinstance(node, str) and hasattr(node, "__iter__"):
        for child in node:
            yield from nodes(child)


def bad_refs(document):
    for node in nodes(document):
        ref = node.get("$ref") if isinstance(node, dict) else None
        target = document
        for name in ref.lstrip("#/").split("/") if ref else ():
            target = target.get(name, {})
        if not target:
            yield ref


def unknown_slugs(document):
    """Slugs in a response's description that error.h has not, with its status."""
    with open(os.path.join(SRCDIR, "src/base/error.h"), encoding="utf-8") as f:
        source = f.read().replace("\\\n", " ")
    known = {
        (int(status), slug)
        for status, slug in re.findall(
            r'X\(ERR_\w+, \w+, (\d+),\s+"([^"]+)"', source
        )
    }
    for path in document["paths"].values():
        for method, operation in path.items():
            if method == "parameters":
                continue
            for status, response in operation["responses"].items():
                name = response.get("$ref", "").rpartition("/")[2]
                response = document["components"]["responses"].get(name, response)
                text = response.get("description", "")
                for slug in re.findall("`([a-z]+(?:-[a-z]+)*)`", text):
                    if slug in ("file", "expected"):
                        continue
                    if (int(status), slug) not in known:
                        yield f"{status} {slug}"


def is_stale(document, path):
    with open(path, encoding="utf-8") as f:
        return f.read() != as_json(document)


def as_json(document):
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main():
    path = os.path.join(SRCDIR, "openapi.yaml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    document = yaml.safe_load(text)
    path = os.path.join(SRCDIR, "openapi.json")
    if sys.argv[1:] == ["--write"]:
        with open(path, "w", encoding="utf-8") as f:
            f.write(as_json(document))
        return
    program, description = routes_of_program(), routes_of_description(document)
    ids = re.findall(r"(?m)^ {6}operationId: (\w+)", text)  # not those of links
    problems = [f"not described: {r}" for r in sorted(program - description)]
    problems += [f"no such route: {r}" for r in sorted(description - program)]
    problems += [f"leads nowhere: {r}" for r in bad_refs(document)]
    problems += [f"twice: {i}" for i in sorted(set(ids)) if ids.count(i) > 1]
    problems += [f"no such problem: {s}" for s in sorted(set(unknown_slugs(document)))]
    if is_stale(document, path):
        problems.append("openapi.json is another; see --write")
    if "<<:" in text:
        problems.append("merge keys are not YAML 1.2")
    for problem in problems:
        print(f"openapi.yaml: {problem}")
    sys.exit(bool(problems))


main()
