/*
 * Credentials: what the environment and the user's files know for object
 * stores, in the names that the stores' own tools use.
 *
 * For the command, which acts for whoever runs it. A service must not call
 * this: its credentials are its own settings.
 *
 *   gs   CLOUDSDK_AUTH_ACCESS_TOKEN, CLOUDSDK_AUTH_ACCESS_TOKEN_FILE,
 *        GOOGLE_OAUTH_ACCESS_TOKEN; else, on Google's machines, the metadata
 *        server (GCE_METADATA_HOST); GOOGLE_CLOUD_QUOTA_PROJECT pays;
 *        CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE is another server,
 *        STORAGE_EMULATOR_HOST another to which no token goes.
 *   s3   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; else the
 *        profile AWS_PROFILE ("default") in AWS_SHARED_CREDENTIALS_FILE
 *        (~/.aws/credentials) and AWS_CONFIG_FILE (~/.aws/config);
 *        AWS_REGION, AWS_DEFAULT_REGION; AWS_ENDPOINT_URL_S3,
 *        AWS_ENDPOINT_URL; else nothing: requests without a signature.
 *   hf   HF_TOKEN, else the file HF_TOKEN_PATH, HF_HOME/token or
 *        ~/.cache/huggingface/token; HF_ENDPOINT.
 */
#ifndef SWITCHYARD_REMOTE_CREDENTIALS_H
#define SWITCHYARD_REMOTE_CREDENTIALS_H

#include "remote/remote.h"

enum { CREDENTIALS_VALUE_MAX = 8192 };

struct credentials;

/* Knows nothing yet. */
int credentials_new(struct credentials **out, struct error *err);

/*
 * Reads those that go with url's scheme; what was read before stays.
 * ERR_USAGE for what cannot be right
 * (half a key, control characters, a profile without keys), ERR_READ or
 * ERR_NOT_FOUND for a file that was named; no message holds a value of a
 * secret.
 */
int credentials_load(struct credentials *c, char *const *envp, const char *url,
                     struct error *err);

/* Sets what it knows in o, whose texts are then borrowed from c. */
void credentials_fill(const struct credentials *c, struct remote_options *o);

/* Wipes them. NULL is fine. */
void credentials_free(struct credentials *c);

#endif
