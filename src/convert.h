/*
 * Runs a plan: reads every chunk once and writes every file, on all cores, in
 * bounded memory.
 */
#ifndef SWITCHYARD_CONVERT_H
#define SWITCHYARD_CONVERT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "plan.h"
#include "store/sink.h"

/* Shared with whoever watches the run; every member only grows. */
struct convert_progress {
    _Atomic uint64_t bytes_total; /* of tensors to write, and to verify */
    _Atomic uint64_t chunks_total;
    _Atomic uint64_t bytes_done;
    _Atomic uint64_t chunks_done;
    atomic_bool cancel; /* set from outside: the run ends soon, ERR_CANCELLED */
};

struct convert_options {
    unsigned threads; /* 0: one for each CPU this process may use */
    /*
     * Budget in bytes for chunks in flight and for writing behind; 0: 512 MiB.
     * A larger task runs alone; a chunk of more than four budgets, and of more
     * than 64 MiB, is ERR_LIMIT.
     */
    uint64_t memory;
    bool allow_missing_chunks;
    struct convert_progress *progress; /* may be NULL */
};

/* What happened; counts are exact. Filled on success only. */
struct convert_report {
    uint64_t overflowed;     /* finite values that became infinite by a cast */
    uint64_t missing_chunks; /* absent chunks read as their fill value */
    char overflow_tensor[256]; /* the first such tensor, "" if none */
};

/*
 * Writes all files of p into s and closes them; publishing is the caller's.
 * On failure the sink holds a part, for sink_free() to remove.
 */
int convert_run(const struct plan *p, struct sink *s,
                const struct convert_options *o, struct convert_report *report,
                struct error *err);

#endif
