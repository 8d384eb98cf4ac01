/*
 * Finding chunks in shards.
 *
 * From the outermost shard to the innermost, each index says where the next
 * one lies. Indexes are checked and decoded once and then kept in the scratch
 * of the thread that read them, so there is nothing to lock, and who reads the
 * chunks of a shard one after the other pays for its index once. The cache is a
 * table with one place for each hash, emptied when it has grown too large.
 *
 * Orbax makes shards of a single chunk. Those are read whole, index and all:
 * one request to a store far away, where three would have to wait for each
 * other.
 */
#include "checkpoint/shard.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "checkpoint/scratch.h"

enum {
    PAIR_BYTES = 16,
    CACHE_SLOTS = 1024,
    CACHE_MAX_BYTES = 8 << 20, /* or a single index, if that is larger */
};

/* Which shard: of which array, on which level, which one in the level's grid.
 */
struct key {
    uint64_t array;
    uint64_t level;
    uint64_t number;
};

struct shard_index {
    struct key key;
    bool absent;         /* there is no such object */
    struct extent shard; /* in the object */
    size_t bytes;        /* of this struct, pairs included */
    struct extent chunk[];
};

struct shard_cache {
    size_t bytes;
    struct shard_index *slot[CACHE_SLOTS];
};

/* One look-up. */
struct find {
    const struct array *a;
    struct store *store;
    const char *object;
    struct scratch *s;
};

uint64_t shard_next_id(void)
{
    static _Atomic uint64_t last;

    return atomic_fetch_add(&last, 1) + 1;
}

static void cache_clear(struct shard_cache *c)
{
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        free(c->slot[i]);
    memset(c, 0, sizeof *c);
}

void shard_cache_free(struct shard_cache *c)
{
    if (!c)
        return;
    cache_clear(c);
    free(c);
}

static struct shard_index **cache_slot(struct shard_cache *c,
                                       const struct key *k)
{
    uint64_t hash = k->array * 0x9e3779b97f4a7c15U + k->number;

    hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9U + k->level;
    return &c->slot[(hash ^ hash >> 32) % CACHE_SLOTS];
}

static const struct shard_index *cache_find(struct shard_cache *c,
                                            const struct key *k)
{
    const struct shard_index *i = c ? *cache_slot(c, k) : NULL;

    return i && !memcmp(&i->key, k, sizeof *k) ? i : NULL;
}

/* Takes the index over, also on failure. */
static int cache_put(struct scratch *s, struct shard_index *steal,
                     struct error *err)
{
    struct shard_index **slot;

    if (!s->shards)
        s->shards = calloc(1, sizeof *s->shards);
    if (!s->shards) {
        free(steal);
        return error_memory(err);
    }
    if (s->shards->bytes + steal->bytes > CACHE_MAX_BYTES)
        cache_clear(s->shards);
    slot = cache_slot(s->shards, &steal->key);
    if (*slot)
        s->shards->bytes -= (*slot)->bytes;
    free(*slot);
    *slot = steal;
    s->shards->bytes += steal->bytes;
    return 0;
}

/* The number of the shard with that chunk in its level's grid. */
static uint64_t shard_number(const struct shard_level *l, const struct array *a,
                             const uint64_t *at)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < a->rank; i++)
        number = number * num_ceil_div(a->shape[i], l->shard[i]) +
                 at[i] * a->chunk[i] / l->shard[i];
    return number;
}

/* Which of the shard's chunks it is. */
static uint64_t chunk_number(const struct shard_level *l, const struct array *a,
                             const uint64_t *at)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < a->rank; i++) {
        unsigned dim = l->order[i];
        uint64_t first = at[dim] * a->chunk[dim] % l->shard[dim];

        number =
            number * (l->shard[dim] / l->chunk[dim]) + first / l->chunk[dim];
    }
    return number;
}

/* Bytes of a shard's index as stored. */
static size_t index_bytes(const struct shard_level *l)
{
    size_t extra = 0;

    chain_is_fixed(&l->index, &extra);
    return (size_t)l->count * PAIR_BYTES + extra;
}

/* Where in a shard of len bytes its index begins. */
static int place_index(const struct shard_level *l, uint64_t len,
                       uint64_t *offset, struct error *err)
{
    size_t n = index_bytes(l);

    if (len < n) {
        error_set(err, ERR_CHUNK, "is too short to hold its shard index");
        error_expected(err, "at least %zu bytes", n);
        error_actual(err, "%" PRIu64 " bytes", len);
        return error_hint(err, "the file is cut short; copy it again");
    }
    *offset = l->index_first ? 0 : len - n;
    return 0;
}

/* The pairs of an index, which lies at data, in native byte order. */
static int decode_index(const struct array *a, const struct shard_level *l,
                        struct scratch *s, unsigned char *data,
                        const unsigned char **pairs, struct error *err)
{
    uint64_t shape[ARRAY_MAX_RANK];
    const struct chain_block block = { DTYPE_U64, a->rank + 1, shape,
                                       (size_t)l->count * PAIR_BYTES };
    struct error cause;
    unsigned char *out = NULL;
    int rc;

    for (unsigned i = 0; i < a->rank; i++)
        shape[i] = l->shard[l->order[i]] / l->chunk[l->order[i]];
    shape[a->rank] = 2;
    rc = chain_decode(&l->index, &block, s, data, index_bytes(l), &out, &cause);
    *pairs = out;
    if (!rc)
        return 0;
    error_set(err, (enum error_code)rc, "has a shard index that %.200s",
              cause.text);
    error_expected(err, "%s", cause.expected);
    error_actual(err, "%s", cause.actual);
    return error_hint(err, "%s", cause.hint);
}

static struct extent read_pair(const unsigned char *pairs, uint64_t i)
{
    struct extent e;

    memcpy(&e.offset, pairs + PAIR_BYTES * i, 8);
    memcpy(&e.len, pairs + PAIR_BYTES * i + 8, 8);
    return e;
}

/* An index that says nothing yet; a shard that is absent needs no pairs. */
static struct shard_index *new_index(const struct key *key,
                                     const struct extent *shard, bool absent,
                                     uint64_t count)
{
    size_t bytes = sizeof(struct shard_index) +
                   (absent ? 0 : (size_t)count * sizeof(struct extent));
    struct shard_index *i = malloc(bytes);

    if (!i)
        return NULL;
    i->key = *key;
    i->absent = absent;
    i->shard = *shard;
    i->bytes = bytes;
    return i;
}

/* Reads the index of the shard and decodes it. */
static int fetch_index(const struct find *f, const struct shard_level *l,
                       const struct extent *shard, const unsigned char **pairs,
                       struct error *err)
{
    struct buf *in = &f->s->in;
    uint64_t offset = 0;
    int rc = place_index(l, shard->len, &offset, err);

    if (!rc)
        rc = buf_resize(in, index_bytes(l), err);
    if (!rc)
        rc = store_read(f->store, f->object, shard->offset + offset, in->data,
                        in->len, err);
    return rc ? rc : decode_index(f->a, l, f->s, in->data, pairs, err);
}

static int load_index(const struct find *f, const struct shard_level *l,
                      const struct key *key, const struct extent *shard,
                      bool absent, struct error *err)
{
    const unsigned char *pairs = NULL;
    struct shard_index *index;
    int rc = absent ? 0 : fetch_index(f, l, shard, &pairs, err);

    if (rc)
        return rc;
    index = new_index(key, shard, absent, l->count);
    if (!index)
        return error_memory(err);
    for (uint64_t i = 0; i < l->count && !absent; i++)
        index->chunk[i] = read_pair(pairs, i);
    return cache_put(f->s, index, err);
}

/* Where the object's own shard ends: only level 0 has to ask. */
static int whole_object(const struct find *f, struct extent *shard,
                        bool *absent, struct error *err)
{
    int rc = store_size(f->store, f->object, &shard->len, err);

    *absent = rc == ERR_NOT_FOUND;
    return *absent ? 0 : rc;
}

/* The index of the shard on that level, remembered or read. */
static int get_index(const struct find *f, const struct shard_level *l,
                     const struct key *key, struct extent *shard,
                     const struct shard_index **out, struct error *err)
{
    bool absent = false;
    int rc = 0;

    *out = cache_find(f->s->shards, key);
    if (*out)
        return 0;
    if (key->level == 0)
        rc = whole_object(f, shard, &absent, err);
    if (!rc)
        rc = load_index(f, l, key, shard, absent, err);
    if (!rc)
        *out = cache_find(f->s->shards, key);
    return rc;
}

/* An entry of a shard's index, as bytes of the object. */
static int pick_chunk(const struct extent *shard, struct extent c,
                      struct extent *out, bool *absent, struct error *err)
{
    *absent = c.offset == UINT64_MAX && c.len == UINT64_MAX;
    if (*absent)
        return 0;
    if (c.offset > shard->len || c.len > shard->len - c.offset) {
        error_set(err, ERR_CHUNK, "lies outside of its shard");
        error_expected(err, "bytes 0 to %" PRIu64, shard->len);
        error_actual(err, "%" PRIu64 " bytes from %" PRIu64, c.len, c.offset);
        return error_hint(err, "the shard is cut short or its index damaged; "
                               "copy it again");
    }
    *out = (struct extent){ shard->offset + c.offset, c.len };
    return 0;
}

bool shard_is_single(const struct shards *sh)
{
    return sh->levels == 1 && sh->level[0].count == 1;
}

int shard_find_single(const struct shards *sh, const struct array *a,
                      struct scratch *s, struct extent *out, bool *absent,
                      struct error *err)
{
    const struct extent shard = { 0, s->in.len };
    const unsigned char *pairs = NULL;
    uint64_t offset = 0;
    int rc = place_index(&sh->level[0], shard.len, &offset, err);

    if (!rc)
        rc =
            decode_index(a, &sh->level[0], s, s->in.data + offset, &pairs, err);
    return rc ? rc : pick_chunk(&shard, read_pair(pairs, 0), out, absent, err);
}

int shard_find(const struct shards *sh, const struct array *a,
               struct store *store, const char *object, const uint64_t *at,
               struct scratch *s, struct extent *out, bool *absent,
               struct error *err)
{
    const struct find f = { a, store, object, s };
    const struct shard_index *index = NULL;
    struct extent where = { 0, 0 };
    int rc = 0;

    *absent = false;
    for (unsigned l = 0; l < sh->levels && !rc && !*absent; l++) {
        const struct shard_level *level = &sh->level[l];
        const struct key key = { sh->id, l, shard_number(level, a, at) };

        rc = get_index(&f, level, &key, &where, &index, err);
        if (rc)
            return rc;
        *absent = index->absent;
        if (!*absent)
            rc = pick_chunk(&index->shard,
                            index->chunk[chunk_number(level, a, at)], &where,
                            absent, err);
    }
    *out = where;
    return rc;
}
