#!/bin/bash
# Does every file include only what lies below it, and does nothing but api/
# know libmicrohttpd?
srcdir=${srcdir:-.}
failed=0

# A file may include its own folder and lower layers.
declare -A layer=(
    [base]=0
    [tensor]=1 [store]=1 [service]=1 [db]=1 [workers]=1
    [remote]=2 [checkpoint]=2 [safetensors]=2 [uploads]=2
    [chunks]=3 [model]=3 [grid]=3 [workspace]=3 [window]=3 [print]=3
    [plan]=4 [digest]=4
    [schedule]=5 [fingerprint]=5
    [convert]=6
    [verify]=7 [stream]=7 [share]=7
    [conversion]=8
    [provenance]=9
    [jobs]=10
    [api]=11
    [cli]=12
)

# What a path under src/ or api/ belongs to: its folder, or for a file directly
# in src/ the first word of its name (plan_print.c is part of plan). The database
# lies below what keeps its tables in it.
unit_of() {
    local path=${1#src/}
    case $path in
    jobs/db*) echo db ;;
    */*) echo "${path%%/*}" ;;
    *) path=${path%.*} && echo "${path%%_*}" ;;
    esac
}

fail() {
    echo "$1"
    failed=1
}

cd "$srcdir" || exit 1
while IFS=: read -r file header; do
    own=$(unit_of "$file")
    if [ -e "src/$header" ]; then
        other=$(unit_of "$header")
    elif [ -e "api/$header" ]; then
        other=api
    else
        fail "$file: \"$header\" is not a path under src/ or api/"
        continue
    fi
    if [ -z "${layer[$own]}" ] || [ -z "${layer[$other]}" ]; then
        fail "$file: $own or $other has no layer in tests/checks/layers.sh"
    elif [ "$own" != "$other" ] && ((layer[$own] <= layer[$other])); then
        fail "$file: $own does not lie above $other (\"$header\")"
    fi
done < <(grep -roE '^# *include "[^"]+"' --include='*.[ch]' src api |
    sed -E 's/: *# *include "/:/; s/"$//; s/:#.*"/:/')

if grep -rnE 'microhttpd\.h|\bMHD_' --include='*.[ch]' src; then
    fail "the core mentions libmicrohttpd"
fi
cd - >/dev/null || exit 1
if [ -e libcore.a ] && nm libcore.a 2>/dev/null | grep MHD_; then
    fail "libcore.a refers to libmicrohttpd"
fi
exit $failed
