/*
 * Uploads: what clients send in pieces, kept until a job uses it.
 *
 * An upload is a folder of files, or one archive that becomes one. Each file of
 * it arrives by tus (created, then appended to at an offset, resumed after any
 * break) or whole (put). What was acknowledged is durable: the bytes are synced
 * before the offset is committed, and the committed offset is the only truth.
 *
 * Names: an upload's id is what requests call "upload:ID". A file that is
 * created without naming an upload makes one of its own, with the same id.
 * Several files share an upload by naming it: an id of the client's choice (16
 * to 64 letters, digits, '-' and '_'), made by the first file that names it.
 *
 * Jobs hold an upload while they need it: then it is neither removed nor
 * changed. All calls are thread safe.
 */
#ifndef SWITCHYARD_UPLOADS_UPLOADS_H
#define SWITCHYARD_UPLOADS_UPLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "uploads/checksum.h"

struct db;

enum { UPLOADS_ID_MAX = 64, UPLOADS_CHOSEN_MIN = 16 };

#define UPLOADS_UNKNOWN UINT64_MAX /* a length that was not told yet */

/* 0 means no limit where that makes sense. */
struct uploads_limits {
    uint64_t upload_bytes; /* of one upload */
    uint64_t entries;      /* files of one upload; in an archive, folders too */
    uint64_t uploads;      /* at the same time */
    uint64_t quota;        /* bytes of everything; 0: none */
    uint64_t reserve;      /* bytes that stay free on the disk */
    uint64_t age;          /* seconds until an untouched upload is removed */
    uint64_t takeover;     /* seconds after which a stalled writer gives way */
    /* Bytes that count against the quota beside uploads; NULL: none. */
    uint64_t (*other_bytes)(void *ctx);
    void *ctx;
};

/* Moderate values, for tests and as a start. */
void uploads_default_limits(struct uploads_limits *l);

struct uploads;

/*
 * Opens the uploads below folder, which is made if needed, and cleans up after
 * a crash. db, whose lock keeps other processes away, outlives *out.
 */
int uploads_open(struct db *db, const char *folder,
                 const struct uploads_limits *limits, struct uploads **out,
                 struct error *err);
void uploads_close(struct uploads *u);

/* What is to be created. Texts are borrowed for the call. */
struct uploads_new {
    const char *upload;   /* the upload it belongs to; NULL: one of its own */
    const char *path;     /* in the folder; NULL: "upload" */
    uint64_t length;      /* or UPLOADS_UNKNOWN */
    const char *metadata; /* Upload-Metadata, given back by HEAD; may be NULL */
    bool partial;         /* a part of a later uploads_concat() */
};

/* One file, as HEAD and lists show it. */
struct uploads_file {
    char id[UPLOADS_ID_MAX + 1];
    char upload[UPLOADS_ID_MAX + 1];
    char *path;
    char *metadata; /* NULL: none */
    char *concat;   /* Upload-Concat of a final upload; NULL: none */
    uint64_t length;
    uint64_t offset; /* durable bytes */
    bool partial;
    bool complete;
    int64_t created; /* seconds since 1970 */
    int64_t expires; /* the same; 0: never */
};

void uploads_file_done(struct uploads_file *f);

/*
 * Creates a file of no bytes. ERR_USAGE, ERR_PATH: upload or path is no name;
 * ERR_LIMIT, ERR_QUOTA, ERR_SPACE; ERR_IN_USE: a job holds the upload, or it
 * was unpacked. The caller frees *out with uploads_file_done(), here and below.
 */
int uploads_create(struct uploads *u, const struct uploads_new *what,
                   struct uploads_file *out, struct error *err);

/*
 * Creates a file from complete partial ones, which are used up by it. length of
 * what is ignored; concat is the header, given back by HEAD.
 */
int uploads_concat(struct uploads *u, const struct uploads_new *what,
                   char *const *ids, size_t count, const char *concat,
                   struct uploads_file *out, struct error *err);

/* ERR_NOT_FOUND where there is no such file. */
int uploads_head(struct uploads *u, const char *id, struct uploads_file *out,
                 struct error *err);

/* Tells a length that was unknown, once. ERR_USAGE if it contradicts. */
int uploads_set_length(struct uploads *u, const char *id, uint64_t length,
                       struct error *err);

/* Bytes on their way into a file. One thread at a time uses it. */
struct uploads_append;

/*
 * Goes on at offset. ERR_OFFSET: that is not where the file ends, ERR_LOCKED:
 * somebody else is writing to it, ERR_USAGE: it is complete or a final one.
 * length is what the request announces, to fail early; UPLOADS_UNKNOWN if
 * nothing. sum may be NULL.
 */
int uploads_append_begin(struct uploads *u, const char *id, uint64_t offset,
                         uint64_t length, const struct checksum *sum,
                         struct uploads_append **out, struct error *err);

/*
 * Starts a whole file, which replaces one of that path when it is committed.
 * The upload is made if it does not exist.
 */
int uploads_put_begin(struct uploads *u, const char *upload, const char *path,
                      uint64_t length, const struct checksum *sum,
                      struct uploads_append **out, struct error *err);

/*
 * Takes the next bytes; blocks on the disk alone. After a failure only
 * uploads_abandon() is left to call.
 */
int uploads_write(struct uploads_append *a, const void *data, size_t len,
                  struct error *err);

/*
 * Makes the bytes durable and frees a, in any case. ERR_CHECKSUM: nothing of
 * them is kept. out may be NULL.
 */
int uploads_commit(struct uploads_append *a, struct uploads_file *out,
                   struct error *err);

/*
 * The sender is gone: keeps what can be kept (bytes of a tus file without a
 * checksum) and frees a. NULL is fine.
 */
void uploads_abandon(struct uploads_append *a);

/*
 * Removes one file, and its upload if that was made for it alone. ERR_IN_USE
 * while a job holds the upload.
 */
int uploads_delete_file(struct uploads *u, const char *id, struct error *err);

/* The id of the complete file of that path, for GET and DELETE by path. */
int uploads_find(struct uploads *u, const char *upload, const char *path,
                 struct uploads_file *out, struct error *err);

struct uploads_info {
    char id[UPLOADS_ID_MAX + 1];
    uint64_t files;
    uint64_t complete; /* of them */
    uint64_t bytes;    /* stored */
    int64_t created;
    int64_t touched;
    int64_t expires;
    bool unpacked;
    bool held;       /* by a job */
    bool transient;  /* it goes when nobody holds it any more */
    char digest[65]; /* hex, of its bytes and names; "" if not known */
};

int uploads_get(struct uploads *u, const char *upload, struct uploads_info *out,
                struct error *err);

/* Removes all of an upload. ERR_IN_USE while a job holds it. */
int uploads_delete(struct uploads *u, const char *upload, struct error *err);

/* Non-zero stops a list and is its result. */
typedef int (*uploads_info_fn)(void *ctx, const struct uploads_info *info,
                               struct error *err);
typedef int (*uploads_file_fn)(void *ctx, const struct uploads_file *file,
                               struct error *err);

/* At most max entries whose id, or path, comes after the given one ("" first).
 */
int uploads_list(struct uploads *u, const char *after, unsigned max,
                 uploads_info_fn fn, void *ctx, struct error *err);
int uploads_files(struct uploads *u, const char *upload, const char *after,
                  unsigned max, uploads_file_fn fn, void *ctx,
                  struct error *err);

/*
 * Cuts "upload:ID" or "upload:ID/path": false if text is neither. id has room
 * for UPLOADS_ID_MAX + 1 bytes; *path points into text, "" for the whole.
 */
bool uploads_parse_reference(const char *text, char *id, const char **path);

/* A folder with files that is to become an upload. Texts are borrowed. */
struct uploads_adoption {
    const char *folder; /* on the file system of the uploads */
    uint64_t bytes;     /* of its files */
    const char *digest; /* SHA-256 as hex; NULL: not known */
};

/*
 * Moves a folder into a new upload, whose id is set. It is closed for changes,
 * held for the caller, and transient: once nobody holds it, the next sweep
 * removes it. On failure the folder may be gone.
 */
int uploads_adopt(struct uploads *u, const struct uploads_adoption *what,
                  char id[UPLOADS_ID_MAX + 1], struct error *err);

/* Holds nest. ERR_NOT_FOUND where there is no such upload. */
int uploads_hold(struct uploads *u, const char *upload, struct error *err);
void uploads_release(struct uploads *u, const char *upload);

/*
 * The folder of an upload's files, made at the first call: files are linked
 * into it, an archive is unpacked and its bytes freed. The caller holds the
 * upload and frees *folder. ERR_UNFINISHED_UPLOAD names a file that is not
 * complete; ERR_CANCELLED when cancelled returns true (it may be NULL).
 */
int uploads_prepare(struct uploads *u, const char *upload,
                    bool (*cancelled)(void *ctx), void *ctx, char **folder,
                    struct error *err);

/*
 * Removes what no job holds: what nobody touched for too long before now
 * (seconds since 1970), and what is transient. *removed counts uploads; it may
 * be NULL.
 */
int uploads_sweep(struct uploads *u, int64_t now, unsigned *removed,
                  struct error *err);

/* The same for what is transient alone: cheap, where there is none. */
int uploads_sweep_transient(struct uploads *u, struct error *err);

/* Bytes stored, for metrics and quotas. */
uint64_t uploads_bytes(const struct uploads *u);

#endif
