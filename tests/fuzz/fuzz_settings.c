/*
 * service/settings: a settings file is refused with its line, or taken so that
 * what is printed reads back as the same values.
 */
#include "fuzz.h"

#include <string.h>

#include "service/settings.h"

static void round_trip(const struct settings *s)
{
    struct buf text = BUF_INIT(1 << 20);
    struct settings again;
    struct error err;
    size_t count = 0;
    const struct setting *table = settings_table(&count);

    settings_write_text(s, &text);
    FUZZ_ASSERT(buf_str(&text));
    FUZZ_ASSERT(settings_init(&again, &err) == 0);
    FUZZ_ASSERT(settings_parse(&again, "again", buf_str(&text), text.len - 1,
                               &err) == 0);
    for (size_t i = 0; i < count; i++)
        if (!(table[i].flags & SETTING_SECRET))
            FUZZ_ASSERT(
                !strcmp(settings_shown(s, i), settings_shown(&again, i)));
    settings_done(&again);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings s;
    struct error err;

    if (size > SETTINGS_FILE_BYTES)
        return 0;
    FUZZ_ASSERT(settings_init(&s, &err) == 0);
    if (settings_parse(&s, "f", (const char *)data, size, &err) == 0)
        round_trip(&s);
    else
        FUZZ_ASSERT(err.code == ERR_USAGE && !strncmp(err.text, "f:", 2));
    settings_done(&s);
    return 0;
}
