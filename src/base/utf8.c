/*
 * UTF-8: which bytes are a character (the table of RFC 3629, section 4), and
 * from and to its number.
 */
#include "base/utf8.h"

#include <stdbool.h>

/* The range of the first byte, that of the second; later ones are 80..bf. */
static const struct {
    unsigned char first, last;
    unsigned char low, high;
    unsigned char len;
} sequences[] = {
    { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
    { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
    { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
    { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t utf8_length(const void *p, size_t left)
{
    const unsigned char *s = p;
    size_t row = 0;

    while (row < sizeof sequences / sizeof *sequences &&
           (*s < sequences[row].first || *s > sequences[row].last))
        row++;
    if (row == sizeof sequences / sizeof *sequences ||
        sequences[row].len > left)
        return 0;
    for (size_t i = 1; i < sequences[row].len; i++) {
        bool second = i == 1;

        if (s[i] < (second ? sequences[row].low : 0x80) ||
            s[i] > (second ? sequences[row].high : 0xbf))
            return 0;
    }
    return sequences[row].len;
}

uint32_t utf8_point(const void *p, size_t len)
{
    const unsigned char *s = p;
    uint32_t point = len == 1 ? s[0] : s[0] & (0x7fU >> len);

    for (size_t i = 1; i < len; i++)
        point = point << 6 | (s[i] & 0x3fU);
    return point;
}

void utf8_put(struct buf *b, uint32_t point)
{
    if (point < 0x80) {
        buf_putc(b, (int)point);
        return;
    }
    if (point >= 0x10000) {
        buf_putc(b, (int)(0xf0 | point >> 18));
        buf_putc(b, (int)(0x80 | (point >> 12 & 0x3f)));
        buf_putc(b, (int)(0x80 | (point >> 6 & 0x3f)));
    } else if (point >= 0x800) {
        buf_putc(b, (int)(0xe0 | point >> 12));
        buf_putc(b, (int)(0x80 | (point >> 6 & 0x3f)));
    } else {
        buf_putc(b, (int)(0xc0 | point >> 6));
    }
    buf_putc(b, (int)(0x80 | (point & 0x3f)));
}
