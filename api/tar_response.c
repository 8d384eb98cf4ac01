/*
 * Archives on their way out: read where libmicrohttpd wants to go on.
 */
#include "tar_response.h"

enum { PIECE = 128 << 10 };

static ssize_t read_tar(void *ctx, uint64_t at, char *dst, size_t max)
{
    size_t got = 0;

    if (tar_read(ctx, at, dst, max, &got, NULL))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return (ssize_t)got;
}

static void free_tar(void *ctx)
{
    tar_free(ctx);
}

struct MHD_Response *tar_response_steal(struct tar *t)
{
    struct MHD_Response *r = MHD_create_response_from_callback(
        tar_size(t), PIECE, read_tar, t, free_tar);

    if (!r)
        tar_free(t);
    return r;
}
