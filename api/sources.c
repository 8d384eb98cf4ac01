/*
 * Sources outside of the service.
 *
 * One engine under a strict policy serves all requests; what a setting names
 * itself (another endpoint of a cloud) is asked even if it is not public.
 *
 * A path is split by its text into one of the allowed folders and a name in it;
 * the store on that folder then lets no link lead out (openat2), so a folder
 * that others may write to is as good as any.
 */
#include "sources.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "remote/archive.h"
#include "remote/objects.h"

enum { ROOTS_MAX = 32, TRACES_MAX = 256, KEY_MAX = 127 };

struct noted {
    char key[KEY_MAX + 1];
    char header[TRACE_HEADER_LEN + 1];
};

struct sources {
    const struct settings *settings;
    struct policy *policy;
    struct fetch *fetch;
    char *roots[ROOTS_MAX]; /* without a final '/'; "" is the whole disk */
    size_t root_count;
    pthread_mutex_t lock; /* guards what follows */
    struct noted noted[TRACES_MAX];
    size_t next;
    unsigned long long serial;
};

/* Whether a list of words, with commas or blanks between, has this one. */
static bool has_word(const char *list, const char *word, size_t len)
{
    while (*list) {
        size_t n = strcspn(list, ", \t");

        if (n == len && !strncasecmp(list, word, len))
            return true;
        list += n;
        list += strspn(list, ", \t");
    }
    return false;
}

static int check_schemes(const char *list, struct error *err)
{
    static const char known[] = "https http gs s3 hf";

    for (const char *p = list; *p; p += strspn(p, ", \t")) {
        size_t n = strcspn(p, ", \t");

        if (n > 0 && !has_word(known, p, n)) {
            error_set(err, ERR_USAGE, "source-schemes cannot hold '%.*s'",
                      (int)(n < 64 ? n : 64), p);
            return error_expected(err, "some of %s", known);
        }
        p += n;
    }
    return 0;
}

static int make_policy(struct sources *s, struct error *err)
{
    const struct settings *o = s->settings;
    const struct policy_options p = {
        .schemes =
            has_word(o->source_schemes, "http", 4) ? "https http" : "https",
        .ports = o->source_ports,
        .hosts = o->source_hosts,
        .exceptions = o->source_exceptions,
    };
    int rc = check_schemes(o->source_schemes, err);

    return rc ? rc : policy_new(&p, &s->policy, err);
}

static int add_root(struct sources *s, const char *text, size_t len,
                    struct error *err)
{
    struct store *store = NULL;
    char *root;
    int rc;

    while (len > 0 && text[len - 1] == '/')
        len--;
    root = strndup(text, len);
    if (!root)
        return error_memory(err);
    if (*text != '/' || s->root_count == ROOTS_MAX) {
        free(root);
        error_set(err, ERR_USAGE, "allow-local cannot hold '%.100s'", text);
        return error_expected(err, "absolute paths, at most %d", ROOTS_MAX);
    }
    s->roots[s->root_count++] = root;
    rc = store_local_open_beneath(*root ? root : "/", &store, err);
    store_free(store);
    return rc;
}

static int add_roots(struct sources *s, struct error *err)
{
    const char *p = s->settings->allow_local;
    int rc = 0;

    while (*p && !rc) {
        size_t len = strcspn(p, ":");

        if (len > 0)
            rc = add_root(s, p, len, err);
        p += len;
        p += *p == ':';
    }
    return rc;
}

int sources_open(const struct settings *settings, struct sources **out,
                 struct error *err)
{
    struct sources *s = calloc(1, sizeof *s);
    struct fetch_options o = { .seconds = (unsigned)settings->source_time,
                               .ca_file = settings->ca_file };
    int rc;

    if (!s)
        return error_memory(err);
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return error_memory(err);
    }
    s->settings = settings;
    rc = make_policy(s, err);
    if (!rc)
        rc = add_roots(s, err);
    o.policy = s->policy;
    if (!rc)
        rc = fetch_new(&o, &s->fetch, err);
    if (rc)
        sources_close(s);
    else
        *out = s;
    return rc;
}

void sources_close(struct sources *s)
{
    if (!s)
        return;
    fetch_free(s->fetch);
    policy_free(s->policy);
    for (size_t i = 0; i < s->root_count; i++)
        free(s->roots[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool sources_is(const char *text)
{
    if (strlen(text) > URL_MAX || strpbrk(text, "\r\n"))
        return false;
    return url_is(text) || *text == '/';
}

/* The path of a file URL or a plain path; NULL for other URLs. */
static const char *local_path(const char *text)
{
    if (!url_has_scheme(text, "file"))
        return *text == '/' ? text : NULL;
    text += strlen("file://");
    return strncmp(text, "localhost/", 10) ? text : text + 9;
}

/*
 * The allowed folder that path lies in; *name is what follows it, "" for the
 * folder itself. NULL if it lies in none.
 */
static const char *find_root(const struct sources *s, const char *path,
                             const char **name)
{
    for (size_t i = 0; i < s->root_count; i++) {
        size_t len = strlen(s->roots[i]);

        if (strncmp(path, s->roots[i], len) != 0 ||
            (path[len] && path[len] != '/'))
            continue;
        *name = path + len + strspn(path + len, "/");
        return s->roots[i];
    }
    return NULL;
}

static int deny(const char *text, const char *why, const char *hint,
                struct error *err)
{
    char shown[200];

    url_shown(text, shown, sizeof shown);
    error_set(err, ERR_URL_DENIED, "%s may not be read: %s", shown, why);
    error_subject(err, "%s", shown);
    return error_hint(err, "%s", hint);
}

/* The name of a path in its folder, without a final '/'. */
static int local_name(const struct sources *s, const char *path,
                      const char **root, char name[static STORE_NAME_MAX + 1],
                      struct error *err)
{
    const char *rest = "";
    size_t len;

    *root = find_root(s, path, &rest);
    if (!*root)
        return deny(path, "it lies in no folder that requests may name",
                    "the service's setting allow-local names such folders",
                    err);
    len = strlen(rest);
    while (len > 0 && rest[len - 1] == '/')
        len--;
    if (len > STORE_NAME_MAX)
        return deny(path, "it is too long", "", err);
    memcpy(name, rest, len);
    name[len] = '\0';
    return *name ? store_check_name(name, err) : 0;
}

int sources_check(const struct sources *s, const char *text, struct error *err)
{
    const char *path = local_path(text);
    char name[STORE_NAME_MAX + 1];
    const char *root = NULL;
    struct url u = { .port = 0 };
    int rc;

    if (path)
        return local_name(s, path, &root, name, err);
    if (!remote_is_url(text) ||
        !has_word(s->settings->source_schemes, text, strcspn(text, ":")))
        return deny(text, "its scheme is not one that requests may use",
                    "the service's setting source-schemes names those", err);
    if (!url_has_scheme(text, "https") && !url_has_scheme(text, "http"))
        return 0;
    rc = url_parse(text, &u, err);
    if (rc)
        return rc;
    rc = policy_check_url(s->policy, &u, err);
    url_done(&u);
    return rc;
}

static void find_trace(struct sources *s, const char *key,
                       char header[static TRACE_HEADER_LEN + 1])
{
    struct trace fresh;

    *header = '\0';
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; key && i < TRACES_MAX; i++)
        if (!strcmp(s->noted[i].key, key))
            memcpy(header, s->noted[i].header, TRACE_HEADER_LEN + 1);
    pthread_mutex_unlock(&s->lock);
    if (*header)
        return;
    trace_start(NULL, &fresh);
    trace_format(&fresh, header);
}

void sources_note_trace(struct sources *s, const char *key,
                        const struct trace *trace)
{
    struct noted *n;

    if (strlen(key) > KEY_MAX)
        return;
    pthread_mutex_lock(&s->lock);
    n = &s->noted[s->next];
    s->next = (s->next + 1) % TRACES_MAX;
    memcpy(n->key, key, strlen(key) + 1);
    trace_format(trace, n->header);
    pthread_mutex_unlock(&s->lock);
}

static struct remote_options options_of(const struct sources *s,
                                        const char *trace,
                                        const atomic_bool *cancel)
{
    const struct settings *o = s->settings;

    return (struct remote_options){
        .gcs_token = o->gcs_token,
        .gcs_endpoint = o->gcs_endpoint,
        .gcs_metadata = o->gcs_metadata,
        .gcs_project = o->gcs_project,
        .s3_key = o->s3_key,
        .s3_secret = o->s3_secret,
        .s3_session = o->s3_session,
        .s3_region = o->s3_region,
        .s3_endpoint = o->s3_endpoint,
        .s3_style = o->s3_style ? "virtual" : "path",
        .hf_token = o->hf_token,
        .hf_endpoint = o->hf_endpoint,
        .traceparent = trace,
        .cancel = cancel,
        .seconds = (unsigned)o->source_time,
    };
}

/* What "name" is may be the index itself: its folder is meant then. */
static void leave_index(struct store *store, char *name)
{
    char *slash = strrchr(name, '/');
    char *last = slash ? slash + 1 : name;
    uint64_t size;

    if (!strcmp(last, "checkpoint") && !store_size(store, name, &size, NULL))
        *(slash ? slash : name) = '\0';
}

static int open_local(struct sources *s, const char *path, struct store **out,
                      char folder[static STORE_NAME_MAX + 1], struct error *err)
{
    const char *root = NULL;
    int rc = local_name(s, path, &root, folder, err);

    if (!rc)
        rc = store_local_open_beneath(*root ? root : "/", out, err);
    return rc;
}

int sources_checkpoint(struct sources *s, const char *text, const char *key,
                       const atomic_bool *cancel, struct store **out,
                       char folder[static STORE_NAME_MAX + 1],
                       struct error *err)
{
    const char *path = local_path(text);
    char trace[TRACE_HEADER_LEN + 1];
    struct remote_options o;
    int rc = sources_check(s, text, err);

    if (rc)
        return rc;
    if (path) {
        rc = open_local(s, path, out, folder, err);
        if (!rc)
            leave_index(*out, folder);
        return rc;
    }
    find_trace(s, key, trace);
    o = options_of(s, trace, cancel);
    return remote_open(s->fetch, text, &o, out, folder, err);
}

bool sources_is_archive(const char *text)
{
    return !local_path(text) && archive_is(text);
}

int sources_unpack(struct sources *s, const char *text, const char *key,
                   const atomic_bool *cancel, const char *folder,
                   struct error *err)
{
    const struct intake_limits limits = { .bytes = s->settings->max_upload,
                                          .entries = s->settings->max_entries,
                                          .path = STORE_NAME_MAX,
                                          .reserve = s->settings->min_free };
    char trace[TRACE_HEADER_LEN + 1];
    struct remote_options o;
    int rc = sources_check(s, text, err);

    if (rc)
        return rc;
    find_trace(s, key, trace);
    o = options_of(s, trace, cancel);
    return archive_fetch(s->fetch, text, &o, folder, &limits, err);
}

/* What open_local() calls a folder may be a file: split it then. */
static int local_file(struct sources *s, const char *path, const char *fallback,
                      struct store **out,
                      char folder[static STORE_NAME_MAX + 1], char **name,
                      struct error *err)
{
    uint64_t size;
    char *slash;
    int rc = open_local(s, path, out, folder, err);

    if (rc)
        return rc;
    if (fallback && store_size(*out, folder, &size, NULL)) {
        *name = strdup(fallback);
    } else {
        slash = strrchr(folder, '/');
        *name = strdup(slash ? slash + 1 : folder);
        *(slash ? slash : folder) = '\0';
    }
    if (*name)
        return 0;
    store_free(*out);
    return error_memory(err);
}

int sources_file(struct sources *s, const char *text, const char *fallback,
                 const char *key, const atomic_bool *cancel, struct store **out,
                 char folder[static STORE_NAME_MAX + 1], char **name,
                 struct error *err)
{
    const char *path = local_path(text);
    char trace[TRACE_HEADER_LEN + 1];
    struct remote_options o;
    int rc = sources_check(s, text, err);

    if (rc)
        return rc;
    if (path)
        return local_file(s, path, fallback, out, folder, name, err);
    find_trace(s, key, trace);
    o = options_of(s, trace, cancel);
    return remote_open_file(s->fetch, text, fallback, &o, out, folder, name,
                            err);
}

/* The objects of which a checkpoint has one, which is written last. */
static const char *const indexes[] = {
    "checkpoint",
    "manifest.ocdbt",
    "state/manifest.ocdbt",
    "default/manifest.ocdbt",
    "_METADATA",
    "_CHECKPOINT_METADATA",
};

static int find_version(struct store *store, const char *folder,
                        const char *const *names, size_t count,
                        char version[static OBJECTS_VERSION_MAX + 1],
                        struct error *err)
{
    char path[2 * STORE_NAME_MAX + 2];
    uint64_t size;
    int rc = ERR_NOT_FOUND;

    *version = '\0';
    for (size_t i = 0; i < count && rc == ERR_NOT_FOUND; i++) {
        snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "",
                 names[i]);
        rc = store_size(store, path, &size, err);
        if (!rc)
            objects_version(store, path, version);
    }
    return rc == ERR_NOT_FOUND && count > 1 ? 0 : rc;
}

int sources_identify(struct sources *s, const char *member, const char *text,
                     struct buf *out, struct error *err)
{
    bool whole = !strcmp(member, "checkpoint") && !sources_is_archive(text);
    const char *fallback = strcmp(member, "config") ? NULL : "config.json";
    char version[OBJECTS_VERSION_MAX + 1] = "";
    char folder[STORE_NAME_MAX + 1];
    struct store *store = NULL;
    char shown[URL_MAX + 1];
    char *name = NULL;
    int rc;

    if (whole)
        rc = sources_checkpoint(s, text, NULL, NULL, &store, folder, err);
    else
        rc = sources_file(s, text, fallback, NULL, NULL, &store, folder, &name,
                          err);
    if (!rc && whole)
        rc = find_version(store, folder, indexes,
                          sizeof indexes / sizeof *indexes, version, err);
    else if (!rc)
        rc = find_version(store, folder, (const char *const *)&name, 1, version,
                          err);
    store_free(store);
    free(name);
    if (rc)
        return rc;
    url_shown(text, shown, sizeof shown);
    if (*version) {
        buf_printf(out, "%s=%s version:%s\n", member, shown, version);
    } else {
        pthread_mutex_lock(&s->lock);
        buf_printf(out, "%s=%s at:%lld.%llu\n", member, shown,
                   (long long)time(NULL), ++s->serial);
        pthread_mutex_unlock(&s->lock);
    }
    return buf_status(out, err);
}
