/*
 * What the files of uploads/ share.
 *
 * Lock order: uploads.lock, then uploads_append.lock. An upload is either being
 * written to or held by a job, never both; both sides check under uploads.lock.
 */
#ifndef SWITCHYARD_UPLOADS_INTERNAL_H
#define SWITCHYARD_UPLOADS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "uploads/table.h"

struct uploads_hold {
    struct uploads_hold *next;
    char upload[UPLOADS_ID_MAX + 1];
    unsigned count;
    bool preparing; /* a thread makes the folder */
};

struct uploads {
    struct db *db;
    struct uploads_limits limits;
    char *folder;
    int blobs; /* descriptors of the two folders */
    int trees;
    atomic_ullong stored; /* bytes */
    pthread_mutex_t lock; /* the two lists */
    pthread_cond_t prepared;
    struct uploads_append *appends;
    struct uploads_hold *holds;
};

/* bytes may differ from those committed between start and commit only. */
struct uploads_append {
    struct uploads *u;
    struct uploads_append *next;
    pthread_mutex_t lock; /* all below */
    bool revoked;         /* somebody else goes on with the file */
    bool ended;           /* committed or rolled back, still in the list */
    bool put;
    bool failed;
    struct uploads_file file;
    int fd;
    uint64_t at;      /* where the next bytes go */
    uint64_t durable; /* the committed offset */
    uint64_t flushed; /* writing back was started up to here */
    uint64_t budget;  /* bytes that the upload may still take */
    int64_t active;   /* seconds, when something was written last */
    int64_t synced;   /* the same, when something was committed last */
    struct checksum_state *sum;
};

/* A new id of 32 hex digits, in the order of time. */
int uploads_new_id(char id[UPLOADS_ID_MAX + 1], struct error *err);

/*
 * ERR_PATH unless a file may have that path: one that a store takes, that every
 * file system takes, and that can stand in JSON.
 */
int uploads_check_path(const char *path, struct error *err);

/* ERR_QUOTA or ERR_SPACE unless that many bytes more may be stored. */
int uploads_admit(struct uploads *u, uint64_t more, struct error *err);

/* The first of the two: for bytes that are on the disk already. */
int uploads_check_quota(struct uploads *u, uint64_t more, struct error *err);

/* The hold on an upload, or NULL. The lock is held. */
struct uploads_hold *uploads_find_hold(struct uploads *u, const char *upload);

/* ERR_IN_USE where a job holds the upload. The lock is held. */
int uploads_check_free(struct uploads *u, const char *upload,
                       struct error *err);

/* One more hold on an upload, or one less. The lock is held. */
int uploads_add_hold(struct uploads *u, const char *upload, struct error *err);
void uploads_drop_hold(struct uploads *u, const char *upload);

/*
 * Takes appends away from stalled writers, or with force from all, to one file
 * (id) or to a whole upload; ERR_LOCKED if one is left. The lock is held.
 */
int uploads_revoke(struct uploads *u, const char *upload, const char *id,
                   bool force, struct error *err);

/* Sets when a file expires whose upload was touched then. */
void uploads_set_expiry(const struct uploads *u, struct uploads_file *f,
                        int64_t touched);

/* Takes bytes off the count, which never falls below 0. */
void uploads_forget_bytes(struct uploads *u, uint64_t n);

/* Removes blobs, and what they took from the count of bytes. */
void uploads_free_blobs(struct uploads *u, const struct id_list *ids);

/* The folder of an upload's files is out of date: removes it. */
int uploads_drop_tree(struct uploads *u, const char *upload, struct error *err);

/* Removes what a crash left. */
int uploads_recover(struct uploads *u, struct error *err);

#endif
