/*
 * Stored models for a test: the same tests run over both catalogues.
 */
#ifndef SWITCHYARD_TESTS_MODELS_FIXTURE_H
#define SWITCHYARD_TESTS_MODELS_FIXTURE_H

#include "folder_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "jobs/models.h"

static char folder[256];
static struct db *db;
static struct models *models;
static struct error err;
static uint64_t others; /* bytes that are stored beside models */
static uint64_t now = 1700000000000;

static inline uint64_t test_clock(void)
{
    return now;
}

static inline uint64_t other_bytes(void *ctx)
{
    return *(const uint64_t *)ctx;
}

static const struct models_config config = { .quota = 1000,
                                             .other_bytes = other_bytes,
                                             .ctx = &others,
                                             .clock = test_clock };

static inline void setup_memory(void)
{
    folder_make(folder);
    ck_ok(models_open_memory(folder, &config, &models, &err), &err);
}

static inline void open_sqlite(void)
{
    ck_ok(db_open(folder, &db, &err), &err);
    ck_ok(models_open_sqlite(db, &config, &models, &err), &err);
}

static inline void setup_sqlite(void)
{
    folder_make(folder);
    open_sqlite();
}

static inline void close_all(void)
{
    models_close(models);
    db_close(db);
    models = NULL;
    db = NULL;
}

static inline void teardown(void)
{
    close_all();
    folder_remove(folder);
}

/* Writes text to stage/name. */
static inline void put_file(struct models_stage *s, const char *name,
                            const char *text)
{
    char path[600];
    FILE *f;

    mkdir(models_stage_path(s), 0700);
    snprintf(path, sizeof path, "%s/%s", models_stage_path(s), name);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

/* Publishes config.json with text a and model.safetensors with text b. */
static inline struct stored_model *publish(const char *name, const char *key,
                                           const char *a, const char *b)
{
    struct models_publication p = { .name = name,
                                    .key = key,
                                    .provenance = "{\"job\":1}" };
    struct models_stage *s;
    struct stored_model *model = NULL;

    ck_ok(models_stage(models, "job-1", 100, &s, &err), &err);
    put_file(s, "config.json", a);
    put_file(s, "model.safetensors", b);
    ck_ok(models_publish(models, s, &p, &model, &err), &err);
    models_stage_free(s);
    return model;
}

/* The same, and forgets what came out. */
static inline void publish_only(const char *name, const char *key,
                                const char *a, const char *b)
{
    stored_unref(publish(name, key, a, b));
}

/* Entries of a folder below models/. */
static inline unsigned entries(const char *below)
{
    char path[600];
    unsigned n = 0;
    const struct dirent *e;
    DIR *d;

    snprintf(path, sizeof path, "%s/models/%s", folder, below);
    d = opendir(path);
    ck_assert_ptr_nonnull(d);
    while ((e = readdir(d)) != NULL)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Whether a model can be read, and all its files have their content. */
static inline void check_content(struct models *m, const char *name)
{
    struct stored_model *model;

    ck_ok(models_get(m, name, NULL, &model, &err), &err);
    ck_assert_uint_gt(model->file_count, 0);
    for (size_t i = 0; i < model->file_count; i++) {
        struct sha256 *h;
        char hex[SHA256_HEX + 1];
        char block[4096];
        uint64_t size = 0;
        ssize_t n;
        int fd;

        ck_ok(models_open_file(m, &model->files[i], &fd, &err), &err);
        ck_ok(sha256_new(&h, &err), &err);
        while ((n = read(fd, block, sizeof block)) > 0) {
            sha256_add(h, block, (size_t)n);
            size += (uint64_t)n;
        }
        close(fd);
        ck_ok(sha256_finish(h, hex, &err), &err);
        ck_assert_str_eq(hex, model->files[i].sha256);
        ck_assert_uint_eq(size, model->files[i].size);
    }
    stored_unref(model);
}

#endif
