/*
 * Gets that nobody has asked for yet.
 *
 * Each is charged with the bytes it may bring, until somebody takes it. What
 * cannot be begun is left to whoever asks for it, to fail there.
 */
#include <string.h>

#include "base/num.h"
#include "remote/get.h"

enum { GETS_MAX = 512 }; /* ahead at a time */

static void drop(struct objects *o, struct get *g)
{
    fetch_cancel(g->call);
    get_end(o, g, NULL);
    get_free(g);
}

struct get *ahead_take(struct objects *o, enum store_soon what,
                       const char *name, uint64_t offset, uint64_t len)
{
    struct objects_state *s = o->state;
    struct get **p = &s->ahead;
    struct get *g;

    pthread_mutex_lock(&s->lock);
    while (*p && ((*p)->what != what || (*p)->offset != offset ||
                  (what == STORE_SOON_READ && (*p)->len != len) ||
                  strcmp((*p)->name, name) != 0))
        p = &(*p)->next;
    g = *p;
    if (g) {
        *p = g->next;
        s->ahead_count--;
        s->ahead_bytes -= g->charge;
    }
    pthread_mutex_unlock(&s->lock);
    return g;
}

/* Whether nothing needs to be begun. */
static bool is_there(struct objects *o, enum store_soon what, const char *name,
                     uint64_t offset, uint64_t len)
{
    const struct known *k;
    bool yes;

    pthread_mutex_lock(&o->state->lock);
    k = known_find(&o->state->known, name);
    yes =
        k &&
        (k->absent || (what == STORE_SOON_SIZE && k->has_size) ||
         (what == STORE_SOON_READ && known_bytes(k, offset, len)) ||
         (what == STORE_SOON_GET && k->has_size && known_bytes(k, 0, k->size)));
    for (const struct get *g = o->state->ahead; g && !yes; g = g->next)
        yes = g->what == what && g->offset == offset &&
              (what != STORE_SOON_READ || g->len == len) &&
              !strcmp(g->name, name);
    pthread_mutex_unlock(&o->state->lock);
    return yes;
}

static bool charge(struct objects_state *s, uint64_t bytes)
{
    bool room;

    pthread_mutex_lock(&s->lock);
    room = s->ahead_count < GETS_MAX && bytes <= s->ahead_max &&
           s->ahead_bytes <= s->ahead_max - bytes;
    if (room) {
        s->ahead_count++;
        s->ahead_bytes += bytes;
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

static void discharge(struct objects_state *s, uint64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    s->ahead_count--;
    s->ahead_bytes -= bytes;
    pthread_mutex_unlock(&s->lock);
}

bool ahead_soon(struct store *base, enum store_soon what, const char *name,
                uint64_t offset, uint64_t len)
{
    struct objects *o = (struct objects *)base;
    struct objects_state *s = o->state;
    uint64_t bytes = what == STORE_SOON_SIZE ? GET_PEEK : num_max(len, 1);
    uint64_t max = what == STORE_SOON_GET ? 2 * len + (1 << 20) : bytes;
    struct get *g = NULL;
    int rc;

    if (is_there(o, what, name, offset, len))
        return true;
    if (!charge(s, bytes))
        return false;
    rc = get_begin(o, what, name, what == STORE_SOON_READ ? offset : 0, bytes,
                   NULL, max, &g, NULL);
    if (rc) {
        discharge(s, bytes);
        return true;
    }
    g->charge = bytes;
    pthread_mutex_lock(&s->lock);
    g->next = s->ahead;
    s->ahead = g;
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* Takes the one begun last, which is needed last. */
static struct get *pop_ahead(struct objects_state *s, uint64_t allowed)
{
    struct get *g = NULL;

    pthread_mutex_lock(&s->lock);
    if (s->ahead && (allowed == 0 || s->ahead_bytes > allowed)) {
        g = s->ahead;
        s->ahead = g->next;
        s->ahead_count--;
        s->ahead_bytes -= g->charge;
    }
    pthread_mutex_unlock(&s->lock);
    return g;
}

uint64_t ahead_set(struct store *base, uint64_t bytes)
{
    struct objects *o = (struct objects *)base;
    struct get *g;

    pthread_mutex_lock(&o->state->lock);
    o->state->ahead_max = bytes;
    for (g = o->state->ahead; bytes == 0 && g; g = g->next)
        fetch_cancel(g->call);
    pthread_mutex_unlock(&o->state->lock);
    while ((g = pop_ahead(o->state, bytes)) != NULL)
        drop(o, g);
    return bytes;
}
