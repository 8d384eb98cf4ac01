/*
 * Reading the fixtures of checkpoints, and comparing arrays with them.
 */
#include "records.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "unit.h"

enum { FIXTURE_MAX = 4 << 20 };

static void read_file(struct buf *b, const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[512];
    char part[4096];
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/tests/fixtures/checkpoint/%s.rec",
             srcdir ? srcdir : ".", name);
    f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s is not there", path);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_append(b, part, n);
    fclose(f);
    ck_assert_int_eq(buf_status(b, NULL), 0);
}

static size_t parse_record(const unsigned char *data, size_t left,
                           struct record *out)
{
    const unsigned char *tab = memchr(data, '\t', left);
    char *end;
    size_t head;

    ck_assert_ptr_nonnull(tab);
    out->name = strndup((const char *)data, (size_t)(tab - data));
    out->len = (size_t)strtoull((const char *)tab + 1, &end, 10);
    ck_assert_int_eq(*end, '\n');
    out->data = (const unsigned char *)end + 1;
    head = (size_t)(out->data - data);
    ck_assert_uint_le(out->len, left - head);
    return head + out->len;
}

void records_load(struct records *r, const char *name)
{
    *r = (struct records){ .file = BUF_INIT(FIXTURE_MAX) };
    read_file(&r->file, name);
    for (size_t at = 0; at < r->file.len; r->count++) {
        r->items = reallocarray(r->items, r->count + 1, sizeof r->items[0]);
        ck_assert_ptr_nonnull(r->items);
        at += parse_record(r->file.data + at, r->file.len - at,
                           &r->items[r->count]);
    }
    ck_assert_uint_gt(r->count, 0);
}

void records_done(struct records *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->items[i].name);
    free(r->items);
    buf_done(&r->file);
}

const struct record *records_find(const struct records *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (!strcmp(r->items[i].name, name))
            return &r->items[i];
    ck_abort_msg("there is no record %s", name);
}

struct store *records_store(const struct records *r, const char *folder)
{
    size_t skip = *folder ? strlen(folder) + 1 : 0;
    struct store *s = NULL;
    struct error err;

    ck_ok(store_memory_new(&s, &err), &err);
    for (size_t i = 0; i < r->count; i++) {
        const struct record *rec = &r->items[i];

        if (!strncmp(rec->name, "expect/", 7) ||
            strncmp(rec->name, folder, skip ? skip - 1 : 0) != 0 ||
            (skip && rec->name[skip - 1] != '/'))
            continue;
        ck_ok(store_memory_put(s, rec->name + skip, rec->data, rec->len, &err),
              &err);
    }
    return s;
}

/* Copies the elements of chunk index that lie inside the array into whole. */
static void place_chunk(const struct array *a, uint64_t index,
                        const unsigned char *chunk, unsigned char *whole)
{
    size_t size = dtype_info(a->dtype)->size;
    uint64_t elements = array_chunk_bytes(a) / size;
    uint64_t first[ARRAY_MAX_RANK];
    uint64_t rest, at, place, stride;
    bool inside;

    for (unsigned i = a->rank; i-- > 0; index /= array_grid(a, i))
        first[i] = index % array_grid(a, i) * a->chunk[i];
    for (uint64_t e = 0; e < elements; e++) {
        rest = e;
        place = 0;
        stride = 1;
        inside = true;
        for (unsigned i = a->rank; i-- > 0; rest /= a->chunk[i]) {
            at = first[i] + rest % a->chunk[i];
            inside = inside && at < a->shape[i];
            place += at * stride;
            stride *= a->shape[i];
        }
        if (inside)
            memcpy(whole + place * size, chunk + e * size, size);
    }
}

static unsigned char *read_whole(const struct array *a)
{
    unsigned char *whole = calloc(1, array_bytes(a) + 1);
    struct scratch *s = NULL;
    const void *data = NULL;
    struct error err;

    ck_assert_ptr_nonnull(whole);
    ck_ok(scratch_new(&s, &err), &err);
    for (uint64_t i = 0; i < array_chunks(a); i++) {
        ck_ok(array_read_chunk(a, i, ARRAY_MISSING_ERROR, s, &data, NULL, &err),
              &err);
        place_chunk(a, i, data, whole);
    }
    scratch_free(s);
    return whole;
}

void records_compare(const struct record *expect, const struct array *a)
{
    const char *bar = strchr(expect->name, '|');
    unsigned char *whole;
    struct buf facts = BUF_INIT(1000);

    buf_puts(&facts, dtype_info(a->dtype)->name);
    buf_putc(&facts, '|');
    for (unsigned i = 0; i < a->rank; i++)
        buf_printf(&facts, "%s%" PRIu64, i ? "," : "", a->shape[i]);
    ck_assert_ptr_nonnull(bar);
    ck_assert_msg(!strcmp(buf_str(&facts), bar + 1), "%s reads as %s",
                  expect->name, buf_str(&facts));
    ck_assert_uint_eq(array_bytes(a), expect->len);
    whole = read_whole(a);
    ck_assert_msg(!memcmp(whole, expect->data, expect->len),
                  "%s has other elements", expect->name);
    free(whole);
    buf_done(&facts);
}

static void put_be(struct buf *b, int head, uint64_t value, unsigned bytes)
{
    buf_putc(b, head);
    for (unsigned i = bytes; i-- > 0;)
        buf_putc(b, (int)(value >> 8 * i & 0xff));
}

static void pack_value(struct buf *b, json_t *value)
{
    json_t *member;
    const char *key;
    double real = json_real_value(value);
    uint64_t bits;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_be(b, 0xdf, json_object_size(value), 4);
        json_object_foreach (value, key, member) {
            put_be(b, 0xd9, strlen(key), 1);
            buf_puts(b, key);
            pack_value(b, member);
        }
        break;
    case JSON_ARRAY:
        put_be(b, 0xdd, json_array_size(value), 4);
        for (size_t i = 0; i < json_array_size(value); i++)
            pack_value(b, json_array_get(value, i));
        break;
    case JSON_STRING:
        put_be(b, 0xda, json_string_length(value), 2);
        buf_puts(b, json_string_value(value));
        break;
    case JSON_INTEGER:
        put_be(b, 0xd3, (uint64_t)json_integer_value(value), 8);
        break;
    case JSON_REAL:
        memcpy(&bits, &real, sizeof bits);
        put_be(b, 0xcb, bits, 8);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        buf_putc(b, json_is_null(value) ? 0xc0 : 0xc2 + json_is_true(value));
        break;
    }
}

void records_pack(struct buf *b, const char *json)
{
    json_t *value = NULL;
    struct error err;

    ck_ok(json_read(json, strlen(json), "test", ERR_USAGE, &value, &err), &err);
    pack_value(b, value);
    json_decref(value);
    ck_assert_int_eq(buf_status(b, NULL), 0);
}
