/*
 * Provenance: what a model was made of, and by which options; the report that
 * belongs beside it.
 */
#ifndef SWITCHYARD_PROVENANCE_H
#define SWITCHYARD_PROVENANCE_H

#include "conversion.h"
#include "safetensors/existing.h"

struct provenance {
    const struct conversion *conversion;
    const struct request *request;
    const struct convert_report *report;
    /*
     * The model as it is kept. With it every tensor's SHA-256 is told, and that
     * of every array it is made of; all of both are read for that. NULL: no
     * digests.
     */
    const struct existing *written;
    const char *job;  /* its id; NULL: none */
    unsigned threads; /* 0: one for each CPU */
    uint64_t memory;  /* budget in bytes; 0: 512 MiB */
};

/*
 * The report as JSON: program, source (with one digest over all its arrays),
 * options, files, arrays, tensors, counts, warnings. An array's digest is that
 * of digest.h, a tensor's that of its bytes in the file.
 */
int provenance_write(const struct provenance *p, struct buf *out,
                     struct error *err);

#endif
