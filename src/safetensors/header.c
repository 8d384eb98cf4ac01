/*
 * Writing safetensors: the order of tensors, and the header.
 *
 * Order and spelling follow the reference implementation (safetensors'
 * tensor.rs: dtype descending in the order of its enum, then name; serde_json's
 * compact text; spaces up to a multiple of 8), so that a file made here is the
 * file it would have made.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "safetensors/safetensors.h"

static int compare_entries(const void *a, const void *b)
{
    const struct safetensors_entry *x = a;
    const struct safetensors_entry *y = b;
    int rank_x = dtype_info(x->dtype)->rank;
    int rank_y = dtype_info(y->dtype)->rank;

    return rank_x != rank_y ? rank_y - rank_x : strcmp(x->name, y->name);
}

int safetensors_layout(struct safetensors_entry *entries, size_t n,
                       uint64_t *data_bytes, struct error *err)
{
    uint64_t offset = 0;

    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && !strcmp(entries[i - 1].name, entries[i].name)) {
            error_set(err, ERR_TENSORS, "two tensors are named %.200s",
                      entries[i].name);
            return error_subject(err, "%s", entries[i].name);
        }
        entries[i].offset = offset;
        if (!num_add(offset, entries[i].bytes, &offset)) {
            error_set(err, ERR_LIMIT, "a file of 2^64 bytes or more");
            return error_subject(err, "%s", entries[i].name);
        }
    }
    *data_bytes = offset;
    return 0;
}

static void write_entry(struct json_writer *w,
                        const struct safetensors_entry *e)
{
    const uint64_t span[2] = { e->offset, e->offset + e->bytes };

    json_key(w, e->name);
    json_open(w, '{');
    json_key_str(w, "dtype", dtype_info(e->dtype)->safetensors);
    json_key_dims(w, "shape", e->shape, e->rank);
    json_key_dims(w, "data_offsets", span, 2);
    json_close(w, '}');
}

int safetensors_write_header(const struct safetensors_entry *entries, size_t n,
                             struct buf *out, struct error *err)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);
    size_t start = out->len;
    uint64_t length;
    unsigned char prefix[8] = { 0 };

    buf_append(out, prefix, sizeof prefix);
    json_open(&w, '{');
    json_key(&w, "__metadata__");
    json_open(&w, '{');
    json_key_str(&w, "format", "pt");
    json_close(&w, '}');
    for (size_t i = 0; i < n; i++)
        write_entry(&w, &entries[i]);
    json_close(&w, '}');
    while ((out->len - start) % 8)
        buf_putc(out, ' ');
    if (buf_status(out, err))
        return (int)out->failed;
    length = out->len - start - sizeof prefix;
    if (length > SAFETENSORS_MAX_HEADER) {
        error_set(err, ERR_LIMIT,
                  "a safetensors header of %zu tensors is %llu "
                  "bytes long",
                  n, (unsigned long long)length);
        error_expected(err, "at most %d bytes", SAFETENSORS_MAX_HEADER);
        return error_hint(err, "choose a smaller shard size");
    }
    for (unsigned i = 0; i < sizeof prefix; i++)
        out->data[start + i] = (unsigned char)(length >> (8 * i));
    return 0;
}
