/*
 * A signature is a chain of HMACs: the secret with the date, that with the
 * region, the service and a constant makes a key; the key signs a text that
 * holds the hash of the request in its canonical form. The steps below bear the
 * names of the specification.
 *
 * Libcurl can sign as well, but versions differ in what they encode and sort;
 * here the caller spells path and query in the one canonical way, and what is
 * sent is what is signed. Keys made on the way are wiped.
 */
#include "remote/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/sha256.h"

enum { MAC_BYTES = 32, TEXT_MAX = 16384 };

static void to_hex(const unsigned char *bytes, size_t len, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *hex++ = digits[bytes[i] >> 4];
        *hex++ = digits[bytes[i] & 15];
    }
    *hex = '\0';
}

/* mac = HMAC-SHA256(key, text); key and mac may be the same. */
static int hmac(const void *key, size_t key_len, const char *text,
                unsigned char mac[static MAC_BYTES], struct error *err)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text,
              strlen(text), out, &len) ||
        len != MAC_BYTES)
        return error_set(err, ERR_INTERNAL, "libcrypto cannot sign");
    memcpy(mac, out, MAC_BYTES);
    explicit_bzero(out, sizeof out);
    return 0;
}

static int signing_key(const struct sigv4_keys *k, const char *day,
                       unsigned char key[static MAC_BYTES], struct error *err)
{
    const char *const steps[] = { day, k->region, k->service, "aws4_request" };
    struct buf first = BUF_INIT(TEXT_MAX);
    int rc;

    buf_puts(&first, "AWS4");
    buf_puts(&first, k->secret);
    rc = buf_status(&first, err);
    if (!rc)
        rc = hmac(first.data, first.len, steps[0], key, err);
    for (size_t i = 1; !rc && i < sizeof steps / sizeof *steps; i++)
        rc = hmac(key, MAC_BYTES, steps[i], key, err);
    if (first.data)
        explicit_bzero(first.data, first.cap);
    buf_done(&first);
    return rc;
}

/* The names of what is signed: sorted, as all lists here are. */
static void signed_headers(const struct sigv4_keys *k,
                           const struct sigv4_request *q, struct buf *out)
{
    buf_puts(out, "host;");
    if (q->range)
        buf_puts(out, "range;");
    buf_puts(out, "x-amz-content-sha256;x-amz-date");
    if (k->session && *k->session)
        buf_puts(out, ";x-amz-security-token");
}

static void canonical_request(const struct sigv4_keys *k,
                              const struct sigv4_request *q, const char *stamp,
                              struct buf *out)
{
    buf_printf(out, "%s\n%s\n%s\n", q->method, q->path,
               q->query ? q->query : "");
    buf_printf(out, "host:%s\n", q->host);
    if (q->range)
        buf_printf(out, "range:%s\n", q->range);
    buf_printf(out, "x-amz-content-sha256:%s\nx-amz-date:%s\n", SIGV4_NO_BODY,
               stamp);
    if (k->session && *k->session)
        buf_printf(out, "x-amz-security-token:%s\n", k->session);
    buf_putc(out, '\n');
    signed_headers(k, q, out);
    buf_printf(out, "\n%s", SIGV4_NO_BODY);
}

/* "DAY/REGION/SERVICE/aws4_request" */
static void scope(const struct sigv4_keys *k, const char *day, struct buf *out)
{
    buf_printf(out, "%s/%s/%s/aws4_request", day, k->region, k->service);
}

static int hash_request(const struct sigv4_keys *k,
                        const struct sigv4_request *q, const char *stamp,
                        char hash[static SHA256_HEX + 1], struct error *err)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    struct sha256 *h = NULL;
    int rc;

    canonical_request(k, q, stamp, &text);
    rc = buf_status(&text, err);
    if (!rc)
        rc = sha256_new(&h, err);
    if (!rc) {
        sha256_add(h, text.data, text.len);
        rc = sha256_finish(h, hash, err);
    }
    if (text.data)
        explicit_bzero(text.data, text.cap);
    buf_done(&text);
    return rc;
}

static int signature(const struct sigv4_keys *k, const struct sigv4_request *q,
                     const char *stamp, const char *day,
                     char hex[static 2 * MAC_BYTES + 1], struct error *err)
{
    unsigned char key[MAC_BYTES] = { 0 };
    unsigned char mac[MAC_BYTES];
    char hash[SHA256_HEX + 1] = "";
    struct buf text = BUF_INIT(TEXT_MAX);
    int rc = hash_request(k, q, stamp, hash, err);

    buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n", stamp);
    scope(k, day, &text);
    buf_printf(&text, "\n%s", hash);
    if (!rc && !buf_str(&text))
        rc = buf_status(&text, err);
    if (!rc)
        rc = signing_key(k, day, key, err);
    if (!rc)
        rc = hmac(key, sizeof key, (const char *)text.data, mac, err);
    if (!rc)
        to_hex(mac, sizeof mac, hex);
    explicit_bzero(key, sizeof key);
    buf_done(&text);
    return rc;
}

int sigv4_sign(const struct sigv4_keys *k, const struct sigv4_request *q,
               struct buf *lines, struct error *err)
{
    char stamp[32] = "";
    char day[16] = "";
    char hex[2 * MAC_BYTES + 1] = "";
    struct tm tm;
    int rc;

    if (!gmtime_r(&q->now, &tm) ||
        !strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm) ||
        !strftime(day, sizeof day, "%Y%m%d", &tm))
        return error_set(err, ERR_INTERNAL, "the clock tells no date");
    rc = signature(k, q, stamp, day, hex, err);
    if (rc)
        return rc;
    buf_printf(lines, "x-amz-content-sha256: %s%c", SIGV4_NO_BODY, 0);
    buf_printf(lines, "x-amz-date: %s%c", stamp, 0);
    if (k->session && *k->session)
        buf_printf(lines, "x-amz-security-token: %s%c", k->session, 0);
    buf_printf(lines, "Authorization: AWS4-HMAC-SHA256 Credential=%s/", k->id);
    scope(k, day, lines);
    buf_puts(lines, ", SignedHeaders=");
    signed_headers(k, q, lines);
    buf_printf(lines, ", Signature=%s%c", hex, 0);
    return buf_status(lines, err);
}
