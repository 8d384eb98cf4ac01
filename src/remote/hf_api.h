/*
 * The Hugging Face Hub, as far as reading repositories goes: URLs to ask for,
 * and what the replies say. No requests are made here.
 *
 * Source: huggingface.co/docs/hub/api, huggingface_hub's file_download.py and
 * hf_api.py (list_repo_tree).
 */
#ifndef SWITCHYARD_REMOTE_HF_API_H
#define SWITCHYARD_REMOTE_HF_API_H

#include "base/buf.h"
#include "remote/page.h"

enum { HF_API_COMMIT = 40 }; /* hex digits */

/* A revision of a repository. Texts are borrowed. */
struct hf_api {
    const char *endpoint; /* "https://huggingface.co" */
    const char *type;     /* "models", "datasets" or "spaces" */
    const char *name;     /* "OWNER/NAME" */
    const char *revision;
};

/* Tells the commit that the revision is now: hf_api_read_commit(). */
void hf_api_revision_url(const struct hf_api *a, struct buf *url);

/* The bytes of a file. */
void hf_api_file_url(const struct hf_api *a, const char *path, struct buf *url);

/* The first page of a folder ("" is the root). */
void hf_api_tree_url(const struct hf_api *a, const char *folder,
                     struct buf *url);

/* Whether text is a commit: 40 small hex digits. */
bool hf_api_is_commit(const char *text);

int hf_api_read_commit(const void *data, size_t len,
                       char commit[static HF_API_COMMIT + 1],
                       struct error *err);

/* Reads a reply to hf_api_tree_url(); what it says goes into p. */
int hf_api_read_tree(const void *data, size_t len, struct page *p,
                     struct error *err);

/*
 * The URL with rel="next" of a Link header (RFC 8288) into out; false if there
 * is none, or it does not fit.
 */
bool hf_api_next_link(const char *link, char *out, size_t size);

#endif
