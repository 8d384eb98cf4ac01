/*
 * Checksums that clients state of what they send: tus's Upload-Checksum, and
 * Repr-Digest or Content-Digest (RFC 9530).
 */
#ifndef SWITCHYARD_UPLOADS_CHECKSUM_H
#define SWITCHYARD_UPLOADS_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What tus's OPTIONS reply lists. */
#define CHECKSUM_ALGORITHMS "sha1,sha256,sha512,md5"

enum { CHECKSUM_BYTES = 64 };

struct checksum {
    const char *algorithm; /* as tus writes it; NULL: none was stated */
    unsigned char want[CHECKSUM_BYTES];
    size_t len;
};

/* "sha1 BASE64". ERR_USAGE, which names what is supported. */
int checksum_parse_tus(const char *header, struct checksum *out,
                       struct error *err);

/*
 * "sha-256=:BASE64:, ...": the first one that is supported. ERR_USAGE if it is
 * not well formed; a list without any that is supported gives none.
 */
int checksum_parse_digest(const char *header, struct checksum *out,
                          struct error *err);

/* A checksum being computed. */
struct checksum_state;

int checksum_start(const struct checksum *c, struct checksum_state **out,
                   struct error *err);
int checksum_update(struct checksum_state *s, const void *data, size_t len,
                    struct error *err);

/* ERR_CHECKSUM, with both values, unless all bytes were as stated. */
int checksum_verify(struct checksum_state *s, struct error *err);
void checksum_free(struct checksum_state *s);

/*
 * Decodes base64 (RFC 4648, with its padding) of len characters into out, which
 * has room for len / 4 * 3 bytes. false if it is not well formed.
 */
bool checksum_base64(const char *text, size_t len, unsigned char *out,
                     size_t *out_len);

#endif
