/*
 * Buckets of S3, and of what speaks its protocol, as stores.
 *
 * ETags are versions. Requests are signed if there are keys, else they are
 * anonymous, as public buckets allow. A signature names the bucket's region,
 * and so does the host: where none is given, one request without a signature
 * finds it out, which needs no right to anything.
 */
#include <stdlib.h>
#include <string.h>

#include "remote/bucket.h"
#include "remote/endpoint.h"
#include "remote/s3_api.h"

#define REGION "us-east-1" /* unless something else is known */

enum { QUERY_BYTES = 4 * URL_MAX };

struct s3 {
    struct bucket base;
    struct s3_api api;
    struct sigv4_keys keys; /* id is NULL: requests are anonymous */
    char region[S3_API_REGION_MAX + 1];
};

static struct s3 *of(struct objects *o)
{
    return (struct s3 *)o;
}

/*
 * Error codes that mean something else than their status, or more; none makes
 * an object absent that the status does not. A region
 * beside the error is told in place of the hint. Source: the list of error
 * codes at docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
static const struct meaning {
    const char *code;
    enum error_code error;
    const char *text;
    const char *hint;
} meanings[] = {
    { "NoSuchBucket", ERR_SOURCE_DENIED, "is in a bucket that is not there",
      "check the bucket's name, and the endpoint" },
    { "AccessDenied", ERR_SOURCE_DENIED, "may not be read", "" },
    { "AllAccessDisabled", ERR_SOURCE_DENIED, "may not be read", "" },
    { "InvalidAccessKeyId", ERR_SOURCE_DENIED,
      "is not given: the server does not know the key",
      "check AWS_ACCESS_KEY_ID, and the endpoint" },
    { "SignatureDoesNotMatch", ERR_SOURCE_DENIED,
      "is not given: the secret does not belong to the key",
      "check AWS_SECRET_ACCESS_KEY" },
    { "ExpiredToken", ERR_SOURCE_DENIED,
      "is not given: the session token has expired",
      "get new temporary credentials" },
    { "InvalidToken", ERR_SOURCE_DENIED,
      "is not given: the session token is not valid",
      "check AWS_SESSION_TOKEN: it belongs to one key" },
    { "RequestTimeTooSkewed", ERR_SOURCE_DENIED,
      "is not given: this machine's clock is wrong", "set the clock" },
    { "PermanentRedirect", ERR_SOURCE, "is in another region",
      "set AWS_REGION to the bucket's" },
    { "TemporaryRedirect", ERR_SOURCE, "is in another region",
      "set AWS_REGION to the bucket's" },
    { "AuthorizationHeaderMalformed", ERR_SOURCE, "is in another region",
      "set AWS_REGION to the bucket's" },
    { "IllegalLocationConstraintException", ERR_SOURCE, "is in another region",
      "set AWS_REGION to the bucket's" },
    { "InvalidObjectState", ERR_SOURCE, "is archived", "restore it first" },
    { "SlowDown", ERR_SOURCE, "is not given: too many requests",
      "try again later" },
};

static const struct meaning *find_meaning(const char *code)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (!strcmp(code, meanings[i].code))
            return &meanings[i];
    return NULL;
}

static int s3_ask(struct objects *o, const char *name, const char *version,
                  struct objects_query *q, struct error *err)
{
    struct s3 *s = of(o);

    (void)err;
    s3_api_object_url(&s->api, name, &q->url);
    bucket_show(&s->base, name, &q->shown);
    q->request.trusted = s->base.trusted;
    q->request.sign = s->keys.id ? &s->keys : NULL;
    if (*version == '"') {
        buf_append(&q->lines, version, strlen(version) + 1);
        q->request.if_match = buf_str(&q->lines);
    }
    return 0;
}

static void set_hint(const struct s3 *s, const struct meaning *m,
                     const struct s3_error *e, struct error *err)
{
    if (*e->region && m && m->error == ERR_SOURCE)
        error_hint(err, "the bucket's region is %s: set AWS_REGION to it",
                   e->region);
    else if (m && *m->hint)
        error_hint(err, "%s", m->hint);
    else if (!s->keys.id)
        error_hint(err, "if it is public check its name; else give keys: "
                        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                        "AWS_PROFILE");
    else
        error_hint(err, "the key has no right to it, or it is not there and "
                        "the key may not list the bucket");
}

static int s3_explain(struct objects *o, const char *name,
                      const struct fetch_reply *r, int rc, struct error *err)
{
    struct s3 *s = of(o);
    const struct meaning *m;
    struct s3_error e;

    if (!bucket_can_explain(rc))
        return rc;
    s3_api_read_error(r->problem.data, r->problem.len, &e);
    if (!*e.region)
        fetch_header(r, "x-amz-bucket-region", e.region, sizeof e.region);
    if (!s3_api_is_region(e.region))
        e.region[0] = '\0';
    m = find_meaning(e.code);
    if (!m && r->status == 301)
        m = find_meaning("PermanentRedirect");
    if (!m && rc != ERR_SOURCE_DENIED)
        return rc;
    rc = m ? (int)m->error : ERR_SOURCE_DENIED;
    error_set(err, (enum error_code)rc,
              "s3://%.100s/%.150s %s (HTTP status %d%s%s)", s->api.bucket, name,
              m ? m->text : "may not be read", r->status, *e.code ? ", " : "",
              e.code);
    error_subject(err, "s3://%.80s/%.160s", s->api.bucket, name);
    set_hint(s, m, &e, err);
    return rc;
}

static int ask_page(void *ctx, struct page *p, const char *token,
                    struct error *err)
{
    struct s3 *s = ctx;
    struct objects_query q = { .url = BUF_INIT(QUERY_BYTES),
                               .shown = BUF_INIT(QUERY_BYTES) };
    struct fetch_reply r = { .status = 0 };
    struct buf body = BUF_INIT(PAGE_BYTES);
    int rc;

    s3_api_list_url(&s->api, p->prefix, token, &q.url);
    q.request.sign = s->keys.id ? &s->keys : NULL;
    rc = bucket_fetch(&s->base, &q, p->prefix, &body, &r, err);
    if (!rc)
        rc = s3_api_read_list(body.data, body.len, p, err);
    fetch_reply_done(&r);
    buf_done(&body);
    buf_done(&q.url);
    buf_done(&q.shown);
    return rc;
}

static int s3_list(struct objects *o, const char *folder, store_entry_fn fn,
                   void *ctx, struct error *err)
{
    return bucket_list(&of(o)->base, folder, ask_page, fn, ctx, err);
}

static void s3_done(struct objects *o)
{
    bucket_done(&of(o)->base);
}

static const struct objects_ops s3_ops = {
    .ask = s3_ask,
    .explain = s3_explain,
    .list = s3_list,
    .done = s3_done,
};

static bool is_given(const char *text)
{
    return text && *text;
}

static int set_keys(struct s3 *s, const struct remote_options *o,
                    struct error *err)
{
    if (is_given(o->s3_key) != is_given(o->s3_secret))
        return error_set(err, ERR_USAGE,
                         "a key for S3 is given without its secret, or a "
                         "secret without its key");
    if (!is_given(o->s3_key))
        return 0;
    s->keys = (struct sigv4_keys){ .id = o->s3_key,
                                   .secret = o->s3_secret,
                                   .session = o->s3_session,
                                   .region = s->region,
                                   .service = "s3" };
    return 0;
}

/*
 * Asks where the bucket is. Any reply tells, 403 as well, in a header
 * (docs.aws.amazon.com: HeadBucket).
 */
static int find_region(struct s3 *s, struct fetch *f,
                       const struct remote_options *o, struct error *err)
{
    struct fetch_request q = { .method = FETCH_HEAD,
                               .stay = true,
                               .cancel = o->cancel,
                               .seconds = o->seconds };
    struct fetch_reply r = { .status = 0 };
    struct buf url = BUF_INIT(URL_MAX);
    int rc;

    s3_api_bucket_url(s->api.bucket, &url);
    q.url = buf_str(&url);
    rc = q.url ? fetch_do(f, &q, &r, err) : error_memory(err);
    if (rc == ERR_NOT_FOUND) {
        error_set(err, ERR_SOURCE_DENIED, "there is no bucket s3://%.200s",
                  s->api.bucket);
        rc = error_hint(err, "check the bucket's name");
    } else if (r.status) {
        rc = 0;
        if (!fetch_header(&r, "x-amz-bucket-region", s->region,
                          sizeof s->region) ||
            !s3_api_is_region(s->region))
            memcpy(s->region, REGION, sizeof REGION);
    }
    fetch_reply_done(&r);
    buf_done(&url);
    return rc;
}

static int set_region(struct s3 *s, struct fetch *f,
                      const struct remote_options *o, struct error *err)
{
    const char *region = is_given(o->s3_region) ? o->s3_region : REGION;

    if (!is_given(o->s3_region) && !s->api.endpoint)
        return find_region(s, f, o, err);
    if (!s3_api_is_region(region)) {
        error_set(err, ERR_USAGE, "'%.60s' is no region of S3", region);
        return error_expected(err, "small letters, digits and '-': us-east-1");
    }
    memcpy(s->region, region, strlen(region) + 1);
    return 0;
}

int remote_open_s3(struct fetch *f, const char *url,
                   const struct remote_options *o, struct store **out,
                   char folder[static STORE_NAME_MAX + 1], struct error *err)
{
    struct s3 *s = calloc(1, sizeof *s);
    int rc = s ? location_parse(url, &s->base.at, err) : error_memory(err);

    if (!rc && is_given(o->s3_endpoint))
        rc = endpoint_take("the endpoint of S3", o->s3_endpoint, "",
                           &s->base.endpoint, &s->base.trusted, err);
    if (!rc) {
        s->api =
            (struct s3_api){ s->base.endpoint, s->region, s->base.at.bucket,
                             is_given(o->s3_style) &&
                                 !strcmp(o->s3_style, "virtual") };
        rc = set_keys(s, o, err);
    }
    if (!rc)
        rc = set_region(s, f, o, err);
    if (!rc)
        rc = bucket_open(&s->base, &s3_ops, f, o, out, folder, err);
    if (rc && s) {
        bucket_done(&s->base);
        free(s);
    }
    return rc;
}
