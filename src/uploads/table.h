/*
 * The tables of uploads: every SQL statement of this folder, one function each.
 *
 * Each call is one transaction that is durable when it returns. A file's bytes
 * are in blobs, files named by ids; a file that was concatenated has several.
 */
#ifndef SWITCHYARD_UPLOADS_TABLE_H
#define SWITCHYARD_UPLOADS_TABLE_H

#include "uploads/uploads.h"

/* Ids of blobs or uploads, collected. */
struct id_list {
    char (*ids)[UPLOADS_ID_MAX + 1];
    size_t count;
    size_t room;
    bool failed; /* no memory for one of them */
};

void id_list_add(struct id_list *l, const char *id, size_t len);
void id_list_done(struct id_list *l);

/* Adds the ids of a text with blanks between them. */
void id_list_split(struct id_list *l, const char *text);

/* The blobs are as id_list_split() takes them. */
struct table_file {
    struct uploads_file file; /* its expires is the time of the last touch */
    char *blobs;
};

void table_file_done(struct table_file *f);

/*
 * Makes the upload if needed and the file in it. A complete one replaces others
 * of its path, whose blobs are added to freed. ERR_LIMIT beyond entries or
 * uploads; ERR_PATH where path is a folder of another file or the reverse;
 * ERR_IN_USE where the upload was unpacked.
 */
int table_insert(struct db *db, const struct table_file *f,
                 const struct uploads_limits *limits, struct id_list *freed,
                 struct error *err);

/* The same with complete partial files, which are removed, as its bytes. */
int table_concat(struct db *db, struct table_file *f, char *const *ids,
                 size_t count, const struct uploads_limits *limits,
                 struct id_list *freed, struct error *err);

int table_file(struct db *db, const char *id, struct table_file *out,
               struct error *err);
int table_find(struct db *db, const char *upload, const char *path,
               struct table_file *out, struct error *err);

/*
 * Commits an offset. When that completes the file, others of its path are
 * removed and their blobs added to freed. ERR_NOT_FOUND if it is gone.
 */
int table_advance(struct db *db, struct uploads_file *f, uint64_t offset,
                  int64_t now, struct id_list *freed, struct error *err);

/* Sets a length that was unknown, and the file complete if that is its end. */
int table_set_length(struct db *db, const struct uploads_file *f, int64_t now,
                     struct id_list *freed, struct error *err);

/* Both add the blobs to freed. The first removes an upload left without files.
 */
int table_delete_file(struct db *db, const char *id, struct id_list *freed,
                      struct error *err);
int table_delete_upload(struct db *db, const char *id, struct id_list *freed,
                        struct error *err);

int table_upload(struct db *db, const char *id, struct uploads_info *out,
                 bool *ready, struct error *err);

/* expires of each is the time of the last touch. */
int table_list(struct db *db, const char *after, unsigned max,
               uploads_info_fn fn, void *ctx, struct error *err);

/* fn may change the tables. */
typedef int (*table_file_fn)(void *ctx, const struct table_file *file,
                             struct error *err);

/* By path, then id; those after path. */
int table_files(struct db *db, const char *upload, const char *after,
                unsigned max, table_file_fn fn, void *ctx, struct error *err);

/* Those that are not complete, by id; those after that id. */
int table_incomplete(struct db *db, const char *after, unsigned max,
                     table_file_fn fn, void *ctx, struct error *err);

/* The folder of an upload's files is there, or is not any more. */
int table_set_ready(struct db *db, const char *upload, bool ready,
                    struct error *err);

/* Its archive was unpacked into bytes; the blobs are added to freed. */
int table_set_unpacked(struct db *db, const char *upload, uint64_t bytes,
                       struct id_list *freed, struct error *err);

/* An upload whose folder is there: a row for it, and one for a file of it. */
int table_adopt(struct db *db, const char *upload, uint64_t bytes,
                const char *digest, int64_t now,
                const struct uploads_limits *limits, struct error *err);

int table_touch(struct db *db, const char *upload, int64_t now,
                struct error *err);
int table_expired(struct db *db, int64_t before, unsigned max,
                  struct id_list *out, struct error *err);
/* Those that are transient. */
int table_transient(struct db *db, struct id_list *out, struct error *err);
int table_blobs(struct db *db, struct id_list *out, struct error *err);
int table_ready(struct db *db, struct id_list *out, struct error *err);
int table_bytes(struct db *db, uint64_t *out, struct error *err);

#endif
