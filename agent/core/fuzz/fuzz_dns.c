/* A DNS message, and the same bytes as a stream of messages: whatever they are, what is read lies within them, and a
 * name that is plain is one that can be asked for again. */
#include "dns_packet.h"

#include "resolver.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A plain name has labels of 1 to 63 bytes, 253 bytes in all, none of which means anything but itself. */
static void check(const char *name)
{
    size_t length = strlen(name), label = 0;

    if (length > 253)
        abort();
    for (size_t i = 0; i <= length; i++) {
        unsigned char letter = (unsigned char)name[i];

        if (letter == '.' || letter == '\0') {
            if ((label == 0 && length > 0) || label > 63)
                abort();
            label = 0;
            continue;
        }
        label++;
        if (letter <= ' ' || letter >= 0x7f || letter == '\\' || (letter >= 'A' && letter <= 'Z'))
            abort();
    }
}

static void message(const uint8_t *bytes, size_t size)
{
    struct tw_dns_reader reader;
    struct tw_address address;
    char name[TW_NAME];
    bool plain = false;
    size_t count = 0;

    if (!tw_dns_open(&reader, bytes, size))
        return;
    while (tw_dns_question(&reader, name, &plain) == TW_DNS_READ) {
        if (plain)
            check(name);
        count++;
    }
    if (count > size / 5)
        abort();
    tw_dns_open(&reader, bytes, size);
    for (count = 0; tw_dns_answer(&reader, &address) == TW_DNS_READ;)
        count++;
    if (count > size / 15)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    const uint8_t *part;
    size_t at = 0, length, total = 0;
    struct tw_resolver resolver = {.server_count = 0};

    memcpy(copy, data, size);
    uint8_t *exact = realloc(copy, size == 0 ? 1 : size);

    message(exact, size);
    while (tw_dns_message(exact, size, &at, &part, &length)) {
        message(part, length);
        total += length + 2;
    }
    if (total != at || at > size)
        abort();
    tw_resolver_parse((const char *)exact, size, &resolver);
    if (resolver.domains[sizeof resolver.domains - 1] != '\0' || resolver.server_count > TW_RESOLVER_SERVERS)
        abort();
    free(exact);
    return 0;
}
