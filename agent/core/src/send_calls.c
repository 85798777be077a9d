/* Messages that name where they go to. Names, and what goes to name servers, are copied, judged, and sent as copied. */
#define _GNU_SOURCE
#include "dns_sends.h"
#include "endpoint.h"
#include "network_calls.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

enum {
    BLOCK = 8, /* so many messages are sent at once: their addresses lie on the stack */
    MESSAGES_LARGEST = 1024,
    CONTROL_LARGEST = 256,
    ROUTED_LARGEST = 2048, /* the most descriptors that can be sent at once take less */
    UDP_SEGMENT = 103, /* linux/udp.h */
};

typedef ssize_t sendto_function(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
typedef ssize_t sendmsg_function(int, const struct msghdr *, int);
typedef int sendmmsg_function(int, struct mmsghdr *, unsigned, int);

/* A socket of IPv6 takes a name of no family for none. */
static void set_name(struct tw_outgoing *outgoing, const struct tw_socket_name *name)
{
    struct tw_endpoint to;
    bool has_family = name->size >= sizeof name->storage.ss_family && name->storage.ss_family != AF_UNSPEC;

    outgoing->port = tw_name_endpoint(name, &to) ? to.port : 0;
    outgoing->is_named = has_family || outgoing->port == TW_DNS_PORT;
    if ((outgoing->flags & MSG_FASTOPEN) != 0)
        tw_dns_note(outgoing->port);
}

/* The control data, in memory of our own. Returns whether it may divide the packet, or is too long to tell. */
static bool copy_control(struct msghdr *message, void *memory)
{
    if (message->msg_controllen == 0)
        return false;
    if (message->msg_controllen > CONTROL_LARGEST || message->msg_control == NULL)
        return true;
    memcpy(memory, message->msg_control, message->msg_controllen);
    message->msg_control = memory;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at))
        if (at->cmsg_level == IPPROTO_UDP && at->cmsg_type == UDP_SEGMENT)
            return true;
    return false;
}

static __attribute__((noinline)) ssize_t send_read(struct tw_outgoing *outgoing, struct msghdr *message)
{
    struct tw_dns_copy copy;
    size_t control[CONTROL_LARGEST / sizeof(size_t)];
    struct iovec part = {.iov_base = copy.bytes};

    outgoing->unexamined = copy_control(message, control);
    enum tw_sending sending = tw_dns_send(outgoing, &copy);

    if (sending == TW_SENDING_DENIED)
        return -1;
    if (sending != TW_SENDING_JUDGED)
        return TW_REAL(sendmsg, sendmsg_function)(outgoing->socket, message, outgoing->flags);
    part.iov_len = copy.length;
    message->msg_iov = &part;
    message->msg_iovlen = 1;
    return tw_dns_sent(outgoing->socket, &copy,
                       TW_REAL(sendmsg, sendmsg_function)(outgoing->socket, message, outgoing->flags));
}

ssize_t tw_sendto(int socket, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t to_size)
{
    struct tw_socket_name name;
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    struct tw_outgoing outgoing = {.socket = socket, .flags = flags, .parts = &part, .count = 1};

    if (to == NULL)
        return tw_send(socket, bytes, size, flags);
    if (!tw_name_copy(to, to_size, &name))
        return TW_REAL(sendto, sendto_function)(socket, bytes, size, flags, to, to_size);
    if (tw_name_denied(socket, &name))
        return -1;
    set_name(&outgoing, &name);
    if (tw_dns_looks_at(&outgoing)) {
        struct msghdr message = {.msg_name = &name.storage, .msg_namelen = to_size, .msg_iov = &part, .msg_iovlen = 1};

        return send_read(&outgoing, &message);
    }
    ssize_t sent = TW_REAL(sendto, sendto_function)(socket, bytes, size, flags, (const struct sockaddr *)&name.storage,
                                                    name.size);

    tw_name_release(&name);
    return sent;
}

/* Takes the name of a message that is a copy already. The kernel cuts a long one, and refuses one whose length is
 * negative. Returns false when there is none. */
static bool take_name(struct msghdr *message, struct tw_socket_name *name)
{
    socklen_t size = message->msg_namelen;

    if (message->msg_name == NULL || size > INT_MAX)
        return false;
    tw_name_copy(message->msg_name, size < sizeof name->storage ? size : sizeof name->storage, name);
    message->msg_name = &name->storage;
    return true;
}

ssize_t tw_sendmsg(int socket, const struct msghdr *given, int flags)
{
    struct tw_socket_name name = {.pin = -1};

    if (given == NULL)
        return TW_REAL(sendmsg, sendmsg_function)(socket, given, flags);
    struct msghdr message = *given;
    size_t size = message.msg_control == NULL || message.msg_controllen > ROUTED_LARGEST ? 0 : message.msg_controllen;
    size_t control[size / sizeof(size_t) + 1];

    if (size > 0)
        message.msg_control = memcpy(control, message.msg_control, size);
    if (tw_message_route_denied(&message))
        return -1;
    struct tw_outgoing outgoing = {
        .socket = socket,
        .flags = flags,
        .parts = message.msg_iov,
        .count = message.msg_iovlen,
    };

    if (take_name(&message, &name)) {
        if (tw_name_denied(socket, &name))
            return -1;
        message.msg_namelen = name.size;
        set_name(&outgoing, &name);
    }
    ssize_t sent = tw_dns_looks_at(&outgoing) ? send_read(&outgoing, &message)
                                              : TW_REAL(sendmsg, sendmsg_function)(socket, &message, flags);

    tw_name_release(&name);
    return sent;
}

/* Copies the messages from the front that nobody needs to look at closer. */
static unsigned copy_plain(int socket, int flags, const struct mmsghdr *given, unsigned count,
                           struct mmsghdr messages[BLOCK], struct tw_socket_name names[BLOCK])
{
    unsigned at = 0;

    for (; at < count && at < BLOCK; at++) {
        struct tw_outgoing outgoing = {.socket = socket, .flags = flags};

        messages[at] = given[at];
        if (messages[at].msg_hdr.msg_control != NULL)
            return at; /* one by one, the way of tw_sendmsg */
        if (take_name(&messages[at].msg_hdr, &names[at])) {
            if (tw_name_matters(&names[at]))
                return at;
            set_name(&outgoing, &names[at]);
        }
        if (tw_dns_looks_at(&outgoing))
            return at;
    }
    return at;
}

/* Sends from the front: what is plain at once, else one message the way of tw_sendmsg. Returns how many were sent, -1
 * if the first was not; `whole` says whether one may go on. */
static int send_some(int socket, struct mmsghdr *messages, unsigned count, int flags, bool *whole)
{
    struct mmsghdr own[BLOCK];
    struct tw_socket_name names[BLOCK];
    unsigned plain = copy_plain(socket, flags, messages, count, own, names);

    if (plain == 0) {
        ssize_t sent = tw_sendmsg(socket, &messages->msg_hdr, flags);

        *whole = sent >= 0;
        if (sent < 0)
            return -1;
        messages->msg_len = (unsigned)sent;
        return 1;
    }
    int sent = TW_REAL(sendmmsg, sendmmsg_function)(socket, own, plain, flags);

    for (int i = 0; i < sent; i++)
        messages[i].msg_len = own[i].msg_len;
    *whole = sent == (int)plain;
    return sent;
}

/* As the kernel has it, a message that can't be sent ends the call; that is an error only where it is the first. */
int tw_sendmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned done = 0;
    bool whole = true;
    int error = errno;

    if (messages == NULL || count == 0)
        return TW_REAL(sendmmsg, sendmmsg_function)(socket, messages, count, flags);
    count = count < MESSAGES_LARGEST ? count : MESSAGES_LARGEST;
    while (done < count && whole) {
        int sent = send_some(socket, messages + done, count - done, flags, &whole);

        if (sent < 0 && done == 0)
            return -1;
        done += sent > 0 ? (unsigned)sent : 0;
    }
    errno = error;
    return (int)done;
}
