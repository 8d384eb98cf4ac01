/*
 * Running a share of a plan.
 *
 * Processes know of each other only by what is in the folder:
 *
 *     .switchyard-plan     which plan it is for: made first, by link(), so that
 *                          one of several wins and all agree
 *     .shard.part-XXXXXX   where one of them works, locked while it lives; what
 *                          a dead one left is removed by the next (place.c)
 *     model-0000*          finished files, moved there when they are durable
 *
 * All that is ever moved there under one name has the same bytes, so nothing
 * has to be locked: a file made twice replaces itself, and two that both find
 * the set complete write the same configuration. The plan's file stays, so that
 * a share which is run once more knows the folder for its own.
 */
#include "share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "fingerprint.h"
#include "share_plan.h"
#include "store/target.h"

#define PLAN_FILE ".switchyard-plan"

enum { PLAN_TEXT_MAX = 4096 };

static int path_of(const char *folder, const char *name, char **out,
                   struct error *err)
{
    if (asprintf(out, "%s/%s", folder, name) >= 0)
        return 0;
    *out = NULL;
    return error_memory(err);
}

/* ---- whose folder it is ---- */

static int refuse_foreign(const char *folder, const char *name,
                          struct error *err)
{
    error_set(err, ERR_EXISTS, "%.200s is not empty, and no shard made it",
              folder);
    error_subject(err, "%s", folder);
    error_actual(err, "%.100s is there", name);
    return error_hint(err, "choose another folder");
}

/* Whether the folder holds the plan's file, or nothing that is not hidden. */
static int check_folder(const char *folder, struct error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : target_list(fd);
    const struct dirent *entry;
    int rc = 0;

    if (!dir)
        rc = error_errno(err, ERR_READ, errno, "cannot look into %.200s",
                         folder);
    while (!rc && (entry = readdir(dir)) != NULL)
        if (*entry->d_name != '.' &&
            faccessat(fd, PLAN_FILE, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            rc = refuse_foreign(folder, entry->d_name, err);
    if (dir)
        closedir(dir);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int refuse_other(const char *folder, const char *mine,
                        const struct buf *there, struct error *err)
{
    error_set(err, ERR_EXISTS,
              "%.200s holds shards of another conversion: of another "
              "checkpoint, or with other options",
              folder);
    error_subject(err, "%s", folder);
    error_expected(err, "%.*s", (int)strcspn(mine, "\n"), mine);
    error_actual(err, "%.*s", (int)(there->len < 100 ? there->len : 100),
                 (const char *)there->data);
    return error_hint(err, "give all shards the same options, or choose "
                           "another folder");
}

static int compare_plan(const char *folder, const char *path, const char *mine,
                        struct error *err)
{
    struct buf there = BUF_INIT(PLAN_TEXT_MAX);
    int rc = file_read(path, &there, err);

    if (!rc &&
        (there.len != strlen(mine) || memcmp(there.data, mine, there.len) != 0))
        rc = refuse_other(folder, mine, &there, err);
    buf_done(&there);
    return rc;
}

/* Says that the folder is for this plan, or sees whether it is. */
static int claim(const char *folder, const char *text, struct error *err)
{
    char *path = NULL;
    char *own = NULL;
    char name[sizeof PLAN_FILE + 20];
    uint64_t random = 0;
    int rc = check_folder(folder, err);

    if (getrandom(&random, sizeof random, 0) < 0)
        random = (uint64_t)getpid();
    snprintf(name, sizeof name, PLAN_FILE "-%016llx",
             (unsigned long long)random);
    if (!rc)
        rc = path_of(folder, PLAN_FILE, &path, err);
    if (!rc)
        rc = path_of(folder, name, &own, err);
    if (!rc && access(path, F_OK) != 0) {
        rc = file_replace(own, text, strlen(text), err);
        if (!rc && link(own, path) != 0 && errno != EEXIST)
            rc = error_errno(err, ERR_WRITE, errno, "cannot make %.200s", path);
        unlink(own);
    }
    if (!rc)
        rc = compare_plan(folder, path, text, err);
    free(path);
    free(own);
    return rc;
}

/* ---- what is to be done ---- */

/* Whether a file of the plan is there: files appear whole. */
static bool is_there(const char *folder, const struct plan_file *f)
{
    struct stat st;
    char *path = NULL;
    bool yes;

    if (path_of(folder, f->name, &path, NULL))
        return false;
    yes = stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
          (uint64_t)st.st_size == f->size;
    free(path);
    return yes;
}

static size_t count_missing(const struct plan *p, const char *folder)
{
    size_t n = 0;

    for (size_t i = 0; i < p->file_count; i++)
        n += p->files[i].tensor_count > 0 && !is_there(folder, &p->files[i]);
    return n;
}

/* Marks the share's files that are not there. */
static int choose(const struct plan *p, const struct share_options *o,
                  bool *marked, struct share_report *report, struct error *err)
{
    uint32_t *share = calloc(p->file_count + 1, sizeof *share);
    int rc = share ? share_deal(p, o->count, share, err) : error_memory(err);

    for (size_t i = 0; i < p->file_count && !rc; i++) {
        marked[i] =
            share[i] == o->number - 1 && !is_there(o->folder, &p->files[i]);
        if (marked[i]) {
            report->written++;
            report->bytes += p->files[i].size;
        }
    }
    free(share);
    return rc;
}

static int write_files(const struct plan *p, const bool *marked,
                       struct sink *sink, const struct share_options *o,
                       struct share_report *report, struct error *err)
{
    struct plan *part = NULL;
    int rc = share_plan_make(p, marked, &part, err);

    if (!rc)
        rc = convert_run(part, sink, &o->convert, &report->convert, err);
    if (!rc)
        rc = sink_publish(sink, err);
    share_plan_free(part);
    return rc;
}

static int write_text(const struct plan_file *f, struct sink *sink,
                      struct error *err)
{
    struct sink_file *file = NULL;
    int rc = sink_create(sink, f->name, f->size, &file, err);

    if (!rc)
        rc = sink_write(file, 0, f->head.data, f->head.len, err);
    if (!rc)
        rc = sink_close(file, err);
    return rc ? rc : sink_publish(sink, err);
}

/* The files without tensors, one by one; the plan has the index first. */
static int write_texts(const struct plan *p, struct sink *sink,
                       struct error *err)
{
    int rc = 0;

    for (size_t i = p->file_count; i-- > 0 && !rc;)
        if (p->files[i].tensor_count == 0)
            rc = write_text(&p->files[i], sink, err);
    return rc;
}

int share_run(const struct plan *p, const struct share_options *o,
              struct share_report *report, struct error *err)
{
    struct share_report r = { .written = 0 };
    bool *marked = calloc(p->file_count + 1, sizeof *marked);
    char text[SHA256_HEX + sizeof "switchyard plan \n"];
    char hex[SHA256_HEX + 1];
    struct sink *sink = NULL;
    char *work = NULL;
    int rc = marked ? 0 : error_memory(err);

    if (!rc)
        rc = fingerprint_plan(p, o->convert.allow_missing_chunks, true, hex,
                              err);
    if (!rc)
        rc = path_of(o->folder, "shard", &work, err);
    if (!rc)
        rc = sink_folder_open_beside(work, &sink, err);
    if (rc)
        goto out;
    snprintf(text, sizeof text, "switchyard plan %s\n", hex);
    rc = claim(o->folder, text, err);
    if (!rc)
        rc = choose(p, o, marked, &r, err);
    if (!rc && r.written > 0)
        rc = write_files(p, marked, sink, o, &r, err);
    if (rc)
        goto out;
    r.missing = count_missing(p, o->folder);
    if (r.missing == 0)
        rc = write_texts(p, sink, err);
    r.complete = r.missing == 0;
    if (!rc)
        *report = r;
out:
    sink_free(sink);
    free(work);
    free(marked);
    return rc;
}
