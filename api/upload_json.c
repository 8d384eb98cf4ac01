/*
 * Uploads as JSON.
 *
 * A list is cut into pages by name, not by number, so that entries that come or
 * go meanwhile neither hide nor repeat others. The address of the next page
 * stands in the document and in a Link header (RFC 8288).
 */
#include "upload_json.h"

#include <string.h>
#include <time.h>

#include "base/num.h"

enum {
    PAGE_DEFAULT = 100,
    PAGE_MAX = 1000,
    PAGE_BYTES = 32 << 20,
    NAME_BYTES = 4096,
    URL_BYTES = 16 << 10,
};

/* RFC 3339; 0 is null. */
static void put_time(struct json_writer *w, const char *key, int64_t seconds)
{
    time_t at = (time_t)seconds;
    char text[40];
    struct tm utc;

    json_key(w, key);
    if (!seconds || !gmtime_r(&at, &utc)) {
        json_nul(w);
        return;
    }
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_str(w, text);
}

void upload_json_info(struct json_writer *w, const struct uploads_info *info)
{
    char reference[UPLOADS_ID_MAX + 8];

    snprintf(reference, sizeof reference, "upload:%s", info->id);
    json_open(w, '{');
    json_key_str(w, "id", info->id);
    json_key_str(w, "reference", reference);
    json_key_bool(w, "complete", info->complete == info->files);
    json_key_u64(w, "files", info->files);
    json_key_u64(w, "complete_files", info->complete);
    json_key_u64(w, "bytes", info->bytes);
    json_key_bool(w, "unpacked", info->unpacked);
    json_key_bool(w, "in_use", info->held);
    put_time(w, "created", info->created);
    put_time(w, "expires", info->expires);
    json_close(w, '}');
}

void upload_json_file(struct json_writer *w, const struct uploads_file *file)
{
    json_open(w, '{');
    json_key_str(w, "id", file->id);
    json_key_str(w, "path", file->path);
    json_key_bool(w, "complete", file->complete);
    json_key_bool(w, "partial", file->partial);
    json_key_u64(w, "offset", file->offset);
    json_key(w, "length");
    if (file->length == UPLOADS_UNKNOWN)
        json_nul(w);
    else
        json_u64(w, file->length);
    put_time(w, "created", file->created);
    json_close(w, '}');
}

int upload_json_reply_info(struct exchange *x, const struct uploads_info *info,
                           struct error *err)
{
    struct buf json = BUF_INIT(PAGE_BYTES);
    struct json_writer w = JSON_WRITER(&json, JSON_STYLE_COMPACT);
    int rc;

    upload_json_info(&w, info);
    rc = buf_status(&json, err);
    if (!rc)
        rc = exchange_reply_bytes(x, MHD_HTTP_OK, "application/json", json.data,
                                  json.len, err);
    buf_done(&json);
    return rc;
}

int upload_json_open(struct exchange *x, const char *key, struct upload_page *p,
                     struct error *err)
{
    const char *after = exchange_query(x, "after");
    const char *limit = exchange_query(x, "limit");
    uint64_t number = PAGE_DEFAULT;
    int rc =
        limit ? num_parse_uint("limit", limit, 1, PAGE_MAX, &number, err) : 0;

    *p = (struct upload_page){
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

bool upload_json_take(struct upload_page *p, const char *name)
{
    p->more = p->count == p->limit;
    if (p->more)
        return false;
    p->count++;
    buf_clear(&p->last);
    buf_puts(&p->last, name);
    return true;
}

/* The address of the next page, relative to the host. */
static const char *next_url(const struct exchange *x, struct upload_page *p,
                            struct buf *url)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    const char *name = buf_str(&p->last);

    buf_printf(url, "%s?limit=%u&after=", x->target, p->limit);
    for (; name && *name; name++)
        if (strchr(plain, *name))
            buf_putc(url, *name);
        else
            buf_printf(url, "%%%02X", (unsigned char)*name);
    return name ? buf_str(url) : NULL;
}

static int reply_page(struct exchange *x, struct upload_page *p,
                      const char *next, struct error *err)
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

int upload_json_close(struct exchange *x, struct upload_page *p,
                      struct error *err)
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
    upload_json_done(p);
    return rc;
}

void upload_json_done(struct upload_page *p)
{
    buf_done(&p->json);
    buf_done(&p->last);
}
