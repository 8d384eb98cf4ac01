/*
 * Reading a small file into a buffer, by blocks, so that pipes work as well.
 */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>

int file_read(const char *path, struct buf *b, struct error *err)
{
    FILE *f = fopen(path, "rbe");
    unsigned char block[16384];
    size_t n;
    int rc;

    if (!f) {
        error_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_READ, errno,
                    "cannot open %.300s", path);
        return error_subject(err, "%.200s", path);
    }
    do {
        n = fread(block, 1, sizeof block, f);
        buf_append(b, block, n);
    } while (n == sizeof block && !b->failed);
    rc = buf_status(b, err);
    if (ferror(f))
        rc = error_errno(err, ERR_READ, errno, "cannot read %.300s", path);
    if (rc)
        error_subject(err, "%.200s", path);
    fclose(f);
    return rc;
}
