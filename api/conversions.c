/*
 * POST /v1/convert and /v1/inspect: a checkpoint comes, a model or its plan
 * goes.
 *
 * The body is unpacked while it comes, into a folder of its own. Then the
 * conversion runs to its end before the first byte of the reply leaves, so that
 * whatever is wrong is a proper error; the files then go out straight from the
 * disk. The folder is removed with the exchange, and its checkpoint already
 * after the conversion.
 *
 *     FOLDER/in    the checkpoint
 *     FOLDER/out   the model
 *
 * A body of JSON names a checkpoint that is somewhere else: streaming.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "body.h"
#include "inputs.h"
#include "routes.h"
#include "streaming.h"
#include "tar_response.h"

enum { PLAN_JSON_MAX = 1 << 30 };

struct direct {
    struct streaming *streaming; /* or NULL: then what follows counts */
    struct body body;
    char *file; /* the one file that is wanted; NULL: all as tar */
    char *out;
    struct convert_progress progress;
};

void conversions_close(struct exchange *x)
{
    struct direct *j = x->job;

    streaming_free(j->streaming);
    body_done(&j->body);
    free(j->file);
    free(j->out);
    free(j);
    x->job = NULL;
}

static int set_option(void *ctx, const char *name, const char *value,
                      struct error *err)
{
    struct direct *j = ctx;
    bool known = true;
    int rc;

    if (!strcmp(name, "file")) {
        free(j->file);
        j->file = strdup(value);
        return j->file ? 0 : error_memory(err);
    }
    rc = request_set(&j->body.request, name, value, &known, err);
    return known ? rc : body_refuse_option(name, err);
}

/* Refuses at once what would be refused after the whole body. */
static int check_capacity(struct service *s, struct error *err)
{
    if (s->draining)
        return error_set(err, ERR_BUSY, "the service is shutting down");
    if (!gate_is_full(s->gate))
        return 0;
    error_set(err, ERR_BUSY, "too many conversions wait already");
    return error_hint(err, "try again later");
}

void conversions_headers(const struct exchange *x, struct MHD_Response *r)
{
    const struct direct *j = x->job;

    if (j && j->streaming)
        streaming_headers(j->streaming, r);
}

int conversions_begin(struct exchange *x, struct error *err)
{
    struct direct *j = calloc(1, sizeof *j);
    int rc;

    if (!j)
        return error_memory(err);
    x->job = j;
    rc = check_capacity(x->service, err);
    if (!rc && inputs_is_json(exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE)))
        return streaming_new(x, &j->streaming, err);
    if (!rc)
        rc = body_begin(&j->body, x, false, set_option, j, err);
    if (!rc && asprintf(&j->out, "%s/out", j->body.folder) < 0) {
        j->out = NULL;
        rc = error_memory(err);
    }
    return rc;
}

int conversions_body(struct exchange *x, const void *data, size_t len,
                     struct error *err)
{
    struct direct *j = x->job;

    if (j->streaming)
        return streaming_feed(j->streaming, data, len, err);
    return body_feed(&j->body, data, len, err);
}

/* The upload is complete: plans what was asked for. */
static int make_plan(struct direct *j, struct conversion *c, struct error *err)
{
    struct checkpoint *checkpoint = NULL;
    int rc = body_finish(&j->body, err);

    j->body.request.gin_with_checkpoint = true;
    if (!rc)
        rc = upload_open_checkpoint(j->body.in, &checkpoint, err);
    return rc ? rc : conversion_plan(checkpoint, &j->body.request, c, err);
}

int conversions_inspect(struct exchange *x, struct error *err)
{
    struct direct *j = x->job;
    struct buf json = BUF_INIT(PLAN_JSON_MAX);
    struct conversion c = { NULL, NULL, NULL };
    int rc;

    if (j->streaming)
        return streaming_inspect(j->streaming, err);
    rc = make_plan(j, &c, err);
    if (!rc && j->file) {
        error_set(err, ERR_USAGE, "a plan is not given by file");
        rc = error_subject(err, "file");
    }
    if (!rc)
        rc = plan_write_json(c.plan, &json, err);
    if (!rc)
        rc = exchange_reply_bytes(x, MHD_HTTP_OK, "application/json", json.data,
                                  json.len, err);
    conversion_done(&c);
    buf_done(&json);
    return rc;
}

/* The file that is wanted; *found stays NULL where that is all. */
static int find_file(const struct direct *j, const struct plan *p,
                     const struct plan_file **found, struct error *err)
{
    struct buf names = BUF_INIT(sizeof err->expected);

    *found = NULL;
    if (!j->file)
        return 0;
    for (size_t i = 0; i < p->file_count; i++)
        if (!strcmp(p->files[i].name, j->file))
            *found = &p->files[i];
    if (*found)
        return 0;
    for (size_t i = p->file_count; i > 0; i--)
        buf_printf(&names, "%s%s", names.len ? ", " : "", p->files[i - 1].name);
    error_set(err, ERR_NOT_FOUND, "the model has no file '%.200s'", j->file);
    error_subject(err, "%s", j->file);
    error_expected(err, "one of %.*s%s", (int)names.len,
                   (const char *)names.data, names.failed ? ", ..." : "");
    buf_done(&names);
    return ERR_NOT_FOUND;
}

static int run(struct exchange *x, const struct conversion *c,
               struct convert_report *report, struct error *err)
{
    const struct settings *o = x->service->settings;
    struct direct *j = x->job;
    struct sink *sink = NULL;
    const struct convert_options options = {
        .threads = (unsigned)o->threads,
        .memory = o->memory / o->jobs_at_once,
        .progress = &j->progress,
    };
    int rc = gate_enter(x->service->gate, &j->progress.cancel, err);

    if (rc)
        return rc;
    rc = sink_folder_open(j->out, false, &sink, err);
    if (!rc)
        rc = conversion_run(c, &j->body.request, sink, &options, report, err);
    sink_free(sink);
    gate_leave(x->service->gate);
    return rc;
}

static void add_headers(struct MHD_Response *r, const char *name,
                        const char *type, const struct convert_report *report)
{
    char text[300];

    if (!r)
        return;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    snprintf(text, sizeof text, "attachment; filename=\"%s\"", name);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION, text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)report->overflowed);
    MHD_add_response_header(r, "X-Overflowed-Values", text);
    snprintf(text, sizeof text, "%llu",
             (unsigned long long)report->missing_chunks);
    MHD_add_response_header(r, "X-Missing-Chunks", text);
}

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && !strcmp(dot, ".json") ? "application/json"
                                        : "application/octet-stream";
}

static int reply_file(struct exchange *x, const struct plan_file *f,
                      const struct convert_report *report, struct error *err)
{
    const struct direct *j = x->job;
    struct MHD_Response *r;
    char *path = NULL;
    int fd;

    if (asprintf(&path, "%s/%s", j->out, f->name) < 0)
        return error_memory(err);
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    free(path);
    if (fd < 0)
        return error_errno(err, ERR_READ, errno, "cannot open %s", f->name);
    r = MHD_create_response_from_fd64(f->size, fd);
    if (!r)
        close(fd);
    add_headers(r, f->name, type_of(f->name), report);
    /* The descriptor keeps the one file; the others can go. */
    temp_remove(j->body.folder);
    return exchange_reply(x, MHD_HTTP_OK, f->size, r, err);
}

/* The configuration comes first: it is what a reader wants to know first. */
static int add_files(struct tar *t, const struct plan *p, struct error *err)
{
    bool tensors = false;
    int rc = 0;

    do {
        for (size_t i = 0; !rc && i < p->file_count; i++)
            if ((p->files[i].tensor_count > 0) == tensors)
                rc = tar_add(t, p->files[i].name, p->files[i].size, err);
        tensors = !tensors;
    } while (!rc && tensors);
    return rc;
}

static int reply_tar(struct exchange *x, const struct plan *p,
                     const struct convert_report *report, struct error *err)
{
    const struct direct *j = x->job;
    struct MHD_Response *r;
    struct tar *t = NULL;
    uint64_t size;
    int rc = tar_open(j->out, &t, err);

    if (!rc)
        rc = add_files(t, p, err);
    if (rc) {
        tar_free(t);
        return rc;
    }
    size = tar_size(t);
    r = tar_response_steal(t);
    add_headers(r, "model.tar", "application/x-tar", report);
    return exchange_reply(x, MHD_HTTP_OK, size, r, err);
}

int conversions_convert(struct exchange *x, struct error *err)
{
    struct service *s = x->service;
    struct direct *j = x->job;
    struct conversion c = { NULL, NULL, NULL };
    struct convert_report report = { 0, 0, "" };
    const struct plan_file *file = NULL;
    int rc;

    if (j->streaming)
        return streaming_convert(j->streaming, err);
    rc = make_plan(j, &c, err);
    if (!rc)
        rc = find_file(j, c.plan, &file, err);
    if (!rc) {
        watch_work(s->watch, x->watched, &j->progress.cancel);
        rc = run(x, &c, &report, err);
        watch_reply(s->watch, x->watched);
        temp_remove(j->body.in);
    }
    if (!rc)
        rc = file ? reply_file(x, file, &report, err)
                  : reply_tar(x, c.plan, &report, err);
    conversion_done(&c);
    return rc;
}
