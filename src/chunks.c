/*
 * Decoded chunks, found by array and index, thrown out by age.
 *
 * What counts is bytes: of chunks that are decoded or about to be, and of the
 * encoded bytes that decoders hold, which are set aside at the start. A decoder
 * leaves its output in the cache instead of copying it, and takes what the
 * cache throws out for its next one.
 *
 * Who needs room waits until a chunk comes back, and holds none meanwhile, so
 * that the waiting ends.
 */
#include "chunks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "checkpoint/scratch.h"

enum {
    BUCKETS = 4096,
    OVERHEAD = 256, /* bytes that a chunk costs beside its own */
};

struct chunks {
    enum array_missing how;
    uint64_t room;
    uint64_t largest;
    unsigned decoders; /* how many may decode at once */
    _Atomic uint64_t missing;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct scratch **idle;
    unsigned idle_count;
    unsigned made;    /* decoders, idle and at work */
    uint64_t charged; /* bytes of all chunks */
    uint64_t ahead;   /* of those that nobody has used */
    uint64_t wakes;   /* counts calls of chunks_wake() */
    bool lent;
    struct chunk *newest, *oldest;
    struct chunk *buckets[BUCKETS];
};

int chunks_new(uint64_t memory, unsigned threads, uint64_t largest,
               enum array_missing how, struct chunks **out, struct error *err)
{
    struct chunks *c = calloc(1, sizeof *c);
    uint64_t fits = memory / 3 / num_max(1, largest);

    if (!c)
        return error_memory(err);
    c->how = how;
    c->largest = largest;
    c->decoders = (unsigned)num_max(1, num_min(threads, fits));
    c->room = memory - num_min(memory, c->decoders * largest);
    c->idle = calloc(c->decoders, sizeof *c->idle);
    if (!c->idle || pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c->idle);
        free(c);
        return error_memory(err);
    }
    if (pthread_cond_init(&c->changed, NULL) != 0) {
        pthread_mutex_destroy(&c->lock);
        free(c->idle);
        free(c);
        return error_memory(err);
    }
    *out = c;
    return 0;
}

uint64_t chunks_room(const struct chunks *c)
{
    return c->room;
}

uint64_t chunks_missing(const struct chunks *c)
{
    return atomic_load(&c->missing);
}

static struct chunk **bucket(struct chunks *c, const struct array *a,
                             uint64_t index)
{
    uint64_t key = ((uintptr_t)a >> 4) * 0x9e3779b97f4a7c15U + index;

    key *= 0xbf58476d1ce4e5b9U;
    return &c->buckets[(key >> 40) % BUCKETS];
}

static struct chunk *find(struct chunks *c, const struct array *a,
                          uint64_t index)
{
    struct chunk *e = *bucket(c, a, index);

    while (e && (e->array != a || e->index != index))
        e = e->next;
    return e;
}

static void leave_ages(struct chunks *c, struct chunk *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void become_newest(struct chunks *c, struct chunk *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void count_as_used(struct chunks *c, struct chunk *e)
{
    if (!e->ahead)
        return;
    e->ahead = false;
    c->ahead -= e->bytes;
    pthread_cond_broadcast(&c->changed);
}

/* Takes it out; its memory is the caller's. */
static unsigned char *discard(struct chunks *c, struct chunk *e)
{
    struct chunk **at = bucket(c, e->array, e->index);
    unsigned char *memory = e->memory;

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    leave_ages(c, e);
    count_as_used(c, e);
    c->charged -= e->bytes;
    free(e);
    return memory;
}

/* The oldest chunk that nobody holds. */
static struct chunk *find_victim(const struct chunks *c)
{
    struct chunk *e = c->oldest;

    while (e && e->refs > 0)
        e = e->newer;
    return e;
}

/*
 * Whether there is room for bytes more, once old chunks are thrown out. *spare
 * may be given the memory of one that was as large.
 */
static bool make_room(struct chunks *c, uint64_t bytes, unsigned char **spare)
{
    struct chunk *e;
    unsigned char *memory;
    uint64_t freed;

    while (c->charged > 0 &&
           (c->charged > c->room || bytes > c->room - c->charged)) {
        e = find_victim(c);
        if (!e)
            return false;
        freed = e->bytes;
        memory = discard(c, e);
        if (*spare || freed != bytes) {
            free(memory);
        } else {
            *spare = memory;
        }
    }
    return true;
}

void chunks_free(struct chunks *c)
{
    if (!c)
        return;
    while (c->oldest)
        free(discard(c, c->oldest));
    for (unsigned i = 0; i < c->idle_count; i++)
        scratch_free(c->idle[i]);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c->idle);
    free(c);
}

static int take_scratch(struct chunks *c, struct scratch **out,
                        struct error *err)
{
    int rc;

    if (c->idle_count > 0) {
        *out = c->idle[--c->idle_count];
        return 0;
    }
    rc = scratch_new(out, err);
    if (!rc)
        c->made++;
    return rc;
}

/* Makes the entry of a chunk that is about to be decoded, and takes it. */
static int add_entry(struct chunks *c, const struct array *a, uint64_t index,
                     bool ahead, struct chunk **out, struct error *err)
{
    struct chunk **at = bucket(c, a, index);
    struct chunk *e = calloc(1, sizeof *e);

    if (!e)
        return error_memory(err);
    e->array = a;
    e->index = index;
    e->bytes = array_chunk_bytes(a) + OVERHEAD;
    e->refs = 1;
    e->ahead = ahead;
    e->next = *at;
    *at = e;
    become_newest(c, e);
    c->charged += e->bytes;
    if (ahead)
        c->ahead += e->bytes;
    *out = e;
    return 0;
}

/* Keeps what was decoded: the decoder's buffer where it lies in one. */
static int keep(struct chunk *e, struct scratch *s, const void *data,
                struct error *err)
{
    size_t len = (size_t)array_chunk_bytes(e->array);
    struct block *b = data == s->out.data     ? &s->out
                      : data == s->order.data ? &s->order
                                              : NULL;

    if (b && b->cap == len) {
        e->memory = b->data;
        *b = (struct block){ NULL, 0 };
    } else {
        e->memory = malloc(len ? len : 1);
        if (!e->memory)
            return error_memory(err);
        memcpy(e->memory, data, len);
    }
    e->data = e->memory;
    return 0;
}

/* Decodes into the entry, without the lock. spare is taken over. */
static int decode(struct chunks *c, struct chunk *e, struct scratch *s,
                  unsigned char *spare, struct error *err)
{
    const void *data = NULL;
    bool missing = false;
    int rc;

    if (spare && !s->out.data)
        s->out = (struct block){ spare, (size_t)array_chunk_bytes(e->array) };
    else
        free(spare);
    rc = array_read_chunk(e->array, e->index, c->how, s, &data, &missing, err);
    if (!rc)
        rc = keep(e, s, data, err);
    if (!rc && missing)
        atomic_fetch_add(&c->missing, 1);
    return rc;
}

/*
 * With the lock held, which it gives up meanwhile: adds the chunk. *wait is set
 * where there is neither a decoder nor room at the moment.
 */
static int load(struct chunks *c, const struct array *a, uint64_t index,
                bool ahead, struct chunk **out, bool *wait, struct error *err)
{
    unsigned char *spare = NULL;
    struct scratch *s = NULL;
    struct chunk *e = NULL;
    int rc;

    *wait = c->lent || (c->idle_count == 0 && c->made == c->decoders) ||
            !make_room(c, array_chunk_bytes(a) + OVERHEAD, &spare);
    if (*wait) {
        free(spare);
        return 0;
    }
    rc = take_scratch(c, &s, err);
    if (!rc)
        rc = add_entry(c, a, index, ahead, &e, err);
    if (e) {
        pthread_mutex_unlock(&c->lock);
        rc = decode(c, e, s, spare, err);
        pthread_mutex_lock(&c->lock);
        e->ready = rc == 0;
        if (rc)
            free(discard(c, e));
    } else {
        free(spare);
    }
    if (s)
        c->idle[c->idle_count++] = s;
    pthread_cond_broadcast(&c->changed);
    if (!rc)
        *out = e;
    return rc;
}

int chunks_get(struct chunks *c, const struct array *a, uint64_t index,
               struct chunk **out, bool *decoded, struct error *err)
{
    struct chunk *e = NULL;
    bool loaded = false;
    bool wait = true;
    int rc = 0;

    pthread_mutex_lock(&c->lock);
    while (!rc && wait) {
        e = find(c, a, index);
        wait = e && !e->ready;
        if (!e) {
            rc = load(c, a, index, false, &e, &wait, err);
            loaded = e != NULL;
        } else if (!wait) {
            e->refs++;
            count_as_used(c, e);
            leave_ages(c, e);
            become_newest(c, e);
        }
        if (!rc && wait)
            pthread_cond_wait(&c->changed, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    if (rc)
        return rc;
    if (decoded)
        *decoded = loaded;
    *out = e;
    return 0;
}

void chunks_put(struct chunks *c, struct chunk *chunk)
{
    pthread_mutex_lock(&c->lock);
    if (--chunk->refs == 0)
        pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

bool chunks_has(struct chunks *c, const struct array *a, uint64_t index)
{
    bool has;

    pthread_mutex_lock(&c->lock);
    has = find(c, a, index) != NULL;
    pthread_mutex_unlock(&c->lock);
    return has;
}

int chunks_ahead(struct chunks *c, const struct array *a, uint64_t index,
                 bool *decoded, bool *full, struct error *err)
{
    uint64_t bytes = array_chunk_bytes(a) + OVERHEAD;
    struct chunk *e = NULL;
    bool wait = true;
    uint64_t wakes;
    int rc = 0;

    *full = *decoded = false;
    pthread_mutex_lock(&c->lock);
    wakes = c->wakes;
    while (!rc && wait && !*full) {
        if (bytes > c->room / 2 || find(c, a, index))
            break;
        wait = c->ahead + bytes > c->room / 2;
        if (!wait)
            rc = load(c, a, index, true, &e, &wait, err);
        *full = wait && c->wakes != wakes;
        if (!rc && wait && !*full)
            pthread_cond_wait(&c->changed, &c->lock);
    }
    if (e) {
        *decoded = true;
        e->refs--;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void chunks_wake(struct chunks *c, bool forget)
{
    pthread_mutex_lock(&c->lock);
    c->wakes++;
    for (struct chunk *e = c->newest; forget && e; e = e->older)
        count_as_used(c, e);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

uint64_t chunks_borrow(struct chunks *c)
{
    struct chunk *e;

    pthread_mutex_lock(&c->lock);
    while (c->lent)
        pthread_cond_wait(&c->changed, &c->lock);
    c->lent = true;
    while (c->charged > 0) {
        e = find_victim(c);
        if (e)
            free(discard(c, e));
        else
            pthread_cond_wait(&c->changed, &c->lock);
    }
    while (c->idle_count > 0) {
        scratch_free(c->idle[--c->idle_count]);
        c->made--;
    }
    pthread_mutex_unlock(&c->lock);
    return c->room + c->decoders * c->largest;
}

void chunks_restore(struct chunks *c)
{
    pthread_mutex_lock(&c->lock);
    c->lent = false;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}
