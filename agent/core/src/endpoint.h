/* What a socket's address says: an internet address and a port. */
#ifndef TW_ENDPOINT_H
#define TW_ENDPOINT_H

#include "policy.h"

#include <sys/socket.h>

/* With the closing NUL: an IPv6 address in full, a number of five digits. */
enum { TW_ADDRESS_TEXT = 46, TW_PORT_TEXT = 6 };

struct tw_endpoint {
    struct tw_address address;
    uint16_t port;
};

/* Reads an address of IPv4 or IPv6. Returns false for other families, and when the kernel would refuse it as too
 * short. */
bool tw_endpoint_read(const struct sockaddr_storage *name, size_t size, struct tw_endpoint *endpoint);

/* An IPv4 address, as the IPv6 address that is mapped to it. */
struct tw_address tw_address_mapped(const void *bytes);

/* An address as people write it; an IPv6 address may have a zone. Returns false when the text is none. */
bool tw_address_read(const char *text, struct tw_address *address);

/* 127.0.0.0/8 and ::1, and what the kernel takes for them: 0.0.0.0 and ::. */
bool tw_address_is_loopback(const struct tw_address *address);

bool tw_address_same(const struct tw_address *left, const struct tw_address *right);

/* The way RFC 5952 has it; what is mapped as plain IPv4. */
void tw_address_text(const struct tw_address *address, char text[TW_ADDRESS_TEXT]);

void tw_port_text(uint16_t port, char text[TW_PORT_TEXT]);

#endif
