/*
 * A form's parts, each to where it belongs.
 *
 * What a part is shows when it begins; the parser's events then go to the table
 * row of that kind. Only for a lone checkpoint file does it take its first
 * bytes to tell an archive from a checkpoint of a single file: they are kept
 * until there are enough.
 */
#include "form.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "multipart.h"
#include "store/unpack.h"

enum { FIELD_MAX = 1024, TEXT_MAX = 4 << 20, OTHER_PARTS = 64 };

enum part {
    PART_OPTION,
    PART_GIN,
    PART_CONFIG,
    PART_UNKNOWN, /* a lone checkpoint file, its first bytes in text */
    PART_FILE,
    PART_ARCHIVE,
};

struct form {
    const struct upload_target *target;
    struct intake *intake;
    struct multipart *parser;
    struct unpack *unpack; /* the archive, once there is one */
    enum part part;        /* what the current one is */
    char *name;
    char *filename;
    struct buf text; /* of the current part, where it is kept */
    bool has_gin;
    bool has_config;
    bool has_files; /* a checkpoint part has come */
};

static int refuse(const char *name, const char *why, struct error *err)
{
    error_set(err, ERR_USAGE, "the part '%.100s' %s", name, why);
    return error_subject(err, "%s", name);
}

static int begin_file(struct form *f, struct error *err)
{
    f->part = PART_FILE;
    return intake_begin(f->intake, f->filename, 0, err);
}

static int begin_checkpoint(struct form *f, struct error *err)
{
    bool first = !f->has_files;

    if (!f->filename || !*f->filename)
        return refuse(f->name, "needs a filename", err);
    if (f->unpack)
        return refuse(f->name, "is there again after an archive", err);
    f->has_files = true;
    if (!first || strchr(f->filename, '/'))
        return begin_file(f, err);
    f->part = PART_UNKNOWN;
    return 0;
}

/* A file that may come once: the gin file, config.json. */
static int begin_text(struct form *f, enum part part, bool *seen,
                      struct error *err)
{
    if (*seen)
        return refuse(f->name, "is there twice", err);
    *seen = true;
    f->part = part;
    return 0;
}

static int on_begin(void *ctx, const struct multipart_part *p,
                    struct error *err)
{
    struct form *f = ctx;

    free(f->name);
    free(f->filename);
    f->name = strdup(p->name);
    f->filename = p->filename ? strdup(p->filename) : NULL;
    if (!f->name || (p->filename && !f->filename))
        return error_memory(err);
    buf_done(&f->text);
    f->text = BUF_INIT(TEXT_MAX);
    if (!strcmp(f->name, "checkpoint"))
        return begin_checkpoint(f, err);
    if (!strcmp(f->name, "gin_file"))
        return begin_text(f, PART_GIN, &f->has_gin, err);
    if (!strcmp(f->name, "config"))
        return begin_text(f, PART_CONFIG, &f->has_config, err);
    f->part = PART_OPTION;
    f->text = BUF_INIT(FIELD_MAX);
    return 0;
}

/* Decides what a lone file is and gives on its first bytes. */
static int settle(struct form *f, struct error *err)
{
    int rc;

    if (!unpack_sniff(f->text.data, f->text.len)) {
        rc = begin_file(f, err);
        return rc ? rc
                  : intake_write(f->intake, f->text.data, f->text.len, err);
    }
    f->part = PART_ARCHIVE;
    rc = unpack_new(f->intake, &f->unpack, err);
    return rc ? rc : unpack_feed(f->unpack, f->text.data, f->text.len, err);
}

static int keep_text(struct form *f, const void *data, size_t len,
                     struct error *err)
{
    buf_append(&f->text, data, len);
    if (!buf_status(&f->text, err))
        return 0;
    return error_subject(err, "%s", f->name);
}

static int on_data(void *ctx, const void *data, size_t len, struct error *err)
{
    struct form *f = ctx;
    size_t n = 0;
    int rc = 0;

    if (f->part == PART_UNKNOWN) {
        n = (size_t)num_min(len, UNPACK_SNIFF_BYTES - f->text.len);
        rc = keep_text(f, data, n, err);
        if (!rc && f->text.len == UNPACK_SNIFF_BYTES)
            rc = settle(f, err);
        if (rc || n == len)
            return rc;
        data = (const char *)data + n;
        len -= n;
    }
    switch (f->part) {
    case PART_FILE:
        return intake_write(f->intake, data, len, err);
    case PART_ARCHIVE:
        return unpack_feed(f->unpack, data, len, err);
    default:
        return keep_text(f, data, len, err);
    }
}

static int set_option(struct form *f, struct error *err)
{
    const char *value = buf_str(&f->text);

    if (!value || strlen(value) != f->text.len)
        return refuse(f->name, "is not a short text", err);
    return f->target->option(f->target->ctx, f->name, value, err);
}

static int on_end(void *ctx, struct error *err)
{
    struct form *f = ctx;
    const char *filename = f->filename && *f->filename ? f->filename : f->name;
    int rc = 0;

    if (f->part == PART_UNKNOWN)
        rc = settle(f, err);
    if (rc)
        return rc;
    switch (f->part) {
    case PART_FILE:
        return intake_end(f->intake, err);
    case PART_ARCHIVE:
        return unpack_finish(f->unpack, err);
    case PART_GIN:
        return request_set_gin(f->target->request, filename, f->text.data,
                               f->text.len, err);
    case PART_CONFIG:
        return request_set_config(f->target->request, filename, f->text.data,
                                  f->text.len, err);
    default:
        return set_option(f, err);
    }
}

int form_new(const char *boundary, const struct upload_target *target,
             struct intake *in, struct form **out, struct error *err)
{
    static const struct multipart_handler handler = { on_begin, on_data,
                                                      on_end };
    struct form *f = calloc(1, sizeof *f);
    int rc;

    if (!f)
        return error_memory(err);
    f->target = target;
    f->intake = in;
    rc = multipart_new(boundary, target->limits.entries + OTHER_PARTS, &handler,
                       f, &f->parser, err);
    if (rc)
        form_free(f);
    else
        *out = f;
    return rc;
}

int form_feed(struct form *f, const void *data, size_t len, struct error *err)
{
    return multipart_feed(f->parser, data, len, err);
}

int form_finish(struct form *f, struct error *err)
{
    int rc = multipart_finish(f->parser, err);

    if (rc || f->has_files)
        return rc;
    error_set(err, ERR_USAGE, "the form has no part 'checkpoint'");
    error_subject(err, "checkpoint");
    return error_hint(err, "send an archive of the checkpoint's folder, or "
                           "its files with their paths as filenames");
}

void form_free(struct form *f)
{
    if (!f)
        return;
    unpack_free(f->unpack);
    multipart_free(f->parser);
    buf_done(&f->text);
    free(f->name);
    free(f->filename);
    free(f);
}
