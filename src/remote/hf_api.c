/*
 * Requests to, and replies of, the Hugging Face Hub.
 *
 * A revision is one segment of the URL's path, so its '/' are encoded; those of
 * a file's path are not. Models have no prefix in the URLs of their files, the
 * other types have theirs.
 */
#include "remote/hf_api.h"

#include <string.h>

#include "base/json.h"
#include "remote/url.h"

static void put_api(const struct hf_api *a, const char *what, struct buf *url)
{
    buf_printf(url, "%s/api/%s/", a->endpoint, a->type);
    url_encode(url, a->name, true);
    buf_printf(url, "/%s/", what);
    url_encode(url, a->revision, false);
}

void hf_api_revision_url(const struct hf_api *a, struct buf *url)
{
    put_api(a, "revision", url);
}

void hf_api_file_url(const struct hf_api *a, const char *path, struct buf *url)
{
    buf_printf(url, "%s/", a->endpoint);
    if (strcmp(a->type, "models") != 0)
        buf_printf(url, "%s/", a->type);
    url_encode(url, a->name, true);
    buf_puts(url, "/resolve/");
    url_encode(url, a->revision, false);
    buf_putc(url, '/');
    url_encode(url, path, true);
}

void hf_api_tree_url(const struct hf_api *a, const char *folder,
                     struct buf *url)
{
    put_api(a, "tree", url);
    if (*folder) {
        buf_putc(url, '/');
        url_encode(url, folder, true);
    }
    buf_puts(url, "?recursive=false&expand=false");
}

bool hf_api_is_commit(const char *text)
{
    return strspn(text, "0123456789abcdef") == HF_API_COMMIT &&
           !text[HF_API_COMMIT];
}

int hf_api_read_commit(const void *data, size_t len,
                       char commit[static HF_API_COMMIT + 1], struct error *err)
{
    json_t *reply = NULL;
    const char *sha;
    int rc = json_read(data, len, "what the Hub says of the revision",
                       ERR_SOURCE, &reply, err);

    if (rc)
        return rc;
    sha = json_string_value(json_object_get(reply, "sha"));
    if (sha && hf_api_is_commit(sha))
        memcpy(commit, sha, HF_API_COMMIT + 1);
    else
        rc = error_set(err, ERR_SOURCE,
                       "the Hub does not say which commit the revision is");
    json_decref(reply);
    return rc;
}

static int malformed(const char *what, struct error *err)
{
    return error_set(err, ERR_SOURCE,
                     "the Hub's list of files cannot be understood: %s", what);
}

static int read_folder(const char *path, struct page *p, struct error *err)
{
    struct buf name = BUF_INIT(STORE_NAME_MAX + 2);
    const char *text;
    int rc;

    buf_puts(&name, path);
    buf_putc(&name, '/');
    text = buf_str(&name);
    rc = text ? page_entry(p, text, err) : 0; /* too long for a store: none */
    buf_done(&name);
    return rc;
}

static int read_entry(const json_t *entry, struct page *p, struct error *err)
{
    const char *type = json_string_value(json_object_get(entry, "type"));
    const char *path = json_string_value(json_object_get(entry, "path"));
    const char *oid = json_string_value(json_object_get(entry, "oid"));
    const json_t *size = json_object_get(entry, "size");

    if (!type || !path)
        return malformed("a file has no path", err);
    if (!strcmp(type, "directory"))
        return read_folder(path, p, err);
    if (strcmp(type, "file") != 0)
        return 0;
    if (!oid || !json_is_integer(size) || json_integer_value(size) < 0)
        return page_entry(p, path, err);
    return page_object(p, path, (uint64_t)json_integer_value(size), oid, err);
}

int hf_api_read_tree(const void *data, size_t len, struct page *p,
                     struct error *err)
{
    json_t *reply = NULL;
    int rc = json_read(data, len, "the Hub's list of files", ERR_SOURCE, &reply,
                       err);

    if (!rc && !json_is_array(reply))
        rc = malformed("it is no list", err);
    for (size_t i = 0; !rc && i < json_array_size(reply); i++)
        rc = read_entry(json_array_get(reply, i), p, err);
    json_decref(reply);
    return rc;
}

/* Whether the parameters of a link up to the next one say rel="next". */
static bool is_next(const char *parameters)
{
    const char *end = strchr(parameters, '<');
    const char *rel = strstr(parameters, "rel=");

    if (!rel || (end && rel > end))
        return false;
    rel += 4;
    return !strncmp(rel, "\"next\"", 6) ||
           (!strncmp(rel, "next", 4) && strcspn(rel, " ;,") == 4);
}

bool hf_api_next_link(const char *link, char *out, size_t size)
{
    const char *open = strchr(link, '<');
    const char *close;
    size_t len;

    while (open) {
        close = strchr(open, '>');
        if (!close)
            break;
        len = (size_t)(close - open) - 1;
        if (is_next(close) && len < size) {
            memcpy(out, open + 1, len);
            out[len] = '\0';
            return true;
        }
        open = strchr(close, '<');
    }
    return false;
}
