/*
 * The table of data types.
 *
 * The rank column is the order that the safetensors reference
 * implementation gives its types (its enum, ascending); files are sorted by it
 * from the top.
 */
#include "tensor/dtype.h"

#include <stdint.h>
#include <string.h>

/* clang-format off */
static const struct dtype_info infos[DTYPE_COUNT] = {
    /*                   name             zarr             safetensors size unit rank castable */
    [DTYPE_NONE]      = { "none",          "",              NULL,       0,  1, 0,  false },
    [DTYPE_BOOL]      = { "bool",          "b1",            "BOOL",     1,  1, 0,  true },
    [DTYPE_I4]        = { "int4",          "int4",          NULL,       1,  1, 0,  false },
    [DTYPE_U4]        = { "uint4",         "uint4",         NULL,       1,  1, 0,  false },
    [DTYPE_I8]        = { "int8",          "i1",            "I8",       1,  1, 5,  true },
    [DTYPE_U8]        = { "uint8",         "u1",            "U8",       1,  1, 4,  true },
    [DTYPE_I16]       = { "int16",         "i2",            "I16",      2,  2, 11, true },
    [DTYPE_U16]       = { "uint16",        "u2",            "U16",      2,  2, 12, true },
    [DTYPE_I32]       = { "int32",         "i4",            "I32",      4,  4, 15, true },
    [DTYPE_U32]       = { "uint32",        "u4",            "U32",      4,  4, 16, true },
    [DTYPE_I64]       = { "int64",         "i8",            "I64",      8,  8, 20, true },
    [DTYPE_U64]       = { "uint64",        "u8",            "U64",      8,  8, 21, true },
    [DTYPE_F8_E4M3FN] = { "float8_e4m3fn", "float8_e4m3fn", "F8_E4M3",  1,  1, 7,  true },
    [DTYPE_F8_E5M2]   = { "float8_e5m2",   "float8_e5m2",   "F8_E5M2",  1,  1, 6,  true },
    [DTYPE_F16]       = { "float16",       "f2",            "F16",      2,  2, 13, true },
    [DTYPE_BF16]      = { "bfloat16",      "bfloat16",      "BF16",     2,  2, 14, true },
    [DTYPE_F32]       = { "float32",       "f4",            "F32",      4,  4, 17, true },
    [DTYPE_F64]       = { "float64",       "f8",            "F64",      8,  8, 19, true },
    [DTYPE_C64]       = { "complex64",     "c8",            "C64",      8,  4, 18, false },
    [DTYPE_C128]      = { "complex128",    "c16",           NULL,       16, 8, 0,  false },
};
/* clang-format on */

const struct dtype_info *dtype_info(enum dtype t)
{
    return &infos[(int)t > 0 && t < DTYPE_COUNT ? t : DTYPE_NONE];
}

enum dtype dtype_by_name(const char *name, size_t len)
{
    for (int t = DTYPE_NONE + 1; t < DTYPE_COUNT; t++)
        if (strlen(infos[t].name) == len && !memcmp(infos[t].name, name, len))
            return (enum dtype)t;
    return DTYPE_NONE;
}

/* A short zarr name ("f4", "c16") carries a byte order. */
static bool has_order(const struct dtype_info *info)
{
    return strlen(info->zarr) <= 3 && strcmp(info->zarr, "") != 0;
}

enum dtype dtype_by_zarr(const char *text, bool *big)
{
    bool ordered = *text && strchr("<>|", *text);
    const char *name = ordered ? text + 1 : text;

    *big = false;
    for (int t = DTYPE_NONE + 1; t < DTYPE_COUNT; t++) {
        if (strcmp(infos[t].zarr, name) != 0 || has_order(&infos[t]) != ordered)
            continue;
        if (ordered && *text == '|' && infos[t].size > 1)
            return DTYPE_NONE;
        *big = ordered && *text == '>' && infos[t].size > 1;
        return (enum dtype)t;
    }
    return DTYPE_NONE;
}

static void swap16(unsigned char *p, size_t n)
{
    uint16_t v;

    for (size_t i = 0; i < n; i++, p += sizeof v) {
        memcpy(&v, p, sizeof v);
        v = __builtin_bswap16(v);
        memcpy(p, &v, sizeof v);
    }
}

static void swap32(unsigned char *p, size_t n)
{
    uint32_t v;

    for (size_t i = 0; i < n; i++, p += sizeof v) {
        memcpy(&v, p, sizeof v);
        v = __builtin_bswap32(v);
        memcpy(p, &v, sizeof v);
    }
}

static void swap64(unsigned char *p, size_t n)
{
    uint64_t v;

    for (size_t i = 0; i < n; i++, p += sizeof v) {
        memcpy(&v, p, sizeof v);
        v = __builtin_bswap64(v);
        memcpy(p, &v, sizeof v);
    }
}

void dtype_swap(enum dtype t, void *data, size_t n)
{
    const struct dtype_info *info = dtype_info(t);
    size_t units = n * (info->size / info->unit);

    if (info->unit == 2)
        swap16(data, units);
    else if (info->unit == 4)
        swap32(data, units);
    else if (info->unit == 8)
        swap64(data, units);
}
