/*
 * A decoder for snappy's raw format, which blosc frames may hold.
 *
 * A varint gives the decoded size; then elements follow, each a tag byte whose
 * low two bits say what it is: a run of literal bytes, or a copy of earlier
 * output with an offset of 1, 2 or 4 bytes. A copy may overlap its own output.
 */
#include "checkpoint/snappy.h"

#include <stdint.h>
#include <string.h>

/* Both ends of what is left to read and to write. */
struct snappy {
    const unsigned char *src;
    const unsigned char *src_end;
    unsigned char *start;
    unsigned char *dst;
    unsigned char *dst_end;
};

static size_t left_in(const struct snappy *z)
{
    return (size_t)(z->src_end - z->src);
}

static size_t left_out(const struct snappy *z)
{
    return (size_t)(z->dst_end - z->dst);
}

/* A little-endian number of 1 to 4 bytes. */
static bool take_number(struct snappy *z, unsigned bytes, uint32_t *out)
{
    *out = 0;
    if (left_in(z) < bytes)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        *out |= (uint32_t)*z->src++ << 8 * i;
    return true;
}

static bool take_size(struct snappy *z, uint64_t *size)
{
    unsigned char byte = 0x80;

    *size = 0;
    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        if (shift > 28 || left_in(z) == 0)
            return false;
        byte = *z->src++;
        *size |= (uint64_t)(byte & 0x7f) << shift;
    }
    return true;
}

static bool put_literal(struct snappy *z, unsigned char tag)
{
    uint32_t len = tag >> 2;
    uint64_t count;

    if (len >= 60 && !take_number(z, len - 59, &len))
        return false;
    count = (uint64_t)len + 1;
    if (count > left_in(z) || count > left_out(z))
        return false;
    memcpy(z->dst, z->src, (size_t)count);
    z->src += count;
    z->dst += count;
    return true;
}

static bool put_copy(struct snappy *z, unsigned char tag)
{
    uint32_t len = (tag >> 2) + 1U;
    uint32_t offset = 0;

    if ((tag & 3) == 1) {
        len = (tag >> 2 & 7) + 4U;
        if (!take_number(z, 1, &offset))
            return false;
        offset |= (uint32_t)(tag >> 5) << 8;
    } else if (!take_number(z, (tag & 3) == 2 ? 2 : 4, &offset)) {
        return false;
    }
    if (offset == 0 || offset > (size_t)(z->dst - z->start) ||
        len > left_out(z))
        return false;
    for (; len > 0; len--, z->dst++)
        *z->dst = *(z->dst - offset);
    return true;
}

bool snappy_decode(const unsigned char *src, size_t n, unsigned char *dst,
                   size_t size)
{
    struct snappy z = { src, src + n, dst, dst, dst + size };
    uint64_t claimed = 0;
    unsigned char tag;

    if (!take_size(&z, &claimed) || claimed != size)
        return false;
    while (left_in(&z) > 0) {
        tag = *z.src++;
        if (!((tag & 3) == 0 ? put_literal(&z, tag) : put_copy(&z, tag)))
            return false;
    }
    return z.dst == z.dst_end;
}
