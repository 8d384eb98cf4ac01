#!/bin/sh
# Are the C sources formatted as .clang-format says? ./dev format does it.
cd "${srcdir:-.}" || exit 1
command -v clang-format >/dev/null || exit 77
find src api tests -name '*.[ch]' -print0 |
    xargs -0 clang-format --dry-run -Werror
