/*
 * Checked arithmetic, byte order, and sizes as people write them.
 */
#ifndef SWITCHYARD_BASE_NUM_H
#define SWITCHYARD_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* *out = a op b; false, with *out undefined, where it does not fit. */
static inline bool num_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool num_add(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* The product of n factors (1 for none); false on overflow. */
bool num_product(const uint64_t *factors, unsigned n, uint64_t *out);

static inline uint64_t num_ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static inline uint64_t num_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t num_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Unaligned loads and stores; the caller has checked the bounds. */
static inline uint32_t num_le32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

static inline uint64_t num_le64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint64_t num_be(const unsigned char *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

/*
 * "5GB" (decimal: KB MB GB TB), "512MiB" (binary: KiB MiB GiB TiB) or plain
 * bytes, in any case, to bytes; ERR_USAGE for anything else. name is what the
 * user calls the value, for the message.
 */
int num_parse_size(const char *name, const char *text, uint64_t *bytes,
                   struct error *err);

/* A whole number from min to max; ERR_USAGE for anything else. */
int num_parse_uint(const char *name, const char *text, uint64_t min,
                   uint64_t max, uint64_t *out, struct error *err);

/* "2.48 GB" into text, which has room for 32 bytes; returns text. */
const char *num_format_size(uint64_t bytes, char text[static 32]);

#endif
