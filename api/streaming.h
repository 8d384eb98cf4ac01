/*
 * A model that is made while it is sent: the request names a checkpoint, as
 * that of a job does, and nothing is written to disk but what memory has no
 * room for.
 */
#ifndef SWITCHYARD_API_STREAMING_H
#define SWITCHYARD_API_STREAMING_H

#include "exchange.h"

struct streaming;

/* The head of a request whose body is JSON. It lives as long as the exchange,
   which it borrows. */
int streaming_new(struct exchange *x, struct streaming **out,
                  struct error *err);
int streaming_feed(struct streaming *s, const void *data, size_t len,
                   struct error *err);
void streaming_free(struct streaming *s); /* NULL is fine */

/*
 * The body is there: replies with all files as tar, or with the file that the
 * query names, or a range of it; or with the plan. What fails once the reply
 * has begun ends the connection.
 */
int streaming_convert(struct streaming *s, struct error *err);
int streaming_inspect(struct streaming *s, struct error *err);

/* For every reply: Content-Range of a 416. */
void streaming_headers(const struct streaming *s, struct MHD_Response *r);

#endif
