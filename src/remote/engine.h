/*
 * The engine's insides; private to fetch.c and engine.c.
 */
#ifndef SWITCHYARD_REMOTE_ENGINE_H
#define SWITCHYARD_REMOTE_ENGINE_H

#include "remote/call.h"

struct calls {
    struct fetch_call *first;
    struct fetch_call **last; /* the pointer to append at */
};

struct fetch {
    struct fetch_options options;
    char *texts[2]; /* what options point to */
    CURLM *multi;
    pthread_t thread;
    uint32_t random;
    atomic_uint_fast64_t bytes;
    atomic_uint_fast64_t requests;

    /* The engine's thread's own. */
    struct calls waiting;
    struct calls running;
    unsigned running_count;

    /* Guarded by lock. */
    pthread_mutex_t lock;
    struct calls inbox;
    bool stop;
};

void calls_init(struct calls *l);
void calls_append(struct calls *l, struct fetch_call *c);

/* The thread: works until stop is set, then ends all calls. arg is a fetch. */
void *engine_drive(void *arg);

#endif
