/*
 * Uploads and their files as JSON, alone and in pages.
 */
#ifndef SWITCHYARD_API_UPLOAD_JSON_H
#define SWITCHYARD_API_UPLOAD_JSON_H

#include "base/json.h"
#include "exchange.h"

void upload_json_info(struct json_writer *w, const struct uploads_info *info);
void upload_json_file(struct json_writer *w, const struct uploads_file *file);

/* Replies with one of either. */
int upload_json_reply_info(struct exchange *x, const struct uploads_info *info,
                           struct error *err);

/*
 * A page: limit entries after a name. The list is asked for one more, which
 * tells that another page follows; it is not written.
 */
struct upload_page {
    struct buf json;
    struct json_writer w;
    const char *after;
    unsigned limit;
    unsigned count;
    struct buf last; /* the name of the last entry */
    bool more;
};

/* From the query's after and limit; key is that of the list. ERR_USAGE. */
int upload_json_open(struct exchange *x, const char *key, struct upload_page *p,
                     struct error *err);

/* Whether an entry of that name is still of this page, and is to be written. */
bool upload_json_take(struct upload_page *p, const char *name);

/* Replies; frees p in any case, as upload_json_done() does after a failure. */
int upload_json_close(struct exchange *x, struct upload_page *p,
                      struct error *err);
void upload_json_done(struct upload_page *p);

#endif
