/*
 * Who asked: request ids, and W3C trace context (traceparent).
 */
#ifndef SWITCHYARD_SERVICE_TRACE_H
#define SWITCHYARD_SERVICE_TRACE_H

#include <stdbool.h>

enum {
    TRACE_ID_LEN = 32,
    TRACE_SPAN_LEN = 16,
    TRACE_HEADER_LEN = 55, /* "00-" trace "-" span "-" flags */
    TRACE_REQUEST_MAX = 64,
};

struct trace {
    char id[TRACE_ID_LEN + 1];       /* hex, of the whole trace */
    char span[TRACE_SPAN_LEN + 1];   /* hex, of this request */
    char parent[TRACE_SPAN_LEN + 1]; /* hex, the caller's; "" without one */
    unsigned flags;                  /* bit 0: sampled */
};

/*
 * Continues the trace of a traceparent header, or starts one where header is
 * NULL or not valid. Thread safe.
 */
void trace_start(const char *header, struct trace *out);

/* The traceparent that goes out with requests made on behalf of this one. */
void trace_format(const struct trace *t, char out[TRACE_HEADER_LEN + 1]);

/*
 * The caller's request id where it is 1 to 64 letters, digits, '-', '_' or '.';
 * one of our own (20 characters) otherwise. given may be NULL.
 */
void trace_request_id(const char *given, char out[TRACE_REQUEST_MAX + 1]);

/* Only the check of a traceparent; out is set where it is valid. */
bool trace_parse(const char *header, struct trace *out);

#endif
