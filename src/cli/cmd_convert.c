/*
 * switchyard convert: from a checkpoint on disk to a model folder on disk.
 *
 * A first interrupt ends the conversion in an orderly way, which removes what
 * was written; a second one kills the process as usual.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/cli.h"
#include "provenance.h"

/* The largest public model's has 120,000 tensors. */
enum { PROVENANCE_LIMIT = 256 << 20 };

static int apply_out(void *ctx, const struct cli_option *o, const char *value,
                     struct error *err)
{
    (void)o;
    (void)err;
    ((struct cli_job *)ctx)->out = value;
    return 0;
}

static int apply_file(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err)
{
    (void)o;
    (void)err;
    ((struct cli_job *)ctx)->file = value;
    return 0;
}

static int apply_range(void *ctx, const struct cli_option *o, const char *value,
                       struct error *err)
{
    (void)o;
    (void)err;
    ((struct cli_job *)ctx)->range = value;
    return 0;
}

static int apply_provenance(void *ctx, const struct cli_option *o,
                            const char *value, struct error *err)
{
    (void)o;
    (void)err;
    ((struct cli_job *)ctx)->provenance = value;
    return 0;
}

static int apply_overwrite(void *ctx, const struct cli_option *o,
                           const char *value, struct error *err)
{
    (void)o;
    (void)value;
    (void)err;
    ((struct cli_job *)ctx)->overwrite = true;
    return 0;
}

static int apply_quiet(void *ctx, const struct cli_option *o, const char *value,
                       struct error *err)
{
    (void)o;
    (void)value;
    (void)err;
    ((struct cli_job *)ctx)->quiet = true;
    return 0;
}

static const struct cli_option options[] = {
    { "out", "DIR",
      "the model folder to make; - writes the model to\nstandard output, as a "
      "tar archive",
      NULL, apply_out },
    { "file", "NAME", "write only this file, to standard output", NULL,
      apply_file },
    { "range", "FIRST-LAST",
      "of that file only these bytes, counted from 0, both\nincluded, as in "
      "HTTP; FIRST- or -COUNT, too",
      NULL, apply_range },
    { "shard", "I/N",
      "make only the I-th of N shares of the files; who\nmakes the last one "
      "completes the model",
      NULL, cli_apply_shard },
    CLI_JOB_OPTIONS,
    { "allow-missing-chunks", NULL, "read chunks that are not there as zeros",
      "allow_missing_chunks", cli_apply_request },
    { "provenance", "FILE",
      "write a report there: the source, the options, the\nSHA-256 of each "
      "array and tensor",
      NULL, apply_provenance },
    { "verify", NULL,
      "read the model again before it is published, and\ncompare", "verify",
      cli_apply_request },
    { "overwrite", NULL, "replace the model in a folder that is there", NULL,
      apply_overwrite },
    { "threads", "N", "worker threads (default: one for each CPU)", NULL,
      cli_apply_threads },
    { "memory", "SIZE", "bytes for chunks in flight (default 512MiB)", NULL,
      cli_apply_memory },
    { "json", NULL, "print the result, or the error, as JSON", NULL,
      cli_apply_json },
    { "quiet", NULL, "no progress bar and no summary", NULL, apply_quiet },
    CLI_REMOTE_OPTIONS,
    CLI_JOB_ALIASES,
    { "pytorch_dump_folder_path", "DIR", NULL, NULL, apply_out },
    { NULL, NULL, NULL, NULL, NULL },
};

static const struct cli_syntax syntax = {
    .command = "convert",
    .usage = "CHECKPOINT --out DIR [OPTION...]",
    .about =
        "Converts a checkpoint_N folder, its checkpoint file, or the latest "
        "step in a\nfolder of steps. The model folder appears at once when all "
        "of it is there,\nor not at all.",
    .notes =
        "\nThe options of the original script mean the same here:\n"
        "  --switch_t5x_checkpoint_path DIR, --gin_file FILE, --config_name "
        "FILE|DIR,\n  --pytorch_dump_folder_path DIR, --num_experts N\n",
    .options = options,
    .positional = cli_take_checkpoint,
};

/* What the signal handler reaches: set before it is installed. */
static atomic_bool *cancel;

static void on_signal(int number)
{
    signal(number, SIG_DFL);
    atomic_store(cancel, true);
}

static void watch_signals(struct convert_progress *progress)
{
    struct sigaction action = { .sa_handler = on_signal };

    cancel = &progress->cancel;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) +
           (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void print_warnings(const struct conversion *c,
                           const struct convert_report *r)
{
    for (size_t i = 0; i < c->checkpoint->warning_count; i++)
        fprintf(stderr, "switchyard: warning: %s\n",
                c->checkpoint->warnings[i]);
    for (size_t i = 0; i < c->model->warning_count; i++)
        fprintf(stderr, "switchyard: warning: %s\n", c->model->warnings[i]);
    if (r->overflowed)
        fprintf(stderr,
                "switchyard: warning: %llu values overflowed to infinity"
                "%s%s\n",
                (unsigned long long)r->overflowed,
                *r->overflow_tensor ? ", first in " : "", r->overflow_tensor);
    if (r->missing_chunks)
        fprintf(stderr,
                "switchyard: warning: %llu chunks were missing and read as "
                "their fill value\n",
                (unsigned long long)r->missing_chunks);
}

/* What came from elsewhere, if anything did. */
static void put_fetched(struct json_writer *w, const struct cli_job *j)
{
    uint64_t bytes = 0;
    uint64_t requests = 0;

    if (!j->remote->fetch)
        return;
    fetch_statistics(j->remote->fetch, &bytes, &requests);
    json_key_u64(w, "fetched_bytes", bytes);
    json_key_u64(w, "fetched_requests", requests);
}

static int print_json(const struct cli_job *j, const struct conversion *c,
                      const struct convert_report *r, double seconds,
                      struct error *err)
{
    struct buf b = BUF_INIT((size_t)64 << 20);
    struct json_writer w = JSON_WRITER(&b, JSON_STYLE_COMPACT);
    int rc;

    json_open(&w, '{');
    json_key_str(&w, "out", j->out);
    json_key(&w, "files");
    json_open(&w, '[');
    for (size_t i = 0; i < c->plan->file_count; i++) {
        json_open(&w, '{');
        json_key_str(&w, "name", c->plan->files[i].name);
        json_key_u64(&w, "bytes", c->plan->files[i].size);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_key_u64(&w, "bytes", c->plan->bytes);
    json_key_u64(&w, "tensors", c->plan->tensor_count);
    json_key_u64(&w, "parameters", c->model->parameters);
    json_key_u64(&w, "overflowed", r->overflowed);
    json_key_u64(&w, "missing_chunks", r->missing_chunks);
    put_fetched(&w, j);
    json_key(&w, "seconds");
    json_double(&w, seconds);
    json_close(&w, '}');
    buf_putc(&b, '\n');
    rc = cli_print(&b, err);
    buf_done(&b);
    return rc;
}

static void print_summary(const struct cli_job *j, const struct conversion *c,
                          double seconds)
{
    char size[32];
    char rate[32];

    printf("%s: %zu files, %zu tensors, %s in %.1f s (%s/s)\n", j->out,
           c->plan->file_count, c->plan->tensor_count,
           num_format_size(c->plan->bytes, size), seconds,
           num_format_size((uint64_t)((double)c->plan->bytes / seconds), rate));
}

/* Runs the plan into the sink with the progress bar around it. */
static int run(const struct cli_job *j, const struct conversion *c,
               struct sink *s, struct convert_report *report, struct error *err)
{
    const struct convert_options o = { .threads = j->threads,
                                       .memory = j->memory,
                                       .progress = j->progress };
    struct cli_progress *bar = NULL;
    int rc;

    rc = cli_progress_start(j->progress, j->quiet || j->json, &bar, err);
    if (rc)
        return rc;
    rc = conversion_run(c, &j->request, s, &o, report, err);
    cli_progress_stop(bar);
    return rc;
}

/* Of the model as it is there now. */
static int write_provenance(const struct cli_job *j, const struct conversion *c,
                            const struct convert_report *report,
                            struct error *err)
{
    struct provenance p = { .conversion = c,
                            .request = &j->request,
                            .report = report,
                            .threads = j->threads,
                            .memory = j->memory };
    struct buf text = BUF_INIT(PROVENANCE_LIMIT);
    struct existing *written = NULL;
    int rc;

    if (!j->provenance)
        return 0;
    rc = cli_remote_model(j->remote, j->out, &written, err);
    p.written = written;
    if (!rc)
        rc = provenance_write(&p, &text, err);
    if (!rc)
        rc = file_replace(j->provenance, text.data, text.len, err);
    existing_free(written);
    buf_done(&text);
    return rc;
}

/* What does not make a whole folder: a stream, or a share of the files. */
static int convert_part(struct cli_job *j, struct error *err)
{
    struct conversion c = { NULL, NULL, NULL };
    struct convert_report report = { .overflowed = 0 };
    int rc = cli_job_plan(j, &c, err);

    if (!rc)
        rc = (cli_streams(j) ? cli_stream : cli_shard)(j, &c, &report, err);
    if (!rc)
        print_warnings(&c, &report);
    conversion_done(&c);
    return rc;
}

static int convert(struct cli_job *j, struct error *err)
{
    struct conversion c = { NULL, NULL, NULL };
    struct convert_report report = { .overflowed = 0 };
    struct sink *s = NULL;
    struct timespec start;
    double seconds;
    int rc;

    clock_gettime(CLOCK_MONOTONIC, &start);
    watch_signals(j->progress);
    if (cli_streams(j)) {
        rc = cli_stream_check(j, err);
        return rc ? rc : convert_part(j, err);
    }
    if (!j->out) {
        error_set(err, ERR_USAGE, "no output folder is given");
        return error_hint(err, "say --out DIR");
    }
    if (j->shards)
        return convert_part(j, err);
    rc = cli_job_plan(j, &c, err);
    if (!rc)
        rc = sink_folder_open(j->out, j->overwrite, &s, err);
    if (!rc)
        rc = run(j, &c, s, &report, err);
    seconds = seconds_since(&start);
    if (!rc)
        rc = write_provenance(j, &c, &report, err);
    if (!rc) {
        print_warnings(&c, &report);
        if (j->json)
            rc = print_json(j, &c, &report, seconds, err);
        else if (!j->quiet)
            print_summary(j, &c, seconds);
    }
    sink_free(s);
    conversion_done(&c);
    return rc;
}

int cmd_convert(int argc, char **argv)
{
    return cli_job_main(&syntax, argc, argv, convert);
}
