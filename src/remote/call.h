/*
 * One request on its way; private to fetch.c, engine.c, call.c, lines.c
 * and judge.c.
 *
 * Members belong to the engine's thread but for those said to be shared.
 */
#ifndef SWITCHYARD_REMOTE_CALL_H
#define SWITCHYARD_REMOTE_CALL_H

#include <curl/curl.h>
#include <pthread.h>

#include "remote/fetch.h"

enum {
    CALL_SHOWN_MAX = 255,
    CALL_ETAG_MAX = 255,
    CALL_PIPE = 1 << 20, /* bytes between engine and a taker */
};

struct fetch_call {
    struct fetch *fetch;
    const struct fetch_options *options; /* the engine's, defaults filled in */
    struct fetch_call *next;             /* in the list that holds it */
    struct fetch_request q;
    char shown[CALL_SHOWN_MAX + 1];
    uint64_t began;    /* milliseconds of call_now(); 0: not yet */
    unsigned failures; /* since the last progress */
    unsigned cost;     /* of those */
    char last[80];     /* what the last one was; "" before */
    uint64_t start_at; /* not before */

    struct url first; /* what was asked for */
    struct url at;    /* where redirects have led */

    /* The attempt that runs. */
    CURL *easy;
    struct curl_slist *lines;
    char detail[CURL_ERROR_SIZE];
    const char *denied; /* why an address was refused */
    bool in_body;       /* the head was judged */
    bool enough;        /* all that was wanted came; the rest was cut off */
    uint64_t skip;      /* bytes of the body that were not asked for */
    uint64_t surplus;   /* bytes of an error's body beyond what is kept */
    uint64_t got_before;
    int failed; /* set by a callback, with error */

    /* The body so far. */
    uint64_t want; /* UINT64_MAX: not known */
    uint64_t got;
    char etag[CALL_ETAG_MAX + 1]; /* what got belongs to; "" not known */

    /* Shared, guarded by lock. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned char *pipe; /* CALL_PIPE bytes, a ring; for takers only */
    size_t pipe_from;
    size_t pipe_len;
    bool paused; /* the ring was full */
    bool done;

    atomic_bool cancelled; /* shared */
    void (*on_done)(void *ctx);
    void *ctx;

    /* The outcome; the waiter's once done. */
    struct fetch_reply reply;
    int rc;
    struct error error;
};

/* A clock that only goes forward, in milliseconds. */
uint64_t call_now(void);

/* When c has to be done: each new byte puts it off a little. */
uint64_t call_deadline(const struct fetch_call *c);

int call_new(struct fetch *f, const struct fetch_options *o,
             const struct fetch_request *q, struct fetch_call **out,
             struct error *err);
void call_free(struct fetch_call *c);

/* Makes an easy handle for the next attempt, at c->at. */
int call_start(struct fetch_call *c, struct error *err);

/* Makes c->lines for the next attempt. */
int lines_make(struct fetch_call *c, struct error *err);

/* Drops the attempt's handle, which no multi handle holds. */
void call_stop(struct fetch_call *c);

/* The reply's head is complete: may its body be taken, and from where on? */
int judge_head(struct fetch_call *c, struct error *err);

enum verdict {
    VERDICT_DONE,  /* c->rc and c->error say how it ended */
    VERDICT_AGAIN, /* after c->start_at */
};

/* What an attempt that ended means. random is any number. */
enum verdict judge_attempt(struct fetch_call *c, CURLcode result,
                           uint32_t random);

#endif
