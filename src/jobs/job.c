/*
 * Job records: states, references, ids.
 *
 * Ids of one millisecond are told apart, and ordered, by the 12 bits after the
 * version, which count up from a random start (RFC 9562, 6.2, method 1). The
 * clock going backwards does not disturb the order.
 */
#include "jobs/job.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *const names[JOB_STATES] = {
    [JOB_QUEUED] = "queued",         [JOB_FETCHING] = "fetching",
    [JOB_PLANNING] = "planning",     [JOB_CONVERTING] = "converting",
    [JOB_PUBLISHING] = "publishing", [JOB_SUCCEEDED] = "succeeded",
    [JOB_FAILED] = "failed",         [JOB_CANCELLED] = "cancelled",
};

const char *job_state_name(enum job_state s)
{
    return (unsigned)s < JOB_STATES ? names[s] : "unknown";
}

int job_state_find(const char *name)
{
    for (int i = 0; i < JOB_STATES; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

struct job *job_new(void)
{
    struct job *j = calloc(1, sizeof *j);

    if (j)
        atomic_init(&j->refs, 1);
    return j;
}

struct job *job_ref(struct job *j)
{
    atomic_fetch_add_explicit(&j->refs, 1, memory_order_relaxed);
    return j;
}

void job_unref(struct job *j)
{
    if (!j || atomic_fetch_sub_explicit(&j->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(j->model);
    free(j->key);
    free(j->request);
    free(j->revision);
    free(j->problem);
    free(j->report);
    free(j);
}

int job_set_text(char **to, const char *text, struct error *err)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        return error_memory(err);
    free(*to);
    *to = copy;
    return 0;
}

struct job *job_copy(const struct job *j)
{
    struct job *copy = job_new();
    const struct {
        char **to;
        const char *from;
    } texts[] = {
        { &copy->model, j->model },     { &copy->key, j->key },
        { &copy->request, j->request }, { &copy->revision, j->revision },
        { &copy->problem, j->problem }, { &copy->report, j->report },
    };

    if (!copy)
        return NULL;
    memcpy(copy->id, j->id, sizeof copy->id);
    copy->state = j->state;
    copy->version = j->version;
    copy->attempts = j->attempts;
    copy->token = j->token;
    copy->lease = j->lease;
    copy->cancel = j->cancel;
    copy->created = j->created;
    copy->started = j->started;
    copy->finished = j->finished;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (job_set_text(texts[i].to, texts[i].from, NULL)) {
            job_unref(copy);
            return NULL;
        }
    }
    return copy;
}

/* The time and counter of the next id. */
static void next_tick(uint64_t now, unsigned random, uint64_t *ms,
                      unsigned *count)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t last_ms;
    static unsigned last_count;

    pthread_mutex_lock(&mutex);
    if (now > last_ms) {
        last_ms = now;
        last_count = random & 0x7ff;
    } else if (++last_count > 0xfff) {
        last_ms++;
        last_count = random & 0x7ff;
    }
    *ms = last_ms;
    *count = last_count;
    pthread_mutex_unlock(&mutex);
}

int job_new_id(uint64_t now, char out[JOB_ID_LEN + 1], struct error *err)
{
    unsigned char r[10];
    uint64_t ms;
    unsigned count;

    if (getrandom(r, sizeof r, 0) != sizeof r)
        return error_errno(err, ERR_INTERNAL, errno, "no random numbers");
    next_tick(now, (unsigned)r[8] << 8 | r[9], &ms, &count);
    snprintf(out, JOB_ID_LEN + 1,
             "%08x-%04x-7%03x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             (unsigned)(ms >> 16 & 0xffffffff), (unsigned)(ms & 0xffff), count,
             (r[0] & 0x3fu) | 0x80u, r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
    return 0;
}

bool job_is_id(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx";
    size_t i;

    for (i = 0; i < JOB_ID_LEN; i++) {
        if (form[i] == 'x' ? !text[i] || !strchr("0123456789abcdef", text[i])
                           : text[i] != form[i])
            return false;
    }
    return text[i] == '\0';
}
