#include "match.h"

#include <stddef.h>
#include <string.h>

static char lowered(char letter)
{
    return (char)(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
}

static bool same(const char *left, const char *right, size_t length, bool case_sensitive)
{
    if (case_sensitive)
        return memcmp(left, right, length) == 0;
    for (size_t i = 0; i < length; i++)
        if (lowered(left[i]) != lowered(right[i]))
            return false;
    return true;
}

bool tw_match(const char *pattern, const char *value, bool case_sensitive)
{
    size_t length = strlen(pattern), size = strlen(value);
    bool starts = length > 0 && pattern[0] == '*';
    bool ends = length > (starts ? 1 : 0) && pattern[length - 1] == '*';

    if (length == 1 && starts)
        return true;
    pattern += starts;
    length -= (size_t)starts + ends;
    if (length > size)
        return false;
    if (!starts && !ends)
        return length == size && same(pattern, value, length, case_sensitive);
    if (!starts)
        return same(pattern, value, length, case_sensitive);
    if (!ends)
        return same(pattern, value + size - length, length, case_sensitive);
    for (size_t at = 0; at + length <= size; at++)
        if (same(pattern, value + at, length, case_sensitive))
            return true;
    return false;
}

const char *tw_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}
