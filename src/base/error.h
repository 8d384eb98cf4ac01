/*
 * Errors: what went wrong, in which array, file or line, and what to do.
 *
 * Every function that can fail returns an enum error_code as int (0 is ok) and
 * takes a struct error as its last argument, which it fills only on failure.
 * The core never logs: the outermost caller reports the error, once.
 */
#ifndef SWITCHYARD_BASE_ERROR_H
#define SWITCHYARD_BASE_ERROR_H

/* What the command's exit status tells apart (the README lists them). */
enum error_exit {
    EXIT_OK = 0,
    EXIT_INTERNAL = 1,  /* a defect or no memory */
    EXIT_USAGE = 2,     /* the command line or the request is wrong */
    EXIT_REFUSED = 3,   /* the input was read and is not convertible */
    EXIT_SOURCE = 4,    /* the input could not be read */
    EXIT_OUTPUT = 5,    /* the output could not be written */
    EXIT_DIFFERENT = 6, /* verify: the model is not what the checkpoint gives */
};

/*
 * code, exit status, HTTP status, slug of the problem type, title.
 * Slugs are stable: clients match on them.
 */
#define ERROR_CODES(X)                                                         \
    X(ERR_INTERNAL, EXIT_INTERNAL, 500, "internal", "Internal error")          \
    X(ERR_MEMORY, EXIT_INTERNAL, 503, "out-of-memory", "Out of memory")        \
    X(ERR_CANCELLED, EXIT_INTERNAL, 503, "cancelled", "Cancelled")             \
    X(ERR_USAGE, EXIT_USAGE, 400, "invalid-request", "Invalid request")        \
    X(ERR_INDEX, EXIT_REFUSED, 422, "invalid-index",                           \
      "The checkpoint's index is damaged")                                     \
    X(ERR_METADATA, EXIT_REFUSED, 422, "invalid-array-metadata",               \
      "An array's metadata is not valid")                                      \
    X(ERR_CHUNK, EXIT_REFUSED, 422, "invalid-chunk", "A chunk is damaged")     \
    X(ERR_CHUNK_MISSING, EXIT_REFUSED, 422, "missing-chunk",                   \
      "A chunk is missing")                                                    \
    X(ERR_PATH, EXIT_REFUSED, 422, "unsafe-path",                              \
      "A path leads out of its folder")                                        \
    X(ERR_FORMAT, EXIT_REFUSED, 422, "unsupported-format",                     \
      "Not a checkpoint format that can be read")                              \
    X(ERR_UNFINISHED, EXIT_REFUSED, 422, "unfinished-checkpoint",              \
      "The checkpoint is not finished")                                        \
    X(ERR_MODEL, EXIT_REFUSED, 422, "unsupported-model",                       \
      "Not a model that Switch Transformers can express")                      \
    X(ERR_TENSORS, EXIT_REFUSED, 422, "tensor-mismatch",                       \
      "Tensors are missing or unexpected")                                     \
    X(ERR_SHAPE, EXIT_REFUSED, 422, "shape-mismatch",                          \
      "An array's shape contradicts the others")                               \
    X(ERR_CONFLICT, EXIT_REFUSED, 422, "config-conflict",                      \
      "What was stated contradicts the tensors")                               \
    X(ERR_CONFIG, EXIT_REFUSED, 422, "invalid-config",                         \
      "The configuration is not valid")                                        \
    X(ERR_GIN, EXIT_REFUSED, 422, "invalid-gin", "The gin file is not valid")  \
    X(ERR_DTYPE, EXIT_REFUSED, 422, "unsupported-dtype",                       \
      "A data type cannot be converted")                                       \
    X(ERR_ARCHIVE, EXIT_REFUSED, 422, "invalid-archive",                       \
      "The archive is not valid")                                              \
    X(ERR_SAFETENSORS, EXIT_REFUSED, 422, "invalid-safetensors",               \
      "A safetensors file is not valid")                                       \
    X(ERR_LIMIT, EXIT_REFUSED, 413, "too-large", "A limit is exceeded")        \
    X(ERR_NOT_FOUND, EXIT_SOURCE, 404, "not-found", "Not found")               \
    X(ERR_READ, EXIT_SOURCE, 500, "unreadable-source",                         \
      "The source could not be read")                                          \
    X(ERR_EXISTS, EXIT_OUTPUT, 409, "output-exists",                           \
      "The output exists already")                                             \
    X(ERR_SPACE, EXIT_OUTPUT, 507, "no-space", "No space is left")             \
    X(ERR_WRITE, EXIT_OUTPUT, 500, "output-failed",                            \
      "The output could not be written")                                       \
    X(ERR_METHOD, EXIT_USAGE, 405, "method-not-allowed",                       \
      "The method is not allowed here")                                        \
    X(ERR_MEDIA_TYPE, EXIT_USAGE, 415, "unsupported-media-type",               \
      "The body's media type is not supported")                                \
    X(ERR_HEAD, EXIT_USAGE, 431, "head-too-large",                             \
      "The request's head is too large")                                       \
    X(ERR_NOT_ACCEPTABLE, EXIT_USAGE, 406, "not-acceptable",                   \
      "No acceptable representation")                                          \
    X(ERR_PRECONDITION, EXIT_USAGE, 412, "precondition-failed",                \
      "The resource is not the one that was stated")                           \
    X(ERR_RANGE, EXIT_USAGE, 416, "range-not-satisfiable",                     \
      "The range lies outside of the file")                                    \
    X(ERR_BUSY, EXIT_INTERNAL, 503, "busy", "The server is busy")              \
    X(ERR_UNAUTHORIZED, EXIT_USAGE, 401, "unauthorized",                       \
      "A valid token is needed")                                               \
    X(ERR_FORBIDDEN, EXIT_USAGE, 403, "forbidden",                             \
      "The token does not allow this")                                         \
    X(ERR_RATE, EXIT_USAGE, 429, "rate-limited", "Too many requests")          \
    X(ERR_OFFSET, EXIT_USAGE, 409, "offset-mismatch",                          \
      "The upload continues at another offset")                                \
    X(ERR_IN_USE, EXIT_USAGE, 409, "in-use", "Something else uses this")       \
    X(ERR_UNFINISHED_UPLOAD, EXIT_USAGE, 409, "unfinished-upload",             \
      "The upload is not finished")                                            \
    X(ERR_LOCKED, EXIT_USAGE, 423, "locked",                                   \
      "Another request is writing to this upload")                             \
    X(ERR_CHECKSUM, EXIT_USAGE, 460, "checksum-mismatch",                      \
      "The bytes do not have the stated checksum")                             \
    X(ERR_DIGEST, EXIT_USAGE, 400, "digest-mismatch",                          \
      "The body does not have the stated digest")                              \
    X(ERR_TUS_VERSION, EXIT_USAGE, 412, "unsupported-tus-version",             \
      "Not a version of tus that is spoken here")                              \
    X(ERR_DATABASE, EXIT_OUTPUT, 500, "database-failed",                       \
      "The database failed")                                                   \
    X(ERR_QUEUE_FULL, EXIT_USAGE, 429, "queue-full",                           \
      "Too many jobs are waiting")                                             \
    X(ERR_KEY_REUSED, EXIT_USAGE, 422, "idempotency-key-reused",               \
      "The idempotency key belongs to another request")                        \
    X(ERR_JOB_STATE, EXIT_USAGE, 409, "wrong-state",                           \
      "The job's state does not allow this")                                   \
    X(ERR_LEASE, EXIT_INTERNAL, 409, "lease-lost",                             \
      "Somebody else runs the job now")                                        \
    X(ERR_ATTEMPTS, EXIT_INTERNAL, 500, "too-many-attempts",                   \
      "The job never ended")                                                   \
    X(ERR_DIFFERENT, EXIT_DIFFERENT, 500, "model-differs",                     \
      "The model is not what the checkpoint gives")                            \
    X(ERR_QUOTA, EXIT_OUTPUT, 507, "quota-exceeded",                           \
      "The storage quota is used up")                                          \
    X(ERR_URL, EXIT_USAGE, 400, "invalid-url", "The URL is not valid")         \
    X(ERR_URL_DENIED, EXIT_USAGE, 403, "url-not-allowed",                      \
      "The URL may not be fetched from here")                                  \
    X(ERR_SOURCE, EXIT_SOURCE, 502, "source-failed",                           \
      "The source's server failed")                                            \
    X(ERR_SOURCE_TIMEOUT, EXIT_SOURCE, 504, "source-timeout",                  \
      "The source's server took too long")                                     \
    X(ERR_SOURCE_DENIED, EXIT_SOURCE, 422, "source-denied",                    \
      "The source's server refuses access")                                    \
    X(ERR_SOURCE_CHANGED, EXIT_SOURCE, 409, "source-changed",                  \
      "The source changed while it was read")

#define ERROR_ENUM(code, exit, http, slug, title) code,
enum error_code { ERR_OK = 0, ERROR_CODES(ERROR_ENUM) ERROR_COUNT };
#undef ERROR_ENUM

/*
 * text is one sentence that stands alone. The other members are "" where they
 * do not apply: subject names the array, file or line; expected and actual are
 * the two values that differ; hint says what to do.
 */
struct error {
    enum error_code code;
    char text[512];
    char subject[256];
    char expected[160];
    char actual[160];
    char hint[256];
};

/* Sets code and text and clears the rest; err may be NULL. Returns code. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Like error_set, with strerror(errnum) after the text. */
int error_errno(struct error *err, enum error_code code, int errnum,
                const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Each adds one member to an error already set, and returns its code. */
int error_subject(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int error_expected(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int error_actual(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int error_hint(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "path:line: " before the text of an error already set. */
int error_at_line(struct error *err, const char *path, unsigned line);

/* "out of memory", for the check after every allocation. */
int error_memory(struct error *err);

/* Facts about a code; for a code out of range those of ERR_INTERNAL. */
int error_exit_status(enum error_code code);
int error_http_status(enum error_code code);
const char *error_slug(enum error_code code);
const char *error_title(enum error_code code);

#endif
