/*
 * Requests without their secrets.
 *
 * The queue keeps a request as it came, since that is what a worker runs. What
 * is told of it, in records and in what is stored with a model, passes here.
 */
#include "jobs/job_request.h"

#include <string.h>

#include "remote/url.h"

/* Texts of members that are URLs lose their queries. */
static int mask(json_t *request)
{
    char shown[URL_MAX + 1];
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(request, next, name, value)
    {
        const char *text = json_string_value(value);

        if (!text || !url_is(text) || strlen(text) > URL_MAX ||
            strpbrk(text, "\r\n"))
            continue;
        url_shown(text, shown, sizeof shown);
        if (json_object_set_new(request, name, json_string(shown)) != 0)
            return ERR_MEMORY;
    }
    return 0;
}

void job_request_write(struct json_writer *w, const char *text)
{
    json_t *request = NULL;

    json_key(w, "request");
    if (!text || !strstr(text, "://"))
        json_raw(w, text ? text : "null");
    else if (json_read(text, strlen(text), "the request", ERR_INTERNAL,
                       &request, NULL) == 0 &&
             mask(request) == 0)
        json_value(w, request);
    else
        json_nul(w);
    json_decref(request);
}
