/*
 * base/json.c: what json_read() accepts, json_value() writes so that it reads
 * back as the same value, in both styles.
 */
#include "fuzz.h"

#include "base/json.h"

static void round_trip(const json_t *value, enum json_style style)
{
    struct buf text = BUF_INIT(16 << 20);
    struct json_writer w = JSON_WRITER(&text, style);
    struct error err;
    json_t *again = NULL;

    json_value(&w, value);
    FUZZ_ASSERT(buf_status(&text, &err) == 0);
    FUZZ_ASSERT(
        json_read(text.data, text.len, "text", ERR_CONFIG, &again, &err) == 0);
    FUZZ_ASSERT(json_equal(value, again));
    json_decref(again);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    json_t *value = NULL;

    if (json_read(data, size, "input", ERR_CONFIG, &value, &err)) {
        FUZZ_ASSERT(err.code == ERR_CONFIG && err.text[0]);
        return 0;
    }
    round_trip(value, JSON_STYLE_COMPACT);
    round_trip(value, JSON_STYLE_PYTHON);
    json_decref(value);
    return 0;
}
