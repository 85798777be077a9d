/* JSON, strictly (RFC 8259): UTF-8 without lone surrogates, no byte order mark, 32 levels at most. */
#include "codec.h"

#include <string.h>

static bool fail(struct tw_json *json, const char *why)
{
    if (json->error == NULL)
        json->error = why;
    return false;
}

static bool mistyped(struct tw_json *json, const char *why)
{
    if (json->error == NULL) {
        json->error = why;
        json->wrong_type = true;
    }
    return false;
}

static void skip_space(struct tw_json *json)
{
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

static bool take(struct tw_json *json, char letter)
{
    skip_space(json);
    if (json->error != NULL || json->at >= json->end || *json->at != letter)
        return false;
    json->at++;
    return true;
}

void tw_json_open(struct tw_json *json, const char *text, size_t length)
{
    *json = (struct tw_json){.start = text, .at = text, .end = text + length};
}

enum tw_json_type tw_json_peek(struct tw_json *json)
{
    skip_space(json);
    if (json->error != NULL || json->at >= json->end)
        return TW_JSON_INVALID;
    switch (*json->at) {
    case '{':
        return TW_JSON_OBJECT;
    case '[':
        return TW_JSON_ARRAY;
    case '"':
        return TW_JSON_STRING;
    case 't':
        return TW_JSON_TRUE;
    case 'f':
        return TW_JSON_FALSE;
    case 'n':
        return TW_JSON_NULL;
    default:
        return *json->at == '-' || (*json->at >= '0' && *json->at <= '9') ? TW_JSON_NUMBER : TW_JSON_INVALID;
    }
}

static bool expect(struct tw_json *json, enum tw_json_type type)
{
    enum tw_json_type found = tw_json_peek(json);

    if (found == type)
        return true;
    return found == TW_JSON_INVALID ? fail(json, "the JSON is damaged") : mistyped(json, "a value has the wrong type");
}

bool tw_json_enter(struct tw_json *json, enum tw_json_type type)
{
    if (!expect(json, type))
        return false;
    if (json->depth == TW_JSON_DEEPEST)
        return fail(json, "the JSON is nested too deeply");
    json->depth++;
    json->at++;
    return true;
}

bool tw_json_next(struct tw_json *json, enum tw_json_type type, bool *first)
{
    bool was_first = *first;
    char closing = type == TW_JSON_OBJECT ? '}' : ']';

    *first = false;
    if (take(json, closing)) {
        json->depth--;
        return false;
    }
    if (json->error != NULL)
        return false;
    if (!was_first && !take(json, ','))
        return fail(json, "the JSON lacks a comma or an end");
    skip_space(json);
    if (json->at >= json->end || *json->at == closing)
        return fail(json, "the JSON ends too early or has a comma too many");
    return true;
}

static int hex_digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

/* The four digits of \uXXXX; -1 when they are none. */
static long code_unit(struct tw_json *json)
{
    long unit = 0;

    if (json->end - json->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*json->at++);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The code point of \u with its second half, if it is of the kind that has one. */
static long escaped_code(struct tw_json *json)
{
    long unit = code_unit(json);

    if (unit < 0xd800 || unit > 0xdfff)
        return unit;
    if (unit > 0xdbff || json->end - json->at < 6 || json->at[0] != '\\' || json->at[1] != 'u')
        return -1;
    json->at += 2;
    long low = code_unit(json);

    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static size_t encode(long code, char output[4])
{
    if (code < 0x80) {
        output[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = size; i-- > 1; code >>= 6)
        output[i] = (char)(0x80 | (code & 0x3f));
    output[0] = (char)(leads[size] | code);
    return size;
}

static long simple_escape(char letter)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = letter == '\0' ? NULL : strchr(from, letter);

    return found == NULL ? -1 : to[found - from];
}

/* Length of the UTF-8 sequence at `text` (RFC 3629: shortest form, no surrogates), 0 when it is none. */
static size_t utf8_length(const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;

    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

/* The next character of a string as UTF-8; 0 on failure. */
static size_t character(struct tw_json *json, char output[4])
{
    if (*json->at == '\\') {
        long code = -1;

        json->at++;
        if (json->at < json->end && *json->at == 'u') {
            json->at++;
            code = escaped_code(json);
        } else if (json->at < json->end) {
            code = simple_escape(*json->at++);
        }
        return code < 0 ? 0 : encode(code, output);
    }
    size_t size = (unsigned char)*json->at < 0x20 ? 0 : utf8_length(json->at, (size_t)(json->end - json->at));

    memcpy(output, json->at, size);
    json->at += size;
    return size;
}

long tw_json_string(struct tw_json *json, char *output, size_t size)
{
    size_t length = 0;

    if (!expect(json, TW_JSON_STRING))
        return -1;
    json->at++;
    while (json->at < json->end && *json->at != '"') {
        char bytes[4];
        size_t count = character(json, bytes);

        if (count == 0) {
            fail(json, "a string in the JSON is damaged");
            return -1;
        }
        if (output != NULL) {
            if (length + count >= size) {
                mistyped(json, "a string is too long");
                return -1;
            }
            memcpy(output + length, bytes, count);
        }
        length += count;
    }
    if (json->at >= json->end) {
        fail(json, "a string in the JSON has no end");
        return -1;
    }
    json->at++;
    if (output != NULL)
        output[length] = '\0';
    return (long)length;
}

long tw_json_key(struct tw_json *json, char *output, size_t size)
{
    if (tw_json_peek(json) != TW_JSON_STRING) {
        fail(json, "a key in the JSON is no string");
        return -1;
    }
    long length = tw_json_string(json, output, size);

    if (length >= 0 && !take(json, ':')) {
        fail(json, "a key in the JSON has no colon");
        return -1;
    }
    return length;
}

static bool word(struct tw_json *json, const char *text)
{
    size_t length = strlen(text);

    skip_space(json);
    if (json->error != NULL || (size_t)(json->end - json->at) < length || memcmp(json->at, text, length) != 0)
        return fail(json, "the JSON is damaged");
    json->at += length;
    return true;
}

bool tw_json_bool(struct tw_json *json, bool *value)
{
    *value = tw_json_peek(json) == TW_JSON_TRUE;
    if (*value)
        return word(json, "true");
    return expect(json, TW_JSON_FALSE) && word(json, "false");
}

bool tw_json_null(struct tw_json *json)
{
    return expect(json, TW_JSON_NULL) && word(json, "null");
}

static size_t digits(struct tw_json *json)
{
    const char *start = json->at;

    while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
        json->at++;
    return (size_t)(json->at - start);
}

/* Passes over a number; `whole` is the length of its integer part when it has nothing else, else 0. */
static bool number(struct tw_json *json, size_t *whole)
{
    const char *start = json->at;

    if (*json->at == '-')
        json->at++;
    const char *first = json->at;
    size_t count = digits(json);

    if (count == 0 || (count > 1 && *first == '0'))
        return fail(json, "a number in the JSON is damaged");
    *whole = start == first ? count : 0;
    if (json->at < json->end && *json->at == '.') {
        json->at++;
        *whole = 0;
        if (digits(json) == 0)
            return fail(json, "a number in the JSON is damaged");
    }
    if (json->at < json->end && (*json->at == 'e' || *json->at == 'E')) {
        json->at++;
        *whole = 0;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-'))
            json->at++;
        if (digits(json) == 0)
            return fail(json, "a number in the JSON is damaged");
    }
    return true;
}

bool tw_json_small(struct tw_json *json, uint32_t *value)
{
    size_t whole;

    if (!expect(json, TW_JSON_NUMBER))
        return false;
    const char *start = json->at;

    if (!number(json, &whole))
        return false;
    if (whole == 0 || whole > 9)
        return mistyped(json, "a number is out of range");
    *value = 0;
    for (size_t i = 0; i < whole; i++)
        *value = *value * 10 + (uint32_t)(start[i] - '0');
    return true;
}

bool tw_json_skip(struct tw_json *json)
{
    enum tw_json_type type = tw_json_peek(json);
    bool ignored, first = true;
    size_t whole;

    switch (type) {
    case TW_JSON_STRING:
        return tw_json_string(json, NULL, 0) >= 0;
    case TW_JSON_NUMBER:
        return number(json, &whole);
    case TW_JSON_TRUE:
    case TW_JSON_FALSE:
        return tw_json_bool(json, &ignored);
    case TW_JSON_NULL:
        return tw_json_null(json);
    case TW_JSON_OBJECT:
    case TW_JSON_ARRAY:
        if (!tw_json_enter(json, type))
            return false;
        /* Bounded: enter refuses more than TW_JSON_DEEPEST levels. */
        while (tw_json_next(json, type, &first))
            if ((type == TW_JSON_OBJECT && tw_json_key(json, NULL, 0) < 0) || !tw_json_skip(json))
                return false;
        return json->error == NULL;
    default:
        return fail(json, "the JSON is damaged");
    }
}

bool tw_json_finish(struct tw_json *json)
{
    skip_space(json);
    if (json->error == NULL && json->at != json->end)
        return fail(json, "something follows the JSON");
    return json->error == NULL;
}
