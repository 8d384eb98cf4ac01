/*
 * SigV4: signatures of requests to S3 (AWS Signature Version 4).
 *
 * For requests without a body. Host, Range, and what is added here are signed.
 * Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
#ifndef SWITCHYARD_REMOTE_SIGV4_H
#define SWITCHYARD_REMOTE_SIGV4_H

#include <time.h>

#include "base/buf.h"

/* The SHA-256 of a body of no bytes, in hex. */
#define SIGV4_NO_BODY                                                          \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Texts are borrowed and as they go out; all but session are given. */
struct sigv4_keys {
    const char *id;
    const char *secret;
    const char *session; /* of temporary keys; NULL or "": none */
    const char *region;
    const char *service; /* "s3" */
};

struct sigv4_request {
    const char *method; /* "GET" */
    const char *host;   /* with its port, unless it is the scheme's */
    const char *path;   /* encoded: every byte but unreserved ones and '/' */
    const char *query; /* sorted, encoded like the path and '/' as well; NULL */
    const char *range; /* the header's value; NULL: none is sent */
    time_t now;
};

/*
 * Appends the headers that the request has to carry, each "Name: value" and a
 * NUL: x-amz-content-sha256, x-amz-date, x-amz-security-token if there is a
 * session, and Authorization. lines holds secrets afterwards.
 */
int sigv4_sign(const struct sigv4_keys *k, const struct sigv4_request *q,
               struct buf *lines, struct error *err);

#endif
