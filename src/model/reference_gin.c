/*
 * The two regular expressions, matched by hand.
 *
 * convert_switch_transformers_original_flax_checkpoint_to_pytorch.py finds
 * r"(.*) = ([0-9.]*)" and r"(.*activations) = \(\'(.*)\',\)" in the whole file.
 * '.' stops at a line's end, and both begin with a greedy group, so each line
 * gives at most one match of either: at the last " = ", and at the last
 * "activations = ('" that a "',)" follows. What is not understood is no error
 * there, so it is none here.
 */
#include "model/reference_gin.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/pyvalue.h"

static const char *const keys[][2] = {
    { "NUM_ENCODER_LAYERS", "num_layers" },
    { "NUM_DECODER_LAYERS", "num_decoder_layers" },
    { "NUM_HEADS", "num_heads" },
    { "HEAD_DIM", "d_kv" },
    { "EMBED_DIM", "d_model" },
    { "MLP_DIM", "d_ff" },
    { "NUM_SELECTED_EXPERTS", "num_selected_experts" },
    { "NUM_ENCODER_SPARSE_LAYERS", "num_sparse_encoder_layers" },
    { "NUM_DECODER_SPARSE_LAYERS", "num_sparse_decoder_layers" },
    { "dense.MlpBlock.activations", "feed_forward_proj" },
};

struct span {
    const char *at;
    size_t len;
};

struct reader {
    const char *name;
    unsigned line;
    bool has_activation;
    json_t *args;
};

static const char *key_of(struct span param)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strlen(keys[i][0]) == param.len &&
            memcmp(keys[i][0], param.at, param.len) == 0)
            return keys[i][1];
    }
    return NULL;
}

/* The last place of word in text that ends before end; NULL for none. */
static const char *find_last(struct span text, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = text.len; i >= len; i--) {
        if (memcmp(text.at + i - len, word, len) == 0)
            return text.at + i - len;
    }
    return NULL;
}

static int refuse(const struct reader *r, struct span value, const char *why,
                  struct error *err)
{
    error_set(err, ERR_GIN, "%s:%u: '%.*s' %s", r->name, r->line,
              (int)(value.len < 64 ? value.len : 64), value.at, why);
    return error_subject(err, "%s:%u", r->name, r->line);
}

/* float(text) where it has a '.', else int(text). */
static int add_number(struct reader *r, const char *key, struct span value,
                      struct error *err)
{
    char text[64];
    char *end;
    bool is_float = memchr(value.at, '.', value.len);
    double real;
    long long whole;

    if (value.len >= sizeof text)
        return refuse(r, value, "is too long for a number", err);
    memcpy(text, value.at, value.len);
    text[value.len] = '\0';
    errno = 0;
    if (is_float) {
        real = strtod(text, &end);
        if (end == text || *end)
            return refuse(r, value, "is no number; the reference stops here",
                          err);
        return py_set(r->args, key, json_real(real), err);
    }
    whole = strtoll(text, &end, 10);
    if (errno)
        return refuse(r, value, "is too large for a number", err);
    return py_set(r->args, key, json_integer(whole), err);
}

static int read_value(struct reader *r, struct span line, struct error *err)
{
    const char *at = find_last(line, " = ");
    struct span value;
    const char *key;

    if (!at)
        return 0;
    key = key_of((struct span){ line.at, (size_t)(at - line.at) });
    value.at = at + strlen(" = ");
    for (value.len = 0; value.at + value.len < line.at + line.len;
         value.len++) {
        char c = value.at[value.len];

        if ((c < '0' || c > '9') && c != '.')
            break;
    }
    return key && value.len ? add_number(r, key, value, err) : 0;
}

static int read_activation(struct reader *r, struct span line,
                           struct error *err)
{
    static const char word[] = "activations = ('";
    struct span head = line;
    struct span param;
    struct span rest;
    const char *at;
    const char *end;

    do {
        at = find_last(head, word);
        if (!at)
            return 0;
        rest.at = at + strlen(word);
        rest.len = (size_t)(line.at + line.len - rest.at);
        end = find_last(rest, "',)");
        head.len = (size_t)(at - line.at);
    } while (!end);
    r->has_activation = true;
    param.at = line.at;
    param.len = (size_t)(at - line.at) + strlen("activations");
    if (!key_of(param))
        return refuse(r, param,
                      "is the first activations line, and the reference knows "
                      "only dense.MlpBlock.activations: it stops here",
                      err);
    return py_set(r->args, key_of(param),
                  json_stringn(rest.at, (size_t)(end - rest.at)), err);
}

/*
 * Python's open() makes '\n' of "\r\n" and of '\r'. The activations of the
 * first line that has some win over numbers of the same key.
 */
static int read_lines(struct reader *r, const char *text, size_t len,
                      bool activations, struct error *err)
{
    const char *p = text;
    int rc = 0;

    for (r->line = 1; p <= text + len && !rc; r->line++) {
        const char *end = p;

        while (end < text + len && *end != '\n' && *end != '\r')
            end++;
        if (!activations)
            rc = read_value(r, (struct span){ p, (size_t)(end - p) }, err);
        else if (!r->has_activation)
            rc = read_activation(r, (struct span){ p, (size_t)(end - p) }, err);
        if (end + 1 < text + len && end[0] == '\r' && end[1] == '\n')
            end++;
        p = end + 1;
    }
    return rc;
}

int reference_gin_read(const void *text, size_t len, const char *name,
                       uint64_t num_experts, json_t **out, struct error *err)
{
    struct reader r = { .name = name, .args = json_object() };
    json_t *valid = json_stringn(text, len);
    int rc = 0;

    if (!r.args)
        rc = error_memory(err);
    else if (!valid)
        rc = error_set(err, ERR_GIN, "%s is not valid UTF-8", name);
    if (!rc)
        rc = read_lines(&r, text, len, false, err);
    if (!rc)
        rc = read_lines(&r, text, len, true, err);
    if (!rc && !r.has_activation) {
        error_set(err, ERR_GIN,
                  "%s has no line like dense.MlpBlock.activations = "
                  "('relu',): the reference stops here",
                  name);
        error_subject(err, "%s", name);
        rc = error_hint(err, "without compat=reference, gin files are parsed "
                             "in full and may leave it out");
    }
    if (!rc)
        rc = py_set(r.args, "num_experts",
                    json_integer((json_int_t)(num_experts ? num_experts : 8)),
                    err);
    json_decref(valid);
    if (!rc) {
        *out = r.args;
        r.args = NULL;
    }
    json_decref(r.args);
    return rc;
}
