/*
 * A job's record: what is known about one conversion that was asked for.
 *
 * Records that jobs.h hands out are never changed: a change makes a new one, so
 * a reader needs no lock. They are counted references.
 */
#ifndef SWITCHYARD_JOBS_JOB_H
#define SWITCHYARD_JOBS_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* In this order; the numbers are in databases. */
enum job_state {
    JOB_QUEUED,
    JOB_FETCHING,
    JOB_PLANNING,
    JOB_CONVERTING,
    JOB_PUBLISHING,
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_STATES
};

static inline bool job_running(enum job_state s)
{
    return s > JOB_QUEUED && s < JOB_SUCCEEDED;
}

static inline bool job_ended(enum job_state s)
{
    return s >= JOB_SUCCEEDED;
}

/* "queued", ...; job_state_find() is -1 for a name that is none. */
const char *job_state_name(enum job_state s);
int job_state_find(const char *name);

enum { JOB_ID_LEN = 36 };

/* Times are milliseconds since 1970, 0 for not yet. Texts may be NULL. */
struct job {
    atomic_uint refs;
    char id[JOB_ID_LEN + 1];
    enum job_state state;
    uint64_t version;  /* of its last event; grows with every change */
    unsigned attempts; /* how often it was started, the current one too */
    uint64_t token;    /* of the claim that may change it */
    uint64_t lease;    /* until when that claim holds */
    bool cancel;       /* it runs and is to end */
    uint64_t created;
    uint64_t started; /* the first time */
    uint64_t finished;
    char *model;    /* "owner/name" */
    char *key;      /* what shares its result */
    char *request;  /* JSON, as submitted */
    char *revision; /* once succeeded */
    char *problem;  /* JSON, once failed */
    char *report;   /* JSON: what happened, once it ended */
};

struct job *job_new(void); /* zeros and one reference; NULL: no memory */
struct job *job_ref(struct job *j);
void job_unref(struct job *j); /* NULL is fine */

/* A copy that may be changed; its text is its own. NULL: no memory. */
struct job *job_copy(const struct job *j);

/* Sets a text of a record that is still one's own; text may be NULL. */
int job_set_text(char **to, const char *text, struct error *err);

/*
 * A new id: a UUID of version 7 (RFC 9562), greater as text than all that this
 * process made before. Thread safe.
 */
int job_new_id(uint64_t now, char out[JOB_ID_LEN + 1], struct error *err);

/* Whether text has the form of an id. */
bool job_is_id(const char *text);

#endif
