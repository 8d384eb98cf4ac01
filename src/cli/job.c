/*
 * What convert and inspect have in common: the checkpoint, what is stated about
 * it, and planning it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/cli.h"

/* What it includes is looked for in the same place. */
static int read_gin(struct cli_job *j, struct error *err)
{
    struct cli_file file;
    int rc = cli_remote_file(j->remote, j->gin, NULL, &file, err);

    if (rc)
        return rc;
    rc = request_set_gin(&j->request, file.name, file.text.data, file.text.len,
                         err);
    if (!rc) {
        rc = request_set_gin_store(&j->request, file.store, file.folder, err);
        file.store = NULL;
    }
    cli_file_done(&file);
    return rc;
}

static int read_config(struct cli_job *j, struct error *err)
{
    struct cli_file file;
    int rc = cli_remote_file(j->remote, j->config, "config.json", &file, err);

    if (rc)
        return rc;
    rc = request_set_config(&j->request, file.name, file.text.data,
                            file.text.len, err);
    cli_file_done(&file);
    return rc;
}

/* Gin file and config, when all options are known. */
static int read_stated(struct cli_job *j, struct error *err)
{
    int rc = j->gin ? read_gin(j, err) : 0;

    return !rc && j->config ? read_config(j, err) : rc;
}

int cli_job_main(const struct cli_syntax *syntax, int argc, char **argv,
                 int (*run)(struct cli_job *j, struct error *err))
{
    struct convert_progress progress = { .bytes_total = 0 };
    struct cli_remote remote;
    struct cli_job j = { .remote = &remote, .progress = &progress };
    struct error err;
    bool done = false;
    int status = EXIT_OK;
    int rc;

    request_init(&j.request);
    cli_remote_init(&remote, &progress.cancel);
    rc = cli_parse(syntax, argc, argv, &j, &done, &err);
    if (!rc && !done)
        rc = read_stated(&j, &err);
    if (!rc && !done)
        rc = run(&j, &err);
    if (rc)
        status = cli_fail(&err, j.json && !j.answered);
    request_done(&j.request);
    cli_remote_done(&remote);
    return status;
}

int cli_job_open(const struct cli_job *j, struct checkpoint **out,
                 struct error *err)
{
    if (j->checkpoint)
        return cli_remote_checkpoint(j->remote, j->checkpoint, out, err);
    error_set(err, ERR_USAGE, "no checkpoint is given");
    return error_hint(err, "name a checkpoint_N folder, its checkpoint file, "
                           "or the folder of a training run");
}

int cli_job_plan(const struct cli_job *j, struct conversion *out,
                 struct error *err)
{
    struct checkpoint *c = NULL;
    int rc = cli_job_open(j, &c, err);

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

int cli_apply_gin(void *ctx, const struct cli_option *o, const char *value,
                  struct error *err)
{
    (void)o;
    (void)err;
    ((struct cli_job *)ctx)->gin = value;
    return 0;
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
    (void)o;
    (void)err;
    ((struct cli_job *)ctx)->config = value;
    return 0;
}

int cli_apply_ca_file(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err)
{
    (void)o;
    (void)err;
    ((struct cli_job *)ctx)->remote->ca_file = value;
    return 0;
}

int cli_apply_token_file(void *ctx, const struct cli_option *o,
                         const char *value, struct error *err)
{
    (void)o;
    (void)err;
    ((struct cli_job *)ctx)->remote->token_file = value;
    return 0;
}

int cli_apply_timeout(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err)
{
    return num_parse_uint(o->name, value, 1, 86400,
                          &((struct cli_job *)ctx)->remote->seconds, err);
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

int cli_apply_threads(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err)
{
    uint64_t n = 0;
    int rc = num_parse_uint(o->name, value, 1, 1024, &n, err);

    ((struct cli_job *)ctx)->threads = (unsigned)n;
    return rc;
}

int cli_apply_memory(void *ctx, const struct cli_option *o, const char *value,
                     struct error *err)
{
    return num_parse_size(o->name, value, &((struct cli_job *)ctx)->memory,
                          err);
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
