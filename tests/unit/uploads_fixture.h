/*
 * A data folder with uploads in it, for the tests of uploads/.
 */
#ifndef SWITCHYARD_TESTS_UPLOADS_FIXTURE_H
#define SWITCHYARD_TESTS_UPLOADS_FIXTURE_H

#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "jobs/db.h"
#include "uploads/uploads.h"

#define CHOSEN "0123456789-chosen"

static char data[] = "/tmp/switchyard-test-XXXXXX";
static char folder[64];
static struct db *db;
static struct uploads *up;
static struct uploads_limits limits;
static struct error err;

static inline void open_all(void)
{
    ck_ok(db_open(data, &db, &err), &err);
    ck_ok(uploads_open(db, folder, &limits, &up, &err), &err);
}

static inline void close_all(void)
{
    uploads_close(up);
    db_close(db);
}

static inline void start(void)
{
    ck_assert_ptr_nonnull(mkdtemp(data));
    snprintf(folder, sizeof folder, "%s/uploads", data);
    uploads_default_limits(&limits);
    open_all();
}

static inline void stop(void)
{
    char command[100];

    close_all();
    snprintf(command, sizeof command, "rm -r %s", data);
    ck_assert_int_eq(system(command), 0);
    memcpy(data + sizeof data - 7, "XXXXXX", 6); /* for the next test */
}

/* Creates a file of that length and returns its id, which stays valid. */
static inline const char *create(const char *upload, const char *path,
                                 uint64_t length)
{
    static char ids[64][UPLOADS_ID_MAX + 1];
    static unsigned next;
    struct uploads_new what = { .upload = upload,
                                .path = path,
                                .length = length };
    struct uploads_file f;
    char *id = ids[next++ % 64];

    ck_ok(uploads_create(up, &what, &f, &err), &err);
    memcpy(id, f.id, sizeof f.id);
    uploads_file_done(&f);
    return id;
}

static inline int put(const char *upload, const char *path, const char *text)
{
    struct uploads_append *a = NULL;
    int rc = uploads_put_begin(up, upload, path, strlen(text), NULL, &a, &err);

    if (rc)
        return rc;
    rc = uploads_write(a, text, strlen(text), &err);
    if (rc) {
        uploads_abandon(a);
        return rc;
    }
    return uploads_commit(a, NULL, &err);
}

static inline uint64_t offset_of(const char *id)
{
    struct uploads_file f;
    uint64_t offset;

    ck_ok(uploads_head(up, id, &f, &err), &err);
    offset = f.offset;
    uploads_file_done(&f);
    return offset;
}

/* Files and folders directly in a folder of the uploads. */
static inline unsigned count_entries(const char *name)
{
    char command[128];
    unsigned n = 0;
    FILE *f;

    snprintf(command, sizeof command, "ls -A %s/%s | wc -l", folder, name);
    f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%u", &n), 1);
    pclose(f);
    return n;
}

static inline int append_sum(const char *id, uint64_t offset, const char *text,
                             const char *sum)
{
    struct checksum c = { .algorithm = NULL };
    struct uploads_append *a = NULL;
    int rc;

    if (sum)
        ck_ok(checksum_parse_tus(sum, &c, &err), &err);
    rc = uploads_append_begin(up, id, offset, UPLOADS_UNKNOWN, &c, &a, &err);
    if (rc)
        return rc;
    rc = uploads_write(a, text, strlen(text), &err);
    if (rc) {
        uploads_abandon(a);
        return rc;
    }
    return uploads_commit(a, NULL, &err);
}

static inline int append(const char *id, uint64_t offset, const char *text)
{
    return append_sum(id, offset, text, NULL);
}

static inline bool gone(const char *id)
{
    struct uploads_file f;
    int rc = uploads_head(up, id, &f, &err);

    if (!rc)
        uploads_file_done(&f);
    return rc == ERR_NOT_FOUND;
}

static inline void check_file(const char *dir, const char *path,
                              const char *text)
{
    char full[300];
    char got[200];
    size_t n;
    FILE *f;

    snprintf(full, sizeof full, "%s/%s", dir, path);
    f = fopen(full, "r");
    ck_assert_msg(f != NULL, "%s is missing", full);
    n = fread(got, 1, sizeof got, f);
    fclose(f);
    ck_assert_uint_eq(n, strlen(text));
    ck_assert_mem_eq(got, text, n);
}

static inline char *prepare(const char *upload)
{
    char *path = NULL;

    ck_ok(uploads_hold(up, upload, &err), &err);
    ck_ok(uploads_prepare(up, upload, NULL, NULL, &path, &err), &err);
    return path;
}

static inline int append_bytes(const char *id, uint64_t offset,
                               const void *bytes, size_t len)
{
    struct uploads_append *a = NULL;

    ck_ok(uploads_append_begin(up, id, offset, len, NULL, &a, &err), &err);
    ck_ok(uploads_write(a, bytes, len, &err), &err);
    return uploads_commit(a, NULL, &err);
}

#endif
