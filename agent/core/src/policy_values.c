/* Single values of a policy: which strings are addresses, names, paths. The command line's values.py is the twin. */
#include "policy.h"

#include <arpa/inet.h>
#include <string.h>

/* Length of a control character (C0, C1, U+2028, U+2029) at `at`, 0 when it is none. */
static size_t control(const unsigned char *at)
{
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
        return 2;
    return at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9) ? 3 : 0;
}

bool tw_is_text(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if (control(at) > 0)
            return false;
    return true;
}

/* Length of the space (Unicode's Zs) that begins at `at`, 0 when it is none. */
static size_t space(const unsigned char *at)
{
    if (at[0] == ' ')
        return 1;
    if (at[0] == 0xc2 && at[1] == 0xa0)
        return 2;
    if (at[0] == 0xe1 && at[1] == 0x9a && at[2] == 0x80)
        return 3;
    if (at[0] == 0xe2 && at[1] == 0x80 && (at[2] <= 0x8a || at[2] == 0xaf))
        return 3;
    if (at[0] == 0xe2 && at[1] == 0x81 && at[2] == 0x9f)
        return 3;
    return at[0] == 0xe3 && at[1] == 0x80 && at[2] == 0x80 ? 3 : 0;
}

static bool ends_in_space(const char *text, size_t length)
{
    for (size_t size = 1; size <= 3 && size <= length; size++)
        if (space((const unsigned char *)text + length - size) == size)
            return true;
    return false;
}

bool tw_is_entry(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && tw_is_text(text) && space((const unsigned char *)text) == 0 && !ends_in_space(text, length);
}

/* Whether all bits behind the first `prefix` are zero. */
static bool is_network(const unsigned char *address, size_t size, unsigned prefix)
{
    for (size_t i = 0; i < size * 8; i++)
        if (i >= prefix && (address[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

bool tw_block_read(const char *text, struct tw_block *block)
{
    uint8_t *bytes = block->address.bytes;
    char host[INET6_ADDRSTRLEN + 1];
    const char *slash = strchr(text, '/');
    size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);

    if (!tw_is_entry(text) || length >= sizeof host)
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    size_t size = inet_pton(AF_INET, host, bytes + 12) == 1 ? 4 : inet_pton(AF_INET6, host, bytes) == 1 ? 16 : 0;
    unsigned prefix = (unsigned)size * 8;

    if (size == 0)
        return false;
    if (slash != NULL) {
        size_t count = strspn(slash + 1, "0123456789");

        if (count == 0 || count > 3 || slash[1 + count] != '\0')
            return false;
        prefix = 0;
        for (const char *at = slash + 1; *at != '\0'; at++)
            prefix = prefix * 10 + (unsigned)(*at - '0');
    }
    if (prefix > size * 8 || !is_network(bytes + 16 - size, size, prefix))
        return false;
    if (size == 4) {
        memset(bytes, 0, 10);
        memset(bytes + 10, 0xff, 2);
    }
    block->prefix = prefix + 128 - (unsigned)size * 8;
    block->text = text;
    return true;
}

bool tw_is_name(const char *text)
{
    size_t length = strlen(text);

    if (!tw_is_entry(text) || strstr(text, "..") != NULL)
        return false;
    if (text[length - 1] == '.')
        length--;
    /* Several leading wildcards collapse into one. */
    while (length > 1 && text[0] == '*' && text[1] == '*')
        text++, length--;
    while (length > 3 && strncmp(text, "*.*.", 4) == 0)
        text += 2, length -= 2;
    if (length == 0 || length > 253 || text[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        char letter = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
        bool known = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
                     (letter != '\0' && strchr("_.*-", letter) != NULL);

        if (!known)
            return false;
    }
    return true;
}

void tw_name_normalise(char *name)
{
    size_t length = strlen(name), start = 0;

    if (length > 1 && name[length - 1] == '.')
        name[--length] = '\0';
    while (length - start > 1 && name[start] == '*' && name[start + 1] == '*')
        start++;
    while (length - start > 3 && strncmp(name + start, "*.*.", 4) == 0)
        start += 2;
    memmove(name, name + start, length - start + 1);
    for (char *at = name; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
}

void tw_path_normalise(char *path)
{
    size_t length = 0;

    for (const char *at = path; *at != '\0';) {
        size_t size = strcspn(at, "/");

        if (size > 0 && !(size == 1 && *at == '.')) {
            path[length++] = '/';
            memmove(path + length, at, size);
            length += size;
        }
        at += size + (at[size] == '/');
    }
    if (length == 0)
        path[length++] = '/';
    path[length] = '\0';
}

/* Whether a part between slashes is exactly `part`. */
static bool has_part(const char *path, const char *part)
{
    size_t wanted = strlen(part);

    for (const char *at = path;; at++) {
        size_t length = strcspn(at, "/");

        if (length == wanted && memcmp(at, part, wanted) == 0)
            return true;
        at += length;
        if (*at == '\0')
            return false;
    }
}

/* Where the last part that counts ends: behind it are slashes and parts "." alone. */
static size_t end_of_parts(const char *path)
{
    size_t length = strlen(path);

    while (length > 1 && (path[length - 1] == '/' || (path[length - 1] == '.' && path[length - 2] == '/')))
        length--;
    return length;
}

bool tw_is_path(const char *text)
{
    return tw_is_entry(text) && text[0] == '/' && !has_part(text, "..") && !ends_in_space(text, end_of_parts(text));
}

bool tw_is_packaged_file(const char *text)
{
    return tw_is_text(text) && strchr(text, '\\') == NULL && !has_part(text, "") && !has_part(text, ".") &&
           !has_part(text, "..");
}

bool tw_is_sha256(const char *text)
{
    return strlen(text) == 2 * (size_t)TW_SHA256_SIZE && strspn(text, "0123456789abcdef") == 2 * (size_t)TW_SHA256_SIZE;
}
