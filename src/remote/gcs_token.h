/*
 * The access token for Google Cloud Storage: a given one, or one of the
 * metadata server of Google's machines, renewed before it expires.
 */
#ifndef SWITCHYARD_REMOTE_GCS_TOKEN_H
#define SWITCHYARD_REMOTE_GCS_TOKEN_H

#include "remote/remote.h"

struct gcs_token;

/* Nothing is asked yet. f and o's texts outlive it. */
int gcs_token_new(struct fetch *f, const struct remote_options *o,
                  struct gcs_token **out, struct error *err);

/* Wipes it. NULL is fine. */
void gcs_token_free(struct gcs_token *t);

/*
 * Appends the token and a NUL, or nothing if requests go without one. Any
 * thread; waits for the metadata server where it has to.
 */
int gcs_token_get(struct gcs_token *t, struct buf *out, struct error *err);

/* Whether requests go with a token. */
bool gcs_token_is_given(const struct gcs_token *t);

/*
 * The metadata server's reply: a token of at most size - 1 printable bytes, and
 * the seconds that it is good for. ERR_SOURCE for anything else.
 */
int gcs_token_read(const void *data, size_t len, char *token, size_t size,
                   uint64_t *seconds, struct error *err);

#endif
