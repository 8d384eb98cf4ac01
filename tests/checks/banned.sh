#!/bin/sh
# What the sources must not hold: functions that know no bound, assignments in
# an if, // comments, blanks at a line's end, functions and files too long.
cd "${srcdir:-.}" || exit 1
failed=0

# find TEXT PATTERN FILES: fails with TEXT where PATTERN matches.
find_pattern() {
    text=$1
    pattern=$2
    shift 2
    if grep -nE "$pattern" "$@" /dev/null; then
        echo "^ $text"
        failed=1
    fi
}

sources=$(find src api tests -name '*.[ch]')
texts="$sources $(find src api tests docker README.md configure.ac Makefile.am \
    \( -name '*.mk' -o -name '*.sh' -o -name '*.py' -o -name '*.md' \
    -o -name '*.am' -o -name '*.ac' -o -name Dockerfile \) -print 2>/dev/null)"

# No name has a blank.
# shellcheck disable=SC2086
{
    find_pattern "is banned: it knows no bound" \
        '\b(v?sprintf|strn?cpy|strn?cat|ato[il]+|atof|strtok|gets|alloca)\(' \
        $sources
    find_pattern "assignment in an if" \
        '\bif \(.*[^]=!<>'"'"'"]=[^='"'"'"]' $sources
    find_pattern "comments are /* */" '(^|[;{}[:space:]])// ' $sources
    find_pattern "blanks at the end of a line" '[[:blank:]]+$' $texts

    awk '
        /^\{$/ { start = FNR }
        /^\}$/ && start {
            if (FNR - start > 61) {
                print FILENAME ":" start ": a function of " FNR - start - 1 \
                    " lines; 60 fit a screen"
                failed = 1
            }
            start = 0
        }
        FNR == 501 { print FILENAME ": more than 500 lines, look for the" \
                     " second idea in it" }
        FNR == 601 { print FILENAME ": more than 600 lines"; failed = 1 }
        END { exit failed }' $sources || failed=1
}
exit $failed
