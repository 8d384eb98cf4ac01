/*
 * switchyard inspect: prints the plan.
 */
#include "cli/cli.h"

/* A plan of 100,000 tensors prints in about 40 MB of JSON. */
#define MAX_TEXT ((size_t)1 << 30)

static const struct cli_option options[] = {
    CLI_JOB_OPTIONS,
    { "json", NULL, "print the plan as JSON, every tensor listed", NULL,
      cli_apply_json },
    CLI_REMOTE_OPTIONS,
    CLI_JOB_ALIASES,
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

static int inspect(struct cli_job *j, struct error *err)
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
    return cli_job_main(&syntax, argc, argv, inspect);
}
