/*
 * Zarr 3 arrays, read chunk by chunk.
 *
 * Without shards an object is a chunk. With shards, the grid that is shown is
 * that of the innermost chunks, and reading one is two steps: find its bytes in
 * the shard (shard.c), and decode them (chain.c). Since chunks fill shards
 * without a rest, the grid of the innermost chunks is one grid over the whole
 * array.
 */
#include "checkpoint/zarr3.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "checkpoint/zarr3_meta.h"
#include "checkpoint/zarr_impl.h"

enum { WHERE_MAX = ZARR_KEY_MAX + 200 };

struct zarr3_array {
    struct array base;
    struct store *store;
    char *folder;
    bool prefixed;
    char separator;
    uint64_t object[ARRAY_MAX_RANK]; /* the shape of what an object holds */
    unsigned char fill[FILL_MAX_BYTES];
    struct chain codecs;
    struct shards shards;
    struct shard_level level[];
};

/* One chunk on its way. */
struct reading {
    const struct zarr3_array *a;
    uint64_t at[ARRAY_MAX_RANK]; /* in the grid of chunks */
    char key[ZARR_KEY_MAX + 1];
    char object[STORE_NAME_MAX + 1];
};

/* "c/0/3", "c" for a scalar; "0.3" and "0" in the style of zarr 2. */
static int locate(const struct zarr3_array *a, uint64_t index,
                  struct reading *r, struct error *err)
{
    uint64_t at[ARRAY_MAX_RANK];

    r->a = a;
    array_locate(&a->base, index, r->at);
    for (unsigned i = 0; i < a->base.rank; i++)
        at[i] = r->at[i] * a->base.chunk[i] / a->object[i];
    r->key[0] = 'c';
    zarr_key(r->key, a->prefixed ? 1 : 0, a->separator, a->base.rank, at);
    if (!a->prefixed && a->base.rank == 0)
        memcpy(r->key, "0", 2);
    return zarr_join(r->object, a->folder, r->key, a->base.name, err);
}

/* Reads the chunk's bytes in a shard into s->in. */
static int fetch_part(const struct reading *r, struct scratch *s, bool *absent,
                      struct error *err)
{
    const struct zarr3_array *a = r->a;
    struct extent where;
    int rc = shard_find(&a->shards, &a->base, a->store, r->object, r->at, s,
                        &where, absent, err);

    if (!rc && !*absent)
        rc = zarr_check_size(&a->base, where.len, err);
    if (!rc && !*absent)
        rc = buf_resize(&s->in, (size_t)where.len, err);
    if (!rc && !*absent)
        rc = store_read(a->store, r->object, where.offset, s->in.data,
                        (size_t)where.len, err);
    return rc;
}

/* The same where the object is a shard of nothing else: it is read whole. */
static int fetch_single(const struct reading *r, struct scratch *s,
                        bool *absent, struct error *err)
{
    const struct zarr3_array *a = r->a;
    struct extent where = { 0, 0 };
    int rc = zarr_fetch(&a->base, a->store, r->object, s, absent, err);

    if (!rc && !*absent)
        rc = shard_find_single(&a->shards, &a->base, s, &where, absent, err);
    if (rc || *absent)
        return rc;
    /* To the buffer's beginning, where it is aligned for all elements. */
    memmove(s->in.data, s->in.data + where.offset, (size_t)where.len);
    s->in.len = (size_t)where.len;
    return 0;
}

static int decode(const struct zarr3_array *a, struct scratch *s,
                  const void **data, struct error *err)
{
    const struct chain_block b = { a->base.dtype, a->base.rank, a->base.chunk,
                                   (size_t)array_chunk_bytes(&a->base) };
    unsigned char *out = NULL;
    int rc = chain_decode(&a->codecs, &b, s, s->in.data, s->in.len, &out, err);

    if (!rc)
        *data = out;
    return rc;
}

/* "c/0/3", and with shards the place of the chunk in the array. */
static int failed(const struct reading *r, int rc, struct error *err)
{
    const struct array *a = &r->a->base;
    char where[WHERE_MAX];
    size_t len = (size_t)snprintf(where, sizeof where, "%s", r->key);

    for (unsigned i = 0; i < a->rank && r->a->shards.levels && len + 40 < 160;
         i++)
        len +=
            (size_t)snprintf(where + len, sizeof where - len, "%s%" PRIu64 "%s",
                             i ? ", " : " at [", r->at[i] * a->chunk[i],
                             i + 1 == a->rank ? "]" : "");
    return zarr_chunk_failed(a, where, rc, err);
}

static int zarr3_read_chunk(const struct array *base, uint64_t index,
                            enum array_missing how, struct scratch *s,
                            const void **data, bool *missing, struct error *err)
{
    const struct zarr3_array *a = (const struct zarr3_array *)base;
    struct reading r;
    bool absent = false;
    int rc = locate(a, index, &r, err);

    if (rc)
        return rc;
    if (shard_is_single(&a->shards))
        rc = fetch_single(&r, s, &absent, err);
    else if (a->shards.levels > 0)
        rc = fetch_part(&r, s, &absent, err);
    else
        rc = zarr_fetch(base, a->store, r.object, s, &absent, err);
    if (!rc && !absent)
        rc = decode(a, s, data, err);
    if (rc)
        return failed(&r, rc, err);
    *missing = absent;
    return absent ? zarr_absent(base, r.object, how, a->fill, s, data, err) : 0;
}

/* Where a chunk lies in a shard is known only when its index was read. */
static bool zarr3_soon(const struct array *base, uint64_t index)
{
    const struct zarr3_array *a = (const struct zarr3_array *)base;
    struct reading r;

    return (a->shards.levels > 0 && !shard_is_single(&a->shards)) ||
           locate(a, index, &r, NULL) ||
           store_soon(a->store, STORE_SOON_GET, r.object, 0,
                      array_chunk_bytes(base));
}

static void zarr3_free(struct array *base)
{
    struct zarr3_array *a = (struct zarr3_array *)base;

    free(a->folder);
    free(a);
}

static const struct array_ops zarr3_ops = {
    .read_chunk = zarr3_read_chunk,
    .soon = zarr3_soon,
    .free = zarr3_free,
};

static void take_meta(struct zarr3_array *a, const struct zarr3_meta *m)
{
    a->base.ops = &zarr3_ops;
    a->base.codec = chain_name(&m->codecs);
    a->base.dtype = m->dtype;
    a->base.rank = m->rank;
    memcpy(a->base.shape, m->shape, sizeof a->base.shape);
    memcpy(a->base.chunk, m->chunk, sizeof a->base.chunk);
    a->base.fill_is_number = true;
    a->prefixed = m->prefixed;
    a->separator = m->separator;
    memcpy(a->object, m->object, sizeof a->object);
    memcpy(a->fill, m->fill, sizeof a->fill);
    a->codecs = m->codecs;
    a->shards = (struct shards){ shard_next_id(), m->levels, a->level };
    memcpy(a->level, m->level, m->levels * sizeof m->level[0]);
}

static int make(struct store *store, const char *folder, const char *name,
                const struct zarr3_meta *m, struct array **out,
                struct error *err)
{
    struct zarr3_array *a =
        calloc(1, sizeof *a + m->levels * sizeof a->level[0]);
    int rc;

    if (!a)
        return error_memory(err);
    take_meta(a, m);
    a->store = store;
    a->base.name = strdup(name);
    a->folder = strdup(folder);
    if (!a->base.name || !a->folder)
        rc = error_memory(err);
    else
        rc = array_check(&a->base, err);
    if (rc) {
        array_free(&a->base);
        return rc;
    }
    *out = &a->base;
    return 0;
}

int zarr3_open(struct store *store, const char *folder, const char *name,
               struct array **out, bool *absent, struct error *err)
{
    struct zarr3_meta *m = malloc(sizeof *m);
    json_t *json = NULL;
    int rc;

    *absent = false;
    if (!m)
        return error_memory(err);
    rc = zarr_load(store, folder, "zarr.json", name, &json, err);
    *absent = rc == ERR_NOT_FOUND;
    if (*absent) {
        error_set(err, ERR_METADATA,
                  "array %.200s: there is no zarr.json in %.200s", name,
                  *folder ? folder : store->label);
        rc = error_subject(err, "%s", name);
    }
    if (!rc)
        rc = zarr3_parse(json, name, m, err);
    if (!rc)
        rc = make(store, folder, name, m, out, err);
    json_decref(json);
    free(m);
    return rc;
}
