/*
 * Building OCDBT databases by hand, sound ones and others: manifests and nodes
 * field by field, in the envelope that makes them pass for whole.
 */
#ifndef SWITCHYARD_TESTS_OCDBT_BUILD_H
#define SWITCHYARD_TESTS_OCDBT_BUILD_H

#include <stdint.h>

#include "base/buf.h"
#include "base/crc32c.h"

enum { BUILD_MANIFEST = 0x0cdb3a2a, BUILD_NODE = 0x0cdb20de };

static inline void build_le(struct buf *b, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_putc(b, (int)(value >> (8 * i) & 0xff));
}

static inline void build_varint(struct buf *b, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        buf_putc(b, (int)(value & 0x7f) | 0x80);
    buf_putc(b, (int)value);
}

/* A body as stored, appended to b; compression is what the envelope claims. */
static inline void build_wrap(struct buf *b, uint32_t magic,
                              unsigned compression, const void *body,
                              size_t len)
{
    size_t start = b->len;

    for (unsigned i = 4; i-- > 0;)
        buf_putc(b, (int)(magic >> (8 * i) & 0xff));
    build_le(b, len + 18, 8);
    buf_putc(b, 0);
    buf_putc(b, (int)compression);
    buf_append(b, body, len);
    build_le(b, crc32c_update(0, b->data + start, b->len - start), 4);
}

#endif
