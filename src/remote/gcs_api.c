/*
 * Requests to, and replies of, the JSON API of Google Cloud Storage.
 *
 * An object's name is one segment of the URL's path, so its '/' are encoded as
 * well. Numbers of 64 bits (size, generation) are strings in the replies. All
 * members of a reply may be absent; a page without items may name a next one.
 */
#include "remote/gcs_api.h"

#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "remote/message.h"
#include "remote/url.h"

static void put_parameter(struct buf *url, const char *separator,
                          const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_printf(url, "%s%s=", separator, name);
    url_encode(url, value, false);
}

static void put_bucket(const struct gcs_api *a, struct buf *url)
{
    buf_puts(url, a->endpoint);
    buf_puts(url, "/storage/v1/b/");
    url_encode(url, a->bucket, false);
    buf_puts(url, "/o");
}

void gcs_api_list_url(const struct gcs_api *a, const char *prefix,
                      const char *token, struct buf *url)
{
    put_bucket(a, url);
    buf_puts(url, "?delimiter=%2F&fields=nextPageToken,prefixes,"
                  "items(name,size,generation)&maxResults=1000");
    put_parameter(url, "&", "prefix", prefix);
    put_parameter(url, "&", "pageToken", token);
    put_parameter(url, "&", "userProject", a->project);
}

void gcs_api_media_url(const struct gcs_api *a, const char *object,
                       const char *generation, struct buf *url)
{
    put_bucket(a, url);
    buf_putc(url, '/');
    url_encode(url, object, false);
    buf_puts(url, "?alt=media");
    put_parameter(url, "&", "ifGenerationMatch", generation);
    put_parameter(url, "&", "userProject", a->project);
}

static int malformed(const char *what, struct error *err)
{
    return error_set(err, ERR_SOURCE,
                     "the listing of the bucket cannot be understood: %s",
                     what);
}

static int read_item(const json_t *item, struct page *p, struct error *err)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *size = json_string_value(json_object_get(item, "size"));
    const char *generation =
        json_string_value(json_object_get(item, "generation"));
    uint64_t bytes;

    if (!name)
        return malformed("an object has no name", err);
    if (!size || !generation)
        return page_entry(p, name, err);
    if (num_parse_uint("size", size, 0, INT64_MAX, &bytes, NULL))
        return malformed("an object's size is no number", err);
    return page_object(p, name, bytes, generation, err);
}

static int read_prefix(const json_t *item, struct page *p, struct error *err)
{
    const char *name = json_string_value(item);

    return name ? page_entry(p, name, err)
                : malformed("a prefix is no string", err);
}

/* Calls read for each element of the array of this name, if it is there. */
static int read_all(const json_t *reply, const char *key,
                    int (*read)(const json_t *, struct page *, struct error *),
                    struct page *p, struct error *err)
{
    const json_t *array = json_object_get(reply, key);
    int rc = 0;

    if (array && !json_is_array(array))
        return malformed("what should be a list is none", err);
    for (size_t i = 0; !rc && i < json_array_size(array); i++)
        rc = read(json_array_get(array, i), p, err);
    return rc;
}

int gcs_api_read_list(const void *data, size_t len, struct page *p,
                      struct error *err)
{
    const char *token;
    json_t *reply = NULL;
    int rc = json_read(data, len, "the listing of the bucket", ERR_SOURCE,
                       &reply, err);

    if (!rc && !json_is_object(reply))
        rc = malformed("it is no object", err);
    if (!rc)
        rc = read_all(reply, "items", read_item, p, err);
    if (!rc)
        rc = read_all(reply, "prefixes", read_prefix, p, err);
    token =
        rc ? NULL : json_string_value(json_object_get(reply, "nextPageToken"));
    if (token && *token)
        rc = page_next(p, token, err);
    json_decref(reply);
    return rc;
}

const char *gcs_api_message(const void *data, size_t len, char *text,
                            size_t size)
{
    json_t *reply = NULL;
    const char *message;

    if (len == 0 || *(const char *)data != '{')
        return message_line(data, len, text, size);
    text[0] = '\0';
    if (json_read(data, len, "error", ERR_SOURCE, &reply, NULL))
        return text;
    message = json_string_value(
        json_object_get(json_object_get(reply, "error"), "message"));
    if (message)
        message_line(message, strlen(message), text, size);
    json_decref(reply);
    return text;
}
