/*
 * What the three object stores (gcs.c, s3.c, hf.c) share: a location opened as
 * a store of objects whose root is the bucket's, and its listing.
 */
#ifndef SWITCHYARD_REMOTE_BUCKET_H
#define SWITCHYARD_REMOTE_BUCKET_H

#include "remote/location.h"
#include "remote/objects.h"
#include "remote/page.h"

/* Implementations embed this as their first member, zeroed. */
struct bucket {
    struct objects base;
    struct location at;  /* its path is not used once it is open */
    char *endpoint;      /* owned; NULL: the store knows */
    bool trusted;        /* the endpoint was named in a setting */
    const char *version; /* of all objects; NULL: each has its own */
};

/* Frees all but b itself. */
void bucket_done(struct bucket *b);

/*
 * The end of opening: makes b, with at set, a store. On success *out is the
 * store and folder the location's path; on failure b is still the caller's.
 */
int bucket_open(struct bucket *b, const struct objects_ops *ops,
                struct fetch *f, const struct remote_options *o,
                struct store **out, char folder[static STORE_NAME_MAX + 1],
                struct error *err);

/* Whether a failure is one that a server's reply can explain. */
bool bucket_can_explain(int rc);

/* "gs://BUCKET/NAME" for messages; the Hub's with its revision. */
void bucket_show(const struct bucket *b, const char *name, struct buf *out);

/*
 * Lists a folder by pages. ask fetches and reads the page that token names, as
 * page_ask_fn; its context is b. ERR_NOT_FOUND for a folder of which nothing
 * came, unless it is the root.
 */
int bucket_list(struct bucket *b, const char *folder, page_ask_fn ask,
                store_entry_fn fn, void *ctx, struct error *err);

/*
 * One page: q, whose url is in place, goes out; what came is in body. Failures
 * are explained by the store's explain, which gets the prefix as the name.
 */
int bucket_fetch(struct bucket *b, struct objects_query *q, const char *name,
                 struct buf *body, struct fetch_reply *reply,
                 struct error *err);

#endif
