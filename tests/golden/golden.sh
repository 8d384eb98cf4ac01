#!/bin/sh
# The golden cases as one test of "make check".
command -v python3 >/dev/null || exit 77
exec python3 -B "${srcdir:-.}/tests/golden/run.py" "${SWITCHYARD:-./switchyard}"
