/*
 * Opening what a request names: uploads, held meanwhile, or sources elsewhere;
 * and reading what it states about them.
 */
#include "inputs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "remote/url.h"

enum { STATED_MAX = 8 << 20 };

static bool is_cancelled(void *ctx)
{
    return atomic_load((const atomic_bool *)ctx);
}

/* Messages shall not tell where the server keeps its files. */
static int open_upload(const char *id, const char *folder, struct store **out,
                       struct error *err)
{
    char label[UPLOADS_ID_MAX + sizeof "upload:"];

    snprintf(label, sizeof label, "upload:%s", id);
    return store_local_open_at(AT_FDCWD, folder, label, out, err);
}

/* A file of an upload, which is held meanwhile, and the store it lies in. */
static int read_file(struct service *s, const char *id, const char *path,
                     const atomic_bool *cancel, struct buf *out,
                     struct store **store, struct error *err)
{
    char *folder = NULL;
    int rc = uploads_hold(s->uploads, id, err);

    if (rc)
        return rc;
    rc = uploads_prepare(s->uploads, id, is_cancelled,
                         (void *)(uintptr_t)cancel, &folder, err);
    if (!rc)
        rc = open_upload(id, folder, store, err);
    if (!rc)
        rc = store_get(*store, path, STATED_MAX, out, err);
    uploads_release(s->uploads, id);
    free(folder);
    return rc;
}

typedef int (*state_fn)(struct request *r, const char *name, const void *text,
                        size_t len, struct error *err);

/* What a gin file of an upload includes lies in that upload. */
static int set_gin_store(struct request *to, struct store *steal,
                         const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = strndup(path, slash ? (size_t)(slash - path) : 0);
    int rc;

    if (!folder) {
        store_free(steal);
        return error_memory(err);
    }
    rc = request_set_gin_store(to, steal, folder, err);
    free(folder);
    return rc;
}

/* A gin file or config elsewhere. */
static int state_source(struct service *s, const char *text, const char *key,
                        const atomic_bool *cancel, state_fn set,
                        struct request *to, struct error *err)
{
    const char *fallback = set == request_set_config ? "config.json" : NULL;
    char path[2 * STORE_NAME_MAX + 2];
    char folder[STORE_NAME_MAX + 1];
    struct buf b = BUF_INIT(STATED_MAX);
    struct store *store = NULL;
    char *name = NULL;
    int rc = sources_file(s->sources, text, fallback, key, cancel, &store,
                          folder, &name, err);

    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
    rc = store_get(store, path, STATED_MAX, &b, err);
    if (!rc)
        rc = set(to, name, b.data, b.len, err);
    store_free(store);
    buf_done(&b);
    free(name);
    return rc;
}

/* The gin file or config that a request gives, if it gives one. */
static int state(struct service *s, const json_t *request, const char *member,
                 const char *name, const char *key, const atomic_bool *cancel,
                 state_fn set, struct request *to, struct error *err)
{
    const json_t *value = json_object_get(request, member);
    const char *text = json_string_value(value);
    struct buf b = BUF_INIT(STATED_MAX);
    struct json_writer w = JSON_WRITER(&b, JSON_STYLE_COMPACT);
    char id[UPLOADS_ID_MAX + 1];
    struct store *store = NULL;
    const char *path = "";
    int rc = 0;

    if (!value)
        return 0;
    if (text && sources_is(text))
        return state_source(s, text, key, cancel, set, to, err);
    if (!text) {
        json_value(&w, value);
    } else if (uploads_parse_reference(text, id, &path) && *path) {
        rc = read_file(s, id, path, cancel, &b, &store, err);
        name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    } else {
        buf_puts(&b, text);
    }
    if (!rc)
        rc = buf_status(&b, err);
    if (!rc)
        rc = set(to, name, b.data, b.len, err);
    if (!rc && store && set == request_set_gin)
        rc = set_gin_store(to, store, path, err);
    else
        store_free(store);
    buf_done(&b);
    return rc;
}

/* What a job gives back at its end; either may be NULL. */
struct held {
    char *upload;
    char *folder; /* a temporary one */
};

static int open_folder(struct service *s, const char *id,
                       const atomic_bool *cancel, struct worker_input *in,
                       struct error *err)
{
    struct held *held;
    char *folder = NULL;
    int rc = uploads_hold(s->uploads, id, err);

    if (rc)
        return rc;
    in->request.gin_with_checkpoint = true;
    held = calloc(1, sizeof *held);
    if (held)
        held->upload = strdup(id);
    if (!held || !held->upload) {
        uploads_release(s->uploads, id);
        free(held);
        return error_memory(err);
    }
    in->held = held;
    rc = uploads_prepare(s->uploads, id, is_cancelled,
                         (void *)(uintptr_t)cancel, &folder, err);
    if (!rc)
        rc = open_upload(id, folder, &in->store, err);
    free(folder);
    return rc;
}

/* An archive elsewhere is unpacked, and removed when the job has ended. */
static int open_archive(struct service *s, const char *text, const char *key,
                        const atomic_bool *cancel, struct worker_input *in,
                        struct error *err)
{
    struct held *held = calloc(1, sizeof *held);
    char shown[200];
    int rc;

    if (!held)
        return error_memory(err);
    in->held = held;
    in->request.gin_with_checkpoint = true;
    rc = temp_make(s->temp, &held->folder, err);
    if (!rc)
        rc = sources_unpack(s->sources, text, key, cancel, held->folder, err);
    return rc ? rc
              : store_local_open_at(AT_FDCWD, held->folder,
                                    url_shown(text, shown, sizeof shown),
                                    &in->store, err);
}

/* A checkpoint elsewhere. */
static int open_source(struct service *s, const char *text, const char *key,
                       const atomic_bool *cancel, struct worker_input *in,
                       struct error *err)
{
    char folder[STORE_NAME_MAX + 1];
    int rc;

    if (sources_is_archive(text))
        return open_archive(s, text, key, cancel, in, err);
    rc = sources_checkpoint(s->sources, text, key, cancel, &in->store, folder,
                            err);
    if (rc)
        return rc;
    in->folder = strdup(folder);
    return in->folder ? 0 : error_memory(err);
}

int inputs_open(struct service *s, json_t *request, const char *key,
                const atomic_bool *cancel, struct worker_input *in,
                struct error *err)
{
    char id[UPLOADS_ID_MAX + 1];
    int rc = inputs_check(s, request, err);

    if (!rc)
        rc = inputs_set_options(request, &in->request, err);
    if (!rc)
        rc = state(s, request, "gin", "model.gin", key, cancel, request_set_gin,
                   &in->request, err);
    if (!rc)
        rc = state(s, request, "config", "config.json", key, cancel,
                   request_set_config, &in->request, err);
    if (!rc)
        rc = inputs_checkpoint_id(request, id, err);
    if (!rc && *id)
        rc = open_folder(s, id, cancel, in, err);
    else if (!rc)
        rc = open_source(
            s, json_string_value(json_object_get(request, "checkpoint")), key,
            cancel, in, err);
    return rc;
}

int inputs_resolve(void *ctx, const struct job *job, const atomic_bool *cancel,
                   struct worker_input *in, struct error *err)
{
    json_t *request = NULL;
    int rc = json_read(job->request, strlen(job->request), "the request",
                       ERR_USAGE, &request, err);

    if (!rc)
        rc = inputs_open(ctx, request, job->key, cancel, in, err);
    json_decref(request);
    return rc;
}

void inputs_release(void *ctx, void *arg)
{
    struct service *s = ctx;
    struct held *held = arg;

    if (held->upload)
        uploads_release(s->uploads, held->upload);
    if (held->folder)
        temp_remove(held->folder);
    free(held->upload);
    free(held->folder);
    free(held);
}
