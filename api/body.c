/*
 * Bodies: what is refused before the first byte, and where the bytes go.
 */
#include "body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_NAME = 1024 };

void body_done(struct body *b)
{
    upload_free(b->upload);
    request_done(&b->request);
    buf_done(&b->seen);
    if (b->folder)
        temp_remove(b->folder);
    free(b->folder);
    free(b->in);
    *b = (struct body){ .folder = NULL };
}

int body_refuse_option(const char *name, struct error *err)
{
    error_set(err, ERR_USAGE, "there is no option '%.100s'", name);
    error_subject(err, "%s", name);
    return error_hint(err, "/openapi.yaml lists the options");
}

static bool was_given(struct body *b, const char *name)
{
    char line[MAX_NAME + 3];
    const char *seen = buf_str(&b->seen);

    snprintf(line, sizeof line, "\n%s\n", name);
    if (seen && strstr(seen, line))
        return true;
    buf_puts(&b->seen, line);
    return false;
}

/* An option of the query or of the form. */
static int set_option(void *ctx, const char *name, const char *value,
                      struct error *err)
{
    struct body *b = ctx;
    int rc = b->option(b->ctx, name, value, err);

    if (!rc && was_given(b, name)) {
        error_set(err, ERR_USAGE, "%s is given twice", name);
        rc = error_subject(err, "%s", name);
    }
    return rc;
}

struct query {
    struct body *body;
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
        q->rc = set_option(q->body, name, value, q->err);
    return q->rc ? MHD_NO : MHD_YES;
}

static int read_query(struct body *b, struct exchange *x, struct error *err)
{
    struct query q = { .body = b, .err = err };

    MHD_get_connection_values_n(x->connection, MHD_GET_ARGUMENT_KIND,
                                take_argument, &q);
    return q.rc;
}

/* Refuses at once what would be refused after the whole body. */
static int check_room(struct exchange *x, struct error *err)
{
    struct service *s = x->service;
    uint64_t length = 0;

    if (exchange_content_length(x, &length) && length > s->settings->max_body) {
        error_set(err, ERR_LIMIT, "the request's body is too large");
        error_expected(err, "at most %llu bytes",
                       (unsigned long long)s->settings->max_body);
        return error_actual(err, "%llu bytes", (unsigned long long)length);
    }
    return temp_check(s->temp, length, s->settings->min_free, err);
}

static int make_folders(struct body *b, struct service *s, struct error *err)
{
    int rc = temp_make(s->temp, &b->folder, err);

    if (rc)
        return rc;
    if (asprintf(&b->in, "%s/in", b->folder) < 0) {
        b->in = NULL;
        return error_memory(err);
    }
    if (mkdir(b->in, 0700) != 0)
        return error_errno(err, ERR_WRITE, errno, "cannot make a folder");
    return 0;
}

static int start_upload(struct body *b, struct exchange *x, bool hash,
                        struct error *err)
{
    const struct settings *o = x->service->settings;
    struct upload_target target = {
        .folder = b->in,
        .limits = { .bytes = o->max_upload,
                    .entries = o->max_entries,
                    .path = MAX_NAME,
                    .reserve = o->min_free },
        .hash = hash,
        .request = &b->request,
        .option = set_option,
        .ctx = b,
    };

    return upload_new(&target, exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE),
                      &b->upload, err);
}

int body_begin(struct body *b, struct exchange *x, bool hash,
               upload_option_fn option, void *ctx, struct error *err)
{
    int rc;

    *b = (struct body){ .option = option, .ctx = ctx };
    request_init(&b->request);
    b->seen = BUF_INIT(MAX_NAME);
    rc = read_query(b, x, err);
    if (!rc)
        rc = check_room(x, err);
    if (!rc)
        rc = make_folders(b, x->service, err);
    return rc ? rc : start_upload(b, x, hash, err);
}

int body_feed(struct body *b, const void *data, size_t len, struct error *err)
{
    return upload_feed(b->upload, data, len, err);
}

int body_finish(struct body *b, struct error *err)
{
    int rc = upload_finish(b->upload, &b->totals, err);

    upload_free(b->upload);
    b->upload = NULL;
    return rc;
}
