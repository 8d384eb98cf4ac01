/*
 * Buckets of Google Cloud Storage as stores.
 *
 * An object's generation is its version: it is told with every object and every
 * listing, and asked for from then on. The service answers a request for an
 * object that is absent, to a caller who may not list, as one that is denied;
 * that never reads as an absent chunk here.
 */
#include <stdlib.h>
#include <string.h>

#include "remote/bucket.h"
#include "remote/endpoint.h"
#include "remote/gcs_api.h"
#include "remote/gcs_token.h"

enum { QUERY_BYTES = 4 * URL_MAX, MESSAGE_MAX = 200 };

struct gcs {
    struct bucket base;
    struct gcs_api api;
    struct gcs_token *token;
    atomic_bool exists; /* the bucket does: it has answered */
};

static struct gcs *of(struct objects *o)
{
    return (struct gcs *)o;
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* The token is copied: another request may renew it meanwhile. */
static int set_auth(struct gcs *s, struct objects_query *q, struct error *err)
{
    size_t before = q->lines.len;
    int rc = gcs_token_get(s->token, &q->lines, err);

    if (rc || q->lines.len == before)
        return rc;
    q->request.bearer = (const char *)q->lines.data + before;
    return 0;
}

static int gcs_ask(struct objects *o, const char *name, const char *version,
                   struct objects_query *q, struct error *err)
{
    struct gcs *s = of(o);

    gcs_api_media_url(&s->api, name, version, &q->url);
    bucket_show(&s->base, name, &q->shown);
    q->request.trusted = s->base.trusted;
    return set_auth(s, q, err);
}

static void gcs_version(struct objects *o, const struct fetch_reply *r,
                        char out[static OBJECTS_VERSION_MAX + 1])
{
    of(o)->exists = true;
    fetch_header(r, "x-goog-generation", out, OBJECTS_VERSION_MAX + 1);
    if (!is_number(out))
        *out = '\0';
}

/* One request for a page without items: 404 is the bucket's own. */
static bool is_bucket_absent(struct gcs *s)
{
    struct objects_query q = { .url = BUF_INIT(QUERY_BYTES),
                               .shown = BUF_INIT(QUERY_BYTES),
                               .lines = BUF_INIT(QUERY_BYTES) };
    struct fetch_reply r = { .status = 0 };
    struct buf body = BUF_INIT(PAGE_BYTES);
    bool absent = false;

    gcs_api_list_url(&s->api, "", NULL, &q.url);
    bucket_show(&s->base, "", &q.shown);
    q.request.url = buf_str(&q.url);
    q.request.shown = buf_str(&q.shown);
    q.request.trusted = s->base.trusted;
    if (q.request.url && q.request.shown && set_auth(s, &q, NULL) == 0)
        absent = objects_fetch(&s->base.base, &q.request, &body, &r, NULL) ==
                 ERR_NOT_FOUND;
    s->exists = s->exists || (r.status && !absent);
    fetch_reply_done(&r);
    buf_done(&body);
    buf_done(&q.url);
    buf_done(&q.shown);
    buf_done(&q.lines);
    return absent;
}

static int absent(struct gcs *s, const struct fetch_reply *r, int rc,
                  struct error *err)
{
    if (s->exists || r->status != 404 || !is_bucket_absent(s))
        return rc;
    error_set(err, ERR_SOURCE_DENIED, "there is no bucket gs://%.200s",
              s->api.bucket);
    error_subject(err, "gs://%.200s", s->api.bucket);
    error_hint(err, "check the bucket's name");
    return ERR_SOURCE_DENIED;
}

static int gcs_explain(struct objects *o, const char *name,
                       const struct fetch_reply *r, int rc, struct error *err)
{
    struct gcs *s = of(o);
    char message[MESSAGE_MAX];

    if (rc == ERR_NOT_FOUND)
        return absent(s, r, rc, err);
    if (rc != ERR_SOURCE_DENIED)
        return rc;
    gcs_api_message(r->problem.data, r->problem.len, message, sizeof message);
    error_set(err, ERR_SOURCE_DENIED,
              "gs://%.100s/%.150s may not be read (HTTP status %d)%s%.200s",
              s->api.bucket, name, r->status, *message ? ": " : "", message);
    error_subject(err, "gs://%.80s/%.160s", s->api.bucket, name);
    if (gcs_token_is_given(s->token))
        error_hint(err, "the access token does not allow it, or has expired: "
                        "tokens last an hour");
    else
        error_hint(err, "if it is public check its name; else give a token: "
                        "CLOUDSDK_AUTH_ACCESS_TOKEN=$(gcloud auth "
                        "print-access-token), or the service's setting");
    return ERR_SOURCE_DENIED;
}

static int ask_page(void *ctx, struct page *p, const char *token,
                    struct error *err)
{
    struct gcs *s = ctx;
    struct objects_query q = { .url = BUF_INIT(QUERY_BYTES),
                               .shown = BUF_INIT(QUERY_BYTES),
                               .lines = BUF_INIT(QUERY_BYTES) };
    struct fetch_reply r = { .status = 0 };
    struct buf body = BUF_INIT(PAGE_BYTES);
    int rc;

    gcs_api_list_url(&s->api, p->prefix, token, &q.url);
    rc = set_auth(s, &q, err);
    if (!rc)
        rc = bucket_fetch(&s->base, &q, p->prefix, &body, &r, err);
    if (!rc)
        rc = gcs_api_read_list(body.data, body.len, p, err);
    fetch_reply_done(&r);
    buf_done(&body);
    buf_done(&q.url);
    buf_done(&q.shown);
    buf_done(&q.lines);
    return rc;
}

static int gcs_list(struct objects *o, const char *folder, store_entry_fn fn,
                    void *ctx, struct error *err)
{
    return bucket_list(&of(o)->base, folder, ask_page, fn, ctx, err);
}

static void gcs_done(struct objects *o)
{
    gcs_token_free(of(o)->token);
    bucket_done(&of(o)->base);
}

static const struct objects_ops gcs_ops = {
    .ask = gcs_ask,
    .version = gcs_version,
    .explain = gcs_explain,
    .list = gcs_list,
    .done = gcs_done,
};

int remote_open_gs(struct fetch *f, const char *url,
                   const struct remote_options *o, struct store **out,
                   char folder[static STORE_NAME_MAX + 1], struct error *err)
{
    struct gcs *s = calloc(1, sizeof *s);
    int rc = s ? location_parse(url, &s->base.at, err) : error_memory(err);

    if (!rc)
        rc = endpoint_take("the endpoint of Google Cloud Storage",
                           o->gcs_endpoint, "https://storage.googleapis.com",
                           &s->base.endpoint, &s->base.trusted, err);
    if (!rc)
        rc = gcs_token_new(f, o, &s->token, err);
    if (!rc) {
        s->api = (struct gcs_api){ s->base.endpoint, s->base.at.bucket,
                                   o->gcs_project };
        rc = bucket_open(&s->base, &gcs_ops, f, o, out, folder, err);
    }
    if (rc && s) {
        gcs_done(&s->base.base);
        free(s);
    }
    return rc;
}
