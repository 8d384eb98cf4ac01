/*
 * The envelope of manifests and nodes, and numbers out of their bodies.
 *
 * All kinds share one envelope: magic, length, version, compression, the body,
 * and a CRC-32C of everything before it. The sum is of the compressed form, so
 * damage shows before anything is decoded. A zstd body may keep its size to
 * itself; it is decoded into a buffer that doubles as bytes come, up to a limit
 * that no genuine body reaches.
 *
 * Columns are read in two steps. A first pass checks each varint and finds
 * where the column ends, which is where the next one begins. Reading it again,
 * entry by entry beside the other columns, then cannot fail.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/crc32c.h"
#include "base/num.h"
#include "store/ocdbt_impl.h"

enum {
    HEAD_BYTES = 12, /* magic and length */
    CRC_BYTES = 4,
    LEAST_BYTES = HEAD_BYTES + 2 + CRC_BYTES,
    VARINT_BYTES = 10,
};

static const char copy_again[] =
    "the file is damaged or of another checkpoint; copy it again";

int ocdbt_damaged(const struct ocdbt_body *b, const char *what,
                  struct error *err)
{
    error_set(err, ERR_INDEX,
              "%.200s is damaged: at byte %zu of what stands at byte %" PRIu64
              ", %s",
              b->file, b->at, b->offset, what);
    error_subject(err, "%s", b->file);
    return error_hint(err, "%s", copy_again);
}

int ocdbt_wrong(const struct ocdbt_body *b, const char *what,
                const char *expected, uint64_t actual, struct error *err)
{
    ocdbt_damaged(b, what, err);
    error_expected(err, "%s", expected);
    return error_actual(err, "%" PRIu64, actual);
}

int ocdbt_disorder(const struct ocdbt_body *b, struct error *err)
{
    ocdbt_damaged(b, "keys are not in order", err);
    return error_expected(err, "each key behind the one before it");
}

static int bad_head(const char *file, uint64_t offset, const char *what,
                    struct error *err)
{
    error_set(err, ERR_INDEX,
              "%.200s is damaged: what stands at byte %" PRIu64 " %s", file,
              offset, what);
    error_subject(err, "%s", file);
    return error_hint(err, "%s", copy_again);
}

static int check_number(const char *file, uint64_t offset, const char *what,
                        uint64_t expected, uint64_t actual, struct error *err)
{
    if (expected == actual)
        return 0;
    bad_head(file, offset, what, err);
    error_expected(err, "0x%08" PRIx64, expected);
    return error_actual(err, "0x%08" PRIx64, actual);
}

static int check_envelope(const char *file, uint64_t offset,
                          enum ocdbt_magic magic, const unsigned char *raw,
                          size_t len, struct error *err)
{
    uint64_t size = len;
    int rc;

    if (len < LEAST_BYTES) {
        bad_head(file, offset, "is too short", err);
        error_expected(err, "at least %d bytes", LEAST_BYTES);
        return error_actual(err, "%zu bytes", len);
    }
    rc = check_number(file, offset, "does not begin as it should", magic,
                      num_be(raw, 4), err);
    if (rc)
        return rc;
    size = num_le64(raw + 4);
    if (size != len) {
        bad_head(file, offset, "has another length", err);
        error_expected(err, "%zu bytes", len);
        return error_actual(err, "%" PRIu64 " bytes", size);
    }
    return check_number(file, offset, "has another checksum",
                        num_le32(raw + len - CRC_BYTES),
                        crc32c_update(0, raw, len - CRC_BYTES), err);
}

static int no_zstd(const struct ocdbt_body *b, struct error *err)
{
    bad_head(b->file, b->offset, "does not decode as zstd", err);
    return error_expected(err, "one zstd frame");
}

/* Doubles the room for b's bytes, up to the limit. */
static int grow(struct ocdbt_body *b, size_t *cap, struct error *err)
{
    size_t more = num_min(2 * (uint64_t)*cap, OCDBT_MAX_BODY);
    unsigned char *data;

    if (b->len == OCDBT_MAX_BODY) {
        error_set(err, ERR_LIMIT, "%.200s holds a node that is too large",
                  b->file);
        error_subject(err, "%s", b->file);
        return error_expected(err, "at most %d bytes", OCDBT_MAX_BODY);
    }
    data = realloc(b->data, more);
    if (!data)
        return error_memory(err);
    b->data = data;
    *cap = more;
    return 0;
}

/* One frame, all of src. b->data has room for *cap bytes. */
static int inflate(struct ocdbt_body *b, size_t cap, const unsigned char *src,
                   size_t n, struct error *err)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer in = { src, n, 0 };
    ZSTD_outBuffer out = { b->data, cap, 0 };
    size_t left = 1;
    int rc = d ? 0 : error_memory(err);

    while (!rc && left != 0) {
        if (out.pos == out.size) {
            b->len = out.pos;
            rc = grow(b, &cap, err);
            out.dst = b->data;
            out.size = cap;
            if (rc)
                break;
        }
        left = ZSTD_decompressStream(d, &out, &in);
        if (ZSTD_isError(left) ||
            (left != 0 && in.pos == n && out.pos < out.size))
            rc = no_zstd(b, err);
    }
    if (!rc && in.pos != n)
        rc = no_zstd(b, err);
    b->len = out.pos;
    ZSTD_freeDCtx(d);
    return rc;
}

/* The n bytes at src, plain or compressed, become b's. */
static int take_body(struct ocdbt_body *b, const unsigned char *src, size_t n,
                     bool compressed, struct error *err)
{
    size_t cap = (size_t)num_min(n + 64, OCDBT_MAX_BODY);

    b->at = 0;
    b->data = malloc(cap);
    if (!b->data)
        return error_memory(err);
    if (compressed)
        return inflate(b, cap, src, n, err);
    if (n > cap)
        return grow(b, &cap, err);
    memcpy(b->data, src, n);
    b->len = n;
    return 0;
}

static int bad_version(const struct ocdbt_body *b, const char *what,
                       uint64_t value, const char *expected, struct error *err)
{
    error_set(err, ERR_FORMAT, "%.200s has an OCDBT %s that is not known",
              b->file, what);
    error_subject(err, "%s", b->file);
    error_expected(err, "%s", expected);
    return error_actual(err, "%" PRIu64, value);
}

int ocdbt_unwrap(const char *file, uint64_t offset, enum ocdbt_magic magic,
                 const unsigned char *raw, size_t len, struct ocdbt_body *out,
                 struct error *err)
{
    struct ocdbt_body head = { .file = file, .offset = offset };
    uint64_t version = 0;
    uint64_t method = 0;
    int rc = check_envelope(file, offset, magic, raw, len, err);

    if (rc)
        return rc;
    /* The two numbers are read where they stand, then the body is taken. */
    head.data = (unsigned char *)(uintptr_t)raw;
    head.len = len - CRC_BYTES;
    head.at = HEAD_BYTES;
    rc = ocdbt_varint(&head, &version, err);
    if (!rc)
        rc = ocdbt_varint(&head, &method, err);
    if (!rc && version != 0)
        rc = bad_version(&head, "version", version, "0", err);
    if (!rc && method > 1)
        rc = bad_version(&head, "compression", method, "0 (none) or 1 (zstd)",
                         err);
    if (rc)
        return rc;
    rc = take_body(&head, raw + head.at, head.len - head.at, method == 1, err);
    if (rc)
        ocdbt_body_done(&head);
    else
        *out = head;
    return rc;
}

void ocdbt_body_done(struct ocdbt_body *b)
{
    free(b->data);
    b->data = NULL;
}

int ocdbt_byte(struct ocdbt_body *b, unsigned *out, struct error *err)
{
    if (b->at == b->len)
        return ocdbt_wrong(b, "more should follow", "1 byte", 0, err);
    *out = b->data[b->at++];
    return 0;
}

int ocdbt_varint(struct ocdbt_body *b, uint64_t *out, struct error *err)
{
    uint64_t value = 0;
    uint64_t part;

    for (unsigned i = 0; i < VARINT_BYTES && b->at < b->len; i++) {
        part = b->data[b->at] & 0x7f;
        if (i + 1 == VARINT_BYTES && part > 1)
            break;
        value |= part << (7 * i);
        if (!(b->data[b->at++] & 0x80)) {
            *out = value;
            return 0;
        }
    }
    ocdbt_damaged(b, "a number should stand", err);
    return error_expected(err, "a varint of at most 64 bits");
}

int ocdbt_skip(struct ocdbt_body *b, uint64_t bytes, struct error *err)
{
    if (bytes > b->len - b->at) {
        ocdbt_damaged(b, "more should follow", err);
        error_expected(err, "%" PRIu64 " bytes", bytes);
        return error_actual(err, "%zu bytes", b->len - b->at);
    }
    b->at += (size_t)bytes;
    return 0;
}

int ocdbt_column(struct ocdbt_body *b, uint64_t count, size_t *column,
                 uint64_t *sum, struct error *err)
{
    uint64_t total = 0;
    uint64_t value = 0;
    int rc = 0;

    *column = b->at;
    for (uint64_t i = 0; i < count && !rc; i++) {
        rc = ocdbt_varint(b, &value, err);
        if (!rc && sum && !num_add(total, value, &total))
            rc = ocdbt_wrong(b, "lengths are too large",
                             "a sum of less than 2^64", value, err);
    }
    if (sum)
        *sum = total;
    return rc;
}

uint64_t ocdbt_next(const struct ocdbt_body *b, size_t *column)
{
    uint64_t value = 0;
    unsigned shift = 0;

    while (b->data[*column] & 0x80) {
        value |= (uint64_t)(b->data[(*column)++] & 0x7f) << shift;
        shift += 7;
    }
    return value | (uint64_t)b->data[(*column)++] << shift;
}

int ocdbt_end(const struct ocdbt_body *b, struct error *err)
{
    if (b->at == b->len)
        return 0;
    ocdbt_damaged(b, "it should end", err);
    error_expected(err, "%zu bytes", b->at);
    return error_actual(err, "%zu bytes", b->len);
}
