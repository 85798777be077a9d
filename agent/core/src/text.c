#include "text.h"

#include <string.h>

void tw_text_put(struct tw_text *text, const char *bytes, size_t length)
{
    if (length > text->size - text->length) {
        text->cut = true;
        return;
    }
    memcpy(text->start + text->length, bytes, length);
    text->length += length;
}

void tw_text_add(struct tw_text *text, const char *string)
{
    tw_text_put(text, string, strlen(string));
}

void tw_text_padded(struct tw_text *text, unsigned long number, unsigned width)
{
    char digits[24];
    size_t at = sizeof digits;

    while (number > 0 || width > 0) {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
        width -= width > 0;
    }
    tw_text_put(text, digits + at, sizeof digits - at);
}

void tw_text_number(struct tw_text *text, unsigned long number)
{
    tw_text_padded(text, number, 1);
}

/* Length of a plain UTF-8 sequence, 0 when it is none; `left` counts the bytes that may be read. */
static size_t sequence(const unsigned char *at, size_t left)
{
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

void tw_text_escaped(struct tw_text *text, const char *string, size_t most)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *at = (const unsigned char *)string;
    size_t left = strnlen(string, most);

    while (left > 0 && !text->cut) {
        size_t size = sequence(at, left);

        if (size == 0) {
            tw_text_add(text, "\\ufffd");
            size = 1;
        } else if (*at == '"' || *at == '\\') {
            char escaped[2] = {'\\', (char)*at};

            tw_text_put(text, escaped, 2);
        } else if (*at < 0x20 || *at == 0x7f) {
            char escaped[6] = {'\\', 'u', '0', '0', hex[*at >> 4], hex[*at & 15]};

            tw_text_put(text, escaped, 6);
        } else {
            tw_text_put(text, (const char *)at, size);
        }
        at += size;
        left -= size;
    }
}

void tw_text_field(struct tw_text *text, const char *key, const char *value, size_t most)
{
    size_t frame = strlen(key) + strlen(",\"\":\"\"");

    if (value == NULL)
        return;
    if (text->size - text->length < frame) {
        text->cut = true;
        return;
    }
    tw_text_add(text, ",\"");
    tw_text_add(text, key);
    tw_text_add(text, "\":\"");
    text->size--; /* room for the closing quote, whatever the value */
    tw_text_escaped(text, value, most);
    text->size++;
    tw_text_add(text, "\"");
}
