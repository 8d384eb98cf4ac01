/*
 * A pull reader for msgpack.
 *
 * Indexes may hold gigabytes of inline arrays, most of them optimizer state
 * that nobody asks for, so an index is neither read as a whole nor parsed into
 * a tree: items go by one at a time, and the bytes of an array cost nothing
 * but the knowledge of where they are. What is read comes through a window of
 * 64 KiB that moves to wherever it is needed.
 *
 * This is not msgpack-c, whose unpacker builds the tree and reserves memory for
 * as many elements as a header claims (96 GB for five bytes). Here a claim
 * is compared with the bytes that remain, since every element takes at least
 * one, and nothing is reserved. Skipping keeps its depth in an array on the
 * stack: no recursion on foreign depth.
 */
#include "checkpoint/msgpack.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

int msgpack_open(struct msgpack *m, struct store *store, const char *name,
                 struct error *err)
{
    uint64_t size = 0;
    int rc = store_size(store, name, &size, err);

    if (rc)
        return rc;
    *m = (struct msgpack){ .store = store, .name = name, .end = size };
    m->window = malloc(MSGPACK_WINDOW);
    return m->window ? 0 : error_memory(err);
}

void msgpack_done(struct msgpack *m)
{
    free(m->window);
    m->window = NULL;
}

static int damaged(const struct msgpack *m, uint64_t at, const char *what,
                   struct error *err)
{
    error_set(err, ERR_INDEX, "%.200s is damaged at byte %llu: %s", m->name,
              (unsigned long long)at, what);
    return error_subject(err, "%s", m->name);
}

static int truncated(const struct msgpack *m, uint64_t at, uint64_t claimed,
                     uint64_t left, struct error *err)
{
    damaged(m, at, "it claims more than the file holds", err);
    error_expected(err, "at most %llu more", (unsigned long long)left);
    error_actual(err, "%llu", (unsigned long long)claimed);
    return error_hint(err, "the file is cut short or not an index; copy it "
                           "again");
}

/* Points *p at len bytes from offset, at most MSGPACK_WINDOW, in the window. */
static int view(struct msgpack *m, uint64_t offset, size_t len,
                const unsigned char **p, struct error *err)
{
    size_t want;
    int rc;

    if (offset > m->end || len > m->end - offset)
        return truncated(m, offset, len, offset > m->end ? 0 : m->end - offset,
                         err);
    if (offset < m->window_at || offset - m->window_at > m->window_len ||
        len > m->window_len - (size_t)(offset - m->window_at)) {
        want = (size_t)num_min(MSGPACK_WINDOW, m->end - offset);
        m->window_len = 0;
        rc = store_read(m->store, m->name, offset, m->window, want, err);
        if (rc)
            return rc;
        m->window_at = offset;
        m->window_len = want;
    }
    *p = m->window + (offset - m->window_at);
    return 0;
}

int msgpack_bytes(struct msgpack *m, uint64_t offset, void *dst, size_t len,
                  struct error *err)
{
    const unsigned char *p = NULL;
    unsigned char *out = dst;
    size_t part;
    int rc;

    for (; len > 0; offset += part, out += part, len -= part) {
        part = len < MSGPACK_WINDOW ? len : MSGPACK_WINDOW;
        rc = view(m, offset, part, &p, err);
        if (rc)
            return rc;
        memcpy(out, p, part);
    }
    return 0;
}

int msgpack_text(struct msgpack *m, const struct msgpack_item *item, char *text,
                 size_t size, bool *fits, struct error *err)
{
    int rc;

    *text = '\0';
    *fits = item->kind == MSGPACK_BYTES && item->len < size;
    if (!*fits)
        return 0;
    rc = msgpack_bytes(m, item->offset, text, (size_t)item->len, err);
    text[rc ? 0 : item->len] = '\0';
    *fits = !rc && strlen(text) == item->len;
    if (!*fits)
        *text = '\0';
    return rc;
}

/* What a first byte means, and how many bytes of number follow it. */
enum form {
    FORM_NONE,
    FORM_VALUE,
    FORM_BYTES,
    FORM_EXT,
    FORM_FIXEXT,
    FORM_ARRAY,
    FORM_MAP,
    FORM_SIGNED,
    FORM_REAL,
    FORM_CONST
};

struct head {
    enum form form;
    unsigned char more; /* bytes of number; of data for FORM_FIXEXT */
};

/* The first bytes from 0xc0 to 0xdf; all others carry their number. */
static const struct head heads[32] = {
    [0x00] = { FORM_CONST, 0 },  [0x02] = { FORM_CONST, 0 },
    [0x03] = { FORM_CONST, 0 },  [0x04] = { FORM_BYTES, 1 },
    [0x05] = { FORM_BYTES, 2 },  [0x06] = { FORM_BYTES, 4 },
    [0x07] = { FORM_EXT, 1 },    [0x08] = { FORM_EXT, 2 },
    [0x09] = { FORM_EXT, 4 },    [0x0a] = { FORM_REAL, 4 },
    [0x0b] = { FORM_REAL, 8 },   [0x0c] = { FORM_VALUE, 1 },
    [0x0d] = { FORM_VALUE, 2 },  [0x0e] = { FORM_VALUE, 4 },
    [0x0f] = { FORM_VALUE, 8 },  [0x10] = { FORM_SIGNED, 1 },
    [0x11] = { FORM_SIGNED, 2 }, [0x12] = { FORM_SIGNED, 4 },
    [0x13] = { FORM_SIGNED, 8 }, [0x14] = { FORM_FIXEXT, 1 },
    [0x15] = { FORM_FIXEXT, 2 }, [0x16] = { FORM_FIXEXT, 4 },
    [0x17] = { FORM_FIXEXT, 8 }, [0x18] = { FORM_FIXEXT, 16 },
    [0x19] = { FORM_BYTES, 1 },  [0x1a] = { FORM_BYTES, 2 },
    [0x1b] = { FORM_BYTES, 4 },  [0x1c] = { FORM_ARRAY, 2 },
    [0x1d] = { FORM_ARRAY, 4 },  [0x1e] = { FORM_MAP, 2 },
    [0x1f] = { FORM_MAP, 4 },
};

/* The head of a first byte; *number is what the byte itself carries. */
static struct head head_of(unsigned char first, uint64_t *number)
{
    *number = 0;
    if (first >= 0xe0)
        return (struct head){ FORM_SIGNED, 0 };
    if (first >= 0xc0)
        return heads[first - 0xc0];
    if (first >= 0xa0) {
        *number = first & 0x1f;
        return (struct head){ FORM_BYTES, 0 };
    }
    if (first >= 0x80) {
        *number = first & 0x0f;
        return (struct head){ first >= 0x90 ? FORM_ARRAY : FORM_MAP, 0 };
    }
    *number = first;
    return (struct head){ FORM_VALUE, 0 };
}

static int64_t sign_extend(uint64_t number, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return (int8_t)number;
    case 2:
        return (int16_t)number;
    case 4:
        return (int32_t)number;
    default:
        return (int64_t)number;
    }
}

static double real_of(uint64_t number, unsigned bytes)
{
    uint32_t half = (uint32_t)number;
    double wide;
    float narrow;

    if (bytes == 4) {
        memcpy(&narrow, &half, sizeof narrow);
        return (double)narrow;
    }
    memcpy(&wide, &number, sizeof wide);
    return wide;
}

static void set_signed(struct msgpack_item *item, int64_t value)
{
    item->kind = value < 0 ? MSGPACK_INT : MSGPACK_UINT;
    if (value < 0)
        item->value.sint = value;
    else
        item->value.uint = (uint64_t)value;
}

/* Locates the bytes of item and moves behind them. */
static int take_bytes(struct msgpack *m, struct msgpack_item *item,
                      enum msgpack_kind kind, uint64_t len, uint64_t at,
                      struct error *err)
{
    if (len > m->end - m->pos)
        return truncated(m, at, len, m->end - m->pos, err);
    item->kind = kind;
    item->offset = m->pos;
    item->len = len;
    m->pos += len;
    return 0;
}

static int take_ext(struct msgpack *m, struct msgpack_item *item, uint64_t len,
                    uint64_t at, struct error *err)
{
    const unsigned char *p = NULL;
    int rc = view(m, m->pos, 1, &p, err);

    if (rc)
        return rc;
    item->ext = (int8_t)*p;
    m->pos++;
    return take_bytes(m, item, MSGPACK_EXT, len, at, err);
}

static int take_container(struct msgpack *m, struct msgpack_item *item,
                          enum msgpack_kind kind, uint64_t count, uint64_t at,
                          struct error *err)
{
    uint64_t least = kind == MSGPACK_MAP ? 2 * count : count;

    if (least > m->end - m->pos)
        return truncated(m, at, least, m->end - m->pos, err);
    item->kind = kind;
    item->count = count;
    return 0;
}

static int take_const(struct msgpack_item *item, unsigned char first)
{
    item->kind = first == 0xc0 ? MSGPACK_NIL : MSGPACK_BOOL;
    item->value.boolean = first == 0xc3;
    return 0;
}

int msgpack_next(struct msgpack *m, struct msgpack_item *item,
                 struct error *err)
{
    const unsigned char *p = NULL;
    uint64_t at = m->pos;
    uint64_t number;
    unsigned char first;
    struct head head;
    int rc = view(m, at, 1, &p, err);

    if (rc)
        return rc;
    *item = (struct msgpack_item){ .kind = MSGPACK_NIL };
    first = *p;
    head = head_of(first, &number);
    m->pos++;
    if (head.more > 0 && head.form != FORM_FIXEXT) {
        rc = view(m, m->pos, head.more, &p, err);
        if (rc)
            return rc;
        number = num_be(p, head.more);
        m->pos += head.more;
    }
    switch (head.form) {
    case FORM_VALUE:
        item->kind = MSGPACK_UINT;
        item->value.uint = number;
        return 0;
    case FORM_SIGNED:
        set_signed(item,
                   head.more ? sign_extend(number, head.more) : (int8_t)first);
        return 0;
    case FORM_REAL:
        item->kind = MSGPACK_FLOAT;
        item->value.real = real_of(number, head.more);
        return 0;
    case FORM_BYTES:
        return take_bytes(m, item, MSGPACK_BYTES, number, at, err);
    case FORM_EXT:
        return take_ext(m, item, number, at, err);
    case FORM_FIXEXT:
        return take_ext(m, item, head.more, at, err);
    case FORM_ARRAY:
        return take_container(m, item, MSGPACK_ARRAY, number, at, err);
    case FORM_MAP:
        return take_container(m, item, MSGPACK_MAP, number, at, err);
    case FORM_CONST:
        return take_const(item, first);
    case FORM_NONE:
        break;
    }
    return damaged(m, at, "no msgpack item begins so", err);
}

static uint64_t children(const struct msgpack_item *item)
{
    if (item->kind == MSGPACK_MAP)
        return 2 * item->count;
    return item->kind == MSGPACK_ARRAY ? item->count : 0;
}

int msgpack_skip(struct msgpack *m, const struct msgpack_item *item,
                 uint64_t *budget, bool *ended, struct error *err)
{
    uint64_t left[MSGPACK_MAX_DEPTH];
    struct msgpack_item next;
    unsigned depth = 0;
    int rc;

    if (ended)
        *ended = false;
    left[0] = children(item);
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0)
                return 0;
            depth--;
        }
        if (budget && (*budget)-- == 0) {
            *budget = 0;
            *ended = true;
            return 0;
        }
        left[depth]--;
        rc = msgpack_next(m, &next, err);
        if (rc)
            return rc;
        if (children(&next) == 0)
            continue;
        if (++depth == MSGPACK_MAX_DEPTH)
            return damaged(m, m->pos, "it is nested too deeply", err);
        left[depth] = children(&next);
    }
}

int msgpack_next_text(struct msgpack *m, char *text, size_t size, bool *fits,
                      struct error *err)
{
    struct msgpack_item item;
    int rc = msgpack_next(m, &item, err);

    return rc ? rc : msgpack_text(m, &item, text, size, fits, err);
}
