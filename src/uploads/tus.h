/*
 * The values of tus 1.0's headers: text in, numbers and names out.
 */
#ifndef SWITCHYARD_UPLOADS_TUS_H
#define SWITCHYARD_UPLOADS_TUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TUS_VERSION "1.0.0"
#define TUS_EXTENSIONS                                                         \
    "creation,creation-with-upload,creation-defer-length,termination,"         \
    "checksum,expiration,concatenation"

enum {
    TUS_METADATA_BYTES = 8192, /* of the header */
    TUS_METADATA_PAIRS = 32,
    TUS_CONCAT_BYTES = 65536, /* of Upload-Concat */
    TUS_CONCAT_PARTS = 1024,
};

/* keys and values point into text and end with a zero. */
struct tus_metadata {
    char text[TUS_METADATA_BYTES * 2];
    const char *keys[TUS_METADATA_PAIRS];
    const char *values[TUS_METADATA_PAIRS];
    size_t count;
};

/*
 * Upload-Metadata: "key base64, key base64". Keys are printable ASCII and
 * unique; a value with a zero byte is refused. header may be NULL.
 */
int tus_parse_metadata(const char *header, struct tus_metadata *out,
                       struct error *err);

/* A value, or NULL where it is absent, "" or "null" (as browsers send it). */
const char *tus_metadata_get(const struct tus_metadata *m, const char *key);

/*
 * Where the file belongs in its folder: relativePath, else filename, else name,
 * without '/' or "./" in front. NULL if none was given.
 */
const char *tus_metadata_path(const struct tus_metadata *m);

/* Upload-Length and Upload-Offset: digits, at most INT64_MAX. */
int tus_parse_number(const char *name, const char *header, uint64_t *out,
                     struct error *err);

/* Upload-Concat; the ids are the last components of its URLs. */
struct tus_concat {
    bool partial;
    char **ids; /* of a final upload */
    size_t count;
};

int tus_parse_concat(const char *header, struct tus_concat *out,
                     struct error *err);
void tus_concat_done(struct tus_concat *c);

/* Whether text may be an id: 1 to 64 letters, digits, '-' and '_'. */
bool tus_is_id(const char *text);

#endif
