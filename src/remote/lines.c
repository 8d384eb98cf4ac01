/*
 * The header lines of a request, made for each attempt: what is still missing,
 * and who asks. What the caller added and his token go to the first origin
 * only, wherever redirects lead.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "remote/call.h"

enum {
    RANGE_MAX = 80,
    SIGNED_MAX = 16384, /* bytes of a signature's headers */
};

#define RANGE_NAME "Range: "

static int add_line(struct fetch_call *c, const char *line, struct error *err)
{
    struct curl_slist *lines = curl_slist_append(c->lines, line);

    if (!lines)
        return error_memory(err);
    c->lines = lines;
    return 0;
}

/* The header Range, for what is still missing; "" where all of it is. */
static void write_range(const struct fetch_call *c, char line[static RANGE_MAX])
{
    uint64_t from = (c->q.ranged ? c->q.offset : 0) + c->got;

    line[0] = '\0';
    if (c->q.ranged && c->q.length > 0)
        snprintf(line, RANGE_MAX, RANGE_NAME "bytes=%llu-%llu",
                 (unsigned long long)from,
                 (unsigned long long)(c->q.offset + c->q.length - 1));
    else if (c->q.ranged || c->got > 0)
        snprintf(line, RANGE_MAX, RANGE_NAME "bytes=%llu-",
                 (unsigned long long)from);
}

/* Range and If-Match. */
static int add_range(struct fetch_call *c, struct error *err)
{
    const char *etag = c->q.if_match ? c->q.if_match : c->got ? c->etag : "";
    char line[CALL_ETAG_MAX + 64];
    int rc = 0;

    write_range(c, line);
    if (*line)
        rc = add_line(c, line, err);
    if (!rc && *etag == '"' && strlen(etag) <= CALL_ETAG_MAX) {
        snprintf(line, sizeof line, "If-Match: %s", etag);
        rc = add_line(c, line, err);
    }
    return rc;
}

/* Whether a secret may go there in the clear. */
static bool is_safe(const struct url *u)
{
    unsigned char quad[4];

    return !strcmp(u->scheme, "https") || !strcmp(u->host, "localhost") ||
           (u->ipv6 && !strcmp(u->host, "::1")) ||
           (inet_pton(AF_INET, u->host, quad) == 1 && quad[0] == 127);
}

static int add_bearer(struct fetch_call *c, struct error *err)
{
    struct buf line = BUF_INIT(16384);
    int rc;

    if (!is_safe(&c->at)) {
        error_set(err, ERR_URL_DENIED,
                  "%.250s is not asked: a token would be sent unencrypted",
                  c->shown);
        return error_hint(err, "use https");
    }
    buf_printf(&line, "Authorization: Bearer %s", c->q.bearer);
    rc = buf_str(&line) ? add_line(c, buf_str(&line), err)
                        : buf_status(&line, err);
    if (line.data)
        explicit_bzero(line.data, line.cap);
    buf_done(&line);
    return rc;
}

/* The signature is of what this attempt sends, and of its time. */
static int add_signature(struct fetch_call *c, struct error *err)
{
    char range[RANGE_MAX];
    struct buf host = BUF_INIT(2 * URL_HOST_MAX);
    struct buf lines = BUF_INIT(SIGNED_MAX);
    struct sigv4_request q = { .method = "GET",
                               .path = c->at.path,
                               .query = c->at.query,
                               .now = time(NULL) };
    int rc;

    write_range(c, range);
    q.range = *range ? range + strlen(RANGE_NAME) : NULL;
    if (c->q.method == FETCH_HEAD)
        q.method = "HEAD";
    url_write_host(&c->at, &host);
    q.host = buf_str(&host);
    rc = q.host ? sigv4_sign(c->q.sign, &q, &lines, err) : error_memory(err);
    for (size_t at = 0; !rc && at < lines.len;) {
        const char *line = (const char *)lines.data + at;

        rc = add_line(c, line, err);
        at += strlen(line) + 1;
    }
    if (lines.data)
        explicit_bzero(lines.data, lines.cap);
    buf_done(&lines);
    buf_done(&host);
    return rc;
}

int lines_make(struct fetch_call *c, struct error *err)
{
    bool home = url_same_origin(&c->first, &c->at);
    bool encoding = false;
    int rc = 0;

    for (size_t i = 0; home && c->q.headers[i] && !rc; i++) {
        encoding =
            encoding || !strncasecmp(c->q.headers[i], "Accept-Encoding:", 16);
        rc = add_line(c, c->q.headers[i], err);
    }
    if (!rc && !encoding)
        rc = add_line(c, "Accept-Encoding: identity", err);
    if (!rc)
        rc = add_range(c, err);
    if (!rc && home && c->q.bearer && *c->q.bearer)
        rc = add_bearer(c, err);
    if (!rc && home && c->q.sign)
        rc = add_signature(c, err);
    return rc;
}
