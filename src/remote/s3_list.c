/*
 * Pages of ListObjectsV2.
 *
 * Keys come percent-encoded, since XML cannot express every key; a server that
 * does not know encoding-type sends them as they are, and says so by leaving
 * out EncodingType. That element may stand behind the keys it is about, so a
 * reply is read twice: for what it says of itself, then for its keys.
 */
#include <string.h>

#include "base/num.h"
#include "remote/s3_api.h"
#include "remote/url.h"
#include "remote/xml.h"

enum { KEY_MAX = 1024, ENCODED_MAX = 3 * KEY_MAX };

struct reading {
    struct page *page;
    bool is_list;
    bool is_encoded;
    bool is_truncated;
    char token[PAGE_TOKEN_MAX + 1];

    /* Of the element Contents that is open. */
    char key[ENCODED_MAX + 1];
    char size[24];
    char etag[256];
};

/* Copies text if there is room, else leaves "". */
static void copy(char *to, size_t size, const char *text)
{
    size_t len = strlen(text);

    to[0] = '\0';
    if (len < size)
        memcpy(to, text, len + 1);
}

static int take_head(void *ctx, const char *path, const char *text,
                     struct error *err)
{
    struct reading *r = ctx;

    if (!strcmp(path, "ListBucketResult"))
        r->is_list = true;
    if (!text)
        return 0;
    if (!strcmp(path, "ListBucketResult/EncodingType"))
        r->is_encoded = !strcmp(text, "url");
    else if (!strcmp(path, "ListBucketResult/IsTruncated"))
        r->is_truncated = !strcmp(text, "true");
    else if (!strcmp(path, "ListBucketResult/NextContinuationToken")) {
        copy(r->token, sizeof r->token, text);
        if (!r->token[0] && *text)
            return error_set(err, ERR_SOURCE,
                             "the server's continuation token is longer than "
                             "%d bytes",
                             PAGE_TOKEN_MAX);
    }
    return 0;
}

static int decode(const struct reading *r, char *key, struct error *err)
{
    if (r->is_encoded && !url_decode(key, true))
        return error_set(err, ERR_SOURCE,
                         "the server's listing has a key that is not "
                         "encoded as it says");
    return 0;
}

static int end_of_object(struct reading *r, struct error *err)
{
    uint64_t size;
    int rc;

    if (!r->key[0])
        return 0;
    rc = decode(r, r->key, err);
    if (rc)
        return rc;
    if (!r->etag[0] ||
        num_parse_uint("Size", r->size, 0, INT64_MAX, &size, NULL))
        rc = page_entry(r->page, r->key, err);
    else
        rc = page_object(r->page, r->key, size, r->etag, err);
    r->key[0] = r->size[0] = r->etag[0] = '\0';
    return rc;
}

static int take_keys(void *ctx, const char *path, const char *text,
                     struct error *err)
{
    struct reading *r = ctx;
    int rc;

    if (!strcmp(path, "ListBucketResult/Contents"))
        return end_of_object(r, err);
    if (!text)
        return 0;
    if (!strcmp(path, "ListBucketResult/Contents/Key"))
        copy(r->key, sizeof r->key, text);
    else if (!strcmp(path, "ListBucketResult/Contents/Size"))
        copy(r->size, sizeof r->size, text);
    else if (!strcmp(path, "ListBucketResult/Contents/ETag"))
        copy(r->etag, sizeof r->etag, text);
    else if (!strcmp(path, "ListBucketResult/CommonPrefixes/Prefix")) {
        copy(r->key, sizeof r->key, text);
        rc = r->key[0] ? decode(r, r->key, err) : 0;
        if (!rc && r->key[0])
            rc = page_entry(r->page, r->key, err);
        r->key[0] = '\0';
        return rc;
    }
    return 0;
}

int s3_api_read_list(const void *data, size_t len, struct page *p,
                     struct error *err)
{
    struct reading r = { .page = p };
    int rc = xml_read(data, len, take_head, &r, err);

    if (!rc && !r.is_list)
        rc = error_set(err, ERR_SOURCE,
                       "what should be the listing of a bucket is none");
    if (!rc && r.is_truncated && !r.token[0])
        rc = error_set(err, ERR_SOURCE,
                       "the server's listing goes on but does not say where");
    if (!rc)
        rc = xml_read(data, len, take_keys, &r, err);
    if (!rc && r.is_truncated)
        rc = page_next(p, r.token, err);
    return rc;
}
