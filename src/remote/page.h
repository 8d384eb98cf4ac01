/*
 * Page: one reply of a listing, in whichever language the server lists.
 *
 * The three stores list a folder in pages that name objects from the bucket's
 * root on. Their readers hand what they find to page_entry(), which makes
 * entries of one folder of it.
 */
#ifndef SWITCHYARD_REMOTE_PAGE_H
#define SWITCHYARD_REMOTE_PAGE_H

#include "store/store.h"

enum {
    PAGE_BYTES = 16 << 20, /* of a reply; the services send 1000 entries */
    PAGE_TOKEN_MAX = 8192, /* bytes of what names the next page */
    PAGE_COUNT_MAX = 100000,
};

/* Of one entry; size and version are what the listing tells. */
typedef int (*page_note_fn)(void *ctx, const char *name, uint64_t size,
                            const char *version, struct error *err);

struct page {
    const char *prefix; /* of all names: the folder with its '/', or "" */
    store_entry_fn entry;
    void *entry_ctx;
    page_note_fn note; /* gets names from the bucket's root on; may be NULL */
    void *note_ctx;

    bool found; /* set where anything came: so there is such a folder */
    char *next; /* owned: names the next page; NULL: there is none */
};

/*
 * An object or, if it ends in '/', a folder. What has no name that a store
 * could be asked for ("a//b", the folder's own placeholder) is left out.
 * ERR_SOURCE if name does not begin with the prefix.
 */
int page_entry(struct page *p, const char *name, struct error *err);

/* The same of an object, of which more is known; version may be "": not. */
int page_object(struct page *p, const char *name, uint64_t size,
                const char *version, struct error *err);

/* Sets next; ERR_SOURCE if it is too long. */
int page_next(struct page *p, const char *token, struct error *err);

/* Asks for the page that token names (NULL: the first) and reads it into p. */
typedef int (*page_ask_fn)(void *ctx, struct page *p, const char *token,
                           struct error *err);

/*
 * All pages in order, until one names no next. A page may be empty and still
 * name one (GCS does so). ERR_SOURCE for a listing that has no end.
 */
int page_walk(struct page *p, page_ask_fn ask, void *ctx, struct error *err);

#endif
