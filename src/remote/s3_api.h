/*
 * The protocol of S3, as far as reading goes: URLs to ask for, and what the
 * replies say. No requests are made here.
 *
 * Source: docs.aws.amazon.com/AmazonS3/latest/API (ListObjectsV2, GetObject,
 * ErrorResponses), and .../userguide/VirtualHosting.html.
 */
#ifndef SWITCHYARD_REMOTE_S3_API_H
#define SWITCHYARD_REMOTE_S3_API_H

#include <stdbool.h>

#include "base/buf.h"
#include "remote/page.h"

enum { S3_API_REGION_MAX = 63 };

/* Where requests go. Texts are borrowed. */
struct s3_api {
    const char *endpoint; /* "https://host[:port]"; NULL: Amazon's own */
    const char *region;   /* "us-east-1" */
    const char *bucket;
    bool virtual_host; /* with an endpoint: the bucket is part of the host */
};

/* Letters, digits and '-': a region goes into a host's name. */
bool s3_api_is_region(const char *text);

/* A bucket of Amazon's whose region is not known: a HEAD of it tells. */
void s3_api_bucket_url(const char *bucket, struct buf *url);

/*
 * The bytes of an object. Amazon's own hosts have the bucket in front, unless
 * it has a dot, which no certificate covers.
 */
void s3_api_object_url(const struct s3_api *a, const char *key,
                       struct buf *url);

/*
 * One page of a folder: prefix is "" or ends in '/'; token may be NULL. The
 * query is sorted and encoded as signatures (SigV4) want it.
 */
void s3_api_list_url(const struct s3_api *a, const char *prefix,
                     const char *token, struct buf *url);

/* Reads a reply to s3_api_list_url(); what it says goes into p. */
int s3_api_read_list(const void *data, size_t len, struct page *p,
                     struct error *err);

/* What an error's body says; members are "" where it does not. */
struct s3_error {
    char code[64];
    char message[256];
    char region[S3_API_REGION_MAX + 1]; /* where the bucket really is */
};

/* Reads the body of an error; out is all "" where it is none. */
void s3_api_read_error(const void *data, size_t len, struct s3_error *out);

#endif
