/* Native code that uses the network by its own relocations, and changes what it says while it is judged. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

int attack_connect(int socket, const struct sockaddr *address, socklen_t length) {
    return connect(socket, address, length);
}
/* A table of functions is filled by absolute relocations, not through the procedure linkage table. */
static int (*volatile const table[])(int, const struct sockaddr *, socklen_t) = {connect};
int attack_table(int socket, const struct sockaddr *address, socklen_t length) {
    return table[0](socket, address, length);
}
ssize_t attack_sendto(int socket, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    return sendto(socket, data, size, flags, to, length);
}
ssize_t attack_sendmsg(int socket, const struct msghdr *message, int flags) { return sendmsg(socket, message, flags); }
int attack_listen(int socket) { return listen(socket, 8); }
int attack_getaddrinfo(const char *name) {
    struct addrinfo *found = NULL;
    return getaddrinfo(name, "7000", NULL, &found);
}

struct attempt { int socket, result, error; const struct sockaddr *address; socklen_t length; };
static void *attempt(void *argument) {
    struct attempt *it = argument;
    it->result = connect(it->socket, it->address, it->length);
    it->error = errno;
    return NULL;
}
int attack_connect_in_thread(int socket, const struct sockaddr *address, socklen_t length) {
    struct attempt it = {socket, -1, 0, address, length};
    pthread_t thread;
    if (pthread_create(&thread, NULL, attempt, &it) != 0) return -2;
    pthread_join(thread, NULL);
    errno = it.error;
    return it.result;
}
int attack_connect_in_vfork(int socket, const struct sockaddr *address, socklen_t length) {
    volatile int result = -1, error = 0;
    pid_t child = vfork();
    if (child == 0) {
        result = connect(socket, address, length);
        error = errno;
        _exit(0);
    }
    waitpid(child, NULL, 0);
    errno = error;
    return result;
}

/* A thread that writes one address and the other into the same place, as fast as it can. */
enum { ATTEMPTS = 3000, LONGEST = 32 };
static unsigned char place[LONGEST];
static const unsigned char *faces[2];
static size_t face_size;
static volatile int has_begun, is_over;
static void *change(void *unused) {
    (void)unused;
    for (has_begun = 1; !is_over;)
        for (int i = 0; i < 2; i++) memcpy(place, faces[i], face_size);
    return NULL;
}
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
static void race(const void *allowed, const void *denied, int size, void (*try)(void)) {
    pthread_t thread;
    faces[0] = allowed, faces[1] = denied, face_size = (size_t)size, has_begun = is_over = 0;
    memcpy(place, allowed, face_size);
    if (pthread_create(&thread, NULL, change, NULL) != 0) return;
    while (!has_begun) sched_yield();
    double start = seconds();
    /* At least for a moment in which both threads had a turn, on a busy machine too. */
    for (int i = 0; i < ATTEMPTS || seconds() < start + 0.2; i++) {
        if (i >= ATTEMPTS) usleep(100);
        try();
    }
    is_over = 1;
    pthread_join(thread, NULL);
}
static void try_connect(void) {
    int it = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(it, (struct sockaddr *)place, (socklen_t)face_size) == 0) send(it, "race", 4, 0);
    close(it);
}
static int datagrams = -1;
static struct iovec vector = {.iov_base = (void *)"race", .iov_len = 4};
static void try_sendto(void) { sendto(datagrams, "race", 4, 0, (struct sockaddr *)place, (socklen_t)face_size); }
static struct msghdr message(void) {
    return (struct msghdr){.msg_name = place, .msg_namelen = (socklen_t)face_size, .msg_iov = &vector, .msg_iovlen = 1};
}
static void try_sendmsg(void) {
    struct msghdr it = message();
    sendmsg(datagrams, &it, 0);
}
static void try_sendmmsg(void) {
    struct mmsghdr two[2] = {{.msg_hdr = message()}, {.msg_hdr = message()}};
    sendmmsg(datagrams, two, 2, 0);
}
/* Here the place is control data: a route, or something that nobody knows. */
static void try_control(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7000)};
    inet_pton(AF_INET, "203.0.113.9", &to.sin_addr);
    struct msghdr it = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &vector, .msg_iovlen = 1,
                        .msg_control = place, .msg_controllen = face_size};
    sendmsg(datagrams, &it, 0);
}
static void race_datagrams(const void *allowed, const void *denied, int size, void (*try)(void)) {
    datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    race(allowed, denied, size, try);
    close(datagrams);
}
void attack_race_connect(const void *a, const void *b, int size) { race(a, b, size, try_connect); }
void attack_race_sendto(const void *a, const void *b, int size) { race_datagrams(a, b, size, try_sendto); }
void attack_race_sendmsg(const void *a, const void *b, int size) { race_datagrams(a, b, size, try_sendmsg); }
void attack_race_sendmmsg(const void *a, const void *b, int size) { race_datagrams(a, b, size, try_sendmmsg); }
void attack_race_control(const void *a, const void *b, int size) { race_datagrams(a, b, size, try_control); }
