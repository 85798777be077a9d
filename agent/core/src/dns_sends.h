/* The section "dns", for packets: what is sent to port 53 over a socket is read, and the names in it are judged. */
#ifndef TW_DNS_SENDS_H
#define TW_DNS_SENDS_H

#include "policy.h"

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Longer ones are not read: those that ask have some hundred bytes, and stacks may be small. */
enum { TW_DNS_LARGEST = 4096, TW_DNS_PORT = 53 };

/* Whether some socket was connected to port 53, by the runtime or by whom it started: they may have it in common. Until
 * then no write is looked at. */
extern atomic_bool *tw_dns_is_connected;

/* Looks for sockets that were connected before the core started. `shared` is memory that all of them have in common. */
void tw_dns_sends_open(atomic_bool *shared);

/* A socket is about to be connected, or may be by a message. */
void tw_dns_note(uint16_t port);

/* Bytes on their way. */
struct tw_outgoing {
    int socket, flags;
    const struct iovec *parts;
    size_t count;
    bool is_named; /* else it goes to where the socket is connected to */
    uint16_t port; /* of the name */
    bool unexamined; /* bytes that can't be read here, or may be divided in another way than it seems */
};

/* PASS: they go nowhere that matters. DENIED: the call must fail, errno is set. JUDGED: the copy in `bytes` is what was
 * judged, and to be sent in place of them. UNREAD: they may pass, but were not copied. */
enum tw_sending { TW_SENDING_PASS, TW_SENDING_DENIED, TW_SENDING_JUDGED, TW_SENDING_UNREAD };

struct tw_dns_copy {
    uint8_t bytes[TW_DNS_LARGEST];
    size_t length;
    bool is_stream;
};

/* Whether the bytes would be read at all. Needs no memory. */
bool tw_dns_looks_at(const struct tw_outgoing *outgoing);

enum tw_sending tw_dns_send(const struct tw_outgoing *outgoing, struct tw_dns_copy *copy);

/* What was sent of the copy: part of a message leaves the other side in the middle of it, so that the next bytes would
 * mean something else there than here. The connection is closed for sending, unless the policy only alerts. */
ssize_t tw_dns_sent(int socket, const struct tw_dns_copy *copy, ssize_t sent);

#endif
