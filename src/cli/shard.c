/*
 * convert --shard: one of several processes that make one model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "cli/cli.h"
#include "share.h"

static int refuse(const char *value, struct error *err)
{
    error_set(err, ERR_USAGE, "shard cannot be '%.64s'", value);
    error_subject(err, "shard");
    error_actual(err, "%.64s", value);
    return error_expected(err, "I/N, with I from 1 to N, and N at most %d",
                          SHARE_MAX);
}

int cli_apply_shard(void *ctx, const struct cli_option *o, const char *value,
                    struct error *err)
{
    struct cli_job *j = ctx;
    const char *slash = strchr(value, '/');
    char number[16];
    uint64_t i = 0;
    uint64_t n = 0;

    if (!slash || (size_t)(slash - value) >= sizeof number)
        return refuse(value, err);
    snprintf(number, sizeof number, "%.*s", (int)(slash - value), value);
    if (num_parse_uint(o->name, number, 1, SHARE_MAX, &i, NULL) ||
        num_parse_uint(o->name, slash + 1, 1, SHARE_MAX, &n, NULL) || i > n)
        return refuse(value, err);
    j->shard = (uint32_t)i;
    j->shards = (uint32_t)n;
    return 0;
}

static int check(const struct cli_job *j, struct error *err)
{
    const char *option = j->overwrite        ? "overwrite"
                         : j->provenance     ? "provenance"
                         : j->request.verify ? "verify"
                                             : NULL;

    if (!option)
        return 0;
    error_set(err, ERR_USAGE, "--%s does not go with --shard", option);
    error_subject(err, "%s", option);
    if (j->overwrite)
        return error_hint(err, "remove the folder before the first shard");
    return error_hint(err, "switchyard verify reads the complete model");
}

static int print_json(const struct cli_job *j, const struct share_report *r,
                      struct error *err)
{
    struct buf b = BUF_INIT((size_t)1 << 20);
    struct json_writer w = JSON_WRITER(&b, JSON_STYLE_COMPACT);
    int rc;

    json_open(&w, '{');
    json_key_str(&w, "out", j->out);
    json_key_u64(&w, "shard", j->shard);
    json_key_u64(&w, "shards", j->shards);
    json_key_u64(&w, "files_written", r->written);
    json_key_u64(&w, "bytes_written", r->bytes);
    json_key_u64(&w, "files_missing", r->missing);
    json_key(&w, "complete");
    json_bool(&w, r->complete);
    json_key_u64(&w, "overflowed", r->convert.overflowed);
    json_key_u64(&w, "missing_chunks", r->convert.missing_chunks);
    json_close(&w, '}');
    buf_putc(&b, '\n');
    rc = cli_print(&b, err);
    buf_done(&b);
    return rc;
}

static void print_summary(const struct cli_job *j, const struct share_report *r)
{
    char size[32];

    printf("%s: shard %u of %u, %zu files written, %s; ", j->out, j->shard,
           j->shards, r->written, num_format_size(r->bytes, size));
    if (r->complete)
        puts("the model is complete");
    else
        printf("%zu files are missing\n", r->missing);
}

int cli_shard(const struct cli_job *j, const struct conversion *c,
              struct convert_report *report, struct error *err)
{
    const struct share_options o = {
        .folder = j->out,
        .number = j->shard,
        .count = j->shards,
        .convert = {
            .threads = j->threads,
            .memory = j->memory,
            .allow_missing_chunks = conversion_allows_missing(&j->request),
            .progress = j->progress,
        },
    };
    struct cli_progress *bar = NULL;
    struct share_report r;
    int rc = check(j, err);

    if (!rc)
        rc = cli_progress_start(j->progress, j->quiet || j->json, &bar, err);
    if (!rc)
        rc = share_run(c->plan, &o, &r, err);
    cli_progress_stop(bar);
    if (rc)
        return rc;
    *report = r.convert;
    if (j->json)
        return print_json(j, &r, err);
    if (!j->quiet)
        print_summary(j, &r);
    return 0;
}
