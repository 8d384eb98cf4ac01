/*
 * A token is good for an hour, a conversion may take longer.
 *
 * The metadata server (cloud.google.com/compute/docs/metadata) is asked by
 * plain http at a link-local address, which is why it is only ever the host
 * that a setting, or the machine itself, names. It keeps a token until five
 * minutes before its end; asking four minutes before then gives a new one. A
 * machine without a service account has no token: requests go without.
 */
#include "remote/gcs_token.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/num.h"
#include "remote/endpoint.h"

enum {
    TOKEN_MAX = 8192,
    REPLY_MAX = 65536,
    EARLY_SECONDS = 240,
    ASK_SECONDS = 20,
};

struct gcs_token {
    struct fetch *fetch;
    const char *given;
    char *url; /* of the metadata server; NULL: none is asked */
    const atomic_bool *cancel;

    pthread_mutex_t lock; /* guards what follows */
    bool asked;
    time_t renew_at; /* by the clock that only goes forward */
    char token[TOKEN_MAX];
};

static time_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static int make_url(const char *host, char **out, struct error *err)
{
    struct buf url = BUF_INIT(URL_MAX);
    char *endpoint = NULL;
    bool given;
    int rc =
        endpoint_take("the metadata server", host, "", &endpoint, &given, err);

    if (!rc) {
        buf_printf(&url,
                   "%s/computeMetadata/v1/instance/service-accounts/default/"
                   "token",
                   endpoint);
        *out = buf_take_str(&url);
        rc = *out ? 0 : error_memory(err);
    }
    free(endpoint);
    buf_done(&url);
    return rc;
}

int gcs_token_new(struct fetch *f, const struct remote_options *o,
                  struct gcs_token **out, struct error *err)
{
    struct gcs_token *t = calloc(1, sizeof *t);
    int rc = 0;

    if (!t)
        return error_memory(err);
    if (pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        return error_memory(err);
    }
    t->fetch = f;
    t->given = o->gcs_token;
    t->cancel = o->cancel;
    if ((!t->given || !*t->given) && o->gcs_metadata && *o->gcs_metadata)
        rc = make_url(o->gcs_metadata, &t->url, err);
    if (rc)
        gcs_token_free(t);
    else
        *out = t;
    return rc;
}

void gcs_token_free(struct gcs_token *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    explicit_bzero(t->token, sizeof t->token);
    free(t->url);
    free(t);
}

bool gcs_token_is_given(const struct gcs_token *t)
{
    return (t->given && *t->given) || t->url;
}

int gcs_token_read(const void *data, size_t len, char *token, size_t size,
                   uint64_t *seconds, struct error *err)
{
    json_t *reply = NULL;
    const json_t *expires = NULL;
    const char *text = NULL;
    int rc = json_read(data, len, "the token", ERR_SOURCE, &reply, NULL);

    if (!rc) {
        text = json_string_value(json_object_get(reply, "access_token"));
        expires = json_object_get(reply, "expires_in");
    }
    if (text && *text && strlen(text) < size && json_is_integer(expires) &&
        json_integer_value(expires) >= 0) {
        memcpy(token, text, strlen(text) + 1);
        *seconds = (uint64_t)json_integer_value(expires);
        for (; *text; text++)
            if (*text <= ' ' || *text > '~')
                rc = ERR_SOURCE;
    } else {
        rc = ERR_SOURCE;
    }
    json_decref(reply);
    return rc ? error_set(err, ERR_SOURCE,
                          "the metadata server gives no token that can be "
                          "understood")
              : 0;
}

/* Asks for a new token; the lock is held, so one thread does for all. */
static int renew(struct gcs_token *t, struct error *err)
{
    struct buf body = BUF_INIT(REPLY_MAX);
    struct fetch_request q = { .method = FETCH_GET,
                               .url = t->url,
                               .headers = { "Metadata-Flavor: Google" },
                               .trusted = true,
                               .cancel = t->cancel,
                               .seconds = ASK_SECONDS,
                               .body = { .buf = &body } };
    uint64_t seconds = 0;
    int rc = fetch_do(t->fetch, &q, NULL, err);

    if (rc == ERR_NOT_FOUND) {
        t->token[0] = '\0';
        seconds = UINT32_MAX;
        rc = 0;
    } else if (!rc) {
        rc = gcs_token_read(body.data, body.len, t->token, sizeof t->token,
                            &seconds, err);
    } else {
        error_hint(err, "GCE_METADATA_HOST names the server that is asked for "
                        "access tokens");
    }
    if (!rc) {
        t->asked = true;
        seconds = num_min(seconds, UINT32_MAX);
        seconds -= num_min(EARLY_SECONDS, seconds / 2);
        t->renew_at = now() + (time_t)seconds;
    }
    if (body.data)
        explicit_bzero(body.data, body.cap);
    buf_done(&body);
    return rc;
}

int gcs_token_get(struct gcs_token *t, struct buf *out, struct error *err)
{
    const char *token;
    int rc = 0;

    if (!gcs_token_is_given(t))
        return 0;
    pthread_mutex_lock(&t->lock);
    token = t->url ? t->token : t->given;
    if (t->url && (!t->asked || now() >= t->renew_at))
        rc = renew(t, err);
    if (!rc && *token)
        buf_append(out, token, strlen(token) + 1);
    pthread_mutex_unlock(&t->lock);
    return rc ? rc : buf_status(out, err);
}
