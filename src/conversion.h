/*
 * A conversion from request to published folder: the few calls that the command
 * line and the service share.
 */
#ifndef SWITCHYARD_CONVERSION_H
#define SWITCHYARD_CONVERSION_H

#include "convert.h"
#include "model/gin.h"

enum { REQUEST_GIN_PATHS = 32 };

/*
 * What is asked for. Texts are owned and freed by request_done(); set a member
 * by its public name with request_set().
 */
struct request {
    struct buf gin;
    char *gin_name;          /* NULL: no gin file */
    struct store *gin_store; /* where the gin file lies; NULL: not known */
    char *gin_folder;        /* in it; NULL: its root */
    struct store *gin_paths[REQUEST_GIN_PATHS]; /* for its includes, too */
    size_t gin_path_count;
    bool gin_with_checkpoint; /* without a gin_store: what it includes lies in
                                 the checkpoint's store, both sent by one */
    struct buf config;
    char *config_name; /* NULL: no config.json */
    uint64_t num_experts;
    enum model_compat compat;
    enum dtype dtype; /* DTYPE_NONE: as the source */
    uint64_t max_shard_size;
    bool allow_missing_chunks;
    bool verify; /* what was written is read again, before it is published */
};

/* As when nothing is stated: float32, 5 GB. */
void request_init(struct request *r);
void request_done(struct request *r);

/*
 * Sets an option by name: "num_experts", "dtype", "max_shard_size", "compat",
 * "allow_missing_chunks", "verify". ERR_USAGE names the option, the value and
 * what may stand there; *known is false, with no error, for any other name.
 */
int request_set(struct request *r, const char *name, const char *value,
                bool *known, struct error *err);

/* Gives the gin file or config.json: the text is copied. */
int request_set_gin(struct request *r, const char *name, const void *text,
                    size_t len, struct error *err);
int request_set_config(struct request *r, const char *name, const void *text,
                       size_t len, struct error *err);

/*
 * Where the gin file lies, for what it includes: a folder of a store (NULL: its
 * root), and other stores to look in after it, at most REQUEST_GIN_PATHS.
 * Stores are taken over, also on failure.
 */
int request_set_gin_store(struct request *r, struct store *steal,
                          const char *folder, struct error *err);
int request_add_gin_path(struct request *r, struct store *steal,
                         struct error *err);

/* Where to look for what a gin file includes; all of it is borrowed. */
struct request_search {
    struct gin_search search;
    struct gin_place places[REQUEST_GIN_PATHS + 1]; /* the search's */
};

/* Without a gin_store, other stands for it, which may be NULL. */
void request_gin_search(const struct request *r, struct store *other,
                        struct request_search *out);

/* A planned conversion: it owns all three parts. */
struct conversion {
    struct checkpoint *checkpoint;
    struct model *model;
    struct plan *plan;
};

/*
 * Plans the conversion of an open checkpoint, which it takes over, also on
 * failure. A model.gin, config.gin or config.json in the checkpoint's folder
 * is not looked at: only what the request states counts.
 */
int conversion_plan(struct checkpoint *steal, const struct request *r,
                    struct conversion *out, struct error *err);
void conversion_done(struct conversion *c);

/* Whether absent chunks read as their fill value, as the reference does it. */
bool conversion_allows_missing(const struct request *r);

/*
 * convert_run() and sink_publish() in one; in between, where the request wants
 * it, what was written is verified (ERR_DIFFERENT).
 */
int conversion_run(const struct conversion *c, const struct request *r,
                   struct sink *s, const struct convert_options *o,
                   struct convert_report *report, struct error *err);

#endif
