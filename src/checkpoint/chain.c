/*
 * Undoing lists of codecs.
 *
 * What a list decodes to is known, so its first codec is given exactly that
 * room. What flows between two codecs is not, but what writers make of a chunk
 * is never much larger than the chunk, and there the limit lies. A checksum is
 * no copy: the bytes before it go on where they are.
 *
 * Two buffers take turns: each step reads from one and writes into the other.
 */
#include "checkpoint/chain.h"

#include <inttypes.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/num.h"
#include "checkpoint/permute.h"

enum { CRC_BYTES = 4 };

/* Not decoded by a function of its own. */
static const struct codec crc32c_codec = { "crc32c", NULL };

/* The bytes at hand, and the buffer that they are not in. */
struct flow {
    unsigned char *data;
    size_t len;
    struct block *next;
    struct block *after;
};

const struct codec *chain_codec(const char *name)
{
    static const char *const names[] = { "gzip", "zstd", "blosc" };

    if (!strcmp(name, crc32c_codec.id))
        return &crc32c_codec;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return codec_find(name);
    return NULL;
}

const char *chain_codec_names(void)
{
    return "transpose, bytes, sharding_indexed, gzip, zstd, blosc or crc32c";
}

const char *chain_name(const struct chain *c)
{
    for (unsigned i = 0; i < c->stages; i++)
        if (c->stage[i] != &crc32c_codec)
            return c->stage[i]->id;
    return codec_find(NULL)->id;
}

/* Whether the first n stages are of a fixed size, and what they add. */
static bool are_fixed(const struct chain *c, unsigned n, size_t *extra)
{
    *extra = (size_t)n * CRC_BYTES;
    for (unsigned i = 0; i < n; i++)
        if (c->stage[i] != &crc32c_codec)
            return false;
    return true;
}

bool chain_is_fixed(const struct chain *c, size_t *extra)
{
    return are_fixed(c, c->stages, extra);
}

static int check_crc(struct flow *f, struct error *err)
{
    uint32_t actual, stated;

    if (f->len < CRC_BYTES)
        return codec_damaged("crc32c: it is too short", err);
    f->len -= CRC_BYTES;
    actual = crc32c_update(0, f->data, f->len);
    stated = num_le32(f->data + f->len);
    if (actual == stated)
        return 0;
    error_set(err, ERR_CHUNK, "does not have the checksum that it states");
    error_expected(err, "crc32c %08" PRIx32, stated);
    error_actual(err, "crc32c %08" PRIx32, actual);
    return error_hint(err, "the file is damaged; copy it again");
}

/* Makes what was written into f->next the bytes at hand. */
static void turn(struct flow *f, size_t len)
{
    struct block *next = f->next;

    f->data = next->data;
    f->len = len;
    f->next = f->after;
    f->after = next;
}

static int undo_stage(const struct chain *c, unsigned i, size_t bytes,
                      struct scratch *s, struct flow *f, struct error *err)
{
    const struct codec *codec = c->stage[i];
    size_t extra;
    bool fixed = are_fixed(c, i, &extra);
    size_t room = fixed ? bytes + extra : 2 * bytes + (1U << 20);
    size_t got = room;
    int rc = scratch_room(f->next, room, err);

    if (rc)
        return rc;
    if (fixed)
        rc = codec_decode(codec, s, f->data, f->len, f->next->data, room, err);
    else
        rc = codec->decode(s, f->data, f->len, f->next->data, room, &got, err);
    if (!rc)
        turn(f, got);
    return rc;
}

static int undo_order(const struct chain *c, const struct chain_block *b,
                      struct flow *f, struct error *err)
{
    int rc;

    if (permute_is_plain(b->rank, c->order))
        return 0;
    rc = scratch_room(f->next, b->bytes, err);
    if (rc)
        return rc;
    permute_block(f->data, f->next->data, b->dtype, b->rank, b->shape,
                  c->order);
    turn(f, b->bytes);
    return 0;
}

int chain_decode(const struct chain *c, const struct chain_block *b,
                 struct scratch *s, unsigned char *data, size_t n,
                 unsigned char **out, struct error *err)
{
    bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    struct flow f = { data, n, &s->out, &s->order };
    int rc = 0;

    for (unsigned i = c->stages; i-- > 0 && !rc;)
        rc = c->stage[i] == &crc32c_codec
                 ? check_crc(&f, err)
                 : undo_stage(c, i, b->bytes, s, &f, err);
    if (!rc && f.len != b->bytes)
        rc = codec_wrong_size(b->bytes, f.len, false, err);
    if (!rc)
        rc = undo_order(c, b, &f, err);
    if (rc)
        return rc;
    if (c->big != native_big)
        dtype_swap(b->dtype, f.data, b->bytes / dtype_info(b->dtype)->size);
    *out = f.data;
    return 0;
}
