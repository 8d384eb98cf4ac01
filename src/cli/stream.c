/*
 * A model to standard output: all of it as a tar archive, or a part of one of
 * its files. Nothing is written to disk but what memory has no room for.
 *
 * A reader that goes away is an error, as a full disk would be: what it has got
 * is not the model.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/cli.h"
#include "stream_tar.h"

enum { PIECE = 1 << 20 };

static int check_cancel(const struct cli_job *j, struct error *err)
{
    if (atomic_load(&j->progress->cancel))
        return error_set(err, ERR_CANCELLED, "the conversion was cancelled");
    return 0;
}

static int write_all(const struct cli_job *j, const unsigned char *data,
                     size_t len, struct error *err)
{
    int rc = check_cancel(j, err);
    ssize_t n;

    while (len > 0 && !rc) {
        n = write(STDOUT_FILENO, data, len);
        if (n >= 0) {
            data += n;
            len -= (size_t)n;
            atomic_fetch_add(&j->progress->bytes_done, (uint64_t)n);
        } else if (errno == EINTR) {
            rc = check_cancel(j, err);
        } else {
            rc = error_errno(err, ERR_WRITE, errno,
                             "cannot write to standard output");
        }
    }
    return rc;
}

static int write_tar(const struct cli_job *j, const struct plan *p,
                     struct stream *s, unsigned char *piece, struct error *err)
{
    struct stream_tar *t = NULL;
    size_t got = 0;
    int rc = stream_tar_open(s, p, &t, err);

    if (!rc)
        atomic_fetch_add(&j->progress->bytes_total, stream_tar_size(t));
    for (uint64_t at = 0; !rc && at < stream_tar_size(t); at += got) {
        rc = stream_tar_read(t, at, piece, PIECE, &got, err);
        if (!rc)
            rc = write_all(j, piece, got, err);
    }
    stream_tar_free(t);
    return rc;
}

static int write_range(const struct cli_job *j, struct stream *s, size_t file,
                       uint64_t from, uint64_t to, unsigned char *piece,
                       struct error *err)
{
    size_t len;
    int rc = 0;

    atomic_fetch_add(&j->progress->bytes_total, to - from);
    if (to - from > PIECE)
        stream_expect(s, file, from, to - from);
    for (; from < to && !rc; from += len) {
        len = (size_t)num_min(to - from, PIECE - from % PIECE);
        rc = stream_read(s, file, from, piece, len, err);
        if (!rc)
            rc = write_all(j, piece, len, err);
    }
    return rc;
}

static int find_file(const struct cli_job *j, const struct plan *p, size_t *out,
                     struct error *err)
{
    for (size_t i = 0; i < p->file_count; i++)
        if (!strcmp(p->files[i].name, j->file)) {
            *out = i;
            return 0;
        }
    error_set(err, ERR_NOT_FOUND, "the model has no file '%.200s'", j->file);
    error_subject(err, "%s", j->file);
    return error_hint(err, "switchyard inspect lists the files");
}

static int refuse_range(const char *text, struct error *err)
{
    error_set(err, ERR_USAGE, "range cannot be '%.64s'", text);
    error_subject(err, "range");
    error_actual(err, "%.64s", text);
    return error_expected(err, "FIRST-LAST, FIRST- or -COUNT, in bytes");
}

/* Digits up to a character that ends them, which is not a part of them. */
static bool read_number(const char **p, char end, uint64_t *out)
{
    uint64_t n = 0;
    const char *start = *p;

    for (; **p >= '0' && **p <= '9'; ++*p)
        if (!num_mul(n, 10, &n) || !num_add(n, (uint64_t)(**p - '0'), &n))
            return false;
    *out = n;
    return *p > start && **p == end;
}

/* As in HTTP: inclusive, and what lies behind the end is left out. */
static int parse_range(const char *text, uint64_t size, uint64_t *from,
                       uint64_t *to, struct error *err)
{
    const char *p = text;
    uint64_t last = UINT64_MAX;

    if (*p == '-') {
        p++;
        if (!read_number(&p, '\0', &last))
            return refuse_range(text, err);
        *from = size - num_min(size, last);
        *to = size;
    } else {
        if (!read_number(&p, '-', from))
            return refuse_range(text, err);
        p++;
        if (*p && (!read_number(&p, '\0', &last) || last < *from))
            return refuse_range(text, err);
        *to = last < size ? last + 1 : size;
    }
    if (*from < *to)
        return 0;
    error_set(err, ERR_RANGE, "the range %.64s lies outside of the file", text);
    error_subject(err, "range");
    return error_expected(err, "a part of %llu bytes",
                          (unsigned long long)size);
}

static int write_file(const struct cli_job *j, const struct plan *p,
                      struct stream *s, unsigned char *piece, struct error *err)
{
    size_t file = 0;
    uint64_t from = 0;
    uint64_t to;
    int rc = find_file(j, p, &file, err);

    if (rc)
        return rc;
    to = p->files[file].size;
    if (j->range)
        rc = parse_range(j->range, p->files[file].size, &from, &to, err);
    return rc ? rc : write_range(j, s, file, from, to, piece, err);
}

static int refuse_with(const char *option, struct error *err)
{
    error_set(err, ERR_USAGE,
              "--%s does not go with a model on standard output", option);
    return error_subject(err, "%s", option);
}

bool cli_streams(const struct cli_job *j)
{
    return j->file || j->range || (j->out && !strcmp(j->out, "-"));
}

int cli_stream_check(const struct cli_job *j, struct error *err)
{
    if (j->range && !j->file) {
        error_set(err, ERR_USAGE, "a range is given, and no file");
        return error_hint(err, "say --file NAME");
    }
    if (j->out && strcmp(j->out, "-") != 0)
        return error_set(err, ERR_USAGE,
                         "a file goes to standard output, not to %.200s",
                         j->out);
    if (j->shards)
        return refuse_with("shard", err);
    if (j->overwrite)
        return refuse_with("overwrite", err);
    if (j->provenance)
        return refuse_with("provenance", err);
    if (j->json)
        return refuse_with("json", err);
    if (j->request.verify)
        return refuse_with("verify", err);
    if (isatty(STDOUT_FILENO)) {
        error_set(err, ERR_USAGE, "standard output is a terminal");
        return error_hint(err, "send it to a file or to another program");
    }
    return 0;
}

int cli_stream(const struct cli_job *j, const struct conversion *c,
               struct convert_report *report, struct error *err)
{
    const struct stream_options o = {
        .threads = j->threads,
        .memory = j->memory,
        .allow_missing_chunks = conversion_allows_missing(&j->request),
    };
    unsigned char *piece = malloc(PIECE);
    struct cli_progress *bar = NULL;
    struct stream_counts counts;
    struct stream *s = NULL;
    int rc = piece ? 0 : error_memory(err);

    signal(SIGPIPE, SIG_IGN);
    if (!rc)
        rc = stream_open(c->plan, &o, &s, err);
    if (!rc)
        rc = cli_progress_start(j->progress, j->quiet, &bar, err);
    if (!rc)
        rc = j->file ? write_file(j, c->plan, s, piece, err)
                     : write_tar(j, c->plan, s, piece, err);
    cli_progress_stop(bar);
    if (!rc) {
        counts = stream_counts(s);
        *report = (struct convert_report){
            .overflowed = counts.overflowed,
            .missing_chunks = counts.missing_chunks,
        };
    }
    stream_free(s);
    free(piece);
    return rc;
}
