#!/bin/sh
# Does hadolint find nothing in the Dockerfile?
cd "${srcdir:-.}" || exit 1
[ -e docker/Dockerfile ] || exit 77
command -v hadolint >/dev/null || exit 77
hadolint docker/Dockerfile
