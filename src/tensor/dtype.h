/*
 * The data types of arrays and tensors, and how each format names them.
 *
 * Sources: numpy's dtype names as msgpack indexes carry them, zarr 2's type
 * strings as tensorstore writes them ("<f4", but a bare "bfloat16"), and
 * safetensors' names with their order in a file (largest alignment first).
 */
#ifndef SWITCHYARD_TENSOR_DTYPE_H
#define SWITCHYARD_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

enum dtype {
    DTYPE_NONE,
    DTYPE_BOOL,
    DTYPE_I4, /* one byte an element, as numpy holds it */
    DTYPE_U4,
    DTYPE_I8,
    DTYPE_U8,
    DTYPE_I16,
    DTYPE_U16,
    DTYPE_I32,
    DTYPE_U32,
    DTYPE_I64,
    DTYPE_U64,
    DTYPE_F8_E4M3FN,
    DTYPE_F8_E5M2,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_F32,
    DTYPE_F64,
    DTYPE_C64,
    DTYPE_C128,
    DTYPE_COUNT
};

struct dtype_info {
    const char *name;        /* numpy's and tensorstore's: "float32" */
    const char *zarr;        /* without byte order: "f4", "bfloat16" */
    const char *safetensors; /* "F32"; NULL where the format has none */
    unsigned char size;      /* bytes an element */
    unsigned char unit;      /* bytes that swap together: 4 for C64 */
    unsigned char rank;      /* order in a safetensors file, highest first */
    bool castable;           /* kernels read it: real numbers of any width */
};

/* Facts about t; for a value out of range those of DTYPE_NONE (size 0). */
const struct dtype_info *dtype_info(enum dtype t);

/* By numpy's name; DTYPE_NONE if there is none. */
enum dtype dtype_by_name(const char *name, size_t len);

/*
 * By zarr 2's type string ("<f4", ">i8", "|b1", "bfloat16"); sets *big for a
 * big-endian one. DTYPE_NONE if it is not a numeric type.
 */
enum dtype dtype_by_zarr(const char *text, bool *big);

/* Byte-swaps n elements of t in place (each half of a complex number). */
void dtype_swap(enum dtype t, void *data, size_t n);

#endif
