/* The hooks of the calls that connect, send and listen: libc's functions with the same types and the same failures. */
#ifndef TW_NETWORK_CALLS_H
#define TW_NETWORK_CALLS_H

#include "hooks.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* A socket's address in memory that no other thread knows; the kernel is given this one. */
struct tw_socket_name {
    struct sockaddr_storage storage;
    socklen_t size;
    int pin; /* holds the Unix socket that was judged; or -1 */
};

/* Copies an address. Returns false for none, and for one that the kernel refuses unread as too long. */
bool tw_name_copy(const struct sockaddr *from, socklen_t size, struct tw_socket_name *name);

/* Where a message to this name goes. Returns false when it is no internet address. */
struct tw_endpoint;
bool tw_name_endpoint(const struct tw_socket_name *name, struct tw_endpoint *to);

/* By the sections network and filesystem: whether nothing may go there. Then errno is set. The name of a Unix socket
 * becomes one that nobody can make lead elsewhere: when the call is done, tw_name_release has to follow. */
bool tw_name_denied(int socket, struct tw_socket_name *name);

/* Keeps errno. */
void tw_name_release(const struct tw_socket_name *name);

/* The same without audit or consequence: whether tw_name_denied has anything to do. */
bool tw_name_matters(const struct tw_socket_name *name);

/* network_calls.c */
int tw_connect(int socket, const struct sockaddr *name, socklen_t size);
int tw_bind(int socket, const struct sockaddr *name, socklen_t size);
int tw_listen(int socket, int backlog);

/* send_calls.c */
ssize_t tw_sendto(int socket, const void *bytes, size_t size, int flags, const struct sockaddr *name,
                  socklen_t name_size);
ssize_t tw_sendmsg(int socket, const struct msghdr *message, int flags);
int tw_sendmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags);

/* route_calls.c */
int tw_setsockopt(int socket, int level, int name, const void *value, socklen_t size);

/* By the section network: whether the message may not be sent, since it has a route of its own. Then errno is set. */
bool tw_message_route_denied(const struct msghdr *message);

/* write_calls.c: what goes to where the socket is connected to */
ssize_t tw_send(int socket, const void *bytes, size_t size, int flags);
ssize_t tw_write(int descriptor, const void *bytes, size_t size);
ssize_t tw_writev(int descriptor, const struct iovec *parts, int count);
ssize_t tw_pwritev2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags);
ssize_t tw_sendfile(int to, int from, off_t *offset, size_t size);
ssize_t tw_splice(int from, off_t *from_offset, int to, off_t *to_offset, size_t size, unsigned flags);

#endif
