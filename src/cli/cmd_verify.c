/*
 * switchyard verify: whether a model, made by anyone, holds what the checkpoint
 * gives.
 */
#include "cli/cli.h"
#include "verify.h"

/* A plan of 100,000 tensors prints in about 40 MB of JSON. */
#define MAX_TEXT ((size_t)1 << 30)

/* The first argument is the checkpoint, the second the model. */
static int take_argument(void *ctx, const char *value, struct error *err)
{
    struct cli_job *j = ctx;

    if (!j->checkpoint)
        return cli_take_checkpoint(ctx, value, err);
    if (!j->out) {
        j->out = value;
        return 0;
    }
    error_set(err, ERR_USAGE, "a third argument is given: '%.100s'", value);
    return error_expected(err, "a checkpoint and a model");
}

static const struct cli_option options[] = {
    CLI_JOB_OPTIONS,
    { "allow-missing-chunks", NULL, "read chunks that are not there as zeros",
      "allow_missing_chunks", cli_apply_request },
    { "threads", "N", "worker threads (default: one for each CPU)", NULL,
      cli_apply_threads },
    { "memory", "SIZE", "bytes for chunks in flight (default 512MiB)", NULL,
      cli_apply_memory },
    { "json", NULL, "print it as JSON, every tensor listed", NULL,
      cli_apply_json },
    CLI_REMOTE_OPTIONS,
    CLI_JOB_ALIASES,
    { NULL, NULL, NULL, NULL, NULL },
};

static const struct cli_syntax syntax = {
    .command = "verify",
    .usage = "CHECKPOINT MODEL [OPTION...]",
    .about = "Does all that a conversion does, and compares with MODEL instead "
             "of writing:\na folder or URL of safetensors, their index, or one "
             "file, made by anyone.\nPrints the tensors that are different, "
             "missing or extra.",
    .notes = "\nThe exit status is 0 if all tensors are equal, and 6 if not.\n",
    .options = options,
    .positional = take_argument,
};

static int print(const struct cli_job *j, const struct verify_report *r,
                 struct error *err)
{
    struct buf text = BUF_INIT(MAX_TEXT);
    int rc = j->json ? verify_write_json(r, true, &text, err)
                     : verify_write_text(r, &text, err);

    if (!rc && j->json)
        buf_putc(&text, '\n');
    if (!rc)
        rc = cli_print(&text, err);
    buf_done(&text);
    return rc;
}

static int verify(struct cli_job *j, struct error *err)
{
    const struct convert_options o = {
        .threads = j->threads,
        .memory = j->memory,
        .allow_missing_chunks = conversion_allows_missing(&j->request),
        .progress = j->progress,
    };
    struct conversion c = { NULL, NULL, NULL };
    struct verify_report *report = NULL;
    struct existing *model = NULL;
    int rc = 0;

    if (!j->out) {
        error_set(err, ERR_USAGE, "no model is given");
        return error_hint(err, "name the checkpoint, then the model's folder");
    }
    rc = cli_job_plan(j, &c, err);
    if (!rc)
        rc = cli_remote_model(j->remote, j->out, &model, err);
    if (!rc)
        rc = verify_run(c.plan, model, &o, &report, err);
    if (!rc)
        rc = print(j, report, err);
    if (!rc) {
        rc = verify_check(report, err);
        j->answered = rc != 0;
    }
    verify_report_free(report);
    existing_free(model);
    conversion_done(&c);
    return rc;
}

int cmd_verify(int argc, char **argv)
{
    return cli_job_main(&syntax, argc, argv, verify);
}
