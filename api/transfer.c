/*
 * Transfers: from the socket's buffer to the disk, with nothing between.
 *
 * Whatever ends an exchange before its answer ends here: what a broken
 * connection leaves of a file that the client can name is kept for it to go on
 * with; a file that the client was never told about is removed.
 */
#include "transfer.h"

#include <stdlib.h>

int transfer_new(struct exchange *x, struct transfer **out, struct error *err)
{
    struct transfer *t;

    if (x->service->draining)
        return error_set(err, ERR_BUSY, "the service is shutting down");
    t = calloc(1, sizeof *t);
    if (!t)
        return error_memory(err);
    x->job = t;
    x->max_body = UINT64_MAX;
    *out = t;
    return 0;
}

uint64_t transfer_length(const struct exchange *x)
{
    uint64_t length = 0;

    if (exchange_header(x, MHD_HTTP_HEADER_TRANSFER_ENCODING))
        return UPLOADS_UNKNOWN;
    return exchange_content_length(x, &length) ? length : 0;
}

int transfer_body(struct exchange *x, const void *data, size_t len,
                  struct error *err)
{
    struct transfer *t = x->job;
    int rc;

    if (!t->append)
        return error_set(err, ERR_USAGE, "no body is expected here");
    rc = uploads_write(t->append, data, len, err);
    if (rc) { /* others may go on while the rest of the body is ignored */
        uploads_abandon(t->append);
        t->append = NULL;
    }
    return rc;
}

int transfer_commit(struct transfer *t, struct uploads_file *out,
                    struct error *err)
{
    struct uploads_append *a = t->append;

    t->append = NULL;
    return uploads_commit(a, out, err);
}

void transfer_close(struct exchange *x)
{
    struct transfer *t = x->job;

    uploads_abandon(t->append);
    /* If this fails, the file goes when it expires. */
    if (t->made)
        uploads_delete_file(x->service->uploads, t->file.id, NULL);
    uploads_file_done(&t->file);
    free(t);
    x->job = NULL;
}
