/*
 * POST /v1/verify: a stored model, or one elsewhere, held against the
 * checkpoint that it is said to be made of.
 *
 * The request is that of a job, but its model is what is compared: the name of
 * a stored one ("owner/name", or with "@revision") or a URL. It takes as long
 * as a conversion, and a place among those that run at once.
 */
#include "verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conversion.h"
#include "inputs.h"
#include "jobs/models_view.h"
#include "routes.h"
#include "sources.h"

enum { REPORT_MAX = 64 << 20 };

struct verification {
    struct buf text;
    json_t *request;
    char *model; /* what is compared */
    struct worker_input in;
    struct conversion conversion;
    struct existing *existing;
    struct convert_progress progress;
};

int verify_begin(struct exchange *x, struct error *err)
{
    struct verification *v;

    if (!inputs_is_json(exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE))) {
        error_set(err, ERR_MEDIA_TYPE, "the request is not JSON");
        return error_expected(err, "application/json");
    }
    if (x->service->draining)
        return error_set(err, ERR_BUSY, "the service is shutting down");
    v = calloc(1, sizeof *v);
    if (!v)
        return error_memory(err);
    x->job = v;
    v->text = BUF_INIT(INPUTS_MAX);
    request_init(&v->in.request);
    return 0;
}

int verify_body(struct exchange *x, const void *data, size_t len,
                struct error *err)
{
    struct verification *v = x->job;

    buf_append(&v->text, data, len);
    return buf_status(&v->text, err);
}

void verify_close(struct exchange *x)
{
    struct verification *v = x->job;

    existing_free(v->existing);
    conversion_done(&v->conversion);
    store_free(v->in.store);
    free(v->in.folder);
    request_done(&v->in.request);
    if (v->in.held)
        inputs_release(x->service, v->in.held);
    buf_done(&v->text);
    json_decref(v->request);
    free(v->model);
    free(v);
    x->job = NULL;
}

/* The request without its model, which is not where a result goes. */
static int read_request(struct verification *v, struct error *err)
{
    const char *model;
    int rc = json_read(v->text.data ? (void *)v->text.data : "", v->text.len,
                       "the request", ERR_USAGE, &v->request, err);

    if (rc)
        return rc;
    model = json_string_value(json_object_get(v->request, "model"));
    if (!model) {
        error_set(err, ERR_USAGE, "model is missing or not a text");
        error_subject(err, "model");
        return error_expected(err, "owner/name, owner/name@revision or a URL");
    }
    v->model = strdup(model);
    if (!v->model)
        return error_memory(err);
    json_object_del(v->request, "model");
    return 0;
}

static int open_stored(struct verification *v, struct service *s,
                       struct store **out, struct error *err)
{
    char *revision = strchr(v->model, '@');
    struct stored_model *m = NULL;
    int rc;

    if (revision)
        *revision++ = '\0';
    rc = stored_check_name(v->model, err);
    if (!rc && revision && !stored_is_revision(revision)) {
        error_set(err, ERR_USAGE, "'%.64s' is no revision", revision);
        error_expected(err, "40 hex digits");
        rc = error_subject(err, "model");
    }
    if (!rc)
        rc = models_get(s->models, v->model, revision, &m, err);
    if (!rc)
        rc = models_view_open(s->models, m, out, err);
    stored_unref(m);
    return rc;
}

static int open_elsewhere(struct verification *v, struct exchange *x,
                          struct store **store,
                          char name[static STORE_NAME_MAX + 1],
                          struct error *err)
{
    struct sources *s = x->service->sources;
    char folder[STORE_NAME_MAX + 1];
    char *file = NULL;
    int rc;

    if (!existing_is_file(v->model))
        return sources_checkpoint(s, v->model, x->id, &v->progress.cancel,
                                  store, name, err);
    rc = sources_file(s, v->model, NULL, x->id, &v->progress.cancel, store,
                      folder, &file, err);
    if (!rc)
        rc = store_join(name, folder, file, err);
    free(file);
    return rc;
}

static int open_model(struct verification *v, struct exchange *x,
                      struct error *err)
{
    struct service *s = x->service;
    char name[STORE_NAME_MAX + 1] = "";
    struct store *store = NULL;
    int rc;

    if (!sources_is(v->model)) {
        rc = open_stored(v, s, &store, err);
    } else {
        rc = sources_check(s->sources, v->model, err);
        if (!rc)
            rc = open_elsewhere(v, x, &store, name, err);
    }
    return rc ? rc : existing_open_steal(store, name, &v->existing, err);
}

static int plan(struct verification *v, struct exchange *x, struct error *err)
{
    struct checkpoint *checkpoint = NULL;
    struct store *store;
    int rc = inputs_open(x->service, v->request, x->id, &v->progress.cancel,
                         &v->in, err);

    if (rc)
        return rc;
    store = v->in.store;
    v->in.store = NULL;
    rc = checkpoint_open_steal(store, v->in.folder ? v->in.folder : "",
                               &checkpoint, err);
    return rc ? rc
              : conversion_plan(checkpoint, &v->in.request, &v->conversion,
                                err);
}

static int compare(struct verification *v, struct service *s,
                   struct verify_report **out, struct error *err)
{
    const struct settings *o = s->settings;
    const struct convert_options options = {
        .threads = (unsigned)o->threads,
        .memory = o->memory / o->jobs_at_once,
        .allow_missing_chunks = conversion_allows_missing(&v->in.request),
        .progress = &v->progress,
    };
    int rc = gate_enter(s->gate, &v->progress.cancel, err);

    if (rc)
        return rc;
    rc = verify_run(v->conversion.plan, v->existing, &options, out, err);
    gate_leave(s->gate);
    return rc;
}

static int reply(struct exchange *x, const struct verify_report *r,
                 struct error *err)
{
    const char *all = exchange_query(x, "all");
    struct buf json = BUF_INIT(REPORT_MAX);
    int rc = verify_write_json(r, all && !strcmp(all, "true"), &json, err);

    if (!rc)
        rc = exchange_reply_bytes(x, MHD_HTTP_OK, "application/json", json.data,
                                  json.len, err);
    buf_done(&json);
    return rc;
}

int verify_finish(struct exchange *x, struct error *err)
{
    struct verification *v = x->job;
    struct verify_report *report = NULL;
    int rc = read_request(v, err);

    if (!rc)
        sources_note_trace(x->service->sources, x->id, &x->trace);
    watch_work(x->service->watch, x->watched, &v->progress.cancel);
    if (!rc)
        rc = plan(v, x, err);
    if (!rc)
        rc = open_model(v, x, err);
    if (!rc)
        rc = compare(v, x->service, &report, err);
    watch_reply(x->service->watch, x->watched);
    if (!rc)
        rc = reply(x, report, err);
    verify_report_free(report);
    return rc;
}
