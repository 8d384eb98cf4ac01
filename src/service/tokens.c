/*
 * Tokens, by their SHA-256.
 *
 * What a client presents is hashed first and the hash compared with every
 * entry, so neither the comparison nor its place leaks anything. A plain hash
 * is enough because tokens are long and random, which is why short ones are
 * refused.
 */
#include "service/tokens.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const role_names[] = { "none", "read", "convert", "admin" };

const char *tokens_role_name(enum token_role role)
{
    return role_names[role];
}

static bool hash_token(const char *text, size_t len, unsigned char hash[32])
{
    return EVP_Digest(text, len, hash, NULL, EVP_sha256(), NULL) == 1;
}

/* token68 of RFC 9110, which is what fits behind "Bearer". */
static bool is_token68(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-._~+/=", text[i]))
            return false;
    return true;
}

static bool parse_hash(const char *digits, size_t len, unsigned char hash[32])
{
    if (len != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        char pair[3] = { digits[2 * i], digits[2 * i + 1], '\0' };

        if (!isxdigit((unsigned char)pair[0]) ||
            !isxdigit((unsigned char)pair[1]))
            return false;
        hash[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return true;
}

static int set_token(struct tokens *t, const char *text, size_t len,
                     struct token *out, struct error *err)
{
    static const char prefix[] = "sha256:";
    size_t skip = sizeof prefix - 1;

    if (len > skip && !strncmp(text, prefix, skip)) {
        if (parse_hash(text + skip, len - skip, out->hash))
            return 0;
        error_set(err, ERR_USAGE, "the hash of a token is not valid");
        return error_expected(err, "sha256: and 64 hex digits");
    }
    if (len < TOKENS_SHORTEST || len > TOKENS_LONGEST ||
        !is_token68(text, len)) {
        error_set(err, ERR_USAGE,
                  "a token is too short, too long, or holds "
                  "other characters than letters, digits and "
                  "-._~+/=");
        error_expected(err, "%d to %d characters", TOKENS_SHORTEST,
                       TOKENS_LONGEST);
        return error_hint(err, "openssl rand -hex 32 makes a good one");
    }
    t->has_plain = true;
    if (!hash_token(text, len, out->hash))
        return error_set(err, ERR_INTERNAL, "SHA-256 is not available");
    return 0;
}

int tokens_add(struct tokens *t, enum token_role role, const char *text,
               size_t len, const char *name, struct error *err)
{
    struct token token = { .role = role };
    struct token *grown;
    int rc = set_token(t, text, len, &token, err);

    if (rc)
        return rc;
    if (t->count == TOKENS_MAX)
        return error_set(err, ERR_USAGE, "there are more than %d tokens",
                         TOKENS_MAX);
    grown = realloc(t->items, (t->count + 1) * sizeof *grown);
    if (!grown)
        return error_memory(err);
    t->items = grown;
    snprintf(token.name, sizeof token.name, "%s", name);
    t->items[t->count++] = token;
    return 0;
}

/* The next word of [*p, end), which has no line end. */
static size_t next_word(const char **p, const char *end, const char **word)
{
    while (*p < end && isspace((unsigned char)**p))
        ++*p;
    *word = *p;
    while (*p < end && !isspace((unsigned char)**p))
        ++*p;
    return (size_t)(*p - *word);
}

/* Names go into logs: nothing invisible, and the end is where it seems. */
static bool is_name(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isgraph((unsigned char)word[i]))
            return false;
    return true;
}

static enum token_role find_role(const char *word, size_t len)
{
    for (int r = ROLE_READ; r <= ROLE_ADMIN; r++)
        if (strlen(role_names[r]) == len && !strncmp(role_names[r], word, len))
            return (enum token_role)r;
    return ROLE_NONE;
}

static int parse_line(struct tokens *t, const char *p, const char *end,
                      unsigned line, struct error *err)
{
    const char *word = NULL;
    const char *token = NULL;
    char name[TOKENS_NAME_MAX + 1];
    size_t len = next_word(&p, end, &word);
    size_t token_len;
    enum token_role role;

    if (len == 0 || *word == '#')
        return 0;
    role = find_role(word, len);
    if (role == ROLE_NONE) {
        error_set(err, ERR_USAGE, "the line does not start with a role");
        return error_expected(err, "read, convert or admin");
    }
    token_len = next_word(&p, end, &token);
    snprintf(name, sizeof name, "line %u", line);
    len = next_word(&p, end, &word);
    if (len > TOKENS_NAME_MAX)
        return error_set(err, ERR_USAGE, "the name is too long");
    if (!is_name(word, len))
        return error_set(err, ERR_USAGE,
                         "the name holds other than printable ASCII");
    if (len > 0)
        snprintf(name, sizeof name, "%.*s", (int)len, word);
    if (next_word(&p, end, &word) > 0)
        return error_set(err, ERR_USAGE,
                         "the line has more than role, token and name");
    return tokens_add(t, role, token, token_len, name, err);
}

int tokens_parse(const char *path, const char *data, size_t len,
                 struct tokens *out, struct error *err)
{
    struct tokens t = { NULL, 0, false };
    const char *end = data + len;
    unsigned line = 0;

    while (data < end) {
        const char *next = memchr(data, '\n', (size_t)(end - data));

        if (parse_line(&t, data, next ? next : end, ++line, err)) {
            tokens_done(&t);
            return error_at_line(err, path, line);
        }
        data = next ? next + 1 : end;
    }
    if (t.count == 0) {
        error_set(err, ERR_USAGE, "%.200s holds no token", path);
        return error_hint(err, "a line is ROLE TOKEN, as: admin 5e8f...");
    }
    *out = t;
    return 0;
}

const struct token *tokens_find(const struct tokens *t, const char *text)
{
    unsigned char hash[32];
    size_t len = strnlen(text, TOKENS_LONGEST + 1);
    const struct token *found = NULL;

    if (len > TOKENS_LONGEST || !hash_token(text, len, hash))
        return NULL;
    for (size_t i = 0; i < t->count; i++)
        if (CRYPTO_memcmp(hash, t->items[i].hash, sizeof hash) == 0)
            found = &t->items[i];
    return found;
}

void tokens_done(struct tokens *t)
{
    free(t->items);
    *t = (struct tokens){ NULL, 0, false };
}
