/*
 * Sources outside of the service that requests name: URLs, and paths below the
 * folders that --allow-local gives.
 *
 * What may be asked is a matter of settings; see remote/policy.h for what is
 * never asked unless they say so. All calls are thread safe.
 */
#ifndef SWITCHYARD_API_SOURCES_H
#define SWITCHYARD_API_SOURCES_H

#include <stdatomic.h>

#include "service/settings.h"
#include "service/trace.h"
#include "store/store.h"

struct sources;

/* settings are borrowed. ERR_USAGE for lists and folders that are not valid. */
int sources_open(const struct settings *settings, struct sources **out,
                 struct error *err);
void sources_close(struct sources *s);

/* Whether text is a URL or an absolute path: short, and on one line. */
bool sources_is(const char *text);

/* ERR_URL or ERR_URL_DENIED unless it may be asked for; asks nobody. */
int sources_check(const struct sources *s, const char *text, struct error *err);

/*
 * The store that holds the checkpoint text names, and its folder there.
 * cancel ends all that the store does; it and s outlive the store. key is the
 * job's, to find the trace of who asked.
 */
int sources_checkpoint(struct sources *s, const char *text, const char *key,
                       const atomic_bool *cancel, struct store **out,
                       char folder[static STORE_NAME_MAX + 1],
                       struct error *err);

/* Whether text is the URL of an archive; then it is unpacked, not opened. */
bool sources_is_archive(const char *text);

/* Fetches an archive into a folder, within the limits of uploads. */
int sources_unpack(struct sources *s, const char *text, const char *key,
                   const atomic_bool *cancel, const char *folder,
                   struct error *err);

/* As sources_checkpoint() for a file: *name, which the caller frees, is in the
 * folder. */
int sources_file(struct sources *s, const char *text, const char *fallback,
                 const char *key, const atomic_bool *cancel, struct store **out,
                 char folder[static STORE_NAME_MAX + 1], char **name,
                 struct error *err);

/*
 * Appends a line that changes when the source does: what member's text names,
 * and the version of its first object. Where no version is to be had, the line
 * is never the same twice. Asks the source, which may fail.
 */
int sources_identify(struct sources *s, const char *member, const char *text,
                     struct buf *out, struct error *err);

/* The trace that a job's requests go on with; the latest few hundred stay. */
void sources_note_trace(struct sources *s, const char *key,
                        const struct trace *trace);

#endif
