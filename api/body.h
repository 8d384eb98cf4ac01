/*
 * A request's body that is a checkpoint, with the options of its query and
 * form: what POST /v1/convert, /v1/inspect and /v1/conversions take.
 *
 * It is unpacked while it comes, into a temporary folder of its own, which goes
 * with the body.
 *
 *     FOLDER/in    the checkpoint
 */
#ifndef SWITCHYARD_API_BODY_H
#define SWITCHYARD_API_BODY_H

#include "exchange.h"
#include "upload.h"

struct body {
    struct request request; /* the gin file and config.json of a form */
    struct buf seen;        /* names of options given, each between breaks */
    char *folder;
    char *in;
    struct upload *upload;
    struct upload_totals totals; /* once it is complete */
    upload_option_fn option;
    void *ctx;
};

/*
 * Checks that there is room, reads the query, and makes the folder; hash wants
 * the digest of the totals. option is called once for each option, with its own
 * ctx; it refuses what it does not know. body_done() is fine also after a
 * failure.
 */
int body_begin(struct body *b, struct exchange *x, bool hash,
               upload_option_fn option, void *ctx, struct error *err);
int body_feed(struct body *b, const void *data, size_t len, struct error *err);

/* No more will come: in holds the checkpoint. */
int body_finish(struct body *b, struct error *err);
void body_done(struct body *b);

/* ERR_USAGE for an option that there is not. */
int body_refuse_option(const char *name, struct error *err);

#endif
