/*
 * Lists of things by name, in pages of JSON.
 */
#ifndef SWITCHYARD_API_PAGE_H
#define SWITCHYARD_API_PAGE_H

#include "base/json.h"
#include "exchange.h"

/*
 * A page: limit entries after a name. The list is asked for one more, which
 * tells that another page follows; it is not written.
 */
struct page {
    struct buf json;
    struct json_writer w;
    const char *after;
    unsigned limit;
    unsigned count;
    struct buf last; /* the name of the last entry */
    bool more;
};

/* From the query's after and limit; key is that of the list. ERR_USAGE. */
int page_open(struct exchange *x, const char *key, struct page *p,
              struct error *err);

/* Whether an entry of that name is still of this page, and is to be written. */
bool page_take(struct page *p, const char *name);

/* Replies; frees p in any case, as page_done() does after a failure. */
int page_reply(struct exchange *x, struct page *p, struct error *err);
void page_done(struct page *p);

#endif
