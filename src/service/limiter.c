/*
 * Token buckets in a set-associative table.
 *
 * A client's address picks a set of WAYS buckets under a hash whose key nobody
 * outside knows, so that one can't aim at the buckets of others. A set has its
 * own lock. A bucket that was refilled completely is worth nothing, so giving
 * the idlest away loses little, and with it a client gains at most its burst.
 */
#include "service/limiter.h"

#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETS = 1024, WAYS = 8 };

struct bucket {
    uint64_t client; /* 0: free */
    uint64_t seen;   /* when it was refilled last, in nanoseconds */
    double tokens;
};

struct set {
    pthread_mutex_t lock;
    struct bucket ways[WAYS];
};

struct limiter {
    double rate;
    double burst;
    uint64_t key[2];
    struct set sets[SETS];
};

int limiter_new(double rate, double burst, struct limiter **out,
                struct error *err)
{
    struct limiter *l = calloc(1, sizeof *l);

    if (!l)
        return error_memory(err);
    if (getentropy(l->key, sizeof l->key) != 0) {
        free(l);
        return error_set(err, ERR_INTERNAL, "the system has no randomness");
    }
    l->rate = rate;
    l->burst = burst;
    for (size_t i = 0; i < SETS; i++)
        pthread_mutex_init(&l->sets[i].lock, NULL);
    *out = l;
    return 0;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < SETS; i++)
        pthread_mutex_destroy(&l->sets[i].lock);
    free(l);
}

/* One number for a client, never 0. Those without an address are one. */
static uint64_t client_of(const struct sockaddr *a)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    uint64_t prefix = 0;

    if (a->sa_family == AF_INET) {
        memcpy(&v4, a, sizeof v4);
        return (uint64_t)1 << 32 | v4.sin_addr.s_addr;
    }
    if (a->sa_family == AF_INET6) {
        memcpy(&v6, a, sizeof v6);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            uint32_t inner;

            memcpy(&inner, &v6.sin6_addr.s6_addr[12], sizeof inner);
            return (uint64_t)1 << 32 | inner;
        }
        memcpy(&prefix, &v6.sin6_addr, sizeof prefix);
    }
    return prefix ? prefix : 1;
}

static struct set *set_of(struct limiter *l, uint64_t client)
{
    uint64_t h = (client ^ l->key[0]) * 0x9e3779b97f4a7c15u;

    h = (h ^ h >> 32 ^ l->key[1]) * 0xbf58476d1ce4e5b9u;
    return &l->sets[(h ^ h >> 29) >> 32 & (SETS - 1)];
}

/* The client's bucket, or the idlest one made its own. */
static struct bucket *bucket_of(struct limiter *l, struct set *s,
                                uint64_t client, uint64_t now)
{
    struct bucket *idlest = &s->ways[0];

    for (size_t i = 0; i < WAYS; i++) {
        struct bucket *b = &s->ways[i];

        if (b->client == client)
            return b;
        if (b->seen < idlest->seen)
            idlest = b;
    }
    *idlest = (struct bucket){ client, now, l->burst };
    return idlest;
}

bool limiter_take(struct limiter *l, const struct sockaddr *client,
                  uint64_t now, unsigned *retry_after)
{
    uint64_t who = client_of(client);
    struct set *s = set_of(l, who);
    struct bucket *b;
    bool granted;

    pthread_mutex_lock(&s->lock);
    b = bucket_of(l, s, who, now);
    if (now > b->seen) {
        b->tokens =
            fmin(l->burst, b->tokens + (double)(now - b->seen) / 1e9 * l->rate);
        b->seen = now;
    }
    granted = b->tokens >= 1;
    if (granted)
        b->tokens -= 1;
    else
        *retry_after = (unsigned)fmax(1, ceil((1 - b->tokens) / l->rate));
    pthread_mutex_unlock(&s->lock);
    return granted;
}
