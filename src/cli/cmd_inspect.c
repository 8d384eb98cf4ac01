/*
 * switchyard inspect: prints the plan, or digests of what is there.
 */
#include <stdlib.h>

#include "cli/cli.h"
#include "digest.h"

/* A plan of 100,000 tensors prints in about 40 MB of JSON. */
#define MAX_TEXT ((size_t)1 << 30)

static int apply_digest(void *ctx, const struct cli_option *o,
                        const char *value, struct error *err)
{
    (void)o;
    (void)value;
    (void)err;
    ((struct cli_job *)ctx)->digest = true;
    return 0;
}

static const struct cli_option options[] = {
    CLI_JOB_OPTIONS,
    { "json", NULL, "print it as JSON, every tensor listed", NULL,
      cli_apply_json },
    { "digest", NULL,
      "instead of the plan, print the SHA-256 of every\narray's elements", NULL,
      apply_digest },
    { "allow-missing-chunks", NULL,
      "with --digest: read chunks that are not there as\nzeros",
      "allow_missing_chunks", cli_apply_request },
    { "threads", "N",
      "with --digest: worker threads (default: one for\neach CPU)", NULL,
      cli_apply_threads },
    { "memory", "SIZE",
      "with --digest: bytes for chunks in flight (default\n512MiB)", NULL,
      cli_apply_memory },
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
    .notes =
        "\nWith --digest every weight is read, and nothing else is asked of the "
        "checkpoint\nthan that it can be opened. An array's digest is that of "
        "its elements in C\norder and little endian, as numpy's tobytes() gives "
        "them, whatever chunks and\ncodecs it is stored with.\n",
    .options = options,
    .positional = cli_take_checkpoint,
};

static int print_digests(const struct cli_job *j, const struct checkpoint *c,
                         const struct digest *digests, struct error *err)
{
    struct buf text = BUF_INIT(MAX_TEXT);
    int rc = j->json ? digest_write_json(c, digests, &text, err)
                     : digest_write_text(c, digests, &text, err);

    if (!rc)
        rc = cli_print(&text, err);
    buf_done(&text);
    return rc;
}

static int digest(const struct cli_job *j, struct error *err)
{
    const struct digest_options o = {
        .threads = j->threads,
        .memory = j->memory,
        .allow_missing_chunks = j->request.allow_missing_chunks,
    };
    struct checkpoint *c = NULL;
    struct digest *digests = NULL;
    int rc = cli_job_open(j, &c, err);

    if (!rc)
        rc = digest_arrays(c, &o, &digests, err);
    if (!rc)
        rc = print_digests(j, c, digests, err);
    free(digests);
    checkpoint_free(c);
    return rc;
}

static int inspect(struct cli_job *j, struct error *err)
{
    struct conversion c;
    struct buf text = BUF_INIT(MAX_TEXT);
    int rc;

    if (j->digest)
        return digest(j, err);
    rc = cli_job_plan(j, &c, err);
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
