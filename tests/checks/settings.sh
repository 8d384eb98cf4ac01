#!/bin/sh
# Does the program take settings from flags, environment and file, in this
# order? Is the README's table of settings the program's?
program=${SWITCHYARD:-./switchyard}
readme=${srcdir:-.}/README.md
[ -x "$program" ] || exit 77
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failed=0

fail() {
    echo "$1"
    failed=1
}

# What the value of a setting is, and where it comes from.
shows() {
    name=$1 value=$2 origin=$3
    shift 3
    line=$("$program" config "$@" 2>&1 | grep "^$name = ")
    case $line in
    "$name = $value "*"# $origin") ;;
    *) fail "config $*: '$line', not $name = $value from $origin" ;;
    esac
}

file=$folder/settings
printf 'memory = 1GiB\nthreads = 1\n' >"$file"
export SWITCHYARD_CONFIG_FILE="$file"
shows memory 1GiB "$file:1"
shows listen 127.0.0.1:8080 default
SWITCHYARD_MEMORY=2GiB shows memory 2GiB environment
SWITCHYARD_MEMORY=2GiB shows memory 3GiB flag --memory 3GiB
shows no-auth yes flag --no-auth
# What it prints is a file of settings.
"$program" config --threads 7 >"$folder/again" || fail "config fails"
line=$(grep -n '^threads = 7 ' "$folder/again")
shows threads 7 "$folder/again:${line%%:*}" --config-file "$folder/again"

# Secrets never show; mistakes name their place and the nearest name.
SWITCHYARD_TOKEN=0123456789abcdefg "$program" config --json |
    grep -q 0123456789 && fail "the token shows"
echo 'max-bdoy = 1' >>"$file"
said=$("$program" config 2>&1)
[ $? -eq 2 ] || fail "a wrong name does not exit with 2"
case $said in
*"$file:3"*"did you mean max-body"*) ;;
*) fail "a wrong name says: $said" ;;
esac
unset SWITCHYARD_CONFIG_FILE

# The README has the table from this line on, if it has one at all.
if grep -q '^| Setting | Default |' "$readme" 2>/dev/null; then
    "$program" config --markdown >"$folder/table"
    lines=$(wc -l <"$folder/table")
    sed -n '/^| Setting | Default |/,$p' "$readme" | head -n "$lines" |
        diff "$folder/table" - ||
        fail "README.md: make its table with: switchyard config --markdown"
fi
exit $failed
