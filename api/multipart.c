/*
 * multipart/form-data, a state for each place that a piece may end in.
 *
 * A part's bytes end at the delimiter CR LF "--" boundary. It is looked for
 * while bytes pass: of a possible start only its length is kept (matched), for
 * if it turns out to be none, its bytes are those of the delimiter itself and
 * can be given on from there. CR stands in the delimiter only at its start, so
 * after a mismatch nothing but a new start needs to be considered.
 *
 * The body's first line is the delimiter without its CR LF: parsing starts as
 * if these had been seen. What follows the closing delimiter is ignored.
 */
#include "multipart.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "header.h"

enum state {
    IN_START,   /* in the first delimiter */
    AFTER,      /* behind a delimiter: "--", or blanks and a line's end */
    AFTER_DASH, /* behind the first '-' there */
    AFTER_PAD,  /* in the blanks there */
    AFTER_CR,   /* before the LF there */
    IN_HEADERS, /* in a header line */
    IN_BODY,
    AT_END,
};

struct multipart {
    const struct multipart_handler *handler;
    void *ctx;
    enum state state;
    char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* CR LF "--" boundary */
    size_t delimiter_len;
    size_t matched; /* bytes of the delimiter seen, in IN_START and IN_BODY */
    uint64_t parts_left;
    char line[MULTIPART_LINE_MAX + 1];
    size_t line_len;
    unsigned lines;
    bool has_disposition;
    struct header_value disposition;
};

static bool is_boundary(const char *text)
{
    static const char allowed[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        "'()+_,-./:=? ";
    size_t len = strlen(text);

    return len > 0 && len <= MULTIPART_BOUNDARY_MAX &&
           strspn(text, allowed) == len && text[len - 1] != ' ';
}

int multipart_new(const char *boundary, uint64_t max_parts,
                  const struct multipart_handler *h, void *ctx,
                  struct multipart **out, struct error *err)
{
    struct multipart *m;

    if (!is_boundary(boundary))
        return error_set(err, ERR_USAGE,
                         "the boundary in Content-Type is not valid");
    m = calloc(1, sizeof *m);
    if (!m)
        return error_memory(err);
    m->handler = h;
    m->ctx = ctx;
    m->parts_left = max_parts;
    m->matched = 2;
    memcpy(m->delimiter, "\r\n--", 4);
    m->delimiter_len = 4 + strlen(boundary);
    memcpy(m->delimiter + 4, boundary, m->delimiter_len - 4);
    *out = m;
    return 0;
}

void multipart_free(struct multipart *m)
{
    free(m);
}

static int malformed(struct error *err, const char *what)
{
    return error_set(err, ERR_USAGE, "the form is malformed: %s", what);
}

/* Whether a Content-Transfer-Encoding leaves the bytes as they are. */
static bool is_verbatim(const char *value, size_t len)
{
    struct header_value v;

    return header_parse(value, len, &v) &&
           (!strcmp(v.token, "binary") || !strcmp(v.token, "8bit") ||
            !strcmp(v.token, "7bit"));
}

/* A header line is complete, without its line end. */
static int take_header(struct multipart *m, struct error *err)
{
    char *colon = memchr(m->line, ':', m->line_len);
    size_t value_len;

    m->line[m->line_len] = '\0';
    if (strlen(m->line) != m->line_len)
        return malformed(err, "a part's header line holds a NUL byte");
    if (++m->lines > MULTIPART_PART_HEADERS_MAX)
        return malformed(err, "a part has too many header lines");
    if (!colon || colon == m->line || m->line[0] == ' ' || m->line[0] == '\t')
        return malformed(err, "a part's header line is not 'name: value'");
    *colon = '\0';
    value_len = m->line_len - (size_t)(colon + 1 - m->line);
    if (!strcasecmp(m->line, "Content-Transfer-Encoding") &&
        !is_verbatim(colon + 1, value_len))
        return malformed(err, "a part has a transfer encoding");
    if (strcasecmp(m->line, "Content-Disposition") != 0)
        return 0;
    if (m->has_disposition)
        return malformed(err, "a part has two Content-Disposition lines");
    m->has_disposition = true;
    if (!header_parse(colon + 1, value_len, &m->disposition) ||
        strcmp(m->disposition.token, "form-data") != 0 ||
        !header_param(&m->disposition, "name"))
        return malformed(err, "a Content-Disposition is not "
                              "'form-data; name=\"...\"'");
    return 0;
}

/* The empty line: the part's bytes follow. */
static int begin_part(struct multipart *m, struct error *err)
{
    struct multipart_part part;

    if (!m->has_disposition)
        return malformed(err, "a part has no Content-Disposition");
    if (m->parts_left == 0)
        return error_set(err, ERR_LIMIT, "the form has too many parts");
    m->parts_left--;
    part.name = header_param(&m->disposition, "name");
    part.filename = header_param(&m->disposition, "filename");
    m->state = IN_BODY;
    return m->handler->begin(m->ctx, &part, err);
}

/* Takes the bytes of a header line up to its end; sets *used. */
static int feed_line(struct multipart *m, const char *data, size_t len,
                     size_t *used, struct error *err)
{
    const char *lf = memchr(data, '\n', len);
    size_t n = lf ? (size_t)(lf - data) : len;
    int rc;

    if (n > MULTIPART_LINE_MAX - m->line_len)
        return error_set(err, ERR_LIMIT, "a part's header line is too long");
    memcpy(m->line + m->line_len, data, n);
    m->line_len += n;
    *used = n;
    if (!lf)
        return 0;
    *used = n + 1;
    if (m->line_len == 0 || m->line[m->line_len - 1] != '\r')
        return malformed(err, "a part's header line does not end in CR LF");
    m->line_len--;
    rc = m->line_len == 0 ? begin_part(m, err) : take_header(m, err);
    m->line_len = 0;
    return rc;
}

/* The delimiter is complete. */
static int end_part(struct multipart *m, struct error *err)
{
    bool in_body = m->state == IN_BODY;

    m->state = AFTER;
    m->matched = 0;
    return in_body ? m->handler->end(m->ctx, err) : 0;
}

/* How many bytes can be given on: up to a delimiter or what may start one. */
static size_t plain_bytes(const struct multipart *m, const char *data,
                          size_t len)
{
    const char *hit = memmem(data, len, m->delimiter, m->delimiter_len);
    size_t tail = len < m->delimiter_len ? 0 : len - m->delimiter_len + 1;

    if (!hit)
        hit = memchr(data + tail, '\r', len - tail);
    return hit ? (size_t)(hit - data) : len;
}

/* Takes bytes up to a mismatch or the delimiter's end; sets *used. */
static int feed_body(struct multipart *m, const char *data, size_t len,
                     size_t *used, struct error *err)
{
    size_t held;

    *used = m->matched == 0 ? plain_bytes(m, data, len) : 0;
    if (*used > 0)
        return m->handler->data(m->ctx, data, *used, err);
    while (*used < len && data[*used] == m->delimiter[m->matched]) {
        ++*used;
        if (++m->matched == m->delimiter_len)
            return end_part(m, err);
    }
    if (*used == len)
        return 0;
    if (m->state == IN_START)
        return malformed(err, "it does not start with its boundary");
    held = m->matched;
    m->matched = 0;
    return m->handler->data(m->ctx, m->delimiter, held, err);
}

/* Takes one byte of what follows a delimiter. */
static int feed_after(struct multipart *m, char byte, struct error *err)
{
    bool blank = byte == ' ' || byte == '\t';

    if (m->state == AFTER && byte == '-') {
        m->state = AFTER_DASH;
    } else if (m->state == AFTER_DASH && byte == '-') {
        m->state = AT_END;
    } else if ((m->state == AFTER || m->state == AFTER_PAD) && blank) {
        m->state = AFTER_PAD;
    } else if ((m->state == AFTER || m->state == AFTER_PAD) && byte == '\r') {
        m->state = AFTER_CR;
    } else if (m->state == AFTER_CR && byte == '\n') {
        m->state = IN_HEADERS;
        m->lines = 0;
        m->has_disposition = false;
    } else {
        return malformed(err, "a boundary is followed by other text");
    }
    return 0;
}

int multipart_feed(struct multipart *m, const void *data, size_t len,
                   struct error *err)
{
    const char *p = data;
    size_t used;
    int rc = 0;

    while (!rc && len > 0 && m->state != AT_END) {
        used = 1;
        if (m->state == IN_START || m->state == IN_BODY)
            rc = feed_body(m, p, len, &used, err);
        else if (m->state == IN_HEADERS)
            rc = feed_line(m, p, len, &used, err);
        else
            rc = feed_after(m, *p, err);
        p += used;
        len -= used;
    }
    return rc;
}

int multipart_finish(const struct multipart *m, struct error *err)
{
    return m->state == AT_END ? 0 : malformed(err, "it has no end");
}
