/*
 * An upload: a request's body, which becomes a checkpoint in a folder and the
 * options of a conversion.
 *
 * The body is an archive as unpack.h takes it, whatever its media type says, or
 * multipart/form-data with these parts:
 *
 *   checkpoint   an archive, or one part for each file, its path as filename,
 *                as browsers send a chosen folder
 *   gin_file     the gin file
 *   config       config.json
 *   any other    an option
 */
#ifndef SWITCHYARD_API_UPLOAD_H
#define SWITCHYARD_API_UPLOAD_H

#include <stddef.h>

#include "conversion.h"
#include "store/intake.h"

/* Sets an option; the caller's function refuses what it does not know. */
typedef int (*upload_option_fn)(void *ctx, const char *name, const char *value,
                                struct error *err);

struct upload_target {
    const char *folder; /* empty; holds the checkpoint afterwards */
    struct intake_limits limits;
    bool hash;               /* the totals' digest is wanted */
    struct request *request; /* gets the gin file and config.json */
    upload_option_fn option;
    void *ctx;
};

/* What came, of that which is stored. */
struct upload_totals {
    uint64_t bytes;
    char digest[SHA256_HEX + 1]; /* of names and bytes; "" if not wanted */
};

struct upload;

/*
 * content_type is the header's value, or NULL. All in target is borrowed until
 * upload_free(). ERR_MEDIA_TYPE for a multipart type other than form-data.
 */
int upload_new(const struct upload_target *target, const char *content_type,
               struct upload **out, struct error *err);
int upload_feed(struct upload *u, const void *data, size_t len,
                struct error *err);
int upload_finish(struct upload *u, struct upload_totals *totals,
                  struct error *err);
void upload_free(struct upload *u);

/*
 * Opens the checkpoint in the folder of a finished upload. As archives often
 * have a folder around everything, a folder that holds just one is entered;
 * model.gin, config.gin, config.json and hidden files beside it do not count.
 */
int upload_open_checkpoint(const char *folder, struct checkpoint **out,
                           struct error *err);

#endif
