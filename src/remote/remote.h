/*
 * Remote: checkpoints, gin files and configs that a URL names.
 *
 * A table of schemes, each with the function that opens it as a store, so all
 * else reads buckets and servers as it reads folders. An object that is absent
 * is ERR_NOT_FOUND; one that may not be read, or not now, never is.
 */
#ifndef SWITCHYARD_REMOTE_REMOTE_H
#define SWITCHYARD_REMOTE_REMOTE_H

#include <stdatomic.h>

#include "remote/fetch.h"
#include "store/store.h"

/*
 * All texts are borrowed while a store is open; NULL or "" stands for none.
 * They are never printed.
 */
struct remote_options {
    const char *https_token; /* Bearer, for the origin of the URL */

    const char *gcs_token;
    const char *gcs_endpoint; /* [https://storage.googleapis.com] */
    const char *gcs_project;  /* userProject, where the requester pays */
    const char *gcs_metadata; /* host of the metadata server: a token is asked
                                 of it, and again when it has expired */

    const char *s3_key;
    const char *s3_secret;
    const char *s3_session;
    const char *s3_region;
    const char *s3_endpoint;
    const char *s3_style; /* "virtual": the bucket before the endpoint's host;
                             else ("path", "auto") it is in the path */

    const char *hf_token;
    const char *hf_endpoint; /* [https://huggingface.co] */

    const char *traceparent;   /* sent along with every request */
    const atomic_bool *cancel; /* ends every request; may be NULL */
    unsigned seconds;          /* for each request; 0: the engine's */
};

/*
 * Opens the store that url lies in, and says which folder or object inside of
 * it url names ("" for its root). f and o's texts outlive the store. Nothing
 * needs to be asked of the server yet. ERR_URL for a scheme that is not known.
 */
int remote_open(struct fetch *f, const char *url,
                const struct remote_options *o, struct store **out,
                char folder[static STORE_NAME_MAX + 1], struct error *err);

/*
 * Opens the store that holds the one object that url names, and says which
 * folder of it the object is in, and its name there, which the caller frees.
 * Where fallback is given and url's last part has no extension, url names a
 * folder and fallback the object in it.
 */
int remote_open_file(struct fetch *f, const char *url, const char *fallback,
                     const struct remote_options *o, struct store **out,
                     char folder[static STORE_NAME_MAX + 1], char **name,
                     struct error *err);

/* Whether remote_open() knows the scheme of this text. */
bool remote_is_url(const char *text);

/* One scheme's opener, as remote_open(). */
typedef int (*remote_open_fn)(struct fetch *f, const char *url,
                              const struct remote_options *o,
                              struct store **out,
                              char folder[static STORE_NAME_MAX + 1],
                              struct error *err);

/* gs, s3 and hf: object stores (location.h). Opening hf asks for the commit
   that the revision is now; s3 for the bucket's region where none is given. */
int remote_open_gs(struct fetch *f, const char *url,
                   const struct remote_options *o, struct store **out,
                   char folder[static STORE_NAME_MAX + 1], struct error *err);
int remote_open_s3(struct fetch *f, const char *url,
                   const struct remote_options *o, struct store **out,
                   char folder[static STORE_NAME_MAX + 1], struct error *err);
int remote_open_hf(struct fetch *f, const char *url,
                   const struct remote_options *o, struct store **out,
                   char folder[static STORE_NAME_MAX + 1], struct error *err);

/* https and http: whatever lies below a URL on any server. */
int remote_open_https(struct fetch *f, const char *url,
                      const struct remote_options *o, struct store **out,
                      char folder[static STORE_NAME_MAX + 1],
                      struct error *err);

#endif
