/*
 * multipart/form-data, as it arrives (RFC 7578, RFC 2046).
 *
 * Strict: the body starts with the boundary, every part has one
 * Content-Disposition with a name, header lines are not folded, and the closing
 * boundary must come. Memory is a few KiB, whatever is sent.
 */
#ifndef SWITCHYARD_API_MULTIPART_H
#define SWITCHYARD_API_MULTIPART_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    MULTIPART_BOUNDARY_MAX = 70,     /* characters, RFC 2046 */
    MULTIPART_LINE_MAX = 4096,       /* bytes of a header line */
    MULTIPART_PART_HEADERS_MAX = 16, /* lines */
};

/* Borrowed for the call. */
struct multipart_part {
    const char *name;
    const char *filename; /* NULL: a plain field */
};

/* Each returns 0 or an error that multipart_feed() hands on. */
struct multipart_handler {
    int (*begin)(void *ctx, const struct multipart_part *part,
                 struct error *err);
    int (*data)(void *ctx, const void *data, size_t len, struct error *err);
    int (*end)(void *ctx, struct error *err);
};

struct multipart;

/*
 * boundary as Content-Type has it. h must outlive the parser. The caller frees
 * *out.
 */
int multipart_new(const char *boundary, uint64_t max_parts,
                  const struct multipart_handler *h, void *ctx,
                  struct multipart **out, struct error *err);

/* Takes the next bytes. After a failure the parser is of no more use. */
int multipart_feed(struct multipart *m, const void *data, size_t len,
                   struct error *err);

/* No more bytes will come: ERR_USAGE if the closing boundary is missing. */
int multipart_finish(const struct multipart *m, struct error *err);

void multipart_free(struct multipart *m);

#endif
