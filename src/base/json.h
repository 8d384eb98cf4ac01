/*
 * JSON in and out.
 *
 * In: jansson behind checks on size and depth. Out: a streaming writer, so that
 * a document of 100,000 tensors never stands in memory as a tree, in the two
 * layouts that other programs expect byte for byte: compact (serde_json, as
 * safetensors headers are written) and Python's json.dumps(indent=2).
 */
#ifndef SWITCHYARD_BASE_JSON_H
#define SWITCHYARD_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { JSON_MAX_DEPTH = 32 };

/*
 * Parses one document of len bytes. what names it in errors, code is the error
 * to raise ("config.json", ERR_CONFIG). Duplicate keys, nesting beyond
 * JSON_MAX_DEPTH and trailing text are errors. The caller owns *out and frees
 * it with json_decref().
 */
int json_read(const void *data, size_t len, const char *what,
              enum error_code code, json_t **out, struct error *err);

enum json_style {
    JSON_STYLE_COMPACT, /* {"a":1,"b":[2,3]}, text as UTF-8 */
    JSON_STYLE_PYTHON,  /* indent=2, non-ASCII as \uXXXX */
};

/*
 * Appends to buf, whose sticky failure is the writer's; check buf_status()
 * once at the end. Keys and values alternate in objects; nesting is at most
 * JSON_MAX_DEPTH.
 */
struct json_writer {
    struct buf *buf;
    enum json_style style;
    unsigned depth;
    bool after_key;
    bool filled[JSON_MAX_DEPTH + 1]; /* the container has a member already */
};

#define JSON_WRITER(b, s) ((struct json_writer){ .buf = (b), .style = (s) })

void json_open(struct json_writer *w, char bracket);  /* '{' or '[' */
void json_close(struct json_writer *w, char bracket); /* '}' or ']' */
void json_key(struct json_writer *w, const char *key);
void json_str(struct json_writer *w, const char *text);
void json_u64(struct json_writer *w, uint64_t value);
void json_i64(struct json_writer *w, int64_t value);
void json_bool(struct json_writer *w, bool value);
void json_nul(struct json_writer *w);

/* A value that is JSON already, in its own style. */
void json_raw(struct json_writer *w, const char *json);

/* As Python's repr(): the shortest text that reads back the same. */
void json_double(struct json_writer *w, double value);

/* A whole jansson value, object keys sorted as Python sorts them. */
void json_value(struct json_writer *w, const json_t *value);

/* key and value in one call. */
void json_key_str(struct json_writer *w, const char *key, const char *text);
void json_key_u64(struct json_writer *w, const char *key, uint64_t value);

/* The text, or null where it is NULL. */
void json_key_text(struct json_writer *w, const char *key, const char *text);

/* Milliseconds since 1970 as "2026-01-31T12:00:00.123Z"; 0 is null. */
void json_key_time(struct json_writer *w, const char *key, uint64_t ms);
void json_key_bool(struct json_writer *w, const char *key, bool value);

/* An array of n integers, and key before it. */
void json_key_dims(struct json_writer *w, const char *key, const uint64_t *dims,
                   unsigned n);

#endif
