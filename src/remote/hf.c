/*
 * Repositories of the Hugging Face Hub as stores.
 *
 * A revision is turned into its commit once, when the store is opened; the
 * files of a commit never change, so the commit is the version of each. Large
 * files are redirected to a server of blobs, which gets no token: the engine
 * sends one to its own origin only.
 */
#include <stdlib.h>
#include <string.h>

#include "remote/bucket.h"
#include "remote/endpoint.h"
#include "remote/hf_api.h"
#include "remote/message.h"

enum { QUERY_BYTES = 4 * URL_MAX, REPLY_MAX = 16 << 20, MESSAGE_MAX = 200 };

struct hf {
    struct bucket base;
    struct hf_api api;
    const char *token;
    char commit[HF_API_COMMIT + 1];
};

static struct hf *of(struct objects *o)
{
    return (struct hf *)o;
}

/*
 * X-Error-Code (huggingface_hub: utils/_http.py, hf_raise_for_status). What is
 * private is answered as if it were not there, to whom it is hidden from.
 */
static const struct meaning {
    const char *code;
    const char *text;
    const char *hint;
} meanings[] = {
    { "RepoNotFound", "is in a repository that is not there, or private",
      "check its name; a private one wants a token in HF_TOKEN" },
    { "RevisionNotFound", "is in a revision that is not there",
      "check the part behind '@'" },
    { "GatedRepo", "is in a gated repository",
      "accept its terms on its page, and give your token in HF_TOKEN" },
    { "DisabledRepo", "is in a repository that is disabled", "" },
};

static const struct meaning *find_meaning(const char *code)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (!strcmp(code, meanings[i].code))
            return &meanings[i];
    return NULL;
}

static int explain(const struct hf *s, const char *name,
                   const struct fetch_reply *r, int rc, struct error *err)
{
    struct buf shown = BUF_INIT(2 * LOCATION_MAX);
    char code[64];
    char header[1024];
    char message[MESSAGE_MAX];
    const struct meaning *m;

    if (!bucket_can_explain(rc))
        return rc;
    fetch_header(r, "X-Error-Code", code, sizeof code);
    fetch_header(r, "X-Error-Message", header, sizeof header);
    message_line(header, strlen(header), message, sizeof message);
    m = find_meaning(code);
    /* Without a token the Hub says 401 of repositories that are not there. */
    if (!m && r->status == 401 && (!s->token || !*s->token))
        m = find_meaning("RepoNotFound");
    bucket_show(&s->base, name, &shown);
    if ((!m && rc != ERR_SOURCE_DENIED) || !buf_str(&shown)) {
        buf_done(&shown);
        return rc;
    }
    error_set(err, ERR_SOURCE_DENIED, "%.200s %s (HTTP status %d)%s%.150s",
              buf_str(&shown), m ? m->text : "may not be read", r->status,
              *message ? ": " : "", message);
    error_subject(err, "%.200s", buf_str(&shown));
    error_hint(err, "%s", m ? m->hint : "check that the token may read it");
    buf_done(&shown);
    return ERR_SOURCE_DENIED;
}

static int hf_explain(struct objects *o, const char *name,
                      const struct fetch_reply *r, int rc, struct error *err)
{
    return explain(of(o), name, r, rc, err);
}

static void set_auth(const struct hf *s, struct fetch_request *q)
{
    q->trusted = s->base.trusted;
    q->bearer = s->token;
}

static int hf_ask(struct objects *o, const char *name, const char *version,
                  struct objects_query *q, struct error *err)
{
    const struct hf *s = of(o);

    (void)version;
    (void)err;
    hf_api_file_url(&s->api, name, &q->url);
    bucket_show(&s->base, name, &q->shown);
    set_auth(s, &q->request);
    return 0;
}

static void hf_version(struct objects *o, const struct fetch_reply *r,
                       char out[static OBJECTS_VERSION_MAX + 1])
{
    (void)r;
    memcpy(out, of(o)->commit, HF_API_COMMIT + 1);
}

/* The next page is at an address of the Hub's own, or nowhere. */
static int take_link(const struct hf *s, const struct fetch_reply *r,
                     struct page *p, struct error *err)
{
    struct buf start = BUF_INIT(URL_MAX);
    char link[PAGE_TOKEN_MAX + 1];
    char next[PAGE_TOKEN_MAX + 1];
    int rc = 0;

    if (!fetch_header(r, "Link", link, sizeof link) ||
        !hf_api_next_link(link, next, sizeof next))
        return 0;
    buf_printf(&start, "%s/api/", s->api.endpoint);
    if (buf_str(&start) && !strncmp(next, buf_str(&start), start.len))
        rc = page_next(p, next, err);
    else
        rc = error_set(err, ERR_SOURCE,
                       "the Hub's list of files goes on at another server");
    buf_done(&start);
    return rc;
}

static int ask_page(void *ctx, struct page *p, const char *token,
                    struct error *err)
{
    struct hf *s = ctx;
    struct objects_query q = { .url = BUF_INIT(QUERY_BYTES),
                               .shown = BUF_INIT(QUERY_BYTES) };
    char folder[STORE_NAME_MAX + 2];
    struct fetch_reply r = { .status = 0 };
    struct buf body = BUF_INIT(PAGE_BYTES);
    size_t len = strlen(p->prefix);
    int rc;

    memcpy(folder, p->prefix, len + 1);
    if (len > 0)
        folder[len - 1] = '\0';
    if (token)
        buf_puts(&q.url, token);
    else
        hf_api_tree_url(&s->api, folder, &q.url);
    set_auth(s, &q.request);
    rc = bucket_fetch(&s->base, &q, folder, &body, &r, err);
    if (!rc)
        rc = hf_api_read_tree(body.data, body.len, p, err);
    if (!rc)
        rc = take_link(s, &r, p, err);
    fetch_reply_done(&r);
    buf_done(&body);
    buf_done(&q.url);
    buf_done(&q.shown);
    return rc;
}

static int hf_list(struct objects *o, const char *folder, store_entry_fn fn,
                   void *ctx, struct error *err)
{
    return bucket_list(&of(o)->base, folder, ask_page, fn, ctx, err);
}

static void hf_done(struct objects *o)
{
    bucket_done(&of(o)->base);
}

static const struct objects_ops hf_ops = {
    .ask = hf_ask,
    .version = hf_version,
    .explain = hf_explain,
    .list = hf_list,
    .done = hf_done,
};

/* The commit that the revision is now. */
static int pin(struct hf *s, struct fetch *f, const struct remote_options *o,
               struct error *err)
{
    struct buf url = BUF_INIT(QUERY_BYTES);
    struct buf shown = BUF_INIT(QUERY_BYTES);
    struct buf body = BUF_INIT(REPLY_MAX);
    struct fetch_reply r = { .status = 0 };
    struct fetch_request q = { .method = FETCH_GET,
                               .cancel = o->cancel,
                               .seconds = o->seconds,
                               .body = { .buf = &body } };
    int rc;

    if (hf_api_is_commit(s->api.revision)) {
        memcpy(s->commit, s->api.revision, sizeof s->commit);
        return 0;
    }
    hf_api_revision_url(&s->api, &url);
    bucket_show(&s->base, "", &shown);
    q.url = buf_str(&url);
    q.shown = buf_str(&shown);
    set_auth(s, &q);
    rc = q.url && q.shown ? fetch_do(f, &q, &r, err) : error_memory(err);
    if (rc && r.status)
        rc = explain(s, "", &r, rc, err);
    if (!rc)
        rc = hf_api_read_commit(body.data, body.len, s->commit, err);
    fetch_reply_done(&r);
    buf_done(&url);
    buf_done(&shown);
    buf_done(&body);
    return rc;
}

int remote_open_hf(struct fetch *f, const char *url,
                   const struct remote_options *o, struct store **out,
                   char folder[static STORE_NAME_MAX + 1], struct error *err)
{
    struct hf *s = calloc(1, sizeof *s);
    int rc = s ? location_parse(url, &s->base.at, err) : error_memory(err);

    if (!rc)
        rc = endpoint_take("the endpoint of the Hub", o->hf_endpoint,
                           "https://huggingface.co", &s->base.endpoint,
                           &s->base.trusted, err);
    if (!rc) {
        s->token = o->hf_token;
        s->api = (struct hf_api){ s->base.endpoint, s->base.at.type,
                                  s->base.at.bucket, s->base.at.revision };
        rc = pin(s, f, o, err);
    }
    if (!rc) {
        s->api.revision = s->commit;
        s->base.version = s->commit;
        rc = bucket_open(&s->base, &hf_ops, f, o, out, folder, err);
    }
    if (rc && s) {
        bucket_done(&s->base);
        free(s);
    }
    return rc;
}
