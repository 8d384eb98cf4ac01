/*
 * Zarr 3 arrays of one dimension in a store in memory. All of this asserts.
 */
#ifndef SWITCHYARD_TESTS_ZARR3_FIXTURE_H
#define SWITCHYARD_TESTS_ZARR3_FIXTURE_H

#include "base/json.h"
#include "checkpoint/zarr.h"
#include "unit.h"

static const char good_meta[] =
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[4],"
    "\"data_type\":\"float32\",\"chunk_grid\":{\"name\":\"regular\","
    "\"configuration\":{\"chunk_shape\":[2]}},\"chunk_key_encoding\":{\"name\":"
    "\"default\"},\"fill_value\":1.5,\"codecs\":[{\"name\":\"bytes\","
    "\"configuration\":{\"endian\":\"little\"}}]}";

#define BYTES "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define SHARDS(chunk, more)                                                     \
    "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":" chunk \
    ",\"codecs\":[" BYTES "],\"index_codecs\":[" BYTES more "]}}]"

static inline struct store *new_store(const char *meta)
{
    struct store *s = NULL;
    struct error err;

    ck_ok(store_memory_new(&s, &err), &err);
    if (meta)
        ck_ok(store_memory_put(s, "dir/zarr.json", meta, strlen(meta), &err),
              &err);
    return s;
}

static inline void put(struct store *s, const char *name, const void *data,
                       size_t len)
{
    struct error err;

    ck_ok(store_memory_put(s, name, data, len, &err), &err);
}

static inline struct array *open_array(struct store *s, const char *folder)
{
    struct array *a = NULL;
    struct error err;

    ck_ok(zarr_open(s, folder, folder, &a, &err), &err);
    return a;
}

static inline struct scratch *new_scratch(void)
{
    struct scratch *s = NULL;
    struct error err;

    ck_ok(scratch_new(&s, &err), &err);
    return s;
}

/* good_meta with another value for a member; the caller frees it. */
static inline char *meta_with(const char *member, const char *value)
{
    json_t *meta = json_loads(good_meta, 0, NULL);
    char *text;

    ck_assert_ptr_nonnull(meta);
    if (value)
        ck_assert_int_eq(
            json_object_set_new(meta, member,
                                json_loads(value, JSON_DECODE_ANY, NULL)),
            0);
    else
        json_object_del(meta, member);
    text = json_dumps(meta, 0);
    json_decref(meta);
    return text;
}

static inline struct store *store_with(const char *member, const char *value)
{
    char *text = meta_with(member, value);
    struct store *s = new_store(text);

    free(text);
    return s;
}

#endif
