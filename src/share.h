/*
 * One conversion by several processes, on one machine or on many with a folder
 * in common: each does its share of the files.
 */
#ifndef SWITCHYARD_SHARE_H
#define SWITCHYARD_SHARE_H

#include "convert.h"

enum { SHARE_MAX = 10000 };

struct share_options {
    const char *folder;
    uint32_t number, count; /* which share, from 1, of how many */
    struct convert_options convert;
};

struct share_report {
    struct convert_report convert;
    size_t written; /* files that this call made */
    uint64_t bytes; /* of them */
    size_t missing; /* files with tensors that are not there yet */
    bool complete;  /* the model is published */
};

/*
 * Makes the share's files that are not there yet; each appears in the folder
 * when it is durable. Whoever then finds all files with tensors there writes
 * the others, of which the index (or config.json, where there is none) comes
 * last: once it is there the model is.
 *
 * Shares may be run in any order, at once, and again after a failure; the
 * number of shares may change. ERR_EXISTS where the folder holds something
 * else, or a part of another plan's output.
 */
int share_run(const struct plan *p, const struct share_options *o,
              struct share_report *report, struct error *err);

#endif
