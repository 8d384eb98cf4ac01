/*
 * The routes: which paths there are, and what answers them.
 */
#ifndef SWITCHYARD_API_ROUTES_H
#define SWITCHYARD_API_ROUTES_H

#include <stdio.h>

#include "exchange.h"

/* Every path answers OPTIONS, and HEAD where it answers GET. */
struct route {
    const char *path; /* a template, as path_match() takes it */
    unsigned methods; /* METHOD_ flags, without the two */
    /* Who may GET it; other methods want ROLE_CONVERT, or more if this is. */
    enum token_role role;
    /*
     * Media types of the answer, the last NULL: 406 if none is wanted. Of GET
     * where there is one, else of all methods; NULL: Accept does not matter.
     */
    const char *const *offers;
    /*
     * The head is there, the body follows; NULL where none is expected. May
     * set the exchange's job, without which the body is ignored.
     */
    int (*begin)(struct exchange *x, struct error *err);
    int (*body)(struct exchange *x, const void *data, size_t len,
                struct error *err);
    /* All is there: replies. */
    int (*finish)(struct exchange *x, struct error *err);
    /* The exchange is over, however it went; NULL where there is no job. */
    void (*close)(struct exchange *x);
    /* Adds to every reply's headers, also an error's; may be NULL. */
    void (*headers)(const struct exchange *x, struct MHD_Response *r);
};

/* The first that a path matches, with its parameters; NULL if there is none. */
const struct route *routes_find(const char *path, struct path_params *params);

/* METHOD_OTHER for one that no route has. */
enum method routes_method(const char *name);

/* All methods that a route answers. */
unsigned routes_methods(const struct route *r);

/* "GET, HEAD, OPTIONS", as the Allow header has it; returns text. */
const char *routes_allow(const struct route *r, char text[static 80]);

/* Their templates into paths, at most max; returns how many. */
unsigned routes_list(const char **paths, unsigned max);

/* As server_print_routes(). */
void routes_print(FILE *out);

extern const char *const health_offers[];
extern const char *const problems_offers[];

/* What answers; each in the file of its name. */
int conversions_begin(struct exchange *x, struct error *err);
int conversions_body(struct exchange *x, const void *data, size_t len,
                     struct error *err);
int conversions_convert(struct exchange *x, struct error *err);
int conversions_inspect(struct exchange *x, struct error *err);
void conversions_close(struct exchange *x);
void conversions_headers(const struct exchange *x, struct MHD_Response *r);
int health_live(struct exchange *x, struct error *err);
int health_ready(struct exchange *x, struct error *err);
int openapi_yaml(struct exchange *x, struct error *err);
int openapi_json(struct exchange *x, struct error *err);
int problems_get(struct exchange *x, struct error *err);
int job_submit_begin(struct exchange *x, struct error *err);
int job_submit_body(struct exchange *x, const void *data, size_t len,
                    struct error *err);
int job_submit_finish(struct exchange *x, struct error *err);
void job_submit_close(struct exchange *x);
int job_routes_finish_all(struct exchange *x, struct error *err);
int job_routes_finish_one(struct exchange *x, struct error *err);
extern const char *const events_offers[];
int events_get(struct exchange *x, struct error *err);
int models_all(struct exchange *x, struct error *err);
int models_one(struct exchange *x, struct error *err);
int models_file(struct exchange *x, struct error *err);
int verify_begin(struct exchange *x, struct error *err);
int verify_body(struct exchange *x, const void *data, size_t len,
                struct error *err);
int verify_finish(struct exchange *x, struct error *err);
void verify_close(struct exchange *x);
int models_provenance(struct exchange *x, struct error *err);
int models_archive(struct exchange *x, struct error *err);
int upload_routes_begin_all(struct exchange *x, struct error *err);
int upload_routes_finish_all(struct exchange *x, struct error *err);
int upload_routes_begin_one(struct exchange *x, struct error *err);
int upload_routes_finish_one(struct exchange *x, struct error *err);
int upload_files_list(struct exchange *x, struct error *err);
int upload_files_begin(struct exchange *x, struct error *err);
int upload_files_finish(struct exchange *x, struct error *err);

#endif
