/* Base64, strictly as encoders write it: no spaces, full padding, no bits left over. */
#include "codec.h"

static int value_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    if (letter == '+')
        return 62;
    return letter == '/' ? 63 : -1;
}

long tw_base64_decode(const char *text, size_t length, uint8_t *output, size_t size)
{
    size_t written = 0;

    if (length % 4 != 0)
        return -1;
    for (size_t at = 0; at < length; at += 4) {
        unsigned padding = 0;
        uint32_t bits = 0;

        if (at + 4 == length && text[at + 3] == '=')
            padding = text[at + 2] == '=' ? 2 : 1;
        for (size_t i = 0; i < 4; i++) {
            int value = i >= 4 - padding ? 0 : value_of(text[at + i]);

            if (value < 0)
                return -1;
            bits = bits << 6 | (uint32_t)value;
        }
        if ((padding == 1 && (bits & 0xff) != 0) || (padding == 2 && (bits & 0xffff) != 0))
            return -1;
        if (size - written < 3 - padding)
            return -1;
        for (unsigned i = 0; i < 3 - padding; i++)
            output[written++] = (uint8_t)(bits >> (16 - 8 * i));
    }
    return (long)written;
}
