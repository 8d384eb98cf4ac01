/*
 * A file as a reply.
 *
 * The order of the conditions is that of RFC 9110, section 13.2.2: If-Match,
 * If-None-Match, then Range, which counts only where If-Range agrees. The ETag
 * is strong, being the content's digest, so any of them can rely on it.
 */
#include "file_reply.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/num.h"
#include "ranges.h"

enum { PIECE = 128 << 10, PART_HEAD = 256, ETAG_LEN = SHA256_HEX + 2 };

/* The exchange's job: what the reply's headers have to know. */
struct reply {
    uint64_t size;
};

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && !strcmp(dot, ".json") ? "application/json"
                                        : "application/octet-stream";
}

/* Whether a list of entity tags, or "*", has the ETag. */
static bool list_has(const char *list, const char *etag)
{
    size_t len = strlen(etag);

    if (!strcmp(list, "*"))
        return true;
    for (const char *p = strstr(list, etag); p; p = strstr(p + 1, etag))
        if (p[len] == '\0' || p[len] == ',' || p[len] == ' ')
            return true;
    return false;
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void add_digest(struct MHD_Response *r, const char *sha256)
{
    unsigned char bytes[SHA256_HEX / 2];
    unsigned char base64[64];
    char text[100];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(hex_digit(sha256[2 * i]) << 4 |
                                   hex_digit(sha256[2 * i + 1]));
    EVP_EncodeBlock(base64, bytes, (int)sizeof bytes);
    snprintf(text, sizeof text, "sha-256=:%s:", (const char *)base64);
    MHD_add_response_header(r, "Repr-Digest", text);
}

static void add_headers(struct MHD_Response *r, const char *etag,
                        const struct stored_file *f)
{
    MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, etag);
    MHD_add_response_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    add_digest(r, f->sha256);
}

/* Several ranges, each behind a head of its own, and the end. */
struct parts {
    int fd;
    size_t count;
    struct {
        char head[PART_HEAD];
        size_t head_len;
        struct range range;
    } items[RANGES_MAX];
    char tail[64];
    size_t tail_len;
};

static void free_parts(void *ctx)
{
    struct parts *p = ctx;

    close(p->fd);
    free(p);
}

static ssize_t copy_text(const char *text, size_t len, uint64_t at, char *dst,
                         size_t max)
{
    size_t n = (size_t)num_min(max, len - at);

    memcpy(dst, text + at, n);
    return (ssize_t)n;
}

static ssize_t read_parts(void *ctx, uint64_t at, char *dst, size_t max)
{
    struct parts *p = ctx;
    ssize_t n;

    for (size_t i = 0; i < p->count; i++) {
        const struct range *range = &p->items[i].range;

        if (at < p->items[i].head_len)
            return copy_text(p->items[i].head, p->items[i].head_len, at, dst,
                             max);
        at -= p->items[i].head_len;
        if (at < range->len) {
            do
                n = pread(p->fd, dst, (size_t)num_min(max, range->len - at),
                          (off_t)(range->from + at));
            while (n < 0 && errno == EINTR);
            return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
        }
        at -= range->len;
    }
    return copy_text(p->tail, p->tail_len, at, dst, max);
}

static void write_heads(struct parts *p, const char *boundary, const char *type,
                        uint64_t size, uint64_t *total)
{
    *total = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct range *range = &p->items[i].range;
        int n = snprintf(p->items[i].head, PART_HEAD,
                         "%s--%s\r\nContent-Type: %s\r\n"
                         "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
                         i ? "\r\n" : "", boundary, type,
                         (unsigned long long)range->from,
                         (unsigned long long)(range->from + range->len - 1),
                         (unsigned long long)size);

        p->items[i].head_len = (size_t)n;
        *total += (uint64_t)n + range->len;
    }
    p->tail_len =
        (size_t)snprintf(p->tail, sizeof p->tail, "\r\n--%s--\r\n", boundary);
    *total += p->tail_len;
}

/* A multipart/byteranges reply; takes fd. */
static int reply_parts(struct exchange *x, int fd, const struct stored_file *f,
                       const char *etag, const struct range *ranges,
                       size_t count, struct error *err)
{
    struct parts *p = calloc(1, sizeof *p);
    char boundary[33] = "";
    char type[100];
    unsigned char random[16] = { 0 };
    struct MHD_Response *r;
    uint64_t total;

    if (!p) {
        close(fd);
        return error_memory(err);
    }
    /* The boundary only has to be unlikely in the file. */
    if (getrandom(random, sizeof random, 0) < 0)
        memset(random, 0xa5, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(boundary + 2 * i, 3, "%02x", random[i]);
    p->fd = fd;
    p->count = count;
    for (size_t i = 0; i < count; i++)
        p->items[i].range = ranges[i];
    write_heads(p, boundary, type_of(f->name), f->size, &total);
    r = MHD_create_response_from_callback(total, PIECE, read_parts, p,
                                          free_parts);
    if (!r) {
        free_parts(p);
        return error_memory(err);
    }
    snprintf(type, sizeof type, "multipart/byteranges; boundary=%s", boundary);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    add_headers(r, etag, f);
    return exchange_reply(x, MHD_HTTP_PARTIAL_CONTENT, total, r, err);
}

/* The whole file, or one range of it; takes fd. */
static int reply_range(struct exchange *x, int fd, const struct stored_file *f,
                       const char *etag, const struct range *range,
                       struct error *err)
{
    struct range whole = { 0, f->size };
    unsigned status = range ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
    const struct range *part = range ? range : &whole;
    struct MHD_Response *r =
        MHD_create_response_from_fd_at_offset64(part->len, fd, part->from);
    char text[100];

    if (!r) {
        close(fd);
        return error_memory(err);
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type_of(f->name));
    if (range) {
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu",
                 (unsigned long long)range->from,
                 (unsigned long long)(range->from + range->len - 1),
                 (unsigned long long)f->size);
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    }
    add_headers(r, etag, f);
    return exchange_reply(x, status, part->len, r, err);
}

static int reply_unchanged(struct exchange *x, const struct stored_file *f,
                           const char *etag, struct error *err)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (r)
        add_headers(r, etag, f);
    return exchange_reply(x, MHD_HTTP_NOT_MODIFIED, 0, r, err);
}

/* Range counts only if the client's copy is of this file. */
static const char *range_header(const struct exchange *x, const char *etag)
{
    const char *if_range = exchange_header(x, MHD_HTTP_HEADER_IF_RANGE);

    if (if_range && strcmp(if_range, etag) != 0)
        return NULL;
    return exchange_header(x, MHD_HTTP_HEADER_RANGE);
}

static int reply_content(struct exchange *x, int fd,
                         const struct stored_file *f, const char *etag,
                         struct error *err)
{
    struct range ranges[RANGES_MAX];
    size_t count = 0;

    switch (ranges_parse(range_header(x, etag), f->size, ranges, &count)) {
    case RANGES_ALL:
        return reply_range(x, fd, f, etag, NULL, err);
    case RANGES_SOME:
        return count == 1 ? reply_range(x, fd, f, etag, &ranges[0], err)
                          : reply_parts(x, fd, f, etag, ranges, count, err);
    default:
        close(fd);
        error_set(err, ERR_RANGE, "the range lies outside of %.100s", f->name);
        return error_expected(err, "a part of %llu bytes",
                              (unsigned long long)f->size);
    }
}

int file_reply_steal(struct exchange *x, int fd, const struct stored_file *f,
                     struct error *err)
{
    const char *if_match = exchange_header(x, MHD_HTTP_HEADER_IF_MATCH);
    const char *if_none = exchange_header(x, MHD_HTTP_HEADER_IF_NONE_MATCH);
    struct reply *job = calloc(1, sizeof *job);
    char etag[ETAG_LEN + 1];

    snprintf(etag, sizeof etag, "\"%s\"", f->sha256);
    if (!job) {
        close(fd);
        return error_memory(err);
    }
    job->size = f->size;
    x->job = job;
    if (if_match && !list_has(if_match, etag)) {
        close(fd);
        error_set(err, ERR_PRECONDITION, "%.100s is another file", f->name);
        error_expected(err, "%.100s", if_match);
        return error_actual(err, "%s", etag);
    }
    if (if_none && list_has(if_none, etag)) {
        close(fd);
        return reply_unchanged(x, f, etag, err);
    }
    return reply_content(x, fd, f, etag, err);
}

void file_reply_headers(const struct exchange *x, struct MHD_Response *r)
{
    const struct reply *job = x->job;
    char text[48];

    if (!job || x->err.code != ERR_RANGE)
        return;
    snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)job->size);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
}

void file_reply_close(struct exchange *x)
{
    free(x->job);
    x->job = NULL;
}
