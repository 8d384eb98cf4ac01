/*
 * What may be fetched.
 *
 * Addresses come from IANA's registries of special-purpose addresses: IPv4 is
 * public unless a table says otherwise, IPv6 only inside 2000::/3, and there
 * too with exceptions. Addresses that carry an IPv4 address inside are refused
 * as a whole: which machine they end at is for a translator to say.
 *
 * Names are compared with names only. A name that is an exception may resolve
 * to anything; its owner is trusted by whoever wrote it into the settings.
 */
#include "remote/policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64, WORD_MAX = 255 };

/* A network of either family; bits count from the first byte. */
struct network {
    int family;
    unsigned bits;
    unsigned char bytes[16];
};

struct range {
    unsigned from;
    unsigned to;
};

struct names {
    char *words[WORDS_MAX];
    size_t count;
};

struct policy {
    bool open;
    struct names schemes;
    struct range ports[WORDS_MAX];
    size_t port_count;
    struct names hosts;
    struct names trusted; /* host names that are exceptions */
    struct network networks[WORDS_MAX];
    size_t network_count;
};

/* RFC 6890 and its updates, by IANA's registry; the first that fits counts. */
static const struct special {
    unsigned char bytes[16];
    unsigned bits;
    const char *name;
} specials4[] = {
    { { 0 }, 8, "of this network" },
    { { 10 }, 8, "private" },
    { { 100, 64 }, 10, "shared (carrier-grade NAT)" },
    { { 127 }, 8, "loopback" },
    { { 169, 254 }, 16, "link-local" },
    { { 172, 16 }, 12, "private" },
    { { 192, 0, 0 }, 24, "for protocols" },
    { { 192, 0, 2 }, 24, "for documentation" },
    { { 192, 88, 99 }, 24, "a 6to4 relay" },
    { { 192, 168 }, 16, "private" },
    { { 198, 18 }, 15, "for benchmarks" },
    { { 198, 51, 100 }, 24, "for documentation" },
    { { 203, 0, 113 }, 24, "for documentation" },
    { { 224 }, 4, "multicast" },
    { { 255, 255, 255, 255 }, 32, "broadcast" },
    { { 240 }, 4, "reserved" },
};

static const struct special specials6[] = {
    { { 0 }, 128, "unspecified" },
    { { [15] = 1 }, 128, "loopback" },
    { { [10] = 0xff, 0xff }, 96, "an IPv4 address in IPv6 (mapped)" },
    { { [8] = 0xff, 0xff }, 96, "an IPv4 address in IPv6 (translated)" },
    { { 0 }, 96, "an IPv4 address in IPv6 (compatible)" },
    { { 0, 0x64, 0xff, 0x9b }, 96, "an IPv4 address in IPv6 (NAT64)" },
    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, "an IPv4 address in IPv6 (NAT64)" },
    { { 1 }, 64, "discarded" },
    { { 0x20, 0x01 }, 32, "an IPv4 address in IPv6 (Teredo)" },
    { { 0x20, 0x01, 0, 2 }, 48, "for benchmarks" },
    { { 0x20, 0x01 }, 23, "for protocols" },
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, "for documentation" },
    { { 0x20, 0x02 }, 16, "an IPv4 address in IPv6 (6to4)" },
    { { 0x3f, 0xff }, 20, "for documentation" },
    { { 0x5f }, 16, "for segment routing" },
    { { 0xfc }, 7, "private (unique local)" },
    { { 0xfe, 0x80 }, 10, "link-local" },
    { { 0xfe, 0xc0 }, 10, "site-local" },
    { { 0xff }, 8, "multicast" },
};

static bool has_prefix(const unsigned char *bytes, const unsigned char *prefix,
                       unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;

    if (memcmp(bytes, prefix, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

static const char *find_special(const struct special *table, size_t count,
                                const unsigned char *bytes)
{
    for (size_t i = 0; i < count; i++)
        if (has_prefix(bytes, table[i].bytes, table[i].bits))
            return table[i].name;
    return NULL;
}

/* RFC 5214: an interface identifier of 00-00-5E-FE or 02-00-5E-FE. */
static bool is_isatap(const unsigned char *bytes)
{
    return (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e &&
           bytes[11] == 0xfe;
}

static const char *check_ipv6(const unsigned char *bytes)
{
    const char *name =
        find_special(specials6, sizeof specials6 / sizeof *specials6, bytes);

    if (name)
        return name;
    if ((bytes[0] & 0xe0) != 0x20)
        return "reserved";
    return is_isatap(bytes) ? "an IPv4 address in IPv6 (ISATAP)" : NULL;
}

const char *policy_check_address(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    unsigned char bytes[16] = { 0 };

    if (address->sa_family == AF_INET6)
        return check_ipv6(v6->sin6_addr.s6_addr);
    if (address->sa_family != AF_INET)
        return "not an Internet address";
    memcpy(bytes, &v4->sin_addr, 4);
    return find_special(specials4, sizeof specials4 / sizeof *specials4, bytes);
}

static int refuse_word(const char *list, const char *word, const char *expected,
                       struct error *err)
{
    error_set(err, ERR_USAGE, "%s cannot hold '%.100s'", list, word);
    error_subject(err, "%s", list);
    error_actual(err, "%.100s", word);
    return error_expected(err, "%s", expected);
}

typedef int (*word_fn)(struct policy *p, char *word, struct error *err);

/* Calls fn for each word of a list, in lower case. */
static int each_word(struct policy *p, const char *list, const char *text,
                     word_fn fn, struct error *err)
{
    char word[WORD_MAX + 1];
    size_t count = 0;
    int rc = 0;

    while (!rc && text && *text) {
        size_t len = strcspn(text, ", \t");

        if (len > WORD_MAX || count == WORDS_MAX)
            return refuse_word(list, text, "fewer and shorter words", err);
        for (size_t i = 0; i < len; i++)
            word[i] = text[i] >= 'A' && text[i] <= 'Z'
                          ? (char)(text[i] - 'A' + 'a')
                          : text[i];
        word[len] = '\0';
        if (len > 0) {
            rc = fn(p, word, err);
            count++;
        }
        text += len;
        text += strspn(text, ", \t");
    }
    return rc;
}

static int add_name(struct names *n, const char *word, struct error *err)
{
    n->words[n->count] = strdup(word);
    if (!n->words[n->count])
        return error_memory(err);
    n->count++;
    return 0;
}

static int add_scheme(struct policy *p, char *word, struct error *err)
{
    if (strcmp(word, "https") != 0 && strcmp(word, "http") != 0)
        return refuse_word("the list of schemes", word, "https, http", err);
    return add_name(&p->schemes, word, err);
}

/* A number up to max, and nothing behind it but *end. */
static bool read_number(const char *text, unsigned max, unsigned *out,
                        const char **end)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 5)
        return false;
    *out = (unsigned)strtoul(text, NULL, 10);
    *end = text + len;
    return *out <= max;
}

static int add_port(struct policy *p, char *word, struct error *err)
{
    struct range r = { 0, 0 };
    const char *end = word;
    bool valid = read_number(word, 65535, &r.from, &end);

    r.to = r.from;
    if (valid && *end == '-')
        valid = read_number(end + 1, 65535, &r.to, &end);
    if (!valid || *end || r.from == 0 || r.to < r.from)
        return refuse_word("the list of ports", word, "443 or 8000-8999", err);
    p->ports[p->port_count++] = r;
    return 0;
}

/* "example.org" or "*.example.org". */
static bool is_host_pattern(const char *word)
{
    const char *name = strncmp(word, "*.", 2) ? word : word + 2;

    return *name && *name != '.' && !strstr(name, "..") &&
           name[strlen(name) - 1] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.:") ==
               strlen(name);
}

static int add_host(struct policy *p, char *word, struct error *err)
{
    if (!is_host_pattern(word))
        return refuse_word("the list of hosts", word,
                           "example.org or *.example.org", err);
    return add_name(&p->hosts, word, err);
}

/* An address, or a network in CIDR form. */
static bool read_network(const char *word, struct network *out)
{
    char address[INET6_ADDRSTRLEN];
    size_t len = strcspn(word, "/");
    struct network n = { .family = AF_INET, .bits = 32 };
    const char *end = word + len;

    if (len >= sizeof address)
        return false;
    memcpy(address, word, len);
    address[len] = '\0';
    if (inet_pton(AF_INET, address, n.bytes) != 1) {
        n = (struct network){ .family = AF_INET6, .bits = 128 };
        if (inet_pton(AF_INET6, address, n.bytes) != 1)
            return false;
    }
    if (*end && (!read_number(end + 1, n.bits, &n.bits, &end) || *end))
        return false;
    *out = n;
    return true;
}

static int add_exception(struct policy *p, char *word, struct error *err)
{
    if (read_network(word, &p->networks[p->network_count])) {
        p->network_count++;
        return 0;
    }
    if (!is_host_pattern(word) || strchr(word, ':'))
        return refuse_word("the list of exceptions", word,
                           "example.org, 10.1.0.0/16 or fd00::/8", err);
    return add_name(&p->trusted, word, err);
}

static bool has_word(const struct names *n, const char *word)
{
    for (size_t i = 0; i < n->count; i++)
        if (!strcmp(n->words[i], word))
            return true;
    return false;
}

/* Ports that hold where the list says nothing. */
static void set_default_ports(struct policy *p)
{
    if (p->port_count > 0 || p->open)
        return;
    if (has_word(&p->schemes, "https"))
        p->ports[p->port_count++] = (struct range){ 443, 443 };
    if (has_word(&p->schemes, "http"))
        p->ports[p->port_count++] = (struct range){ 80, 80 };
}

int policy_new(const struct policy_options *o, struct policy **out,
               struct error *err)
{
    struct policy *p = calloc(1, sizeof *p);
    const char *schemes = o->schemes;
    int rc;

    if (!p)
        return error_memory(err);
    if (!schemes || !*schemes)
        schemes = o->open ? "https http" : "https";
    p->open = o->open;
    rc = each_word(p, "the list of schemes", schemes, add_scheme, err);
    if (!rc)
        rc = each_word(p, "the list of ports", o->ports, add_port, err);
    if (!rc)
        rc = each_word(p, "the list of hosts", o->hosts, add_host, err);
    if (!rc)
        rc = each_word(p, "the list of exceptions", o->exceptions,
                       add_exception, err);
    if (rc) {
        policy_free(p);
        return rc;
    }
    set_default_ports(p);
    *out = p;
    return 0;
}

static void names_done(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->words[i]);
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    names_done(&p->schemes);
    names_done(&p->hosts);
    names_done(&p->trusted);
    free(p);
}

static bool matches_host(const struct names *n, const char *host)
{
    size_t len = strlen(host);

    for (size_t i = 0; i < n->count; i++) {
        const char *word = n->words[i];
        size_t tail = strlen(word) - 1; /* of "*.example.org" */

        if (!strcmp(word, host))
            return true;
        if (*word == '*' && len > tail && !strcmp(host + len - tail, word + 1))
            return true;
    }
    return false;
}

static bool has_port(const struct policy *p, unsigned port)
{
    if (p->port_count == 0)
        return true;
    for (size_t i = 0; i < p->port_count; i++)
        if (port >= p->ports[i].from && port <= p->ports[i].to)
            return true;
    return false;
}

bool policy_allows_address(const struct policy *p, const char *host,
                           const struct sockaddr *address, const char **why)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    const char *special = policy_check_address(address);
    unsigned char bytes[16] = { 0 };

    if (!special)
        return true;
    *why = special;
    if (address->sa_family == AF_INET)
        memcpy(bytes, &v4->sin_addr, 4);
    else if (address->sa_family == AF_INET6)
        memcpy(bytes, v6->sin6_addr.s6_addr, 16);
    else
        return false;
    if (p->open || matches_host(&p->trusted, host))
        return true;
    for (size_t i = 0; i < p->network_count; i++)
        if (p->networks[i].family == address->sa_family &&
            has_prefix(bytes, p->networks[i].bytes, p->networks[i].bits))
            return true;
    return false;
}

static int deny(const struct url *u, const char *what, const char *which,
                const char *hint, struct error *err)
{
    struct buf shown = BUF_INIT(URL_MAX);

    url_write_shown(u, &shown);
    error_set(err, ERR_URL_DENIED, "%.200s may not be fetched: %s %.100s",
              buf_str(&shown) ? buf_str(&shown) : u->host, what, which);
    error_subject(err, "%s", u->host);
    buf_done(&shown);
    return error_hint(err, "%s", hint);
}

/* A host that is an address needs no name server to be judged. */
static int check_literal(const struct policy *p, const struct url *u,
                         struct error *err)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    const struct sockaddr *address = NULL;
    const char *why = NULL;

    if (u->ipv6 && inet_pton(AF_INET6, u->host, &v6.sin6_addr) == 1)
        address = (const struct sockaddr *)&v6;
    else if (!u->ipv6 && inet_pton(AF_INET, u->host, &v4.sin_addr) == 1)
        address = (const struct sockaddr *)&v4;
    if (!address || policy_allows_address(p, u->host, address, &why))
        return 0;
    return deny(u, "its address is", why, "only public addresses are", err);
}

int policy_check_url(const struct policy *p, const struct url *u,
                     struct error *err)
{
    char port[16];

    if (!has_word(&p->schemes, u->scheme))
        return deny(u, "its scheme is", u->scheme, "use https", err);
    snprintf(port, sizeof port, "%u", u->port);
    if (!has_port(p, u->port))
        return deny(u, "its port is", port,
                    "only ports that the settings name are", err);
    if (p->hosts.count > 0 && !matches_host(&p->hosts, u->host))
        return deny(u, "its host is", u->host,
                    "only hosts that the settings name are", err);
    return check_literal(p, u, err);
}
