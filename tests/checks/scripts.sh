#!/bin/sh
# Does shellcheck find nothing in the scripts?
cd "${srcdir:-.}" || exit 1
command -v shellcheck >/dev/null || exit 77
scripts=$(find tests -name '*.sh')
[ ! -e dev ] || scripts="$scripts dev"
[ ! -e .ci/run ] || scripts="$scripts .ci/run"
# shellcheck disable=SC2086 # no name has a blank
shellcheck $scripts
