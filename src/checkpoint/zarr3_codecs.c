/*
 * The codecs of zarr.json.
 *
 * sharding_indexed has a list of codecs inside, which may hold another one. The
 * lists are taken one after the other, with the order of dimensions that has
 * come about so far. Codecs behind sharding_indexed would make an object one
 * lump that cannot be read in parts; tensorstore refuses those too. The
 * parameters of compressors mean nothing to a reader.
 */
#include <string.h>

#include "base/num.h"
#include "checkpoint/zarr3_meta.h"
#include "checkpoint/zarr3_named.h"
#include "checkpoint/zarr_impl.h"

/* One list of codecs while it is read. */
struct list {
    const char *array; /* the array's name */
    enum dtype dtype;
    unsigned rank;
    struct chain chain;
    bool has_bytes;        /* the codec that makes bytes was there */
    const json_t *sharded; /* its configuration, if that is sharding_indexed */
};

static int refuse(const char *array, const char *what, struct error *err)
{
    return zarr_refuse(array, ERR_METADATA, what, err);
}

/* The permutation that an order names: a list, or "C" or "F" of old drafts. */
static bool parse_order(const json_t *json, unsigned rank,
                        unsigned char order[static ARRAY_MAX_RANK])
{
    const char *word = json_string_value(json);
    bool seen[ARRAY_MAX_RANK] = { false };
    const json_t *dim;
    json_int_t to;

    if (word && (!strcmp(word, "C") || !strcmp(word, "F"))) {
        for (unsigned i = 0; i < rank; i++)
            order[i] = (unsigned char)(*word == 'C' ? i : rank - 1 - i);
        return true;
    }
    if (!json_is_array(json) || json_array_size(json) != rank)
        return false;
    for (unsigned i = 0; i < rank; i++) {
        dim = json_array_get(json, i);
        to = json_integer_value(dim);
        if (!json_is_integer(dim) || to < 0 || to >= rank || seen[to])
            return false;
        seen[to] = true;
        order[i] = (unsigned char)to;
    }
    return true;
}

static int add_transpose(struct list *l, const json_t *config,
                         struct error *err)
{
    static const char *const members[] = { "order", "" };
    unsigned char order[ARRAY_MAX_RANK];
    unsigned char before[ARRAY_MAX_RANK];
    int rc =
        zarr3_members(l->array, "parameter of transpose", config, members, err);

    if (rc)
        return rc;
    if (!parse_order(json_object_get(config, "order"), l->rank, order)) {
        refuse(l->array, "a transpose without a valid order", err);
        return error_expected(err, "each of 0 to %u once", l->rank - 1);
    }
    memcpy(before, l->chain.order, sizeof before);
    for (unsigned i = 0; i < l->rank; i++)
        l->chain.order[i] = before[order[i]];
    return 0;
}

static int add_bytes(struct list *l, const json_t *config, struct error *err)
{
    static const char *const members[] = { "endian", "" };
    const char *endian = json_string_value(json_object_get(config, "endian"));
    bool single = dtype_info(l->dtype)->size == 1;
    int rc =
        zarr3_members(l->array, "parameter of bytes", config, members, err);

    if (rc)
        return rc;
    l->has_bytes = true;
    l->chain.big = endian && !strcmp(endian, "big");
    if (l->chain.big || (endian && !strcmp(endian, "little")) ||
        (!json_object_get(config, "endian") && single))
        return 0;
    refuse(l->array, "a codec bytes without a valid endian", err);
    return error_expected(err, "\"little\" or \"big\"");
}

static int add_sharding(struct list *l, const json_t *config, struct error *err)
{
    static const char *const members[] = { "chunk_shape", "codecs",
                                           "index_codecs", "index_location",
                                           "" };

    l->has_bytes = true;
    l->sharded = config;
    if (!config)
        return refuse(l->array, "a sharding_indexed without configuration",
                      err);
    return zarr3_members(l->array, "parameter of sharding_indexed", config,
                         members, err);
}

static int add_stage(struct list *l, const char *name, struct error *err)
{
    const struct codec *codec = chain_codec(name);

    if (!codec)
        return zarr3_unknown(l->array, "codec", name, chain_codec_names(), err);
    if (!l->has_bytes)
        return refuse(l->array, "a codec of bytes before there are any", err);
    if (l->sharded)
        return zarr_refuse(l->array, ERR_FORMAT,
                           "a codec behind sharding_indexed, so that no part "
                           "of a shard can be read",
                           err);
    if (l->chain.stages == CHAIN_MAX_STAGES)
        return zarr_refuse(l->array, ERR_FORMAT, "too many codecs", err);
    l->chain.stage[l->chain.stages++] = codec;
    return 0;
}

/* The codecs that begin with elements; others take and give bytes. */
static const struct {
    const char *name;
    int (*add)(struct list *l, const json_t *config, struct error *err);
} element_codecs[] = {
    { "transpose", add_transpose },
    { "bytes", add_bytes },
    { "sharding_indexed", add_sharding },
};

static int add_codec(struct list *l, const json_t *json, struct error *err)
{
    struct zarr3_named n;
    int rc = zarr3_named_read(json, l->array, "codec", &n, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof element_codecs / sizeof *element_codecs;
         i++) {
        if (strcmp(element_codecs[i].name, n.name) != 0)
            continue;
        return l->has_bytes
                   ? refuse(l->array, "a codec of elements behind bytes", err)
                   : element_codecs[i].add(l, n.config, err);
    }
    return add_stage(l, n.name, err);
}

/* l comes with the order of dimensions that the list starts from. */
static int read_list(const json_t *json, struct list *l, struct error *err)
{
    size_t n = json_array_size(json);
    int rc = 0;

    if (n == 0)
        return refuse(l->array, "no list of codecs", err);
    for (size_t i = 0; i < n && !rc; i++)
        rc = add_codec(l, json_array_get(json, i), err);
    if (!rc && !l->has_bytes)
        rc = refuse(l->array, "no codec that makes bytes of elements", err);
    return rc;
}

static void plain_order(struct chain *c)
{
    for (unsigned i = 0; i < ARRAY_MAX_RANK; i++)
        c->order[i] = (unsigned char)i;
}

static int read_index_codecs(const json_t *json, const struct list *outer,
                             struct chain *out, struct error *err)
{
    struct list l = { .array = outer->array,
                      .dtype = DTYPE_U64,
                      .rank = outer->rank + 1 };
    size_t extra;
    int rc;

    plain_order(&l.chain);
    rc = read_list(json_object_get(json, "index_codecs"), &l, err);
    if (rc)
        return rc;
    *out = l.chain;
    if (!l.sharded && chain_is_fixed(&l.chain, &extra))
        return 0;
    zarr_refuse(outer->array, ERR_METADATA,
                "index_codecs that give no fixed size", err);
    return error_expected(err, "bytes, and perhaps crc32c");
}

static int read_location(const json_t *json, const char *array, bool *first,
                         struct error *err)
{
    const json_t *member = json_object_get(json, "index_location");
    const char *text = member ? json_string_value(member) : "end";

    *first = text && !strcmp(text, "start");
    if (*first || (text && !strcmp(text, "end")))
        return 0;
    refuse(array, "no valid index_location", err);
    return error_expected(err, "\"start\" or \"end\"");
}

/* The shape of a shard's chunks, which is stated in the order that it has. */
static int read_inner_shape(const struct list *l, struct shard_level *s,
                            struct error *err)
{
    uint64_t stated[ARRAY_MAX_RANK];
    unsigned rank = 0;
    int rc = zarr_dims(json_object_get(l->sharded, "chunk_shape"), l->array,
                       "chunk_shape of shards", stated, &rank, err);

    if (rc)
        return rc;
    if (rank != l->rank)
        return refuse(l->array, "shards of another rank than its shape", err);
    s->count = 1;
    for (unsigned i = 0; i < rank; i++) {
        unsigned dim = s->order[i];

        if (stated[i] == 0 || s->shard[dim] % stated[i] != 0)
            return refuse(l->array, "shards that their chunks do not fill",
                          err);
        s->chunk[dim] = stated[i];
        if (!num_mul(s->count, s->shard[dim] / stated[i], &s->count) ||
            s->count > SHARD_MAX_CHUNKS) {
            zarr_refuse(l->array, ERR_LIMIT, "shards of too many chunks", err);
            return error_expected(err, "at most %d", SHARD_MAX_CHUNKS);
        }
    }
    return 0;
}

static int add_level(struct zarr3_meta *m, const struct list *l,
                     struct error *err)
{
    struct shard_level *s = &m->level[m->levels];
    int rc;

    if (m->levels == SHARD_MAX_LEVELS || m->rank > SHARD_MAX_RANK)
        return zarr_refuse(l->array, ERR_FORMAT,
                           "shards that are nested too deeply or have too "
                           "many dimensions",
                           err);
    memcpy(s->shard, m->chunk, sizeof s->shard);
    memcpy(s->order, l->chain.order, sizeof s->order);
    rc = read_inner_shape(l, s, err);
    if (!rc)
        rc = read_index_codecs(l->sharded, l, &s->index, err);
    if (!rc)
        rc = read_location(l->sharded, l->array, &s->index_first, err);
    if (rc)
        return rc;
    memcpy(m->chunk, s->chunk, sizeof m->chunk);
    m->levels++;
    return 0;
}

int zarr3_read_codecs(const json_t *json, const char *array,
                      struct zarr3_meta *m, struct error *err)
{
    struct list l = { .sharded = json };
    int rc = 0;

    memcpy(m->chunk, m->object, sizeof m->chunk);
    plain_order(&m->codecs);
    while (!rc && l.sharded) {
        const json_t *codecs = json_object_get(l.sharded, "codecs");

        l = (struct list){ .array = array,
                           .dtype = m->dtype,
                           .rank = m->rank,
                           .chain = m->codecs };
        rc = read_list(codecs, &l, err);
        if (!rc && l.sharded)
            rc = add_level(m, &l, err);
        m->codecs = l.chain;
    }
    return rc;
}
