/* What goes to where a socket is connected to: judged when that is a name server, so that every write is looked at once
 * some socket was connected to one. Until then that costs a load. */
#define _GNU_SOURCE
#include "dns_sends.h"
#include "network_calls.h"

#include <stdint.h>

typedef ssize_t send_function(int, const void *, size_t, int);
typedef ssize_t write_function(int, const void *, size_t);
typedef ssize_t writev_function(int, const struct iovec *, int);
typedef ssize_t pwritev2_function(int, const struct iovec *, int, off_t, int);
typedef ssize_t sendfile_function(int, int, off_t *, size_t);
typedef ssize_t splice_function(int, off_t *, int, off_t *, size_t, unsigned);

static __attribute__((noinline)) bool goes_to_dns(int descriptor)
{
    const struct tw_outgoing outgoing = {.socket = descriptor};

    return tw_dns_looks_at(&outgoing);
}

/* Asked before there is a copy, which takes more of the stack than a signal handler may have. */
static inline bool is_watched(int descriptor)
{
    return __builtin_expect(atomic_load_explicit(tw_dns_is_connected, memory_order_relaxed), 0) &&
           goes_to_dns(descriptor);
}

/* Judges the bytes of `outgoing`, and sends: `copied` is the call with the copy, `given` the caller's own. */
#define SEND(outgoing, copied, given)                                       \
    do {                                                                    \
        struct tw_dns_copy copy;                                            \
        enum tw_sending sending = tw_dns_send(outgoing, &copy);             \
                                                                            \
        if (sending == TW_SENDING_DENIED)                                   \
            return -1;                                                      \
        if (sending == TW_SENDING_JUDGED)                                   \
            return tw_dns_sent((outgoing)->socket, &copy, copied);          \
        return given;                                                       \
    } while (0)

static __attribute__((noinline)) ssize_t send_watched(int socket, const void *bytes, size_t size, int flags)
{
    const struct iovec part = {(void *)(uintptr_t)bytes, size};
    const struct tw_outgoing outgoing = {.socket = socket, .flags = flags, .parts = &part, .count = 1};

    SEND(&outgoing, TW_REAL(send, send_function)(socket, copy.bytes, copy.length, flags),
         TW_REAL(send, send_function)(socket, bytes, size, flags));
}

ssize_t tw_send(int socket, const void *bytes, size_t size, int flags)
{
    if (!is_watched(socket))
        return TW_REAL(send, send_function)(socket, bytes, size, flags);
    return send_watched(socket, bytes, size, flags);
}

static __attribute__((noinline)) ssize_t write_watched(int descriptor, const void *bytes, size_t size)
{
    const struct iovec part = {(void *)(uintptr_t)bytes, size};
    const struct tw_outgoing outgoing = {.socket = descriptor, .parts = &part, .count = 1};

    SEND(&outgoing, TW_REAL(write, write_function)(descriptor, copy.bytes, copy.length),
         TW_REAL(write, write_function)(descriptor, bytes, size));
}

ssize_t tw_write(int descriptor, const void *bytes, size_t size)
{
    if (!is_watched(descriptor))
        return TW_REAL(write, write_function)(descriptor, bytes, size);
    return write_watched(descriptor, bytes, size);
}

static __attribute__((noinline)) ssize_t writev_watched(int descriptor, const struct iovec *parts, int count)
{
    const struct tw_outgoing outgoing = {.socket = descriptor, .parts = parts, .count = count < 0 ? 0 : (size_t)count,
                                         .unexamined = count < 0 || parts == NULL};

    SEND(&outgoing, TW_REAL(write, write_function)(descriptor, copy.bytes, copy.length),
         TW_REAL(writev, writev_function)(descriptor, parts, count));
}

ssize_t tw_writev(int descriptor, const struct iovec *parts, int count)
{
    if (!is_watched(descriptor))
        return TW_REAL(writev, writev_function)(descriptor, parts, count);
    return writev_watched(descriptor, parts, count);
}

static __attribute__((noinline)) ssize_t pwritev2_watched(int descriptor, const struct iovec *parts, int count,
                                                          off_t offset, int flags)
{
    const struct tw_outgoing outgoing = {.socket = descriptor, .parts = parts, .count = count < 0 ? 0 : (size_t)count,
                                         .unexamined = count < 0 || parts == NULL};
    struct iovec part;

    SEND(&outgoing,
         (part = (struct iovec){copy.bytes, copy.length},
          TW_REAL(pwritev2, pwritev2_function)(descriptor, &part, 1, offset, flags)),
         TW_REAL(pwritev2, pwritev2_function)(descriptor, parts, count, offset, flags));
}

ssize_t tw_pwritev2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags)
{
    if (!is_watched(descriptor))
        return TW_REAL(pwritev2, pwritev2_function)(descriptor, parts, count, offset, flags);
    return pwritev2_watched(descriptor, parts, count, offset, flags);
}

/* Bytes that come from another descriptor can't be read without taking them. */
static __attribute__((noinline)) bool stream_denied(int to)
{
    const struct tw_outgoing outgoing = {.socket = to, .unexamined = true};
    struct tw_dns_copy copy;

    return tw_dns_send(&outgoing, &copy) == TW_SENDING_DENIED;
}

ssize_t tw_sendfile(int to, int from, off_t *offset, size_t size)
{
    if (is_watched(to) && stream_denied(to))
        return -1;
    return TW_REAL(sendfile, sendfile_function)(to, from, offset, size);
}

ssize_t tw_splice(int from, off_t *from_offset, int to, off_t *to_offset, size_t size, unsigned flags)
{
    if (is_watched(to) && stream_denied(to))
        return -1;
    return TW_REAL(splice, splice_function)(from, from_offset, to, to_offset, size, flags);
}
