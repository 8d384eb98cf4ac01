/*
 * URLs of S3, and its errors.
 *
 * Signatures cover the URL's path and query as they are sent, so there is one
 * spelling only: every byte encoded that is not unreserved, '=' included, and
 * parameters in the order of their names.
 */
#include "remote/s3_api.h"

#include <string.h>

#include "remote/message.h"
#include "remote/url.h"
#include "remote/xml.h"

bool s3_api_is_region(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= S3_API_REGION_MAX && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Amazon's domain for a region: China has one of its own. */
static const char *domain_of(const char *region)
{
    return strncmp(region, "cn-", 3) ? "amazonaws.com" : "amazonaws.com.cn";
}

/* "https://host/bucket" or "https://bucket.host"; no '/' at the end. */
static void put_bucket(const struct s3_api *a, struct buf *url)
{
    bool in_host = a->endpoint ? a->virtual_host : !strchr(a->bucket, '.');
    const char *host;

    if (a->endpoint) {
        host = strstr(a->endpoint, "://");
        host = host ? host + 3 : a->endpoint;
        buf_append(url, a->endpoint, (size_t)(host - a->endpoint));
        if (in_host)
            buf_printf(url, "%s.", a->bucket);
        buf_puts(url, host);
    } else {
        buf_printf(url, "https://%s%ss3.%s.%s", in_host ? a->bucket : "",
                   in_host ? "." : "", a->region, domain_of(a->region));
    }
    if (in_host)
        return;
    buf_putc(url, '/');
    url_encode(url, a->bucket, false);
}

void s3_api_bucket_url(const char *bucket, struct buf *url)
{
    if (strchr(bucket, '.'))
        buf_printf(url, "https://s3.amazonaws.com/%s", bucket);
    else
        buf_printf(url, "https://%s.s3.amazonaws.com/", bucket);
}

void s3_api_object_url(const struct s3_api *a, const char *key, struct buf *url)
{
    put_bucket(a, url);
    buf_putc(url, '/');
    url_encode(url, key, true);
}

void s3_api_list_url(const struct s3_api *a, const char *prefix,
                     const char *token, struct buf *url)
{
    put_bucket(a, url);
    buf_puts(url, "/?");
    if (token) {
        buf_puts(url, "continuation-token=");
        url_encode(url, token, false);
        buf_putc(url, '&');
    }
    buf_puts(url, "delimiter=%2F&encoding-type=url&list-type=2&prefix=");
    url_encode(url, prefix, false);
}

static int take_error(void *ctx, const char *path, const char *text,
                      struct error *err)
{
    struct s3_error *e = ctx;

    (void)err;
    if (!text)
        return 0;
    if (!strcmp(path, "Error/Code"))
        message_line(text, strlen(text), e->code, sizeof e->code);
    else if (!strcmp(path, "Error/Message"))
        message_line(text, strlen(text), e->message, sizeof e->message);
    else if (!strcmp(path, "Error/Region") && s3_api_is_region(text))
        message_line(text, strlen(text), e->region, sizeof e->region);
    return 0;
}

void s3_api_read_error(const void *data, size_t len, struct s3_error *out)
{
    memset(out, 0, sizeof *out);
    if (xml_read(data, len, take_error, out, NULL))
        memset(out, 0, sizeof *out);
}
