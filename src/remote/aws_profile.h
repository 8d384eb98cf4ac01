/*
 * The two files that AWS' tools keep their settings in.
 *
 * Source: docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
#ifndef SWITCHYARD_REMOTE_AWS_PROFILE_H
#define SWITCHYARD_REMOTE_AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { AWS_PROFILE_FILE_MAX = 1 << 20, AWS_PROFILE_VALUE_MAX = 4096 };

/* Texts are owned; NULL: not given. */
struct aws_profile {
    bool found; /* there is a section of the profile's name */
    char *key;
    char *secret;
    char *session;
    char *region;
    char *endpoint; /* endpoint_url */
    char *style;    /* s3.addressing_style */
};

enum aws_profile_file {
    AWS_PROFILE_CREDENTIALS, /* sections are called [NAME] */
    AWS_PROFILE_CONFIG,      /* [profile NAME], but [default] */
};

/*
 * Adds what the file's text says of the profile; what p has already stays. path
 * is for messages, which never hold a value. ERR_USAGE names path and line.
 */
int aws_profile_parse(struct aws_profile *p, enum aws_profile_file file,
                      const char *name, const char *path, const char *data,
                      size_t len, struct error *err);

/* Wipes and frees. */
void aws_profile_done(struct aws_profile *p);

#endif
