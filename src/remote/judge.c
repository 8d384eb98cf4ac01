/*
 * What a reply means: take it, follow it, try again, or give up.
 *
 * A failure that may pass costs something, by its kind, and any new byte wipes
 * the slate clean: so a server that breaks connections now and then never
 * exhausts a request's attempts, and one that is dead does so in seconds. The
 * pause grows with each failure, and is spread at random, so that many requests
 * that failed together do not come back together.
 *
 * An attempt that follows a failure begins at the first URL again, since what a
 * redirect leads to may be valid for a short while only.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "remote/call.h"
#include "remote/head.h"

enum {
    PAUSE_MAX = 10000,    /* milliseconds */
    RETRY_AFTER_MAX = 60, /* seconds */
    VALUE_MAX = 8192,
};

/* Failures of libcurl that may pass, and what each costs. */
static const struct {
    CURLcode code;
    unsigned cost;
} passing[] = {
    { CURLE_COULDNT_RESOLVE_HOST, 3 },
    { CURLE_COULDNT_CONNECT, 2 },
    { CURLE_OPERATION_TIMEDOUT, 1 },
    { CURLE_PARTIAL_FILE, 1 },
    { CURLE_GOT_NOTHING, 1 },
    { CURLE_SEND_ERROR, 1 },
    { CURLE_RECV_ERROR, 1 },
    { CURLE_HTTP2, 1 },
    { CURLE_HTTP2_STREAM, 1 },
    { CURLE_SSL_CONNECT_ERROR, 2 },
    { CURLE_AGAIN, 1 },
};

/* What statuses mean; those not listed are failures for good. */
static const struct status {
    int from;
    int to;
    enum error_code code; /* ERR_OK: may pass */
    const char *text;
    const char *hint;
} statuses[] = {
    { 401, 401, ERR_SOURCE_DENIED, "wants credentials",
      "give a token that may read it" },
    { 403, 403, ERR_SOURCE_DENIED, "may not be read",
      "check its name, and the credentials" },
    { 404, 404, ERR_NOT_FOUND, "is not there", "" },
    { 407, 407, ERR_SOURCE_DENIED, "may not be read", "" },
    { 408, 408, ERR_OK, "", "" },
    { 410, 410, ERR_NOT_FOUND, "is gone", "" },
    { 412, 412, ERR_SOURCE_CHANGED, "changed while it was read",
      "start again when nobody writes to it" },
    { 416, 416, ERR_SOURCE, "is shorter than expected",
      "the copy is incomplete: copy it again" },
    { 425, 425, ERR_OK, "", "" },
    { 429, 429, ERR_OK, "", "" },
    { 451, 451, ERR_SOURCE_DENIED, "may not be read", "" },
    { 500, 500, ERR_OK, "", "" },
    { 502, 504, ERR_OK, "", "" },
    { 507, 509, ERR_OK, "", "" },
    { 520, 599, ERR_OK, "", "" },
};

static const struct status *find_status(int code)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (code >= statuses[i].from && code <= statuses[i].to)
            return &statuses[i];
    return NULL;
}

static bool header(const struct fetch_call *c, const char *name, char *out,
                   size_t size)
{
    return head_find(c->reply.head.data, c->reply.head.len, name, out, size);
}

static int fail(const struct fetch_call *c, const char *what, struct error *err)
{
    error_set(err, ERR_SOURCE, "%.250s %s", c->shown, what);
    return error_subject(err, "%s", c->shown);
}

static int check_etag(struct fetch_call *c, struct error *err)
{
    const char *known = c->q.if_match ? c->q.if_match
                        : c->got > 0  ? c->etag
                                      : "";
    char etag[CALL_ETAG_MAX + 1];

    header(c, "ETag", etag, sizeof etag);
    if (!*known || !*etag || !strcmp(known, etag)) {
        memcpy(c->etag, etag, sizeof etag);
        return 0;
    }
    error_set(err, ERR_SOURCE_CHANGED, "%.250s changed while it was read",
              c->shown);
    error_subject(err, "%s", c->shown);
    error_expected(err, "ETag %.100s", known);
    error_actual(err, "ETag %.100s", etag);
    return error_hint(err, "start again when nobody writes to it");
}

/* Where this reply's body lies in the object; the object's size, if told. */
static int find_place(struct fetch_call *c, uint64_t *from, struct error *err)
{
    struct fetch_reply *r = &c->reply;
    char value[128];
    uint64_t last = 0;

    *from = 0;
    r->has_size = false;
    if (r->status == 206) {
        if ((c->q.ranged || c->got > 0) &&
            header(c, "Content-Range", value, sizeof value) &&
            head_content_range(value, from, &last, &r->has_size, &r->size))
            return 0;
        return fail(c, "answers with a range that is not valid", err);
    }
    if (header(c, "Content-Length", value, sizeof value))
        r->has_size = head_length(value, &r->size);
    return 0;
}

/* All of it at once: a buffer that doubles would hold twice the object. */
static int reserve(struct buf *b, size_t size, struct error *err)
{
    size_t len = b->len;
    int rc = size > len ? buf_resize(b, size, err) : 0;

    b->len = len;
    return rc;
}

/* Does the object's size fit what is wanted? */
static int check_size(const struct fetch_call *c, struct error *err)
{
    const struct fetch_body *b = &c->q.body;
    uint64_t offset = c->q.ranged ? c->q.offset : 0;
    uint64_t size = c->reply.size;
    uint64_t rest = size > offset ? size - offset : 0;

    if (b->bytes && (c->q.ranged ? rest < b->size : size != b->size)) {
        fail(c, "does not have the expected size", err);
        error_expected(err, "%llu bytes",
                       (unsigned long long)(offset + b->size));
        error_actual(err, "%llu bytes", (unsigned long long)size);
        return error_hint(err, "the copy is incomplete: copy it again");
    }
    if (!b->buf)
        return 0;
    if (num_min(rest, c->want) <= b->buf->max)
        return reserve(b->buf, (size_t)num_min(rest, c->want), err);
    error_set(err, ERR_LIMIT, "%.250s is too large", c->shown);
    error_subject(err, "%s", c->shown);
    error_expected(err, "at most %zu bytes", b->buf->max);
    return error_actual(err, "%llu bytes", (unsigned long long)rest);
}

int judge_head(struct fetch_call *c, struct error *err)
{
    uint64_t wanted = (c->q.ranged ? c->q.offset : 0) + c->got;
    uint64_t from = 0;
    long status = 0;
    int rc;

    c->in_body = true;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    c->reply.status = (int)status;
    if (status < 200 || status > 299)
        return 0;
    rc = check_etag(c, err);
    if (!rc)
        rc = find_place(c, &from, err);
    if (!rc && from > wanted)
        rc = fail(c, "answers with another range", err);
    if (!rc && c->reply.has_size && c->q.method == FETCH_GET)
        rc = check_size(c, err);
    c->skip = wanted - from;
    return rc;
}

static enum verdict end(struct fetch_call *c, int rc)
{
    c->rc = rc;
    return VERDICT_DONE;
}

static enum verdict end_with(struct fetch_call *c, const struct status *s)
{
    error_set(&c->error, s->code, "%.250s %s (HTTP status %d)", c->shown,
              s->text, c->reply.status);
    error_subject(&c->error, "%s", c->shown);
    return end(c, error_hint(&c->error, "%s", s->hint));
}

/* The server's wish, in milliseconds; 0 if it has none. */
static uint64_t retry_after(const struct fetch_call *c)
{
    char value[128];
    uint64_t seconds = 0;

    if (!header(c, "Retry-After", value, sizeof value) ||
        !head_retry_after(value, (int64_t)time(NULL), &seconds))
        return 0;
    return 1000 * num_min(seconds, RETRY_AFTER_MAX);
}

/* Half of it is fixed, half by chance. */
static uint64_t pause_for(const struct fetch_call *c, uint32_t random)
{
    uint64_t most = c->options->pause;

    for (unsigned i = 1; i < c->failures && most < PAUSE_MAX; i++)
        most *= 2;
    most = num_min(most, PAUSE_MAX);
    return most / 2 + random % (most / 2 + 1);
}

static unsigned attempts_of(const struct fetch_call *c)
{
    return c->reply.attempts ? c->reply.attempts : 1;
}

static enum verdict out_of_time(struct fetch_call *c, const char *why)
{
    error_set(&c->error, ERR_SOURCE_TIMEOUT,
              "%.250s did not come in time: %s (%u attempts)", c->shown, why,
              attempts_of(c));
    error_subject(&c->error, "%s", c->shown);
    if (c->got > 0)
        error_actual(&c->error, "%llu bytes came", (unsigned long long)c->got);
    return end(c, error_hint(&c->error, "try again later, or allow more time"));
}

/* The failure may pass. Goes back to the first URL. */
static enum verdict again(struct fetch_call *c, unsigned cost, const char *why,
                          uint32_t random)
{
    uint64_t now = call_now();
    uint64_t wait;
    struct url first = { .port = 0 };
    int rc;

    if (c->got > c->got_before)
        c->cost = c->failures = 0;
    c->cost += cost;
    c->failures++;
    snprintf(c->last, sizeof c->last, "%s", why);
    wait = num_max(pause_for(c, random), retry_after(c));
    if (now + wait >= call_deadline(c))
        return out_of_time(c, why);
    if (c->cost >= c->options->attempts) {
        error_set(&c->error, ERR_SOURCE,
                  "%.250s could not be fetched: %s (%u attempts)", c->shown,
                  why, attempts_of(c));
        error_subject(&c->error, "%s", c->shown);
        return end(c, error_hint(&c->error, "try again later"));
    }
    rc = url_parse(c->q.url, &first, &c->error);
    if (rc)
        return end(c, rc);
    url_done(&c->at);
    c->at = first;
    c->reply.redirects = 0;
    c->start_at = now + wait;
    return VERDICT_AGAIN;
}

static enum verdict denied(struct fetch_call *c, const char *what,
                           const char *which)
{
    error_set(&c->error, ERR_URL_DENIED, "%.250s may not be fetched: %s%s",
              c->shown, what, which);
    error_subject(&c->error, "%s", c->shown);
    return end(c, (int)c->error.code);
}

static enum verdict redirect(struct fetch_call *c)
{
    char location[VALUE_MAX];
    struct url to = { .port = 0 };
    int rc;

    if (!header(c, "Location", location, sizeof location))
        return end(c, fail(c, "redirects, but does not say where", &c->error));
    if (++c->reply.redirects > FETCH_REDIRECTS)
        return end(c, fail(c, "redirects too often", &c->error));
    rc = url_resolve(&c->at, location, &to, &c->error);
    if (rc)
        return end(c, rc);
    if (!strcmp(c->at.scheme, "https") && strcmp(to.scheme, "https") != 0) {
        url_done(&to);
        return denied(c, "it redirects to plain http", "");
    }
    url_done(&c->at);
    c->at = to;
    c->start_at = 0;
    return VERDICT_AGAIN;
}

static bool follows(const struct fetch_call *c)
{
    int s = c->reply.status;

    return !c->q.stay && !c->q.sign &&
           (s == 301 || s == 302 || s == 303 || s == 307 || s == 308);
}

/* A whole reply of 2xx: is it all that is wanted? */
static enum verdict judge_whole(struct fetch_call *c, uint32_t random)
{
    bool body = c->q.body.bytes || c->q.body.buf || c->q.body.take;

    if (c->q.method == FETCH_HEAD || !body)
        return end(c, 0);
    if (c->enough && !c->q.ranged)
        return end(c, fail(c, "is longer than expected", &c->error));
    if (c->got < c->want && c->want != UINT64_MAX && c->q.body.bytes)
        return again(c, 1, "the reply ended too early", random);
    return end(c, 0);
}

static enum verdict judge_status(struct fetch_call *c, uint32_t random)
{
    const struct status *s = find_status(c->reply.status);
    char text[64];

    if (follows(c))
        return redirect(c);
    if (c->q.stay && c->reply.status >= 300 && c->reply.status < 400)
        return end(c, 0);
    if (s && s->code != ERR_OK)
        return end_with(c, s);
    snprintf(text, sizeof text, "HTTP status %d", c->reply.status);
    if (s)
        return again(c, 1, text, random);
    error_set(&c->error, ERR_SOURCE, "%.250s: %s", c->shown, text);
    return end(c, error_subject(&c->error, "%s", c->shown));
}

static enum verdict judge_failure(struct fetch_call *c, CURLcode result,
                                  uint32_t random)
{
    const char *why = curl_easy_strerror(result);
    bool tls = result == CURLE_PEER_FAILED_VERIFICATION ||
               result == CURLE_SSL_CACERT_BADFILE;

    if (result == CURLE_OUT_OF_MEMORY)
        return end(c, error_memory(&c->error));
    if (result == CURLE_OPERATION_TIMEDOUT && call_now() >= call_deadline(c))
        return out_of_time(c, *c->last ? c->last : "the time is up");
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (passing[i].code == result)
            return again(c, passing[i].cost, why, random);
    /* libcurl's own words tell which certificate and why. */
    error_set(&c->error, ERR_SOURCE, "%.250s could not be fetched: %.200s",
              c->shown, tls && *c->detail ? c->detail : why);
    error_subject(&c->error, "%s", c->shown);
    if (tls)
        error_hint(&c->error, "a certificate authority of your own is given "
                              "with --ca-file");
    return end(c, (int)c->error.code);
}

enum verdict judge_attempt(struct fetch_call *c, CURLcode result,
                           uint32_t random)
{
    if (c->failed)
        return end(c, c->failed);
    if (c->denied)
        return denied(c, "its address is ", c->denied);
    if (result == CURLE_OK && !c->in_body) {
        c->failed = judge_head(c, &c->error);
        if (c->failed)
            return end(c, c->failed);
    }
    if (c->in_body && (c->reply.status < 200 || c->reply.status > 299))
        return judge_status(c, random);
    if (result == CURLE_OK || c->enough)
        return judge_whole(c, random);
    return judge_failure(c, result, random);
}
