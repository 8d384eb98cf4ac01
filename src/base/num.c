/*
 * Numbers from users: sizes with units, bounded integers.
 */
#include "base/num.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

bool num_product(const uint64_t *factors, unsigned n, uint64_t *out)
{
    uint64_t product = 1;

    for (unsigned i = 0; i < n; i++)
        if (!num_mul(product, factors[i], &product))
            return false;
    *out = product;
    return true;
}

static const struct {
    const char *name;
    uint64_t bytes;
} units[] = {
    { "", 1 },
    { "B", 1 },
    { "KB", 1000 },
    { "MB", 1000000 },
    { "GB", 1000000000 },
    { "TB", 1000000000000 },
    { "K", 1000 },
    { "M", 1000000 },
    { "G", 1000000000 },
    { "T", 1000000000000 },
    { "KiB", (uint64_t)1 << 10 },
    { "MiB", (uint64_t)1 << 20 },
    { "GiB", (uint64_t)1 << 30 },
    { "TiB", (uint64_t)1 << 40 },
};

/* Digits only: strtoull alone would take blanks and a sign. */
static bool parse_digits(const char *text, const char **end, uint64_t *out)
{
    char *rest;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &rest, 10);
    *end = rest;
    return errno == 0;
}

int num_parse_size(const char *name, const char *text, uint64_t *bytes,
                   struct error *err)
{
    const char *unit = NULL;
    uint64_t number = 0;

    if (parse_digits(text, &unit, &number)) {
        while (*unit == ' ')
            unit++;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (!strcasecmp(unit, units[i].name) &&
                num_mul(number, units[i].bytes, bytes))
                return 0;
    }
    error_set(err, ERR_USAGE, "%s is not a size: '%.64s'", name, text);
    error_actual(err, "%s", text);
    return error_expected(err, "a whole number with a unit, as 5GB or 512MiB");
}

int num_parse_uint(const char *name, const char *text, uint64_t min,
                   uint64_t max, uint64_t *out, struct error *err)
{
    const char *end = NULL;
    uint64_t number = 0;

    if (parse_digits(text, &end, &number) && !*end && number >= min &&
        number <= max) {
        *out = number;
        return 0;
    }
    error_set(err, ERR_USAGE, "%s is not a number in range: '%.64s'", name,
              text);
    error_actual(err, "%s", text);
    return error_expected(err, "a whole number from %llu to %llu",
                          (unsigned long long)min, (unsigned long long)max);
}

const char *num_format_size(uint64_t bytes, char text[static 32])
{
    static const char *const names[] = {
        "B", "kB", "MB", "GB", "TB", "PB", "EB"
    };
    double value = (double)bytes;
    size_t i = 0;

    while (value >= 999.5 && i + 1 < sizeof names / sizeof *names) {
        value /= 1000;
        i++;
    }
    snprintf(text, 32, i == 0 || value >= 99.95 ? "%.0f %s" : "%.3g %s", value,
             names[i]);
    return text;
}
