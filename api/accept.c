/*
 * The Accept header: media ranges with weights.
 *
 * For each offer the most specific range that covers it decides, whatever its
 * place in the header. Parameters other than the weight are not compared: what
 * is offered here has none that a client could have meant.
 */
#include "accept.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct range {
    const char *type; /* "text/plain", not terminated */
    size_t len;
    unsigned weight; /* in thousandths */
};

static unsigned read_weight(const char *p)
{
    unsigned weight = *p == '1' ? 1000 : 0;
    unsigned unit = 100;

    if (!*p || p[1] != '.')
        return weight;
    for (p += 2; unit > 0 && isdigit((unsigned char)*p); p++, unit /= 10)
        weight += (unsigned)(*p - '0') * unit;
    return weight > 1000 ? 1000 : weight;
}

/* To the end of a parameter, whose value may be quoted. */
static const char *skip_parameter(const char *p)
{
    bool quoted = false;

    for (; *p && (quoted || (*p != ';' && *p != ',')); p++) {
        if (*p == '"')
            quoted = !quoted;
        else if (*p == '\\' && quoted && p[1])
            p++;
    }
    return p;
}

/* The next element of the list; false at its end. */
static bool next_range(const char **at, struct range *r)
{
    const char *p = *at + strspn(*at, " \t,");

    if (!*p)
        return false;
    r->type = p;
    r->len = strcspn(p, " \t;,");
    r->weight = 1000;
    p = skip_parameter(p);
    while (*p == ';') {
        p += 1 + strspn(p + 1, " \t");
        if (!strncasecmp(p, "q=", 2))
            r->weight = read_weight(p + 2);
        p = skip_parameter(p);
    }
    *at = p;
    return true;
}

/* How precisely a range names an offer; 0: not at all. */
static unsigned covers(const struct range *r, const char *offer)
{
    size_t type = strcspn(offer, "/") + 1;

    if (r->len == strlen(offer) && !strncasecmp(r->type, offer, r->len))
        return 3;
    if (r->len == type + 1 && r->type[type] == '*' &&
        !strncasecmp(r->type, offer, type))
        return 2;
    return r->len == 3 && !strncmp(r->type, "*/*", 3);
}

static unsigned rate(const char *header, const char *offer)
{
    struct range r;
    unsigned best = 0;
    unsigned weight = 0;

    while (next_range(&header, &r)) {
        unsigned how = covers(&r, offer);

        if (how > best) {
            best = how;
            weight = r.weight;
        }
    }
    return weight;
}

int accept_choose(const char *header, const char *const *offers)
{
    unsigned best = 0;
    int chosen = -1;

    if (!header || !header[strspn(header, " \t,")])
        return 0;
    for (int i = 0; offers[i]; i++) {
        unsigned weight = rate(header, offers[i]);

        if (weight > best) {
            best = weight;
            chosen = i;
        }
    }
    return chosen;
}
