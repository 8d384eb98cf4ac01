#!/bin/sh
# Does systemd understand the unit, and does it find the service well confined?
command -v systemd-analyze >/dev/null || exit 77
[ -e systemd/switchyard.service ] || exit 77
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

# The program need not be installed: point the unit at one that exists.
sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' systemd/switchyard.service \
    >"$folder/switchyard.service"
said=$(systemd-analyze verify --man=no "$folder/switchyard.service" 2>&1) ||
    failed=1
if [ -n "$said" ]; then
    echo "$said"
    failed=1
fi
# 10.0 is no confinement at all; what is left is the network itself.
systemd-analyze security --offline=true --threshold=15 \
    "$folder/switchyard.service" >"$folder/report" 2>&1 || {
    cat "$folder/report"
    failed=1
}
exit "${failed:-0}"
