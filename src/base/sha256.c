/*
 * A thin cover of EVP with the project's kind of errors.
 */
#include "base/sha256.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD_CTX *ctx;
    bool failed;
};

int sha256_new(struct sha256 **out, struct error *err)
{
    struct sha256 *h = calloc(1, sizeof *h);

    if (!h)
        return error_memory(err);
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1) {
        sha256_free(h);
        return error_memory(err);
    }
    *out = h;
    return 0;
}

void sha256_add(struct sha256 *h, const void *data, size_t len)
{
    if (!h->failed && EVP_DigestUpdate(h->ctx, data, len) != 1)
        h->failed = true;
}

int sha256_finish(struct sha256 *h, char out[SHA256_HEX + 1], struct error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA256_HEX / 2];

    if (!h->failed && EVP_DigestFinal_ex(h->ctx, digest, NULL) != 1)
        h->failed = true;
    if (h->failed) {
        sha256_free(h);
        return error_set(err, ERR_INTERNAL, "libcrypto cannot hash");
    }
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[SHA256_HEX] = '\0';
    sha256_free(h);
    return 0;
}

void sha256_free(struct sha256 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}
