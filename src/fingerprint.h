/*
 * What tells plans apart: a digest of all that decides over the output's bytes
 * and can be had without reading the weights.
 */
#ifndef SWITCHYARD_FINGERPRINT_H
#define SWITCHYARD_FINGERPRINT_H

#include "base/sha256.h"
#include "plan.h"

/*
 * Covers the program's version, the files with their heads and where each
 * tensor comes from; with sample also the values of a few small arrays, so that
 * steps of a run differ. The same wherever the checkpoint lies. Errors are
 * those of reading the small arrays.
 */
int fingerprint_plan(const struct plan *p, bool allow_missing_chunks,
                     bool sample, char out[SHA256_HEX + 1], struct error *err);

#endif
