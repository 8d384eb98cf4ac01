/*
 * A decoder for Blosc 1 frames, the chunks that zarr's "blosc" compressor
 * writes.
 *
 * A frame is a 16-byte head, a table of block offsets (from the frame's first
 * byte) and the blocks. A block is one compressed stream, or one for each byte
 * of an element ("split"), each behind its 32-bit length; a stream as long as
 * its output is stored raw. Decoded blocks are then unshuffled.
 *
 * Blosc 2 frames are another format and refused. This is not c-blosc: its
 * own codec can be made to write beyond its output, and the frame is small.
 */
#include "checkpoint/blosc.h"

#include <limits.h>
#include <lz4.h>
#include <stdbool.h>
#include <string.h>

#include "base/num.h"
#include "checkpoint/blosclz.h"
#include "checkpoint/codec.h"
#include "checkpoint/shuffle.h"
#include "checkpoint/snappy.h"

enum {
    HEAD_BYTES = 16,
    FRAME_VERSION = 2,
    FLAG_SHUFFLE = 0x01,
    FLAG_MEMCPY = 0x02,
    FLAG_BITSHUFFLE = 0x04,
    FLAG_RESERVED = 0x08,
    FLAG_NO_SPLIT = 0x10,
    MAX_SPLITS = 16, /* elements wider than this are not split */
    MIN_SPLIT_ELEMENTS = 128,
};

struct frame {
    const unsigned char *src;
    size_t len;
    unsigned flags;
    size_t typesize;
    size_t size;      /* decoded bytes */
    size_t blocksize; /* decoded bytes of each block but the last */
    size_t blocks;
};

typedef int (*stream_fn)(struct scratch *s, const unsigned char *src, size_t n,
                         unsigned char *dst, size_t size, struct error *err);

static int damaged(struct error *err)
{
    return codec_damaged("blosc", err);
}

static int lz4_stream(struct scratch *s, const unsigned char *src, size_t n,
                      unsigned char *dst, size_t size, struct error *err)
{
    int out;

    (void)s;
    if (n > INT_MAX || size > INT_MAX)
        return damaged(err);
    out =
        LZ4_decompress_safe((const char *)src, (char *)dst, (int)n, (int)size);
    return out >= 0 && (size_t)out == size ? 0 : damaged(err);
}

static int blosclz_stream(struct scratch *s, const unsigned char *src, size_t n,
                          unsigned char *dst, size_t size, struct error *err)
{
    (void)s;
    return blosclz_decode(src, n, dst, size) ? 0 : damaged(err);
}

static int snappy_stream(struct scratch *s, const unsigned char *src, size_t n,
                         unsigned char *dst, size_t size, struct error *err)
{
    (void)s;
    return snappy_decode(src, n, dst, size) ? 0 : damaged(err);
}

/* By the top three bits of the flags. */
static const stream_fn streams[8] = {
    blosclz_stream, lz4_stream, snappy_stream, codec_zlib, codec_zstd,
};

/* The head, checked against the n bytes there are and the room for them. */
static int parse_head(const unsigned char *src, size_t n, size_t room,
                      struct frame *f, struct error *err)
{
    uint32_t nbytes, blocksize, cbytes;

    if (n < HEAD_BYTES)
        return damaged(err);
    if (src[0] != FRAME_VERSION) {
        error_set(err, ERR_CHUNK, "is a blosc frame of version %u", src[0]);
        return error_expected(err, "version %d", FRAME_VERSION);
    }
    nbytes = num_le32(src + 4);
    blocksize = num_le32(src + 8);
    cbytes = num_le32(src + 12);
    if (cbytes != n) {
        codec_damaged("blosc: its length is not the file's", err);
        error_expected(err, "%u bytes", cbytes);
        return error_actual(err, "%zu bytes", n);
    }
    if (nbytes > room)
        return codec_wrong_size(room, nbytes, false, err);
    *f = (struct frame){ .src = src,
                         .len = n,
                         .flags = src[2],
                         .typesize = src[3],
                         .size = nbytes,
                         .blocksize = (size_t)num_min(blocksize, nbytes) };
    if (f->typesize == 0 || (f->flags & FLAG_RESERVED) ||
        (nbytes > 0 && blocksize == 0))
        return damaged(err);
    return 0;
}

/* How many streams a block of size bytes is cut into. */
static size_t split_count(const struct frame *f, size_t size)
{
    if ((f->flags & FLAG_NO_SPLIT) || f->typesize > MAX_SPLITS ||
        f->blocksize / f->typesize < MIN_SPLIT_ELEMENTS || size < f->blocksize)
        return 1;
    return f->typesize;
}

/* The streams of the block at byte at of the frame, into size bytes at dst. */
static int decode_streams(const struct frame *f, struct scratch *s, size_t at,
                          unsigned char *dst, size_t size, struct error *err)
{
    stream_fn stream = streams[f->flags >> 5];
    size_t splits = split_count(f, size);
    size_t part = size / splits;
    size_t len;
    int rc = 0;

    if (!stream || part * splits != size)
        return damaged(err);
    for (size_t i = 0; i < splits && !rc; i++, dst += part, at += len) {
        if (at > f->len || f->len - at < 4)
            return damaged(err);
        len = num_le32(f->src + at);
        at += 4;
        if (len > f->len - at)
            return damaged(err);
        if (len == part)
            memcpy(dst, f->src + at, part);
        else
            rc = stream(s, f->src + at, len, dst, part, err);
    }
    return rc;
}

/* Which filter a block of size bytes went through. */
static unsigned filter_of(const struct frame *f, size_t size)
{
    size_t elements = size / f->typesize;

    if ((f->flags & FLAG_SHUFFLE) && f->typesize > 1)
        return FLAG_SHUFFLE;
    if ((f->flags & FLAG_BITSHUFFLE) && elements > 0 && elements % 8 == 0)
        return FLAG_BITSHUFFLE;
    return 0;
}

static int decode_block(const struct frame *f, struct scratch *s, size_t index,
                        unsigned char *dst, struct error *err)
{
    size_t at = num_le32(f->src + HEAD_BYTES + 4 * index);
    size_t done = index * f->blocksize;
    size_t size = (size_t)num_min(f->blocksize, f->size - done);
    unsigned filter = filter_of(f, size);
    unsigned char *out = filter ? s->piece.data : dst + done;
    int rc = decode_streams(f, s, at, out, size, err);

    if (rc || !filter)
        return rc;
    if (filter == FLAG_SHUFFLE)
        shuffle_undo(out, dst + done, size, f->typesize);
    else
        shuffle_undo_bits(out, dst + done, size, f->typesize);
    return 0;
}

int blosc_decode(struct scratch *s, const unsigned char *src, size_t n,
                 unsigned char *dst, size_t size, size_t *got,
                 struct error *err)
{
    struct frame f = { 0 };
    int rc = parse_head(src, n, size, &f, err);

    *got = f.size;
    if (rc || f.size == 0)
        return rc;
    if (f.flags & FLAG_MEMCPY) {
        if (n - HEAD_BYTES != f.size)
            return damaged(err);
        memcpy(dst, src + HEAD_BYTES, f.size);
        return 0;
    }
    f.blocks = (size_t)num_ceil_div(f.size, f.blocksize);
    if (f.blocks > (n - HEAD_BYTES) / 4)
        return damaged(err);
    rc = scratch_room(&s->piece, f.blocksize, err);
    for (size_t i = 0; i < f.blocks && !rc; i++)
        rc = decode_block(&f, s, i, dst, err);
    return rc;
}
