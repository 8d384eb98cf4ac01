/*
 * The token file: who may do what.
 *
 * A line is "ROLE TOKEN" or "ROLE TOKEN NAME"; TOKEN is the token itself, or
 * "sha256:" and the 64 hex digits of its SHA-256. NAME is what the log calls
 * its holder. Blank lines and lines that start with '#' are skipped.
 */
#ifndef SWITCHYARD_SERVICE_TOKENS_H
#define SWITCHYARD_SERVICE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
    TOKENS_MAX = 1000, /* lines */
    TOKENS_FILE_BYTES = 1 << 20,
    TOKENS_SHORTEST = 16, /* characters of a token */
    TOKENS_LONGEST = 512,
    TOKENS_NAME_MAX = 64,
};

/* Each allows what those before it allow. */
enum token_role { ROLE_NONE, ROLE_READ, ROLE_CONVERT, ROLE_ADMIN };

struct token {
    enum token_role role;
    unsigned char hash[32];
    char name[TOKENS_NAME_MAX + 1]; /* "line 3" where the file has none */
};

/* Only hashes are kept in memory. */
struct tokens {
    struct token *items;
    size_t count;
    bool has_plain; /* the file holds a token itself, not only hashes */
};

/* ERR_USAGE names path and line, never a token. */
int tokens_parse(const char *path, const char *data, size_t len,
                 struct tokens *out, struct error *err);

/* Adds one token; ERR_USAGE if it is too short or has other characters. */
int tokens_add(struct tokens *t, enum token_role role, const char *text,
               size_t len, const char *name, struct error *err);

/*
 * The entry whose token text is, or NULL. The time it takes tells nothing about
 * the tokens.
 */
const struct token *tokens_find(const struct tokens *t, const char *text);

void tokens_done(struct tokens *t);

/* "read", "convert", "admin", "none". */
const char *tokens_role_name(enum token_role role);

#endif
