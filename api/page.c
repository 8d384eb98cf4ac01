/*
 * Lists in pages.
 *
 * A list is cut into pages by name, not by number, so that entries that come or
 * go meanwhile neither hide nor repeat others. The address of the next page
 * stands in the document and in a Link header (RFC 8288).
 */
#include "page.h"

#include <string.h>

#include "base/num.h"

enum {
    PAGE_DEFAULT = 100,
    PAGE_MAX = 1000,
    PAGE_BYTES = 32 << 20,
    NAME_BYTES = 4096,
    URL_BYTES = 16 << 10,
};

int page_open(struct exchange *x, const char *key, struct page *p,
              struct error *err)
{
    const char *after = exchange_query(x, "after");
    const char *limit = exchange_query(x, "limit");
    uint64_t number = PAGE_DEFAULT;
    int rc =
        limit ? num_parse_uint("limit", limit, 1, PAGE_MAX, &number, err) : 0;

    *p = (struct page){
        .json = BUF_INIT(PAGE_BYTES),
        .last = BUF_INIT(NAME_BYTES),
        .after = after ? after : "",
        .limit = (unsigned)number,
    };
    p->w = JSON_WRITER(&p->json, JSON_STYLE_COMPACT);
    json_open(&p->w, '{');
    json_key(&p->w, key);
    json_open(&p->w, '[');
    return rc;
}

bool page_take(struct page *p, const char *name)
{
    p->more = p->count == p->limit;
    if (p->more)
        return false;
    p->count++;
    buf_clear(&p->last);
    buf_puts(&p->last, name);
    return true;
}

static void put_encoded(struct buf *url, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

    for (; text && *text; text++)
        if (strchr(plain, *text))
            buf_putc(url, *text);
        else
            buf_printf(url, "%%%02X", (unsigned char)*text);
}

/* What else was asked for holds for the next page, too. */
static enum MHD_Result put_argument(void *ctx, enum MHD_ValueKind kind,
                                    const char *name, const char *value)
{
    struct buf *url = ctx;

    (void)kind;
    if (!strcmp(name, "limit") || !strcmp(name, "after"))
        return MHD_YES;
    put_encoded(url, name);
    buf_putc(url, '=');
    put_encoded(url, value);
    buf_putc(url, '&');
    return MHD_YES;
}

/* The address of the next page, relative to the host. */
static const char *next_url(const struct exchange *x, struct page *p,
                            struct buf *url)
{
    buf_printf(url, "%s?", x->target);
    MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND,
                              put_argument, url);
    buf_printf(url, "limit=%u&after=", p->limit);
    put_encoded(url, buf_str(&p->last));
    return buf_str(url);
}

static int reply_page(struct exchange *x, struct page *p, const char *next,
                      struct error *err)
{
    struct buf link = BUF_INIT(URL_BYTES);
    struct MHD_Response *r;
    int rc;

    if (next)
        buf_printf(&link, "<%s>; rel=\"next\"", next);
    r = MHD_create_response_from_buffer(p->json.len, p->json.data,
                                        MHD_RESPMEM_MUST_COPY);
    if (r)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                                "application/json");
    if (r && next && buf_str(&link))
        MHD_add_response_header(r, "Link", buf_str(&link));
    rc = exchange_reply(x, MHD_HTTP_OK, p->json.len, r, err);
    buf_done(&link);
    return rc;
}

int page_reply(struct exchange *x, struct page *p, struct error *err)
{
    struct buf url = BUF_INIT(URL_BYTES);
    const char *next = p->more ? next_url(x, p, &url) : NULL;
    int rc = p->more ? buf_status(&url, err) : 0;

    json_close(&p->w, ']');
    json_key(&p->w, "next");
    if (next)
        json_str(&p->w, next);
    else
        json_nul(&p->w);
    json_close(&p->w, '}');
    if (!rc)
        rc = buf_status(&p->json, err);
    if (!rc)
        rc = reply_page(x, p, next, err);
    buf_done(&url);
    page_done(p);
    return rc;
}

void page_done(struct page *p)
{
    buf_done(&p->json);
    buf_done(&p->last);
}
