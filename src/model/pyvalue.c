/*
 * Python's comparisons and arithmetic over jansson values.
 *
 * Recursion is bounded: every value was read with JSON_MAX_DEPTH.
 */
#include "model/pyvalue.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

bool py_number(const json_t *v, double *out)
{
    if (json_is_boolean(v))
        *out = json_is_true(v) ? 1 : 0;
    else if (json_is_number(v))
        *out = json_number_value(v);
    else
        return false;
    return true;
}

static bool equal_numbers(const json_t *a, const json_t *b)
{
    double x;
    double y;

    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    return py_number(a, &x) && py_number(b, &y) && x == y;
}

static bool equal_objects(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;

    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach ((json_t *)(uintptr_t)a, key, value) {
        json_t *other = json_object_get(b, key);

        if (!other || !py_equal(value, other))
            return false;
    }
    return true;
}

static bool equal_arrays(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++) {
        if (!py_equal(json_array_get(a, i), json_array_get(b, i)))
            return false;
    }
    return true;
}

bool py_equal(const json_t *a, const json_t *b)
{
    double number;

    if (py_number(a, &number))
        return equal_numbers(a, b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_object(a))
        return equal_objects(a, b);
    if (json_is_array(a))
        return equal_arrays(a, b);
    if (json_is_string(a))
        return strcmp(json_string_value(a), json_string_value(b)) == 0;
    return true;
}

bool py_truthy(const json_t *v)
{
    double number;

    if (py_number(v, &number))
        return number != 0;
    if (json_is_string(v))
        return json_string_length(v) > 0;
    if (json_is_array(v))
        return json_array_size(v) > 0;
    return json_is_object(v) && json_object_size(v) > 0;
}

bool py_whole(const json_t *v, bool floats, json_int_t *out)
{
    double number;

    if (json_is_integer(v)) {
        *out = json_integer_value(v);
        return true;
    }
    if (!floats || !py_number(v, &number) || number != floor(number) ||
        fabs(number) > 9e15)
        return false;
    *out = (json_int_t)number;
    return true;
}

json_t *py_floordiv(const json_t *a, const json_t *b)
{
    double x = 0;
    double y = 1;
    json_int_t n;
    json_int_t d;

    if (json_is_real(a) || json_is_real(b)) {
        py_number(a, &x);
        py_number(b, &y);
        return json_real(floor(x / y));
    }
    n = json_is_integer(a) ? json_integer_value(a) : json_is_true(a);
    d = json_is_integer(b) ? json_integer_value(b) : 1;
    return json_integer(n / d - (n % d < 0));
}

json_t *py_literal(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

int py_set(json_t *object, const char *key, json_t *steal, struct error *err)
{
    if (!steal || json_object_set_new(object, key, steal))
        return error_memory(err);
    return 0;
}

const char *py_format(const json_t *v, char *text, size_t size)
{
    struct buf b = BUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&b, JSON_STYLE_COMPACT);

    json_value(&w, v);
    snprintf(text, size, "%s", buf_str(&b) ? buf_str(&b) : "a long value");
    buf_done(&b);
    return text;
}
