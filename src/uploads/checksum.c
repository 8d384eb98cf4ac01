/*
 * Checksums through OpenSSL's EVP.
 *
 * One table has the names of both headers. An algorithm that this build of
 * OpenSSL does not offer (md5 in FIPS mode) fails when it is asked for.
 */
#include "uploads/checksum.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *tus;
    const char *digest; /* RFC 9530; NULL: insecure, not taken there */
    const char *openssl;
    size_t len;
} algorithms[] = {
    { "sha1", NULL, "SHA1", 20 },
    { "sha256", "sha-256", "SHA256", 32 },
    { "sha512", "sha-512", "SHA512", 64 },
    { "md5", NULL, "MD5", 16 },
};
enum { COUNT = sizeof algorithms / sizeof *algorithms };

struct checksum_state {
    EVP_MD_CTX *ctx;
    struct checksum want;
};

static int base64_digit(char c)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool checksum_base64(const char *text, size_t len, unsigned char *out,
                     size_t *out_len)
{
    size_t used = 0;
    unsigned bits = 0;
    size_t pad = 0;

    if (len % 4 != 0)
        return false;
    while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < len - pad; i++) {
        int digit = base64_digit(text[i]);

        if (digit < 0)
            return false;
        bits = (bits << 6 | (unsigned)digit) & 0xffffff;
        if (i % 4 > 0)
            out[used++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    /* What the padding cuts off must be zero, so that the text is the only
       one for its bytes. */
    if ((pad == 1 && bits & 3) || (pad == 2 && bits & 15))
        return false;
    *out_len = used;
    return true;
}

static int find(const char *name, size_t len, bool digest)
{
    for (int i = 0; i < COUNT; i++) {
        const char *known = digest ? algorithms[i].digest : algorithms[i].tus;

        if (known && strlen(known) == len && !strncmp(known, name, len))
            return i;
    }
    return -1;
}

/* Fills *out; false unless text is base64 of the right length. */
static bool set(int algorithm, const char *text, size_t len,
                struct checksum *out)
{
    unsigned char bytes[CHECKSUM_BYTES * 2];
    size_t n = 0;

    if (len > CHECKSUM_BYTES * 2 || !checksum_base64(text, len, bytes, &n) ||
        n != algorithms[algorithm].len)
        return false;
    *out =
        (struct checksum){ .algorithm = algorithms[algorithm].tus, .len = n };
    memcpy(out->want, bytes, n);
    return true;
}

int checksum_parse_tus(const char *header, struct checksum *out,
                       struct error *err)
{
    size_t name = strcspn(header, " ");
    int algorithm = find(header, name, false);
    const char *value = header + name + strspn(header + name, " ");

    if (algorithm < 0) {
        error_set(err, ERR_USAGE, "the checksum algorithm is not supported");
        error_actual(err, "%.64s", header);
        return error_expected(err, "one of: %s", CHECKSUM_ALGORITHMS);
    }
    if (set(algorithm, value, strlen(value), out))
        return 0;
    error_set(err, ERR_USAGE, "Upload-Checksum is not well formed");
    error_actual(err, "%.140s", header);
    return error_expected(err,
                          "the algorithm, a blank, the checksum in base64");
}

/* One "name=:base64:" of a list; 1 if it was taken, 0 if not known, -1. */
static int take_digest(const char *item, size_t len, struct checksum *out)
{
    const char *equals = memchr(item, '=', len);
    size_t value;
    int algorithm;

    if (!equals || equals == item)
        return -1;
    value = len - (size_t)(equals + 1 - item);
    if (value < 2 || equals[1] != ':' || equals[value] != ':')
        return -1;
    algorithm = find(item, (size_t)(equals - item), true);
    if (algorithm < 0)
        return 0;
    return set(algorithm, equals + 2, value - 2, out) ? 1 : -1;
}

int checksum_parse_digest(const char *header, struct checksum *out,
                          struct error *err)
{
    const char *p = header;
    int taken = 0;

    memset(out, 0, sizeof *out);
    while (taken == 0 && *p) {
        size_t len;

        p += strspn(p, " \t");
        len = strcspn(p, ", \t");
        taken = take_digest(p, len, out);
        p += len;
        p += strspn(p, " \t");
        if (*p == ',')
            p++;
    }
    if (taken >= 0)
        return 0;
    error_set(err, ERR_USAGE, "the digest is not well formed");
    error_actual(err, "%.140s", header);
    return error_expected(err, "sha-256=:BASE64:");
}

int checksum_start(const struct checksum *c, struct checksum_state **out,
                   struct error *err)
{
    int i = find(c->algorithm, strlen(c->algorithm), false);
    const EVP_MD *md = EVP_get_digestbyname(algorithms[i].openssl);
    struct checksum_state *s = calloc(1, sizeof *s);

    if (!s)
        return error_memory(err);
    s->want = *c;
    s->ctx = EVP_MD_CTX_new();
    if (!s->ctx || !md || EVP_DigestInit_ex(s->ctx, md, NULL) != 1) {
        checksum_free(s);
        return error_set(err, ERR_USAGE,
                         "the checksum %s is not available here", c->algorithm);
    }
    *out = s;
    return 0;
}

int checksum_update(struct checksum_state *s, const void *data, size_t len,
                    struct error *err)
{
    if (EVP_DigestUpdate(s->ctx, data, len) != 1)
        return error_set(err, ERR_INTERNAL, "a checksum can't be computed");
    return 0;
}

/* The bytes in hex, into text, which has room for twice as many and a 0. */
static const char *hex(const unsigned char *bytes, size_t len, char *text)
{
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

int checksum_verify(struct checksum_state *s, struct error *err)
{
    unsigned char got[EVP_MAX_MD_SIZE];
    char text[2 * CHECKSUM_BYTES + 1];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(s->ctx, got, &len) != 1)
        return error_set(err, ERR_INTERNAL, "a checksum can't be computed");
    if (len == s->want.len && !memcmp(got, s->want.want, len))
        return 0;
    error_set(err, ERR_CHECKSUM, "the bytes do not have the stated %s",
              s->want.algorithm);
    error_expected(err, "%s", hex(s->want.want, s->want.len, text));
    error_actual(err, "%s", hex(got, len, text));
    return error_hint(err, "send them again from the same offset");
}

void checksum_free(struct checksum_state *s)
{
    if (!s)
        return;
    EVP_MD_CTX_free(s->ctx);
    free(s);
}
