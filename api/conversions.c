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
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conversion.h"
#include "routes.h"
#include "tar_response.h"
#include "upload.h"

enum { PLAN_JSON_MAX = 1 << 30, MAX_NAME = 1024 };

struct direct {
    struct request request;
    struct buf seen; /* names of options given, each between line breaks */
    char *file;      /* the one file that is wanted; NULL: all as tar */
    char *folder;
    char *in;
    char *out;
    struct upload *upload;
    struct convert_progress progress;
};

void conversions_close(struct exchange *x)
{
    struct direct *j = x->job;

    upload_free(j->upload);
    request_done(&j->request);
    buf_done(&j->seen);
    if (j->folder)
        temp_remove(j->folder);
    free(j->file);
    free(j->folder);
    free(j->in);
    free(j->out);
    free(j);
    x->job = NULL;
}

static bool was_given(struct direct *j, const char *name)
{
    char line[64];
    const char *seen = buf_str(&j->seen);

    snprintf(line, sizeof line, "\n%s\n", name);
    if (seen && strstr(seen, line))
        return true;
    buf_puts(&j->seen, line);
    return false;
}

/* An option of the query or of the form. */
static int set_option(void *ctx, const char *name, const char *value,
                      struct error *err)
{
    struct direct *j = ctx;
    bool known = true;
    int rc = 0;

    if (!strcmp(name, "file")) {
        free(j->file);
        j->file = strdup(value);
        rc = j->file ? 0 : error_memory(err);
    } else {
        rc = request_set(&j->request, name, value, &known, err);
    }
    if (!known) {
        error_set(err, ERR_USAGE, "there is no option '%.100s'", name);
        error_subject(err, "%s", name);
        return error_hint(err, "/openapi.yaml lists the options");
    }
    if (!rc && was_given(j, name)) {
        error_set(err, ERR_USAGE, "%s is given twice", name);
        rc = error_subject(err, "%s", name);
    }
    return rc;
}

struct query {
    struct direct *job;
    struct error *err;
    int rc;
};

static enum MHD_Result take_argument(void *ctx, enum MHD_ValueKind kind,
                                     const char *name, size_t name_len,
                                     const char *value, size_t value_len)
{
    struct query *q = ctx;

    (void)kind;
    if (!value)
        value = "";
    if (strlen(name) != name_len || strlen(value) != value_len ||
        name_len > MAX_NAME || value_len > MAX_NAME)
        q->rc = error_set(q->err, ERR_USAGE, "the query is malformed");
    else
        q->rc = set_option(q->job, name, value, q->err);
    return q->rc ? MHD_NO : MHD_YES;
}

static int read_query(struct exchange *x, struct error *err)
{
    struct query q = { .job = x->job, .err = err };

    MHD_get_connection_values_n(x->connection, MHD_GET_ARGUMENT_KIND,
                                take_argument, &q);
    return q.rc;
}

/* Refuses at once what would be refused after the whole body. */
static int check_capacity(struct exchange *x, struct error *err)
{
    struct service *s = x->service;
    uint64_t length = 0;

    if (s->draining)
        return error_set(err, ERR_BUSY, "the service is shutting down");
    if (gate_is_full(s->gate)) {
        error_set(err, ERR_BUSY, "too many conversions wait already");
        return error_hint(err, "try again later");
    }
    if (exchange_content_length(x, &length) && length > s->settings->max_body) {
        error_set(err, ERR_LIMIT, "the request's body is too large");
        error_expected(err, "at most %llu bytes",
                       (unsigned long long)s->settings->max_body);
        return error_actual(err, "%llu bytes", (unsigned long long)length);
    }
    return temp_check(s->temp, length, s->settings->min_free, err);
}

static int make_folders(struct direct *j, struct service *s, struct error *err)
{
    int rc = temp_make(s->temp, &j->folder, err);

    if (rc)
        return rc;
    if (asprintf(&j->in, "%s/in", j->folder) < 0) {
        j->in = NULL;
        return error_memory(err);
    }
    if (asprintf(&j->out, "%s/out", j->folder) < 0) {
        j->out = NULL;
        return error_memory(err);
    }
    if (mkdir(j->in, 0700) != 0)
        return error_errno(err, ERR_WRITE, errno, "cannot make a folder");
    return 0;
}

static int start_upload(struct exchange *x, struct error *err)
{
    struct direct *j = x->job;
    const struct settings *o = x->service->settings;
    struct upload_target target = {
        .folder = j->in,
        .limits = { .bytes = o->max_upload,
                    .entries = o->max_entries,
                    .path = MAX_NAME,
                    .reserve = o->min_free },
        .request = &j->request,
        .option = set_option,
        .ctx = j,
    };

    return upload_new(&target, exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE),
                      &j->upload, err);
}

int conversions_begin(struct exchange *x, struct error *err)
{
    struct direct *j = calloc(1, sizeof *j);
    int rc;

    if (!j)
        return error_memory(err);
    x->job = j;
    request_init(&j->request);
    j->seen = BUF_INIT(MAX_NAME);
    rc = read_query(x, err);
    if (!rc)
        rc = check_capacity(x, err);
    if (!rc)
        rc = make_folders(j, x->service, err);
    return rc ? rc : start_upload(x, err);
}

int conversions_body(struct exchange *x, const void *data, size_t len,
                     struct error *err)
{
    return upload_feed(((struct direct *)x->job)->upload, data, len, err);
}

/* The upload is complete: plans what was asked for. */
static int make_plan(struct direct *j, struct conversion *c, struct error *err)
{
    struct checkpoint *checkpoint = NULL;
    int rc = upload_finish(j->upload, err);

    upload_free(j->upload);
    j->upload = NULL;
    if (!rc)
        rc = upload_open_checkpoint(j->in, &checkpoint, err);
    return rc ? rc : conversion_plan(checkpoint, &j->request, c, err);
}

int conversions_inspect(struct exchange *x, struct error *err)
{
    struct direct *j = x->job;
    struct buf json = BUF_INIT(PLAN_JSON_MAX);
    struct conversion c = { NULL, NULL, NULL };
    int rc = make_plan(j, &c, err);

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
        rc = conversion_run(c, &j->request, sink, &options, report, err);
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
    temp_remove(j->folder);
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
    int rc = make_plan(j, &c, err);

    if (!rc)
        rc = find_file(j, c.plan, &file, err);
    if (!rc) {
        watch_work(s->watch, x->watched, &j->progress.cancel);
        rc = run(x, &c, &report, err);
        watch_reply(s->watch, x->watched);
        temp_remove(j->in);
    }
    if (!rc)
        rc = file ? reply_file(x, file, &report, err)
                  : reply_tar(x, c.plan, &report, err);
    conversion_done(&c);
    return rc;
}
