/*
 * Objects: a store whose objects are fetched by HTTP.
 *
 * What is the same for every server and cloud stands here: small objects are
 * kept, so that none is fetched twice; an object that was seen once must stay
 * as it was; what will be needed soon is fetched ahead. What differs (URLs,
 * signatures, listings) is in the few functions of objects_ops.
 */
#ifndef SWITCHYARD_REMOTE_OBJECTS_H
#define SWITCHYARD_REMOTE_OBJECTS_H

#include "remote/fetch.h"
#include "remote/remote.h"
#include "store/store.h"

enum { OBJECTS_VERSION_MAX = 255 };

struct objects;

/*
 * How to ask for one object. Buffers come empty and are released by the caller;
 * request->url and shown are set from url and shown afterwards. Headers that
 * are not static go into lines, each with its NUL, and request->headers points
 * there only after the last was added.
 */
struct objects_query {
    struct fetch_request request;
    struct buf url;
    struct buf shown;
    struct buf lines;
};

struct objects_ops {
    /*
     * Fills q for object name ("a/b"), whose version is the one given or, if
     * that is "", whatever there is. Method, range and body are set by the
     * caller. Called by any thread.
     */
    int (*ask)(struct objects *o, const char *name, const char *version,
               struct objects_query *q, struct error *err);

    /*
     * The version that a reply tells: text that changes whenever the object
     * does; "" if none is told. NULL: a strong ETag.
     */
    void (*version)(struct objects *o, const struct fetch_reply *r,
                    char out[static OBJECTS_VERSION_MAX + 1]);

    /*
     * Makes a failed request's error clearer (rc is its code); returns the
     * code, which may differ: S3 tells by 404 that the bucket is absent, too.
     * NULL: as it is.
     */
    int (*explain)(struct objects *o, const char *name,
                   const struct fetch_reply *r, int rc, struct error *err);

    /* As store_ops.list; NULL: listing is refused with a hint. */
    int (*list)(struct objects *o, const char *folder, store_entry_fn fn,
                void *ctx, struct error *err);

    /* Frees what follows base; not base itself. NULL: nothing. */
    void (*done)(struct objects *o);
};

/* Implementations embed this as their first member, zeroed. */
struct objects {
    struct store base;
    const struct objects_ops *ops;
    struct fetch *fetch;       /* borrowed */
    const atomic_bool *cancel; /* of every request; may be NULL */
    unsigned seconds;          /* for each request; 0: the engine's */
    struct objects_state *state;
};

/*
 * Makes a zeroed, malloc'ed o a store named label. On failure o is untouched
 * and still the caller's; afterwards store_free() frees all of it.
 */
int objects_init(struct objects *o, const struct objects_ops *ops,
                 struct fetch *f, const struct remote_options *options,
                 const char *label, struct error *err);

/*
 * A request of the store's own, such as one page of a listing: the body into
 * body, with o's cancel and seconds. Counted with the others.
 */
int objects_fetch(struct objects *o, struct fetch_request *q, struct buf *body,
                  struct fetch_reply *reply, struct error *err);

/* A listing told this of an object: spares the request that asks for it. */
int objects_note(struct objects *o, const char *name, uint64_t size,
                 const char *version, struct error *err);

/*
 * The whole object, piece by piece, as fetch_body.take. Only for stores of
 * objects.
 */
int objects_stream(struct store *s, const char *name,
                   int (*take)(void *ctx, const void *data, size_t len,
                               struct error *err),
                   void *ctx, struct error *err);

/*
 * The version of an object that was asked for; false if none is known, as of
 * any other kind of store.
 */
bool objects_version(struct store *s, const char *name,
                     char out[static OBJECTS_VERSION_MAX + 1]);

/* Requests sent and bytes of bodies received for this store so far. */
void objects_statistics(struct store *s, uint64_t *requests, uint64_t *bytes);

#endif
