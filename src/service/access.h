/*
 * Who may do what: bearer tokens, browsers' origins, and the rule that a
 * service others can reach is not left open by accident.
 */
#ifndef SWITCHYARD_SERVICE_ACCESS_H
#define SWITCHYARD_SERVICE_ACCESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "service/tokens.h"

/* Texts are borrowed for as long as the object lives; "" for none. */
struct access_config {
    const char *token_file;
    const char *token; /* one admin token */
    bool no_auth;
    const char *cors_origins; /* as origin_check_list() takes it */
    const struct sockaddr *listen;
};

/* Who made a request, for the log. */
struct access_who {
    enum token_role role;
    char name[TOKENS_NAME_MAX + 1]; /* "" without a token */
};

struct access;

/*
 * ERR_USAGE where tokens are missing though others can connect, where no-auth
 * contradicts tokens, or where the token file is wrong or others can read it.
 */
int access_open(const struct access_config *config, struct access **out,
                struct error *err);

/*
 * Checks an Authorization header, NULL where there is none, against what a
 * request needs. ERR_UNAUTHORIZED: no or no known token (401 with
 * WWW-Authenticate: Bearer); ERR_FORBIDDEN: its role is too low. Without tokens
 * everybody is admin. Thread safe.
 */
int access_check(struct access *a, const char *authorization,
                 enum token_role need, struct access_who *who,
                 struct error *err);

/*
 * Guards against pages that a browser of this machine shows: call it with the
 * headers Host and Origin, NULL where absent. Without tokens, a request that
 * changes something must not come from a page of another origin that was not
 * allowed; and with no-auth not given either, Host must name this machine.
 * ERR_FORBIDDEN otherwise. Thread safe.
 */
int access_check_browser(const struct access *a, bool changes, const char *host,
                         const char *origin, struct error *err);

/* Whether pages of this origin may read replies (CORS). Thread safe. */
bool access_origin_allowed(const struct access *a, const char *origin);

/* Whether requests need a token. */
bool access_wants_token(const struct access *a);

/*
 * Reads the token file again if it changed, or in any case with force. On
 * failure the tokens stay as they were, and err says why; the caller logs it.
 * Call it about once a second and on SIGHUP. Thread safe.
 */
int access_reload(struct access *a, bool force, struct error *err);

void access_free(struct access *a);

#endif
