#!/bin/sh
# Are the commands and options that README.md shows those of --help?
readme=${srcdir:-.}/README.md
program=${SWITCHYARD:-./switchyard}
failed=0
[ -e "$readme" ] || exit 77
[ -x "$program" ] || exit 77

# Every "switchyard COMMAND ..." line, with the lines that continue it.
commands=$(sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' "$readme" |
    grep -oE 'switchyard (config|convert|gin|health|inspect|serve) [^`|>]*' | sort -u)

echo "$commands" | {
    while read -r _ command rest; do
        help=$("$program" "$command" --help) || {
            echo "switchyard $command --help fails"
            failed=1
        }
        for word in $rest; do
            case $word in
            --[a-z]*) ;;
            *) continue ;;
            esac
            option=${word%%=*}
            if ! echo "$help" | grep -qE -- "$option([^a-z_-]|\$)"; then
                echo "README.md: switchyard $command has no $option"
                failed=1
            fi
        done
    done
    exit $failed
}
