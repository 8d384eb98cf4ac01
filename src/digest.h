/*
 * Digests of arrays: what a checkpoint holds, whatever its layout and codecs.
 */
#ifndef SWITCHYARD_DIGEST_H
#define SWITCHYARD_DIGEST_H

#include "base/buf.h"
#include "base/sha256.h"
#include "checkpoint/checkpoint.h"

struct digest_options {
    unsigned threads; /* 0: one for each CPU this process may use */
    uint64_t memory;  /* budget in bytes; 0: 512 MiB */
    bool allow_missing_chunks;
};

struct digest {
    char sha256[SHA256_HEX + 1];
    uint64_t missing_chunks; /* read as their fill value */
};

/*
 * The SHA-256 of each array's elements: the whole array without padding, C
 * order, little endian; numpy's tobytes(). *out has one for each array of c, in
 * its order, and is freed with free(). Errors as convert_run() has them.
 */
int digest_arrays(const struct checkpoint *c, const struct digest_options *o,
                  struct digest **out, struct error *err);

/* The checkpoint, its arrays and their digests, for programs and for people. */
int digest_write_json(const struct checkpoint *c, const struct digest *digests,
                      struct buf *out, struct error *err);
int digest_write_text(const struct checkpoint *c, const struct digest *digests,
                      struct buf *out, struct error *err);

#endif
