/*
 * Headers of tus 1.0 (https://tus.io/protocols/resumable-upload).
 *
 * What Uppy, tus-js-client and tuspy send decides the details: Uppy sets
 * relativePath to null for a file that was chosen alone, which tus-js-client
 * turns into the text "null".
 */
#include "uploads/tus.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "uploads/checksum.h"

static int refuse_metadata(const char *why, const char *at, struct error *err)
{
    error_set(err, ERR_USAGE, "Upload-Metadata %s", why);
    error_actual(err, "%.100s", at);
    return error_expected(err, "\"key base64\" pairs with commas between them");
}

static bool is_key(const char *key, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return len > 0;
}

/* Takes "key" or "key base64" of len characters; *used is how much of text is.
 */
static int take_pair(const char *pair, size_t len, struct tus_metadata *m,
                     size_t *used, struct error *err)
{
    const char *blank = memchr(pair, ' ', len);
    size_t key_len = blank ? (size_t)(blank - pair) : len;
    size_t skip = key_len + (blank != NULL);
    size_t value_len = 0;
    char *key = m->text + *used;
    char *value = key + key_len + 1;

    if (!is_key(pair, key_len))
        return refuse_metadata("has a key that is not printable", pair, err);
    if (m->count == TUS_METADATA_PAIRS)
        return refuse_metadata("has too many pairs", pair, err);
    memcpy(key, pair, key_len);
    key[key_len] = '\0';
    for (size_t i = 0; i < m->count; i++)
        if (!strcmp(m->keys[i], key))
            return refuse_metadata("has a key twice", pair, err);
    if (!checksum_base64(pair + skip, len - skip, (unsigned char *)value,
                         &value_len))
        return refuse_metadata("has a value that is not base64", pair, err);
    if (memchr(value, '\0', value_len))
        return refuse_metadata("has a value with a zero byte", pair, err);
    value[value_len] = '\0';
    m->keys[m->count] = key;
    m->values[m->count++] = value;
    *used += key_len + 1 + value_len + 1;
    return 0;
}

int tus_parse_metadata(const char *header, struct tus_metadata *out,
                       struct error *err)
{
    size_t used = 0;
    int rc = 0;

    out->count = 0;
    if (!header)
        return 0;
    if (strlen(header) > TUS_METADATA_BYTES)
        return error_set(err, ERR_LIMIT, "Upload-Metadata is too long");
    header += strspn(header, " ");
    while (!rc && *header) {
        size_t len = strcspn(header, ",");
        size_t end = len;

        while (end > 0 && header[end - 1] == ' ')
            end--;
        rc = take_pair(header, end, out, &used, err);
        header += len;
        if (*header == ',')
            header += 1 + strspn(header + 1, " ");
    }
    return rc;
}

const char *tus_metadata_get(const struct tus_metadata *m, const char *key)
{
    for (size_t i = 0; i < m->count; i++)
        if (!strcmp(m->keys[i], key))
            return *m->values[i] && strcmp(m->values[i], "null") != 0
                       ? m->values[i]
                       : NULL;
    return NULL;
}

const char *tus_metadata_path(const struct tus_metadata *m)
{
    static const char *const keys[] = { "relativePath", "filename", "name" };
    const char *path = NULL;

    for (size_t i = 0; !path && i < sizeof keys / sizeof *keys; i++)
        path = tus_metadata_get(m, keys[i]);
    while (path && (*path == '/' || !strncmp(path, "./", 2)))
        path += *path == '/' ? 1 : 2;
    return path;
}

int tus_parse_number(const char *name, const char *header, uint64_t *out,
                     struct error *err)
{
    return num_parse_uint(name, header, 0, INT64_MAX, out, err);
}

bool tus_is_id(const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t len = strnlen(text, 65);

    return len > 0 && len <= 64 && strspn(text, safe) == len;
}

static int refuse_concat(const char *header, struct error *err)
{
    error_set(err, ERR_USAGE, "Upload-Concat is not well formed");
    error_actual(err, "%.100s", header);
    return error_expected(err,
                          "partial, or final; and the URLs of 1 to %d "
                          "uploads",
                          TUS_CONCAT_PARTS);
}

/* The last component of a URL of len characters, if it is an id. */
static char *url_id(const char *url, size_t len)
{
    const char *slash = memrchr(url, '/', len);
    const char *id = slash ? slash + 1 : url;
    char *copy = strndup(id, len - (size_t)(id - url));

    if (copy && tus_is_id(copy))
        return copy;
    free(copy);
    return NULL;
}

int tus_parse_concat(const char *header, struct tus_concat *out,
                     struct error *err)
{
    static const char final[] = "final;";
    const char *p = header + sizeof final - 1;
    struct tus_concat c = { false, NULL, 0 };

    if (!strcmp(header, "partial")) {
        *out = (struct tus_concat){ true, NULL, 0 };
        return 0;
    }
    if (strncmp(header, final, sizeof final - 1) != 0 ||
        strlen(header) > TUS_CONCAT_BYTES)
        return refuse_concat(header, err);
    c.ids = calloc(TUS_CONCAT_PARTS + 1, sizeof *c.ids);
    if (!c.ids)
        return error_memory(err);
    for (p += strspn(p, " "); *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");

        c.ids[c.count] = c.count < TUS_CONCAT_PARTS ? url_id(p, len) : NULL;
        if (!c.ids[c.count])
            break;
        c.count++;
        p += len;
    }
    if (*p || c.count == 0) {
        tus_concat_done(&c);
        return refuse_concat(header, err);
    }
    *out = c;
    return 0;
}

void tus_concat_done(struct tus_concat *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->ids[i]);
    free(c->ids);
    *c = (struct tus_concat){ false, NULL, 0 };
}
