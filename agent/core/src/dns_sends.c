#define _GNU_SOURCE
#include "dns_sends.h"

#include "dns_packet.h"
#include "judge.h"
#include "platform.h"
#include "question.h"
#include "sealed.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Not in glibc's headers everywhere. */
#ifndef SO_PEERNAME
#define SO_PEERNAME 28
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif
/* From linux/udp.h: one buffer is sent as several packets. */
enum { UDP_SEGMENT = 103, INHERITED = 256 };

static atomic_bool nothing;
TW_SEALED atomic_bool *tw_dns_is_connected = &nothing;

/* The section, if it has something to deny. */
static const struct tw_dns *section(void)
{
    const struct tw_policy *policy = tw_policy_active;
    const struct tw_dns *dns = policy == NULL ? NULL : &policy->dns;

    return dns == NULL || dns->effect == TW_EFFECT_DISABLE || dns->allow.count + dns->deny.count == 0 ? NULL : dns;
}

static int option_of(int socket, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;

    return getsockopt(socket, level, name, &value, &size) == 0 ? value : 0;
}

/* Unlike getpeername, also where the connection is still being made. Of the address, family and port are enough. */
static bool is_connected_to_dns(int socket)
{
    struct {
        uint16_t family, port;
    } peer = {0, 0};
    socklen_t size = sizeof peer;

    return getsockopt(socket, SOL_SOCKET, SO_PEERNAME, &peer, &size) == 0 &&
           (peer.family == AF_INET || peer.family == AF_INET6) && ntohs(peer.port) == TW_DNS_PORT;
}

void tw_dns_sends_open(atomic_bool *shared)
{
    int error = errno;

    tw_dns_is_connected = shared;
    for (int socket = 0; socket < INHERITED; socket++)
        if (is_connected_to_dns(socket))
            atomic_store(tw_dns_is_connected, true);
    errno = error;
}

void tw_dns_note(uint16_t port)
{
    if (port == TW_DNS_PORT && !atomic_load_explicit(tw_dns_is_connected, memory_order_relaxed))
        atomic_store(tw_dns_is_connected, true);
}

/* A stream goes to where it is connected to, whatever name stands beside it; it may be connected by this very call. */
static bool goes_to_dns(const struct tw_outgoing *outgoing)
{
    bool connected = atomic_load_explicit(tw_dns_is_connected, memory_order_relaxed);

    if (outgoing->is_named && outgoing->port == TW_DNS_PORT)
        return true;
    if (!connected)
        return false;
    if (outgoing->is_named && option_of(outgoing->socket, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
        return false;
    return is_connected_to_dns(outgoing->socket);
}

bool tw_dns_looks_at(const struct tw_outgoing *outgoing)
{
    int error = errno;
    bool looks = section() != NULL && !tw_resolver_runs() && goes_to_dns(outgoing);

    errno = error;
    return looks;
}

/* Returns false when there is more than fits, or what the kernel would refuse anyway. */
static bool gather(const struct tw_outgoing *outgoing, struct tw_dns_copy *copy)
{
    copy->length = 0;
    if (outgoing->count > IOV_MAX)
        return false;
    for (size_t i = 0; i < outgoing->count; i++) {
        struct iovec part = outgoing->parts[i];

        if (part.iov_len > sizeof copy->bytes - copy->length || (part.iov_base == NULL && part.iov_len > 0))
            return false;
        if (part.iov_len > 0)
            memcpy(copy->bytes + copy->length, part.iov_base, part.iov_len);
        copy->length += part.iov_len;
    }
    return true;
}

/* The verdict on all questions of a message: the first that is denied decides. */
static struct tw_verdict judge_message(const struct tw_dns *dns, const uint8_t *bytes, size_t size, char name[TW_NAME])
{
    struct tw_name_facts facts = {.name = name};
    struct tw_dns_reader reader;
    struct tw_verdict verdict = {0};
    bool is_message = tw_dns_open(&reader, bytes, size), plain = false;

    name[0] = '\0';
    while (is_message && verdict.effect == TW_EFFECT_DISABLE) {
        enum tw_dns_read read = tw_dns_question(&reader, name, &plain);

        if (read == TW_DNS_END)
            return verdict;
        facts.unexamined = read == TW_DNS_BROKEN || !plain;
        facts.implicit = !facts.unexamined && tw_platform_is_name(name);
        verdict = tw_judge_name(dns, &facts);
    }
    facts.unexamined = true;
    facts.implicit = false;
    return is_message ? verdict : tw_judge_name(dns, &facts);
}

static struct tw_verdict judge_stream(const struct tw_dns *dns, const struct tw_dns_copy *copy, char name[TW_NAME])
{
    struct tw_verdict verdict = {0};
    const uint8_t *message;
    size_t at = 0, length;

    while (at < copy->length && verdict.effect == TW_EFFECT_DISABLE) {
        if (!tw_dns_message(copy->bytes, copy->length, &at, &message, &length))
            return judge_message(dns, NULL, 0, name);
        verdict = judge_message(dns, message, length, name);
    }
    return verdict;
}

enum tw_sending tw_dns_send(const struct tw_outgoing *outgoing, struct tw_dns_copy *copy)
{
    const struct tw_dns *dns = section();
    int error = errno;
    char name[TW_NAME] = "";

    if (dns == NULL || !tw_dns_looks_at(outgoing))
        return TW_SENDING_PASS;
    copy->is_stream = option_of(outgoing->socket, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
    /* The kernel reads what is sent without a copy later, and takes a byte out of the stream for MSG_OOB. */
    bool read = !outgoing->unexamined && (outgoing->flags & (MSG_ZEROCOPY | MSG_OOB)) == 0 &&
                (copy->is_stream || option_of(outgoing->socket, IPPROTO_UDP, UDP_SEGMENT) == 0) &&
                gather(outgoing, copy);
    struct tw_verdict verdict = !read             ? judge_message(dns, NULL, 0, name)
                                : copy->is_stream ? judge_stream(dns, copy, name)
                                                  : judge_message(dns, copy->bytes, copy->length, name);

    errno = error;
    if (tw_domain_act(&verdict, name)) {
        errno = EPERM;
        return TW_SENDING_DENIED;
    }
    return read ? TW_SENDING_JUDGED : TW_SENDING_UNREAD;
}

ssize_t tw_dns_sent(int socket, const struct tw_dns_copy *copy, ssize_t sent)
{
    const struct tw_dns *dns = section();
    int error = errno;

    if (copy->is_stream && sent > 0 && (size_t)sent < copy->length && dns != NULL && dns->effect != TW_EFFECT_ALERT)
        shutdown(socket, SHUT_WR);
    errno = error;
    return sent;
}
