/*
 * What convert and inspect have in common: the checkpoint, what is stated about
 * it, and planning it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/cli.h"

int cli_job_main(const struct cli_syntax *syntax, int argc, char **argv,
                 int (*run)(const struct cli_job *j, struct error *err))
{
    struct cli_job j = { .checkpoint = NULL };
    struct error err;
    bool done = false;
    int status = EXIT_OK;
    int rc;

    request_init(&j.request);
    rc = cli_parse(syntax, argc, argv, &j, &done, &err);
    if (!rc && !done)
        rc = run(&j, &err);
    if (rc)
        status = cli_fail(&err, j.json);
    request_done(&j.request);
    return status;
}

int cli_job_plan(const struct cli_job *j, struct conversion *out,
                 struct error *err)
{
    struct checkpoint *c = NULL;
    int rc;

    if (!j->checkpoint) {
        error_set(err, ERR_USAGE, "no checkpoint is given");
        return error_hint(err, "name a checkpoint_N folder, its checkpoint "
                               "file, or the folder of a training run");
    }
    rc = checkpoint_open_path(j->checkpoint, &c, err);
    return rc ? rc : conversion_plan(c, &j->request, out, err);
}

int cli_apply_request(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err)
{
    struct cli_job *j = ctx;
    bool known = false;

    return request_set(&j->request, o->key, value ? value : "true", &known,
                       err);
}

typedef int (*set_text_fn)(struct request *r, const char *name,
                           const void *text, size_t len, struct error *err);

/* Reads a file of at most a few megabytes and hands it to the request. */
static int set_file(struct cli_job *j, const char *path, set_text_fn set,
                    struct error *err)
{
    struct buf text = BUF_INIT(8 << 20);
    const char *slash = strrchr(path, '/');
    int rc = file_read(path, &text, err);

    if (!rc)
        rc = set(&j->request, slash ? slash + 1 : path, text.data, text.len,
                 err);
    buf_done(&text);
    return rc;
}

int cli_apply_gin(void *ctx, const struct cli_option *o, const char *value,
                  struct error *err)
{
    struct cli_job *j = ctx;
    const char *slash = strrchr(value, '/');
    struct store *store = NULL;
    char *folder = NULL;
    int rc = set_file(j, value, request_set_gin, err);

    (void)o;
    if (rc)
        return rc;
    folder = strndup(value, slash ? (size_t)(slash - value) + 1 : 0);
    rc = folder ? store_local_open(*folder ? folder : ".", &store, err)
                : error_memory(err);
    if (!rc)
        rc = request_set_gin_store(&j->request, store, NULL, err);
    free(folder);
    return rc;
}

int cli_apply_gin_path(void *ctx, const struct cli_option *o, const char *value,
                       struct error *err)
{
    struct cli_job *j = ctx;
    struct store *store = NULL;
    int rc = store_local_open(value, &store, err);

    (void)o;
    return rc ? rc : request_add_gin_path(&j->request, store, err);
}

int cli_apply_config(void *ctx, const struct cli_option *o, const char *value,
                     struct error *err)
{
    struct buf path = BUF_INIT(8192);
    struct stat st;
    int rc;

    (void)o;
    buf_puts(&path, value);
    if (stat(value, &st) == 0 && S_ISDIR(st.st_mode))
        buf_puts(&path, "/config.json");
    if (buf_str(&path))
        rc = set_file(ctx, buf_str(&path), request_set_config, err);
    else
        rc = buf_status(&path, err);
    buf_done(&path);
    return rc;
}

int cli_apply_json(void *ctx, const struct cli_option *o, const char *value,
                   struct error *err)
{
    (void)o;
    (void)value;
    (void)err;
    ((struct cli_job *)ctx)->json = true;
    return 0;
}

int cli_take_checkpoint(void *ctx, const char *value, struct error *err)
{
    struct cli_job *j = ctx;

    if (j->checkpoint) {
        error_set(err, ERR_USAGE, "more than one checkpoint is given: '%.100s'",
                  value);
        return error_subject(err, "%.100s", value);
    }
    j->checkpoint = value;
    return 0;
}

int cli_apply_checkpoint(void *ctx, const struct cli_option *o,
                         const char *value, struct error *err)
{
    (void)o;
    return cli_take_checkpoint(ctx, value, err);
}
