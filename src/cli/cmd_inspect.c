/*
 * switchyard inspect: prints the plan.
 */
#include "cli/cli.h"

/* A plan of 100,000 tensors prints in about 40 MB of JSON. */
#define MAX_TEXT ((size_t)1 << 30)

static const struct cli_option options[] = {
    { "gin", "FILE", "the run's gin file", NULL, cli_apply_gin },
    { "config", "FILE|DIR", "a config.json, or the folder of one", NULL,
      cli_apply_config },
    { "num-experts", "N", "how many experts there should be", "num_experts",
      cli_apply_request },
    { "dtype", "TYPE",
      "float32 (the default), bfloat16, float16, or\n"
      "source: what the checkpoint holds",
      "dtype", cli_apply_request },
    { "max-shard-size", "SIZE", "bytes of tensors in a file (default 5GB)",
      "max_shard_size", cli_apply_request },
    { "compat", "reference", "what the reference converter would write",
      "compat", cli_apply_request },
    { "json", NULL, "print the plan as JSON, every tensor listed", NULL,
      cli_apply_json },
    { "switch_t5x_checkpoint_path", "DIR", NULL, NULL, cli_apply_checkpoint },
    { "gin_file", "FILE", NULL, NULL, cli_apply_gin },
    { "config_name", "FILE|DIR", NULL, NULL, cli_apply_config },
    { NULL, NULL, NULL, NULL, NULL },
};

static const struct cli_syntax syntax = {
    .command = "inspect",
    .usage = "CHECKPOINT [OPTION...]",
    .about = "Prints what a conversion would do: every array and what it "
             "becomes, the\nfiles, the config with where each value comes "
             "from, and the warnings.\nNo weight is read.",
    .notes = "",
    .options = options,
    .positional = cli_take_checkpoint,
};

static int inspect(const struct cli_job *j, struct error *err)
{
    struct conversion c;
    struct buf text = BUF_INIT(MAX_TEXT);
    int rc = cli_job_plan(j, &c, err);

    if (rc)
        return rc;
    rc = j->json ? plan_write_json(c.plan, &text, err)
                 : plan_write_text(c.plan, &text, err);
    if (!rc)
        rc = cli_print(&text, err);
    buf_done(&text);
    conversion_done(&c);
    return rc;
}

int cmd_inspect(int argc, char **argv)
{
    struct cli_job j;
    struct error err;
    bool done = false;
    int status = EXIT_OK;
    int rc;

    cli_job_init(&j);
    rc = cli_parse(&syntax, argc, argv, &j, &done, &err);
    if (!rc && !done)
        rc = inspect(&j, &err);
    if (rc)
        status = cli_fail(&err, j.json);
    cli_job_done(&j);
    return status;
}
