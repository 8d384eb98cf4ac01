/*
 * What a command fetches from elsewhere: checkpoint, gin file, config.
 *
 * The engine is made when the first URL is met, so a conversion of local files
 * has nothing to do with networks.
 */
#ifndef SWITCHYARD_CLI_REMOTE_H
#define SWITCHYARD_CLI_REMOTE_H

#include "checkpoint/checkpoint.h"
#include "remote/credentials.h"
#include "safetensors/existing.h"

struct cli_remote {
    const char *ca_file;    /* borrowed, as token_file */
    const char *token_file; /* for whatever is asked for a token */
    uint64_t seconds;       /* for each request; 0: the default */
    struct buf token;
    const char *file_token; /* in token; NULL: there is none */
    struct credentials *credentials;
    struct remote_options options;
    struct policy *policy;
    struct fetch *fetch;
    char *unpacked; /* a temporary folder; NULL: none */
};

/* cancel (may be NULL) ends all requests. */
void cli_remote_init(struct cli_remote *r, const atomic_bool *cancel);

/* Removes what was unpacked. Stores that were opened are freed before. */
void cli_remote_done(struct cli_remote *r);

/* A URL or path (also file://) as a checkpoint. */
int cli_remote_checkpoint(struct cli_remote *r, const char *text,
                          struct checkpoint **out, struct error *err);

/* A URL or path of a model: its folder, its index, or one safetensors file. */
int cli_remote_model(struct cli_remote *r, const char *text,
                     struct existing **out, struct error *err);

/* A small file, and where it lies. */
struct cli_file {
    char *name; /* its last component */
    struct buf text;
    struct store *store;             /* that it is in */
    char folder[STORE_NAME_MAX + 1]; /* in the store */
};

/*
 * The file that a URL or path names. fallback (may be NULL) is the file to take
 * where text names a folder. The caller releases *out.
 */
int cli_remote_file(struct cli_remote *r, const char *text,
                    const char *fallback, struct cli_file *out,
                    struct error *err);
void cli_file_done(struct cli_file *f);

#endif
