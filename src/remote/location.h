/*
 * Where a checkpoint lies in an object store, as people write it:
 *
 *   gs://BUCKET[/PATH]                         Google Cloud Storage
 *   s3://BUCKET[/PATH]                         S3 and what speaks its protocol
 *   hf://[datasets/|spaces/]OWNER/NAME[@REVISION][/PATH]   Hugging Face Hub
 *
 * gs and s3 take the path as it is: '%' and '?' are bytes of a name, nothing is
 * decoded (as gsutil and the AWS command line do). The Hub's form is that of
 * huggingface_hub's HfFileSystem: a '/' in a revision is written %2F, but
 * refs/pr/N and refs/convert/NAME are taken as they are.
 */
#ifndef SWITCHYARD_REMOTE_LOCATION_H
#define SWITCHYARD_REMOTE_LOCATION_H

#include <stdbool.h>

#include "base/error.h"

enum { LOCATION_MAX = 4096 }; /* bytes of the text */

enum location_kind { LOCATION_GS, LOCATION_S3, LOCATION_HF };

/* All texts are owned; location_done() frees them. */
struct location {
    enum location_kind kind;
    char *bucket;     /* hf: "OWNER/NAME" */
    char *path;       /* "" is the root; no '/' at either end */
    char *revision;   /* hf, else NULL: "main" where none is given */
    const char *type; /* hf, else NULL: "models", "datasets" or "spaces" */
};

/* Whether text begins with one of the three schemes. */
bool location_is(const char *text);

/*
 * ERR_URL for what has none of the forms above, ERR_PATH for a path with
 * empty, "." or ".." components: in a URL they would lead elsewhere.
 */
int location_parse(const char *text, struct location *out, struct error *err);

void location_done(struct location *l);

#endif
