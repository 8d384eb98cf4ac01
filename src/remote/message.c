/*
 * A stranger's text becomes one short line: it goes to terminals and logs.
 */
#include "remote/message.h"

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

const char *message_line(const void *data, size_t len, char *text, size_t size)
{
    const char *from = data;
    size_t used = 0;

    while (len > 0 && is_blank(*from)) {
        from++;
        len--;
    }
    if (len > 0 && *from == '<')
        len = 0;
    for (; len > 0 && *from != '\n' && *from != '\r' && used + 1 < size;
         from++, len--)
        text[used++] = (char)(*from >= ' ' && *from <= '~' ? *from : '?');
    while (used > 0 && text[used - 1] == ' ')
        used--;
    text[used] = '\0';
    return text;
}
