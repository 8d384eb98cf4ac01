/*
 * Replies that are files: conditions, ranges, digests (RFC 9110, RFC 9530).
 */
#ifndef SWITCHYARD_API_FILE_REPLY_H
#define SWITCHYARD_API_FILE_REPLY_H

#include "exchange.h"
#include "jobs/stored.h"

/*
 * Replies with the file, a part of it, or that it has not changed; takes fd,
 * also on failure. ERR_PRECONDITION (If-Match), ERR_RANGE.
 */
int file_reply_steal(struct exchange *x, int fd, const struct stored_file *f,
                     struct error *err);

/* For the route table: Content-Range of a 416, and the end of the exchange. */
void file_reply_headers(const struct exchange *x, struct MHD_Response *r);
void file_reply_close(struct exchange *x);

#endif
