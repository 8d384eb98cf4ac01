/*
 * gs://, s3:// and hf:// taken apart.
 *
 * Names of buckets and repositories are held to the characters that the
 * services allow: they go into host names and URLs, so nothing else may get in.
 */
#include "remote/location.h"

#include <stdlib.h>
#include <string.h>

#include "remote/url.h"
#include "store/store.h"

enum {
    BUCKET_MAX = 222,   /* GCS, with dots; S3 had 255 once and has 63 now */
    REPO_PART_MAX = 96, /* huggingface_hub: validate_repo_id() */
    REVISION_MAX = 255,
};

static const struct scheme {
    const char *name;
    const char *form; /* for messages */
} schemes[] = {
    [LOCATION_GS] = { "gs", "gs://BUCKET/PATH" },
    [LOCATION_S3] = { "s3", "s3://BUCKET/PATH" },
    [LOCATION_HF] = { "hf", "hf://OWNER/NAME/PATH" },
};

static const char *const repo_types[] = { "models", "datasets", "spaces" };

/* The place of text's scheme in the table, or the table's size. */
static size_t find_scheme(const char *text)
{
    size_t n = sizeof schemes / sizeof *schemes;

    for (size_t i = 0; i < n; i++)
        if (url_has_scheme(text, schemes[i].name))
            return i;
    return n;
}

bool location_is(const char *text)
{
    return find_scheme(text) < sizeof schemes / sizeof *schemes;
}

static int refuse(const char *text, enum location_kind kind, const char *what,
                  struct error *err)
{
    error_set(err, ERR_URL, "'%.200s' has %s", text, what);
    error_expected(err, "%s", schemes[kind].form);
    return error_subject(err, "%.200s", text);
}

/* Letters, digits, '-', '_' and inner single dots; no '-' at the start. */
static bool is_name(const char *s, size_t len, size_t max)
{
    if (len == 0 || len > max || s[0] == '-' || s[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.' && (i + 1 == len || s[i + 1] == '.'))
            return false;
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
              (s[i] >= '0' && s[i] <= '9') || strchr("-_.", s[i])))
            return false;
    }
    return true;
}

/* The path, without the '/' that separates it and those at its end. */
static int take_path(const char *rest, struct location *l, struct error *err)
{
    size_t len;

    if (*rest == '/')
        rest++;
    len = strlen(rest);
    if (len > 0 && rest[len - 1] == '/')
        len--;
    l->path = strndup(rest, len);
    if (!l->path)
        return error_memory(err);
    return len ? store_check_name(l->path, err) : 0;
}

static int parse_bucket(const char *text, const char *rest, struct location *l,
                        struct error *err)
{
    size_t len = strcspn(rest, "/");

    if (!is_name(rest, len, BUCKET_MAX))
        return refuse(text, l->kind,
                      len ? "a bucket name that cannot be" : "no bucket", err);
    l->bucket = strndup(rest, len);
    return l->bucket ? take_path(rest + len, l, err) : error_memory(err);
}

/* Bytes of the revision at s, which may be refs/pr/N or refs/convert/NAME. */
static size_t revision_length(const char *s)
{
    size_t len = strcspn(s, "/");

    if (strncmp(s, "refs/pr/", 8) != 0 && strncmp(s, "refs/convert/", 13) != 0)
        return len;
    len = 5 + strcspn(s + 5, "/");
    return len + 1 + strcspn(s + len + 1, "/");
}

/* Takes "@REVISION" at *rest, if it is there. */
static int take_revision(const char *text, const char **rest,
                         struct location *l, struct error *err)
{
    size_t len = **rest == '@' ? revision_length(*rest + 1) : 0;

    if (**rest != '@') {
        l->revision = strdup("main");
        return l->revision ? 0 : error_memory(err);
    }
    l->revision = strndup(*rest + 1, len);
    if (!l->revision)
        return error_memory(err);
    *rest += 1 + len;
    if (len == 0 || len > REVISION_MAX || !url_decode(l->revision, false) ||
        store_check_name(l->revision, NULL))
        return refuse(text, l->kind, "a revision that cannot be", err);
    return 0;
}

static int parse_repository(const char *text, const char *rest,
                            struct location *l, struct error *err)
{
    size_t owner;
    size_t name;
    int rc;

    l->type = repo_types[0];
    for (size_t i = 0; i < sizeof repo_types / sizeof *repo_types; i++) {
        owner = strlen(repo_types[i]);
        if (!strncmp(rest, repo_types[i], owner) && rest[owner] == '/') {
            l->type = repo_types[i];
            rest += owner + 1;
            break;
        }
    }
    owner = strcspn(rest, "/@");
    name = rest[owner] == '/' ? strcspn(rest + owner + 1, "/@") : 0;
    if (!is_name(rest, owner, REPO_PART_MAX) ||
        !is_name(rest + owner + 1, name, REPO_PART_MAX))
        return refuse(text, l->kind, "no repository of an owner", err);
    l->bucket = strndup(rest, owner + 1 + name);
    if (!l->bucket)
        return error_memory(err);
    rest += owner + 1 + name;
    rc = take_revision(text, &rest, l, err);
    return rc ? rc : take_path(rest, l, err);
}

int location_parse(const char *text, struct location *out, struct error *err)
{
    size_t kind = find_scheme(text);
    struct location l = { .bucket = NULL };
    const char *rest;
    int rc;

    if (kind == sizeof schemes / sizeof *schemes) {
        error_set(err, ERR_URL, "'%.200s' is in no object store", text);
        return error_expected(err, "gs://, s3:// or hf://");
    }
    l.kind = (enum location_kind)kind;
    if (strlen(text) > LOCATION_MAX)
        return refuse(text, l.kind, "too many bytes", err);
    rest = strstr(text, "://") + 3;
    rc = l.kind == LOCATION_HF ? parse_repository(text, rest, &l, err)
                               : parse_bucket(text, rest, &l, err);
    if (rc)
        location_done(&l);
    else
        *out = l;
    return rc;
}

void location_done(struct location *l)
{
    free(l->bucket);
    free(l->path);
    free(l->revision);
    *l = (struct location){ .bucket = NULL };
}
