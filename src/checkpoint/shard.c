/*
 * Finding chunks in shards.
 *
 * From the outermost shard to the innermost, each index says where the next
 * one lies. Indexes are checked and decoded once and then kept in the scratch
 * of the thread that read them, so there is nothing to lock, and who reads the
 * chunks of a shard one after the other pays for its index once. The cache is a
 * table with one place for each hash, emptied when it has grown too large.
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

/* Reads the n bytes of the index in the shard into f->s->in. */
static int fetch_index(const struct find *f, const struct shard_level *l,
                       const struct extent *shard, size_t n, struct error *err)
{
    uint64_t offset = shard->offset;
    int rc;

    if (shard->len < n) {
        error_set(err, ERR_CHUNK, "is too short to hold its shard index");
        error_expected(err, "at least %zu bytes", n);
        error_actual(err, "%" PRIu64 " bytes", shard->len);
        return error_hint(err, "the file is cut short; copy it again");
    }
    if (!l->index_first)
        offset += shard->len - n;
    rc = buf_resize(&f->s->in, n, err);
    return rc ? rc
              : store_read(f->store, f->object, offset, f->s->in.data, n, err);
}

static int decode_index(const struct find *f, const struct shard_level *l,
                        const unsigned char **pairs, struct error *err)
{
    uint64_t shape[ARRAY_MAX_RANK];
    const struct chain_block block = { DTYPE_U64, f->a->rank + 1, shape,
                                       (size_t)l->count * PAIR_BYTES };
    struct error cause;
    unsigned char *out = NULL;
    int rc;

    for (unsigned i = 0; i < f->a->rank; i++)
        shape[i] = l->shard[l->order[i]] / l->chunk[l->order[i]];
    shape[f->a->rank] = 2;
    rc = chain_decode(&l->index, &block, f->s, f->s->in.data, f->s->in.len,
                      &out, &cause);
    *pairs = out;
    if (!rc)
        return 0;
    error_set(err, (enum error_code)rc, "has a shard index that %.200s",
              cause.text);
    error_expected(err, "%s", cause.expected);
    error_actual(err, "%s", cause.actual);
    return error_hint(err, "%s", cause.hint);
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

static int load_index(const struct find *f, const struct shard_level *l,
                      const struct key *key, const struct extent *shard,
                      bool absent, struct error *err)
{
    const unsigned char *pairs = NULL;
    struct shard_index *index;
    size_t extra = 0;
    int rc = 0;

    if (!absent) {
        chain_is_fixed(&l->index, &extra);
        rc = fetch_index(f, l, shard, (size_t)l->count * PAIR_BYTES + extra,
                         err);
        if (!rc)
            rc = decode_index(f, l, &pairs, err);
    }
    if (rc)
        return rc;
    index = new_index(key, shard, absent, l->count);
    if (!index)
        return error_memory(err);
    /* Decoding has brought them into native order. */
    for (uint64_t i = 0; i < l->count && !absent; i++) {
        memcpy(&index->chunk[i].offset, pairs + PAIR_BYTES * i, 8);
        memcpy(&index->chunk[i].len, pairs + PAIR_BYTES * i + 8, 8);
    }
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

/* Number n of the index, as bytes of the object. */
static int pick_chunk(const struct shard_index *i, uint64_t n,
                      struct extent *out, bool *absent, struct error *err)
{
    struct extent c = i->chunk[n];

    *absent = c.offset == UINT64_MAX && c.len == UINT64_MAX;
    if (*absent)
        return 0;
    if (c.offset > i->shard.len || c.len > i->shard.len - c.offset) {
        error_set(err, ERR_CHUNK, "lies outside of its shard");
        error_expected(err, "bytes 0 to %" PRIu64, i->shard.len);
        error_actual(err, "%" PRIu64 " bytes from %" PRIu64, c.len, c.offset);
        return error_hint(err, "the shard is cut short or its index damaged; "
                               "copy it again");
    }
    *out = (struct extent){ i->shard.offset + c.offset, c.len };
    return 0;
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
            rc = pick_chunk(index, chunk_number(level, a, at), &where, absent,
                            err);
    }
    *out = where;
    return rc;
}
