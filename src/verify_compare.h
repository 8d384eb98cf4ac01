/*
 * Comparing elements; private to verify.c.
 */
#ifndef SWITCHYARD_VERIFY_COMPARE_H
#define SWITCHYARD_VERIFY_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

struct difference {
    uint64_t elements; /* with other bytes */
    double largest;    /* between two numbers */
    bool has_nan;
};

/*
 * Adds the differences of n elements, aligned to their size. Zeros of both
 * signs differ, by 0.
 */
void verify_compare(enum dtype t, const void *a, const void *b, size_t n,
                    struct difference *d);

#endif
