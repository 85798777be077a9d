/* What the tests of network and dns send to: a name server that answers everything and remembers what it was asked, and
 * sockets that count what arrives. They run in a namespace of their own (tests/unit/test_network_calls.py). */
#ifndef TW_SINKS_H
#define TW_SINKS_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DENIED_ADDRESS "203.0.113.5"
#define DENIED_ADDRESS_6 "2001:db8::5"
#define NAME_SERVER "203.0.113.53"
#define ANSWER "203.0.113.80" /* the address of every name */

enum { SINK_PORT = 9000, QUESTIONS = 4096, QUESTION = 256, DNS = 53 };

/* Shared with the name server, which is a process of its own. */
struct questions {
    _Atomic unsigned count;
    char names[QUESTIONS][QUESTION];
};

static struct questions *questions;
static int sink_udp, sink_tcp, sink_udp_6, sink_tcp_6;

static inline socklen_t endpoint(struct sockaddr_storage *name, const char *address, unsigned port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)name;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;

    memset(name, 0, sizeof *name);
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof *v4;
    }
    inet_pton(AF_INET6, address, &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    return sizeof *v6;
}

static inline int bound(int type, const char *address, unsigned port)
{
    struct sockaddr_storage name;
    socklen_t size = endpoint(&name, address, port);
    int one = 1, descriptor = socket(name.ss_family, type | SOCK_CLOEXEC, 0);

    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&name, size) != 0 ||
        ((type & SOCK_STREAM) != 0 && listen(descriptor, 64) != 0))
        _exit(3);
    return descriptor;
}

static inline void remember(const unsigned char *message, size_t size)
{
    unsigned number = atomic_load(&questions->count) % QUESTIONS;
    char *name = questions->names[number];
    size_t length = 0;

    for (size_t at = 12; at < size && message[at] != 0 && message[at] < 64; at += message[at] + (size_t)1)
        for (size_t i = 1; i <= message[at] && at + i < size && length < QUESTION - 2; i++)
            name[length++] = (char)message[at + i] , name[length] = i == message[at] ? '.' : 0,
                length += i == message[at];
    name[length > 0 ? length - 1 : 0] = '\0';
    atomic_fetch_add(&questions->count, 1);
}

/* The question with one A record behind it. */
static inline size_t answer(const unsigned char *message, size_t size, unsigned char *reply)
{
    static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
    size_t at = 12;

    while (at < size && message[at] != 0)
        at += message[at] + (size_t)1;
    at += 5;
    if (at > size)
        return 0;
    bool is_a = message[at - 3] == 1;

    memcpy(reply, message, at);
    memcpy(reply + 2, "\x81\x80\0\1\0\0\0\0\0\0", 10);
    if (is_a) {
        reply[7] = 1;
        memcpy(reply + at, record, sizeof record);
        inet_pton(AF_INET, ANSWER, reply + at + sizeof record);
        at += sizeof record + 4;
    }
    return at;
}

/* A stream's messages, until there is no more. */
static inline void serve_stream(int connection)
{
    unsigned char text[8192], reply[8192];
    size_t length = 0;
    ssize_t got;

    while ((got = read(connection, text + length, sizeof text - length)) > 0) {
        length += (size_t)got;
        while (length >= 2 && length - 2 >= (size_t)(text[0] << 8 | text[1])) {
            size_t size = (size_t)(text[0] << 8 | text[1]);

            remember(text + 2, size);
            size_t made = answer(text + 2, size, reply + 2);

            reply[0] = (unsigned char)(made >> 8);
            reply[1] = (unsigned char)made;
            if (made > 0 && send(connection, reply, made + 2, MSG_NOSIGNAL) < 0)
                break;
            memmove(text, text + 2 + size, length - 2 - size);
            length -= 2 + size;
        }
    }
    close(connection);
}

static inline void serve(int udp, int tcp)
{
    unsigned char message[8192], reply[8192];
    struct pollfd ready[] = {{udp, POLLIN, 0}, {tcp, POLLIN, 0}};

    for (;;) {
        poll(ready, 2, -1);
        if (ready[0].revents != 0) {
            struct sockaddr_storage name;
            socklen_t size = sizeof name;
            ssize_t got = recvfrom(udp, message, sizeof message, 0, (struct sockaddr *)&name, &size);

            if (got > 0) {
                remember(message, (size_t)got);
                size_t made = answer(message, (size_t)got, reply);

                sendto(udp, reply, made, 0, (struct sockaddr *)&name, size);
            }
        }
        if (ready[1].revents != 0) {
            int connection = accept(tcp, NULL, NULL);

            if (fork() == 0) {
                serve_stream(connection);
                _exit(0);
            }
            close(connection);
            while (waitpid(-1, NULL, WNOHANG) > 0)
                continue;
        }
    }
}

/* Starts the name server and opens the sinks. Returns the server's process. */
static inline pid_t sinks_open(void)
{
    int udp = bound(SOCK_DGRAM, NAME_SERVER, DNS), tcp = bound(SOCK_STREAM, NAME_SERVER, DNS);

    questions = mmap(NULL, sizeof *questions, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t server = fork();

    if (server == 0)
        serve(udp, tcp);
    close(udp);
    close(tcp);
    sink_udp = bound(SOCK_DGRAM | SOCK_NONBLOCK, DENIED_ADDRESS, SINK_PORT);
    sink_tcp = bound(SOCK_STREAM | SOCK_NONBLOCK, DENIED_ADDRESS, SINK_PORT);
    sink_udp_6 = bound(SOCK_DGRAM | SOCK_NONBLOCK, DENIED_ADDRESS_6, SINK_PORT);
    sink_tcp_6 = bound(SOCK_STREAM | SOCK_NONBLOCK, DENIED_ADDRESS_6, SINK_PORT);
    return server;
}

/* How many packets and connections came to the sinks since. */
static inline unsigned arrived(void)
{
    const int datagrams[] = {sink_udp, sink_udp_6}, streams[] = {sink_tcp, sink_tcp_6};
    unsigned count = 0;
    char byte[64];
    int connection;

    for (size_t i = 0; i < 2; i++) {
        while (recv(datagrams[i], byte, sizeof byte, MSG_DONTWAIT) >= 0)
            count++;
        while ((connection = accept(streams[i], NULL, NULL)) >= 0) {
            count++;
            close(connection);
        }
    }
    return count;
}

/* How often the name server was asked for the name. Waits for a question that is `wanted`. */
static inline unsigned asked(const char *name, bool wanted)
{
    unsigned count = 0;

    for (int tries = 0; tries < (wanted ? 100 : 2); tries++) {
        count = 0;
        for (unsigned i = 0; i < atomic_load(&questions->count) && i < QUESTIONS; i++)
            count += strcasecmp(questions->names[i], name) == 0;
        if (wanted && count > 0)
            return count;
        usleep(10000);
    }
    return count;
}

#endif
