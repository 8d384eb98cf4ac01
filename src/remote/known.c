/*
 * A hash table of objects.
 *
 * Nothing is ever forgotten, since an object that was seen must stay as it was;
 * only bytes are: each object keeps one run of them, and all runs together have
 * a limit, beyond which new ones are not kept.
 */
#include "remote/known.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64, KEPT_MAX = 32 << 20 };

/* FNV-1a. */
static size_t hash(const char *name)
{
    uint64_t h = 14695981039346656037ULL;

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211ULL;
    return (size_t)(h ^ h >> 32);
}

struct known *known_find(const struct known_table *t, const char *name)
{
    struct known *k;

    if (t->slot_count == 0)
        return NULL;
    k = t->slots[hash(name) & (t->slot_count - 1)];
    while (k && strcmp(k->name, name) != 0)
        k = k->next;
    return k;
}

static void insert(struct known **slots, size_t count, struct known *k)
{
    struct known **slot = &slots[hash(k->name) & (count - 1)];

    k->next = *slot;
    *slot = k;
}

static bool grow(struct known_table *t)
{
    size_t count = t->slot_count ? 2 * t->slot_count : FIRST_SLOTS;
    struct known **slots;
    struct known *next;

    if (t->count < t->slot_count)
        return true;
    slots = calloc(count, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < t->slot_count; i++)
        for (struct known *k = t->slots[i]; k; k = next) {
            next = k->next;
            insert(slots, count, k);
        }
    free(t->slots);
    t->slots = slots;
    t->slot_count = count;
    return true;
}

struct known *known_at(struct known_table *t, const char *name)
{
    struct known *k = known_find(t, name);

    if (k)
        return k;
    k = calloc(1, sizeof *k);
    if (!k || !grow(t)) {
        free(k);
        return NULL;
    }
    k->name = strdup(name);
    if (!k->name) {
        free(k);
        return NULL;
    }
    insert(t->slots, t->slot_count, k);
    t->count++;
    return k;
}

bool known_set_version(struct known *k, const char *version)
{
    if (!*version)
        return true;
    if (k->version)
        return !strcmp(k->version, version);
    k->version = strdup(version);
    return true;
}

void known_keep(struct known_table *t, struct known *k, uint64_t at,
                struct buf *b)
{
    unsigned char *data;

    if (b->len == 0 || t->kept - k->len + b->len > KEPT_MAX)
        return;
    data = realloc(b->data, b->len);
    t->kept = t->kept - k->len + b->len;
    free(k->data);
    k->data = data ? data : b->data;
    k->at = at;
    k->len = b->len;
    *b = BUF_INIT(b->max);
}

const void *known_bytes(const struct known *k, uint64_t offset, uint64_t len)
{
    if (!k->data || offset < k->at || len > k->len ||
        offset - k->at > k->len - len)
        return NULL;
    return k->data + (offset - k->at);
}

void known_done(struct known_table *t)
{
    struct known *next;

    for (size_t i = 0; i < t->slot_count; i++)
        for (struct known *k = t->slots[i]; k; k = next) {
            next = k->next;
            free(k->name);
            free(k->version);
            free(k->data);
            free(k);
        }
    free(t->slots);
    *t = (struct known_table){ .slots = NULL };
}
