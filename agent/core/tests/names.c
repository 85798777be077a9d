/* The section dns, and what names mean to the section network, as a process sees them: allow lists, addresses that were
 * resolved, names and addresses that always pass, a resolver that was turned to something else, and calls that are
 * wrong.
 *
 *     names LIBRARY        in a namespace that has the addresses of sinks.h */
#define _GNU_SOURCE
#include "start.h"
#include "sinks.h"
#include "test.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

static int reader; /* of the library's audits */

static int lookup(const char *name)
{
    struct addrinfo *found, hints = {.ai_family = AF_INET};
    int result = getaddrinfo(name, NULL, &hints, &found);

    if (result == 0)
        freeaddrinfo(found);
    return result;
}

/* The errno of connecting there by UDP. */
static int reach(const char *address, unsigned port)
{
    struct sockaddr_storage name;
    socklen_t size = endpoint(&name, address, port);
    int descriptor = socket(name.ss_family, SOCK_DGRAM, 0);
    int error = connect(descriptor, (struct sockaddr *)&name, size) == 0 ? 0 : errno;

    close(descriptor);
    return error;
}

/* Only what was resolved for a listed name may be reached. */
static void addresses_of_names(void)
{
    CHECK(reach(ANSWER, 80) == EPERM, "before it was resolved");
    CHECK(lookup("a.other.test") == EAI_FAIL && reach(ANSWER, 80) == EPERM, "a name that is not allowed");
    CHECK(lookup("bad.allowed.test") == EAI_FAIL && reach(ANSWER, 80) == EPERM, "a name that is denied too");
    CHECK(lookup("a.Allowed.test.") == 0 && reach(ANSWER, 80) == 0, "a name that is allowed");
    CHECK(reach("::ffff:" ANSWER, 443) == 0, "the same, mapped");
    CHECK(reach("203.0.113.99", 80) == EPERM, "another address");
    CHECK(asked("a.other.test", false) == 0 && asked("bad.allowed.test", false) == 0, "denied names were asked for");
}

static void always(void)
{
    char host[256] = "", buffer[256];
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

    test_audit_count(reader);
    gethostname(host, sizeof host - 1);
    CHECK(reach("127.0.0.1", 80) == 0 && reach("127.1.2.3", 80) == 0 && reach("::1", 80) == 0 &&
          reach("0.0.0.0", 80) == 0 &&
              reach("::ffff:127.0.0.1", 80) == 0, "loopback");
    CHECK(reach(NAME_SERVER, DNS) == 0, "the name server");
    CHECK(lookup("localhost") != EAI_FAIL && lookup(host) != EAI_FAIL && lookup("x.localhost.") != EAI_FAIL,
          "our own names");
    CHECK(lookup("127.0.0.1") == 0 && lookup("0x7f.1") == 0 && lookup("2130706433") == 0 && lookup("1.2.3.4") == 0,
          "addresses");
    CHECK(getaddrinfo(NULL, "80", NULL, &(struct addrinfo *){0}) == 0, "no name");
    CHECK(lookup("") != EAI_FAIL, "an empty name");
    CHECK(getnameinfo((struct sockaddr *)&local, sizeof local, buffer, sizeof buffer, NULL, 0, 0) != EAI_FAIL,
          "loopback's name");
    CHECK(gethostbyname("10.0.0.1") != NULL, "an address");
    CHECK(test_audit_count(reader) == 0, "audits: %s", test_audit_text);
    CHECK(reach(NAME_SERVER, 80) == EPERM, "the name server's other ports");
}

static void reverse(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    char buffer[256], entries[1024];
    struct hostent entry, *found = &entry;
    int error = 0;

    inet_pton(AF_INET, "203.0.113.99", &name.sin_addr);
    test_audit_count(reader);
    CHECK(getnameinfo((struct sockaddr *)&name, sizeof name, buffer, sizeof buffer, NULL, 0, NI_NUMERICHOST) == 0 &&
              getnameinfo((struct sockaddr *)&name, sizeof name, NULL, 0, buffer, sizeof buffer, 0) == 0 &&
              test_audit_count(reader) == 0, "nothing is asked for");
    CHECK(getnameinfo((struct sockaddr *)&name, sizeof name, buffer, sizeof buffer, NULL, 0, 0) == EAI_FAIL,
          "getnameinfo");
    CHECK(test_audit_count(reader) == 1 && strstr(test_audit_text, "\"99.113.0.203.in-addr.arpa\"") != NULL, "%s",
          test_audit_text);
    h_errno = 0;
    CHECK(gethostbyaddr(&name.sin_addr, 4, AF_INET) == NULL && h_errno == NO_RECOVERY, "gethostbyaddr");
    CHECK(gethostbyaddr_r(&name.sin_addr, 4, AF_INET, &entry, entries, sizeof entries, &found, &error) != 0 &&
          found == NULL &&
              error == NO_RECOVERY, "gethostbyaddr_r");
    CHECK(asked("99.113.0.203.in-addr.arpa", false) == 0, "it was asked for");
}

/* Names that are other names to the resolver than they look. */
static void odd_names(void)
{
    static const char *const names[] = {"a\\046other.test.allowed.test", "\\097.allowed.test", "a b.allowed.test",
                                        "\xc3\xa4.allowed.test"};
    char longest[2000];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(lookup(names[i]) == EAI_FAIL, "%s", names[i]);
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 300, ".allowed.test", 14);
    CHECK(lookup(longest) == EAI_FAIL, "a name that is too long");
    memcpy(longest + sizeof longest - 14, ".allowed.test", 14);
    memset(longest + 300, 'a', 14);
    CHECK(lookup(longest) == EAI_FAIL, "a name that is far too long");
}

static void turned(void)
{
    struct __res_state *state = &_res;
    struct in_addr server = state->nsaddr_list[0].sin_addr;
    char *domain = state->dnsrch[0], other[] = "evil.test";

    CHECK(lookup("b.allowed.test") == 0, "as it is");
    inet_pton(AF_INET, DENIED_ADDRESS, &state->nsaddr_list[0].sin_addr);
    CHECK(lookup("c.allowed.test") == EAI_FAIL, "another server");
    state->nsaddr_list[0].sin_addr = server;
    state->dnsrch[0] = other;
    CHECK(lookup("c.allowed.test") == EAI_FAIL, "another domain");
    state->dnsrch[0] = domain;
    setenv("HOSTALIASES", "/tmp/aliases", 1);
    CHECK(lookup("short") == EAI_FAIL && lookup("d.allowed.test") == 0, "aliases");
    unsetenv("HOSTALIASES");
    setenv("LOCALDOMAIN", "evil.test", 1);
    CHECK(lookup("c.allowed.test") == EAI_FAIL, "LOCALDOMAIN");
    unsetenv("LOCALDOMAIN");
    CHECK(asked("c.allowed.test", false) == 0, "it was asked for");
    CHECK(lookup("short") == 0 && asked("short.inner.test", true) > 0, "the system's own domain");
}

/* --- packets --- */

static unsigned char packet[8000];

static size_t query(const char *name)
{
    int size = res_mkquery(0, name, 1, 1, NULL, 0, NULL, packet + 2, 512);

    packet[0] = (unsigned char)(size >> 8);
    packet[1] = (unsigned char)size;
    return (size_t)size;
}

static int server(int type)
{
    struct sockaddr_storage name;
    socklen_t size = endpoint(&name, NAME_SERVER, DNS);
    int descriptor = socket(AF_INET, type, 0);

    CHECK(connect(descriptor, (struct sockaddr *)&name, size) == 0, "the name server: %d", errno);
    return descriptor;
}

static int error_of(long result)
{
    return result < 0 ? errno : 0;
}

static void packets(void)
{
    enum { UDP = 17, UDP_SEGMENT = 103 };
    int udp = server(SOCK_DGRAM), tcp = server(SOCK_STREAM), segment = 40, none = 0;
    size_t size = query("p.allowed.test");
    unsigned char twice[600];

    errno = ENOTTY;
    CHECK(send(udp, packet + 2, size, 0) == (ssize_t)size && errno == ENOTTY && asked("p.allowed.test", true) > 0,
          "allowed");
    CHECK(send(tcp, packet, size + 2, 0) == (ssize_t)size + 2, "allowed by TCP");
    CHECK(error_of(send(tcp, packet, size + 1, 0)) == EPERM && error_of(send(tcp, packet + 1, size, 0)) == EPERM,
          "no whole message");
    CHECK(error_of(send(tcp, packet, size + 2, MSG_OOB)) == EPERM, "a byte out of the stream");
    CHECK(error_of(send(udp, packet + 2, 11, 0)) == EPERM && error_of(send(udp, packet, 0, 0)) == EPERM,
          "half a header");
    CHECK(error_of(send(udp, packet, sizeof packet, 0)) == EPERM, "longer than is read");
    CHECK(setsockopt(udp, UDP, UDP_SEGMENT, &segment, sizeof segment) == 0 &&
          error_of(send(udp, packet + 2, size, 0)) == EPERM, "segments");
    setsockopt(udp, UDP, UDP_SEGMENT, &none, sizeof none);
    /* Several messages in one write, the second of them denied. */
    memcpy(twice, packet, size + 2);
    size_t second = query("q.other.test");

    memcpy(twice + size + 2, packet, second + 2);
    CHECK(error_of(send(tcp, twice, size + second + 4, 0)) == EPERM, "the second of two messages");
    CHECK(error_of(send(udp, packet + 2, second, 0)) == EPERM, "denied");
    /* As any other descriptor: files and pipes. */
    int ends[2];

    CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1 && writev(ends[1], &(struct iovec){packet, 1}, 1) == 1,
          "a pipe");
    close(ends[0]);
    close(ends[1]);
    close(udp);
    close(tcp);
    CHECK(asked("q.other.test", false) == 0, "it was asked for");
}

/* A message that is sent in part leaves the name server inside of it: what follows would be read in another way
 * there. */
static void partial(void)
{
    int tcp = server(SOCK_STREAM), small = 1;
    size_t size = query("r.allowed.test"), sent = 0;
    ssize_t got = 0;

    fcntl(tcp, F_SETFL, O_NONBLOCK);
    setsockopt(tcp, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    while (sent < 1 << 24 && (got = send(tcp, packet, size + 2, MSG_NOSIGNAL)) > 0) {
        sent += (size_t)got;
        if ((size_t)got < size + 2)
            CHECK(error_of(send(tcp, packet, size + 2, MSG_NOSIGNAL)) == EPIPE, "a message after part of one");
    }
    close(tcp);
}

static void duplicated(void)
{
    int udp = server(SOCK_DGRAM), other = fcntl(udp, F_DUPFD, 100);
    size_t size = query("i.other.test");

    CHECK(error_of(write(other, packet + 2, size)) == EPERM, "by another number");
    close(other);
    close(udp);
}

/* --- calls that are wrong --- */

static void wrong(void)
{
    struct sockaddr_storage name;
    socklen_t size = endpoint(&name, DENIED_ADDRESS, SINK_PORT);
    int udp = socket(AF_INET, SOCK_DGRAM, 0), file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct mmsghdr many[2] = {0};
    struct iovec *parts = calloc(2000, sizeof *parts);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2000};

    test_audit_count(reader);
    CHECK(error_of(connect(-1, (struct sockaddr *)&name, size)) == EBADF &&
          error_of(connect(file, (struct sockaddr *)&name, size)) == ENOTSOCK, "no socket");
    CHECK(error_of(sendto(-1, "x", 1, 0, (struct sockaddr *)&name, size)) == EBADF &&
          error_of(listen(file, 1)) == ENOTSOCK &&
              error_of(listen(-1, 1)) == EBADF && error_of(bind(-1, (struct sockaddr *)&name, size)) == EBADF,
              "no socket");
    CHECK(error_of(connect(udp, NULL, size)) == EFAULT && error_of(bind(udp, NULL, size)) == EFAULT, "no address");
    CHECK(error_of(connect(udp, (struct sockaddr *)&name, 8)) == EINVAL &&
          error_of(connect(udp, (struct sockaddr *)&name, 200)) == EINVAL &&
              error_of(connect(udp, (struct sockaddr *)&name, (socklen_t)-1)) == EINVAL &&
              error_of(connect(udp, (struct sockaddr *)&name, 0)) == EINVAL, "lengths");
    CHECK(error_of(sendto(udp, "x", 1, 0, (struct sockaddr *)&name, 200)) == EINVAL &&
          error_of(sendto(udp, "x", 1, 0, NULL, size)) == EDESTADDRREQ, "sendto");
    CHECK(error_of(sendmsg(udp, NULL, 0)) == EFAULT && error_of(sendmsg(udp, &message, 0)) == EMSGSIZE, "sendmsg");
    message = (struct msghdr){.msg_name = &name, .msg_namelen = (socklen_t)-1};
    CHECK(error_of(sendmsg(udp, &message, 0)) == EINVAL, "a negative length");
    CHECK(error_of(sendmmsg(udp, NULL, 1, 0)) == EFAULT && sendmmsg(udp, many, 0, 0) == 0 &&
          error_of(sendmmsg(-1, many, 1, 0)) == EBADF &&
              error_of(sendmmsg(udp, many, 2, 0)) == EDESTADDRREQ, "sendmmsg");
    int dns = server(SOCK_DGRAM);

    parts[0] = (struct iovec){NULL, 5};
    CHECK(error_of(writev(dns, parts, 1)) == EPERM && error_of(writev(dns, NULL, 1)) == EPERM &&
          error_of(writev(dns, parts, -1)) == EPERM &&
              error_of(writev(dns, parts, 2000)) == EPERM && error_of(send(dns, NULL, 20, 0)) == EPERM, "parts");
    free(parts);
    close(dns);
    close(udp);
    close(file);
    CHECK(getaddrinfo(NULL, NULL, NULL, &(struct addrinfo *){0}) == EAI_NONAME, "nothing asked for");
    CHECK(arrived() == 0, "something arrived");
}

/* An address that is changed while it is judged: either that or this, but what arrives was allowed. */
static struct sockaddr_storage shared;
static _Atomic bool stop;

static void *change(void *nothing)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&shared;
    in_addr_t allowed = inet_addr("127.0.0.9"), denied = inet_addr(DENIED_ADDRESS);

    while (!atomic_load(&stop)) {
        *(volatile in_addr_t *)&v4->sin_addr.s_addr = denied;
        *(volatile in_addr_t *)&v4->sin_addr.s_addr = allowed;
    }
    return nothing;
}

static void raced(void)
{
    enum { TRIES = 20000 };
    socklen_t size = endpoint(&shared, "127.0.0.9", SINK_PORT);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct iovec part = {packet, 1};
    struct mmsghdr messages[3] = {0};
    unsigned denied = 0, passed = 0;
    pthread_t thread;

    for (int i = 0; i < 3; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_name = &shared, .msg_namelen = size, .msg_iov = &part,
                                              .msg_iovlen = 1};
    pthread_create(&thread, NULL, change, NULL);
    for (int i = 0; i < TRIES; i++) {
        bool fails = i % 3 == 0   ? sendto(udp, "x", 1, 0, (struct sockaddr *)&shared, size) < 0
                     : i % 3 == 1 ? sendmsg(udp, &messages[0].msg_hdr, 0) < 0
                                  : sendmmsg(udp, messages, 3, 0) < 0;

        denied += fails && errno == EPERM;
        passed += !fails;
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    close(udp);
    CHECK(denied > 0 && passed > 0, "no race: %u denied, %u passed", denied, passed);
    CHECK(arrived() == 0, "something arrived");
}

/* In a signal handler, in the child of a vfork, in several threads at once. */
static volatile int handled;

static void handle(int signal)
{
    int error = errno;

    (void)signal;
    handled = reach(DENIED_ADDRESS, SINK_PORT);
    errno = error;
}

static void *look_up(void *number)
{
    char name[64];
    uintptr_t failed = 0;

    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "t%d-%d.allowed.test", (int)(uintptr_t)number, i);
        failed += lookup(name) != 0;
        snprintf(name, sizeof name, "t%d-%d.other.test", (int)(uintptr_t)number, i);
        failed += lookup(name) != EAI_FAIL || reach(ANSWER, 80) != 0 || reach(DENIED_ADDRESS, 80) != EPERM;
    }
    return (void *)failed;
}

static void anywhere(void)
{
    pthread_t threads[4];
    int status = 0;
    void *failed;

    signal(SIGUSR1, handle);
    raise(SIGUSR1);
    CHECK(handled == EPERM, "in a signal handler: %d", handled);
    pid_t child = vfork();

    if (child == 0)
        _exit(reach(DENIED_ADDRESS, SINK_PORT) == EPERM ? 0 : 1);
    CHECK(waitpid(child, &status, 0) == child && status == 0, "in the child of a vfork");
    child = fork();
    if (child == 0)
        _exit(reach(DENIED_ADDRESS, SINK_PORT) == EPERM && reach(ANSWER, 80) == 0 &&
              lookup("f.other.test") == EAI_FAIL ? 0 : 1);
    CHECK(waitpid(child, &status, 0) == child && status == 0, "in a child");
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, look_up, (void *)i);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], &failed) == 0 && failed == NULL, "a thread failed %d times",
              (int)(uintptr_t)failed);
}

/* Unix sockets are no network. */
static void local(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0defender-test"};
    int first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];

    CHECK(bind(first, (struct sockaddr *)&name, sizeof name) == 0 && listen(first, 1) == 0 &&
              connect(second, (struct sockaddr *)&name, sizeof name) == 0 && write(second, "x", 1) == 1,
              "a Unix socket");
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && send(pair[0], "x", 1, 0) == 1, "a pair");
    close(first);
    close(second);
    close(pair[0]);
    close(pair[1]);
}

static void ports(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int one = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0),
              udp = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(bind(udp, (struct sockaddr *)&any, sizeof any) == 0, "a client's port");
    CHECK(error_of(listen(one, 1)) == EPERM, "a port that the kernel chose");
    any.sin_port = htons(8080);
    CHECK(bind(other, (struct sockaddr *)&any, sizeof any) == 0 && listen(other, 1) == 0, "a port that is allowed");
    close(one);
    close(other);
    close(udp);
}

int main(int count, char **values)
{
    static const char policy[] =
        "\"network\":{\"effect\":\"prevent\",\"outbound\":{\"allow_ips\":[],\"deny_ips\":[],"
         "\"allow_ports\":[],\"deny_ports\":[]},"
        "\"listening\":{\"allow_ports\":[[8080,8080]],\"deny_ports\":[]}},"
        "\"dns\":{\"effect\":\"prevent\",\"allow\":[\"*.allowed.test\",\"short\"],\"deny\":[\"bad.allowed.test\"]}";
    int pipes[2];

    if (count != 2)
        return 2;
    pid_t name_server = sinks_open();

    test_pipe(pipes);
    reader = pipes[0];
    test_start(values[1], policy, pipes);
    addresses_of_names();
    always();
    reverse();
    odd_names();
    turned();
    packets();
    partial();
    duplicated();
    wrong();
    raced();
    anywhere();
    local();
    ports();
    kill(name_server, SIGKILL);
    return test_end("names");
}
