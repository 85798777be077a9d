/* Base64: what is decoded is written back by the only way to write it. */
#include "codec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static uint8_t output[70000];
    long length = tw_base64_decode((const char *)data, size, output, sizeof output);

    for (long at = 0; at < length; at += 3) {
        uint32_t bits = 0;
        char four[4];

        for (long i = 0; i < 3; i++)
            bits = bits << 8 | (at + i < length ? output[at + i] : 0);
        for (unsigned i = 0; i < 4; i++)
            four[i] = (long)i + at > length ? '=' : letters[bits >> (18 - 6 * i) & 63];
        if (memcmp(four, data + at / 3 * 4, 4) != 0)
            abort();
    }
    return 0;
}
