/*
 * Transfers: the bytes of a request on their way into an upload.
 */
#ifndef SWITCHYARD_API_TRANSFER_H
#define SWITCHYARD_API_TRANSFER_H

#include "exchange.h"

/* The job of an exchange that appends to a file or puts one. */
struct transfer {
    struct uploads_append *append; /* NULL: no bytes are wanted, or no more */
    struct uploads_file file;      /* what it was at the head */
    bool made; /* by this request, and not answered yet: removed at the end */
    bool replaces; /* a put, where there is a file of that path */
};

/*
 * Makes the exchange's job, and frees the body of the limit on others.
 * ERR_BUSY while the service shuts down.
 */
int transfer_new(struct exchange *x, struct transfer **out, struct error *err);

/* What the body is announced to have; UPLOADS_UNKNOWN, and 0 without any. */
uint64_t transfer_length(const struct exchange *x);

/* Makes the bytes durable; out as uploads_commit() has it. */
int transfer_commit(struct transfer *t, struct uploads_file *out,
                    struct error *err);

/* For the route table. */
int transfer_body(struct exchange *x, const void *data, size_t len,
                  struct error *err);
void transfer_close(struct exchange *x);

#endif
