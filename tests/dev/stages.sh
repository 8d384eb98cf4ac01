# shellcheck shell=bash
# The stages of "./dev test", which sources this. A stage is a function
# stage_NAME; it runs to its end whatever fails in it, and says what happened
# with count(), note_failed() and note_skipped(). What it prints goes to
# build-log/NAME.log; what failed is shown at once.

# JOBS, FUZZ_SECONDS, PYTHON, configure(), compiler(), venv(), install() and
# die() are dev's; $(NAME) is for make to replace.
# shellcheck disable=SC2154,SC2016

STAGES=(gcc asan tsan clang fuzz e2e distcheck image)
LOGS=$PWD/build-log
passed=0
failed=0
skipped=0

count() {
    ((passed += $1, failed += $2)) || true
}

note_failed() {
    echo "FAILED: $*" >&3
    count 0 1
}

note_skipped() {
    ((skipped += 1))
    echo "skipped: $*" >&3
}

# attempt WHAT COMMAND...: one case that passes where the command succeeds.
attempt() {
    local what=$1
    shift
    echo "+ $*"
    if "$@" </dev/null; then
        count 1 0
    else
        note_failed "$what"
        grep -E '(error|warning|Error|\*\*\*)' "$LOG" | tail -n 25 >&3
        return 1
    fi
}

# Counts one test program of "make check" by its .trs and .log: Check's own
# counts, a "N passed, N failed" line, or else one for the program.
count_program() {
    local trs=$1 log=${1%.trs}.log name=${1%.trs} result good bad
    name=${name#*/tests/}
    result=$(sed -n 's/^:test-result: \([A-Z]*\).*/\1/p' "$trs")
    if [ "$result" = SKIP ]; then
        note_skipped "$STAGE: $name"
        return
    fi
    read -r good bad < <(awk '
        /^[0-9]+%: Checks: / {
            gsub(",", "")
            good += $3 - $5 - $7
            bad += $5 + $7
        }
        /^[0-9]+ passed, [0-9]+ failed$/ { good += $1; bad += $3 }
        END { print good + 0, bad + 0 }' "$log")
    if ((good + bad == 0)) && [ "$result" = PASS ]; then
        good=1
    elif ((bad == 0)) && [ "$result" != PASS ]; then
        bad=1
    fi
    count "$good" "$bad"
    if ((bad)); then
        echo "FAILED: $STAGE: $name" >&3
        grep -E ':[FE]:|ERROR:|SUMMARY|WARNING: Thread|runtime error|does not' \
            "$log" | head -n 15 >&3 || tail -n 15 "$log" >&3
    fi
}

# make_check FOLDER [ARGUMENT...]: runs "make check" there and counts.
make_check() {
    local folder=$1 trs
    shift
    find "$folder" -name '*.trs' -delete
    if ! make -C "$folder" -j "$JOBS" check TESTS= V=0; then
        note_failed "$STAGE: it does not build"
        grep -E '(error|warning|Error)' "$LOG" | tail -n 25 >&3
        return
    fi
    "${WRAP[@]}" make -C "$folder" -j "$JOBS" check V=0 "$@" || true
    while read -r trs; do
        count_program "$trs"
    done < <(find "$folder" -name '*.trs' | sort)
}

# What "make check" is run with; sanitizers make Check's timeouts too short.
WRAP=(env CK_TIMEOUT_MULTIPLIER=5)

# Some checks of "make check" want tools from PyPI, and skip without.
stage_gcc() {
    venv
    configure build-gcc "$(compiler gcc)" --enable-werror
    PATH=${PYTHON%/*}:$PATH make_check build-gcc
}

# Every test but those that only look at the sources' text, or measure memory;
# of the server's deaths only some.
stage_asan() {
    configure build-asan "$(compiler gcc)" CFLAGS='-O1 -g' --enable-werror \
        --enable-sanitizers=address,undefined
    local WRAP=("${WRAP[@]}" UBSAN_OPTIONS=print_stacktrace=1
        ASAN_OPTIONS=detect_stack_use_after_return=1)
    make_check build-asan \
        TESTS='$(UNIT_TESTS) $(FUZZ_TARGETS) $(PROGRAM_TESTS)'
    venv
    SWITCHYARD=$PWD/build-asan/switchyard SWITCHYARD_TEST_KILLS=10 \
        run_pytest "${AT_ONCE[@]}" tests/e2e -m 'not slow and not memory' \
        --deselect tests/e2e/test_schema.py
}

# The unit tests that use threads. gcc's runtime needs addresses where they
# always were.
stage_tsan() {
    configure build-tsan "$(compiler gcc)" CFLAGS='-O1 -g' --enable-werror \
        --enable-sanitizers=thread
    local WRAP=("${WRAP[@]}" TSAN_OPTIONS=halt_on_error=1)
    if setarch -R true 2>/dev/null; then
        WRAP=(setarch -R "${WRAP[@]}")
    fi
    make_check build-tsan TESTS='$(THREAD_TESTS)'
}

stage_clang() {
    configure build-clang "$(compiler clang)" --enable-werror
    attempt "clang: it does not build without warnings" \
        make -C build-clang -j "$JOBS" V=0 check TESTS= || true
}

# fuzz_one PROGRAM: looks for new inputs from the seeds on.
fuzz_one() {
    local name=${1##*/fuzz_}
    mkdir -p "build-fuzz/found/$name"
    ASAN_OPTIONS=detect_leaks=1 "$1" -max_total_time="$FUZZ_SECONDS" \
        -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/$name-" "build-fuzz/found/$name" \
        "tests/fuzz/corpus/$name" >"build-fuzz/$name.log" 2>&1 &&
        touch "build-fuzz/$name.ok"
}

stage_fuzz() {
    local program name
    configure build-fuzz "$(compiler clang)" CFLAGS='-O1 -g' --enable-fuzzers \
        --enable-sanitizers=address,undefined
    attempt "fuzz: it does not build" \
        make -C build-fuzz -j "$JOBS" V=0 fuzzers || return 0
    rm -f build-fuzz/*.ok
    export -f fuzz_one
    export FUZZ_SECONDS
    find build-fuzz/tests/fuzz -name 'fuzz_*' -type f -executable -print0 |
        xargs -0 -P "$JOBS" -I {} bash -c 'fuzz_one {}' || true
    while read -r program; do
        name=${program##*/fuzz_}
        if [ -e "build-fuzz/$name.ok" ]; then
            count 1 0
        else
            note_failed "fuzz: $name"
            grep -E 'does not hold|ERROR:|SUMMARY|Test unit' \
                "build-fuzz/$name.log" >&3
        fi
    done < <(find build-fuzz/tests/fuzz -name 'fuzz_*' -type f -executable | sort)
}

# Files of tests at the same time. Many of their tests wait more than they work.
AT_ONCE=(-n $((JOBS + 2)) --dist loadfile --no-loadscope-reorder)

# run_pytest [ARGUMENT...]: counts what pytest says at its end.
run_pytest() {
    local out=$LOGS/$STAGE.pytest good bad
    SWITCHYARD=${SWITCHYARD:-$PWD/build-gcc/switchyard} \
        "$PYTHON" -B -m pytest -q -p no:cacheprovider -ra "$@" 2>&1 |
        tee "$out" || true
    good=$(grep -oE '[0-9]+ passed' "$out" | tail -n 1) || true
    bad=$(tail -n 1 "$out" | grep -oE '[0-9]+ (failed|errors?)' |
        awk '{ n += $1 } END { print n + 0 }')
    if [ -z "$good" ] && ((bad == 0)); then
        bad=1
    fi
    count "$((${good%% *} + 0))" "$bad"
    grep '^SKIPPED' "$out" | sed 's/^SKIPPED/skipped:/' >&3 || true
    if ((bad)); then
        echo "FAILED: $STAGE" >&3
        grep -E '^(E  |FAILED|ERROR)' "$out" | tail -n 40 >&3 || tail "$out" >&3
    fi
}

build_gcc() {
    configure build-gcc "$(compiler gcc)" --enable-werror
    make -C build-gcc -j "$JOBS" V=0
}

stage_e2e() {
    venv
    build_gcc || return
    run_pytest "${AT_ONCE[@]}" tests/e2e -m 'not slow and not memory'
    # These also take the time, so nothing runs beside them.
    run_pytest tests/e2e -m 'memory and not slow'
}

stage_slow() {
    venv
    build_gcc && run_pytest tests/e2e -m slow
}

stage_distcheck() {
    build_gcc
    attempt "distcheck" make -C build-gcc -j "$JOBS" distcheck V=0 || true
}

# The Dockerfile, carried out and run without a container engine.
stage_image() {
    if ((EUID != 0)); then
        note_skipped "image: it wants root"
        return
    fi
    python3 -B tests/dev/image.py build-image | tee "$LOGS/image.out" || true
    local good bad
    read -r good bad < <(awk '/^[0-9]+ passed, [0-9]+ failed$/ {
        good = $1; bad = $3 } END { print good + 0, bad + 0 }' \
        "$LOGS/image.out")
    count "$good" "$bad"
    if ((bad)); then
        grep '^FAILED' "$LOGS/image.out" >&3
    fi
}

# A test must leave nothing in the tree.
tree_state() {
    git status --porcelain 2>/dev/null || true
}

run_stage() {
    STAGE=$1
    LOG=$LOGS/$1.log
    local before=$passed/$failed start=$SECONDS good bad
    skipped=0
    # Called so, a stage goes on after what fails in it.
    "stage_$1" 3>&1 >"$LOG" 2>&1 || note_failed "$1: see $LOG" 3>&1
    good=$((passed - ${before%/*}))
    bad=$((failed - ${before#*/}))
    if ((good + bad + skipped == 0)); then
        note_failed "$1: nothing ran; see $LOG" 3>&1
        bad=1
    fi
    echo "$1: $good passed, $bad failed ($((SECONDS - start)) s)"
}

# Runs a stage beside the others: it mostly waits for packages to arrive. What it
# counts and says is taken over by join_beside().
BESIDE=(image)
count_beside() {
    passed=0
    failed=0
    run_stage "$1" >"$LOGS/$1.said" 2>&1
    echo "$passed $failed" >"$LOGS/$1.counts"
}

join_beside() {
    local good=0 bad=1
    wait
    read -r good bad <"$LOGS/$1.counts" || true
    count "$good" "$bad"
    cat "$LOGS/$1.said"
}

# is_beside STAGE: it is one that may run so, and not the only one asked for.
is_beside() {
    [[ " ${BESIDE[*]} " == *" $1 "* ]] && ((${#stages[@]} > 1))
}

run_stages() {
    local stages=() slow=() state stage
    while (($#)); do
        case $1 in
        --slow) slow=(slow) ;;
        *)
            declare -F "stage_$1" >/dev/null || die "no stage is called '$1'"
            stages+=("$1")
            ;;
        esac
        shift
    done
    ((${#stages[@]})) || stages=("${STAGES[@]}")
    mkdir -p "$LOGS"
    state=$(tree_state)
    for stage in "${stages[@]}"; do
        if is_beside "$stage"; then
            rm -f "$LOGS/$stage.counts"
            count_beside "$stage" &
        fi
    done
    for stage in "${stages[@]}" "${slow[@]}"; do
        is_beside "$stage" || run_stage "$stage"
    done
    for stage in "${stages[@]}"; do
        if is_beside "$stage"; then
            join_beside "$stage"
        fi
    done
    if [ "$(tree_state)" = "$state" ]; then
        count 1 0
    else
        note_failed "the tests changed the tree: $(tree_state)" 3>&1
    fi
    echo "$passed passed, $failed failed"
    ((failed == 0))
}
