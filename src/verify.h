/*
 * Verifying: what a plan gives, held against a model that is there.
 *
 * The plan is run as a conversion runs it; instead of being written, its bytes
 * are compared with those of the model, tensor by tensor.
 */
#ifndef SWITCHYARD_VERIFY_H
#define SWITCHYARD_VERIFY_H

#include "base/sha256.h"
#include "convert.h"
#include "safetensors/existing.h"

enum verify_verdict {
    VERIFY_EQUAL,
    VERIFY_DIFFERENT, /* some elements, the shape, or the dtype */
    VERIFY_MISSING,   /* the model has no tensor of that name */
};

struct verify_tensor {
    enum verify_verdict verdict;
    const struct existing_tensor *found; /* NULL where it is missing */
    bool other_form;    /* dtype or shape differ: elements were not compared */
    uint64_t different; /* elements with other bytes */
    double largest;     /* the largest difference of two numbers */
    bool has_nan;       /* one of two different elements is no number */
};

struct verify_report {
    const struct plan *plan; /* borrowed, as is the model */
    const struct existing *model;
    struct verify_tensor *tensors;        /* as in the plan */
    const struct existing_tensor **extra; /* that the plan has not, by name */
    size_t extra_count;
    size_t counts[VERIFY_MISSING + 1];
    bool equal; /* nothing differs, is missing, or is extra */
};

/*
 * Compares. Errors are those of convert_run() and of reading the model; that
 * tensors differ is none. The caller frees *out.
 */
int verify_run(const struct plan *p, const struct existing *m,
               const struct convert_options *o, struct verify_report **out,
               struct error *err);
void verify_report_free(struct verify_report *r);

/* ERR_DIFFERENT with the first tensor that is not equal, or 0. */
int verify_check(const struct verify_report *r, struct error *err);

/*
 * The report: counts, and all tensors that are not equal; with every tensor
 * where all is set.
 */
int verify_write_json(const struct verify_report *r, bool all, struct buf *out,
                      struct error *err);
int verify_write_text(const struct verify_report *r, struct buf *out,
                      struct error *err);

#endif
