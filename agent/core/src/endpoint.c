/* Without libc's formatting functions, which are not safe in signal handlers. */
#include "endpoint.h"

#include "text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

/* Without the zone, which old programs do not know of: the kernel takes it so (RFC 2133). */
enum { IPV6_SHORTEST = offsetof(struct sockaddr_in6, sin6_scope_id), GROUPS = 8 };

static const struct tw_address mapped_prefix = {{[10] = 0xff, [11] = 0xff}};

struct tw_address tw_address_mapped(const void *bytes)
{
    struct tw_address address = mapped_prefix;

    memcpy(address.bytes + 12, bytes, 4);
    return address;
}

static bool is_mapped(const struct tw_address *address)
{
    return memcmp(address->bytes, mapped_prefix.bytes, 12) == 0;
}

bool tw_address_same(const struct tw_address *left, const struct tw_address *right)
{
    return memcmp(left->bytes, right->bytes, sizeof left->bytes) == 0;
}

bool tw_endpoint_read(const struct sockaddr_storage *name, size_t size, struct tw_endpoint *endpoint)
{
    if (size < sizeof name->ss_family)
        return false;
    if (name->ss_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;

        *endpoint = (struct tw_endpoint){tw_address_mapped(&v4->sin_addr), ntohs(v4->sin_port)};
        return true;
    }
    if (name->ss_family == AF_INET6 && size >= IPV6_SHORTEST) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)name;

        memcpy(endpoint->address.bytes, &v6->sin6_addr, sizeof endpoint->address.bytes);
        endpoint->port = ntohs(v6->sin6_port);
        return true;
    }
    return false;
}

bool tw_address_read(const char *text, struct tw_address *address)
{
    char plain[TW_ADDRESS_TEXT];
    size_t length = strcspn(text, "%");
    uint8_t v4[4];

    if (inet_pton(AF_INET, text, v4) == 1) {
        *address = tw_address_mapped(v4);
        return true;
    }
    if (length >= sizeof plain)
        return false;
    memcpy(plain, text, length);
    plain[length] = '\0';
    return inet_pton(AF_INET6, plain, address->bytes) == 1;
}

bool tw_address_is_loopback(const struct tw_address *address)
{
    static const uint8_t zeros[15];
    static const struct tw_address zero = {{[10] = 0xff, [11] = 0xff}};

    if (memcmp(address->bytes, zeros, sizeof zeros) == 0)
        return address->bytes[15] <= 1;
    return is_mapped(address) && (address->bytes[12] == 127 || tw_address_same(address, &zero));
}

/* Where the longest row of zero groups begins and how long it is; one group alone is none. */
static size_t zero_groups(const unsigned groups[GROUPS], size_t *length)
{
    size_t best = GROUPS;

    *length = 1;
    for (size_t at = 0; at < GROUPS; at++) {
        size_t zeros = 0;

        while (at + zeros < GROUPS && groups[at + zeros] == 0)
            zeros++;
        if (zeros > *length) {
            best = at;
            *length = zeros;
        }
    }
    return best;
}

static void add_group(struct tw_text *text, unsigned group)
{
    static const char digits[] = "0123456789abcdef";
    bool begun = false;

    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = group >> shift & 15;

        begun |= digit != 0 || shift == 0;
        if (begun)
            tw_text_put(text, &digits[digit], 1);
    }
}

static void add_groups(struct tw_text *text, const uint8_t *bytes)
{
    unsigned groups[GROUPS];
    size_t zeros;

    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    size_t first = zero_groups(groups, &zeros);

    for (size_t i = 0; i < GROUPS; i++) {
        if (i == first) {
            tw_text_add(text, "::");
            i += zeros - 1;
            continue;
        }
        if (i > 0 && i != first + zeros)
            tw_text_add(text, ":");
        add_group(text, groups[i]);
    }
}

void tw_address_text(const struct tw_address *address, char text[TW_ADDRESS_TEXT])
{
    struct tw_text line = {.start = text, .size = TW_ADDRESS_TEXT - 1};

    if (is_mapped(address)) {
        for (size_t i = 12; i < 16; i++) {
            if (i > 12)
                tw_text_add(&line, ".");
            tw_text_number(&line, address->bytes[i]);
        }
    } else {
        add_groups(&line, address->bytes);
    }
    text[line.length] = '\0';
}

void tw_port_text(uint16_t port, char text[TW_PORT_TEXT])
{
    struct tw_text line = {.start = text, .size = TW_PORT_TEXT - 1};

    tw_text_number(&line, port);
    text[line.length] = '\0';
}
