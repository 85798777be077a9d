/* The hooks of the sections network and dns as a process sees them: this program loads the real library, starts it with
 * a policy, and tries every call. What counts is what arrived at the sinks and at the name server.
 *
 *     network LIBRARY        for each effect; in a namespace that has the addresses of sinks.h */
#define _GNU_SOURCE
#include "start.h"
#include "sinks.h"
#include "test.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

enum { PASSED = 0, LISTEN_PORT = 7000 };

typedef int attempt(void);

static char asked_name[64]; /* each attempt's own, so that none is taken for a repeat */
static unsigned char packet[512];
static size_t packet_size;

static int done(int descriptor, long result, long wanted)
{
    int error = result == wanted ? PASSED : result < 0 ? errno : -1;

    close(descriptor);
    return error;
}

/* --- addresses --- */

static struct sockaddr_storage to;
static socklen_t to_size;

static int opened(const char *address, int type)
{
    to_size = endpoint(&to, address, SINK_PORT);
    return socket(to.ss_family, type, 0);
}

static int connect_to(const char *address, int type)
{
    int descriptor = opened(address, type);
    int result = connect(descriptor, (struct sockaddr *)&to, to_size);

    if (result == 0 && type == SOCK_DGRAM)
        send(descriptor, "x", 1, 0);
    return done(descriptor, result, 0);
}

static int try_connect(void) { return connect_to(DENIED_ADDRESS, SOCK_STREAM); }
static int try_connect_udp(void) { return connect_to(DENIED_ADDRESS, SOCK_DGRAM); }
static int try_connect_6(void) { return connect_to(DENIED_ADDRESS_6, SOCK_STREAM); }
static int try_connect_mapped(void) { return connect_to("::ffff:" DENIED_ADDRESS, SOCK_STREAM); }

static int try_connect_nonblocking(void)
{
    int descriptor = opened(DENIED_ADDRESS, SOCK_STREAM | SOCK_NONBLOCK);
    int result = connect(descriptor, (struct sockaddr *)&to, to_size);

    /* Over loopback the connection is there at once, though the call says that it is not. */
    return done(descriptor, result < 0 && errno == EINPROGRESS ? 0 : result, 0);
}

static int try_connect_syscall(void)
{
    int descriptor = opened(DENIED_ADDRESS, SOCK_STREAM);

    return done(descriptor, syscall(SYS_connect, descriptor, &to, to_size), 0);
}

/* A socket of IPv6 takes addresses of IPv4 too, for UDP. */
static int try_connect_other_family(void)
{
    int descriptor = socket(AF_INET6, SOCK_DGRAM, 0);

    to_size = endpoint(&to, DENIED_ADDRESS, SINK_PORT);
    int result = connect(descriptor, (struct sockaddr *)&to, to_size);

    if (result == 0)
        send(descriptor, "x", 1, 0);
    return done(descriptor, result, 0);
}

/* Without the zone at the end. */
static int try_connect_short(void)
{
    int descriptor = opened(DENIED_ADDRESS_6, SOCK_STREAM);

    return done(descriptor, connect(descriptor, (struct sockaddr *)&to, 24), 0);
}

static int send_to(const char *address, bool unspecified)
{
    int descriptor = opened(address, SOCK_DGRAM);

    if (unspecified)
        to.ss_family = AF_UNSPEC;
    return done(descriptor, sendto(descriptor, "x", 1, 0, (struct sockaddr *)&to, to_size), 1);
}

static int try_sendto(void) { return send_to(DENIED_ADDRESS, false); }
static int try_sendto_6(void) { return send_to(DENIED_ADDRESS_6, false); }
static int try_sendto_mapped(void) { return send_to("::ffff:" DENIED_ADDRESS, false); }
static int try_sendto_unspecified(void) { return send_to(DENIED_ADDRESS, true); }

static int try_sendto_syscall(void)
{
    int descriptor = opened(DENIED_ADDRESS, SOCK_DGRAM);

    return done(descriptor, syscall(SYS_sendto, descriptor, "x", 1, 0, &to, to_size), 1);
}

static int try_fast_open(void)
{
    int descriptor = opened(DENIED_ADDRESS, SOCK_STREAM);
    long result = sendto(descriptor, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, to_size);

    return done(descriptor, result, 1);
}

static struct iovec part = {(void *)(uintptr_t)"x", 1};

static struct msghdr message_to(struct sockaddr_storage *name, socklen_t size)
{
    return (struct msghdr){.msg_name = name, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};
}

static int try_sendmsg(void)
{
    int descriptor = opened(DENIED_ADDRESS, SOCK_DGRAM);
    struct msghdr message = message_to(&to, to_size);

    return done(descriptor, sendmsg(descriptor, &message, 0), 1);
}

/* The kernel cuts a name that is too long. */
static int try_sendmsg_long_name(void)
{
    struct sockaddr_storage names[4] = {0};
    int descriptor = opened(DENIED_ADDRESS, SOCK_DGRAM);

    names[0] = to;
    struct msghdr message = message_to(names, sizeof names);

    return done(descriptor, sendmsg(descriptor, &message, 0), 1);
}

/* In the middle: what comes before is sent, what comes after is not. */
static int try_sendmmsg(void)
{
    enum { MESSAGES = 20, DENIED = 11 };
    struct sockaddr_storage names[MESSAGES];
    struct mmsghdr messages[MESSAGES] = {0};
    int descriptor = opened(DENIED_ADDRESS, SOCK_DGRAM);

    for (int i = 0; i < MESSAGES; i++) {
        socklen_t size = endpoint(&names[i], i == DENIED ? DENIED_ADDRESS : "203.0.113.99", SINK_PORT);

        messages[i].msg_hdr = message_to(&names[i], size);
    }
    int sent = sendmmsg(descriptor, messages, MESSAGES, 0);
    bool right = sent == (arrived() == 0 ? DENIED : MESSAGES);

    for (int i = 0; i < MESSAGES; i++)
        right &= messages[i].msg_len == (i < sent);
    CHECK(right, "sendmmsg said %d", sent);
    /* Alone: an error. */
    messages[0] = messages[DENIED];
    messages[0].msg_len = 0;
    return done(descriptor, sendmmsg(descriptor, messages, 1, 0), 1);
}

/* --- ports --- */

static int bind_to(int type, const char *address, bool listens)
{
    struct sockaddr_storage name;
    socklen_t size = endpoint(&name, address, LISTEN_PORT);
    int one = 1, descriptor = socket(name.ss_family, type, 0);

    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    int result = bind(descriptor, (struct sockaddr *)&name, size);

    if (listens)
        CHECK(result == 0, "bind for TCP: %d", errno);
    return done(descriptor, listens ? listen(descriptor, 5) : result, 0);
}

static int try_listen(void) { return bind_to(SOCK_STREAM, "127.0.0.1", true); }
static int try_listen_6(void) { return bind_to(SOCK_STREAM, "::", true); }
static int try_bind_udp(void) { return bind_to(SOCK_DGRAM, "127.0.0.1", false); }
static int try_bind_udp_6(void) { return bind_to(SOCK_DGRAM, "::1", false); }

static int try_listen_syscall(void)
{
    struct sockaddr_storage name;
    socklen_t size = endpoint(&name, "127.0.0.1", LISTEN_PORT);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    syscall(SYS_bind, descriptor, &name, size);
    return done(descriptor, syscall(SYS_listen, descriptor, 5), 0);
}

/* --- names --- */

static int try_getaddrinfo(void)
{
    struct addrinfo *found, hints = {.ai_family = AF_INET};
    int result = getaddrinfo(asked_name, "80", &hints, &found);

    if (result == 0)
        freeaddrinfo(found);
    return result == EAI_FAIL ? EPERM : result;
}

static int from_entry(const struct hostent *entry)
{
    return entry != NULL ? PASSED : h_errno == NO_RECOVERY ? EPERM : -1;
}

static int try_gethostbyname(void) { return from_entry(gethostbyname(asked_name)); }
static int try_gethostbyname2(void) { return from_entry(gethostbyname2(asked_name, AF_INET)); }

static int by_name_r(bool second)
{
    struct hostent entry, *found = &entry;
    char buffer[1024];
    int error = 0;
    int result = second ? gethostbyname2_r(asked_name, AF_INET, &entry, buffer, sizeof buffer, &found, &error)
                        : gethostbyname_r(asked_name, &entry, buffer, sizeof buffer, &found, &error);

    return result == 0 && found == &entry ? PASSED : result != 0 && found == NULL && error == NO_RECOVERY ? EPERM : -1;
}

static int try_gethostbyname_r(void) { return by_name_r(false); }
static int try_gethostbyname2_r(void) { return by_name_r(true); }

static int try_getaddrinfo_a(void)
{
    struct gaicb request = {.ar_name = asked_name}, *list[] = {&request};
    int result = getaddrinfo_a(GAI_WAIT, list, 1, NULL);

    /* Before glibc 2.34 a thread of another library asks, by getaddrinfo: then it is the request that fails. */
    return result == EAI_FAIL || gai_error(&request) == EAI_FAIL ? EPERM : result != 0 ? -1 : PASSED;
}

static int from_query(int length)
{
    return length > 0 ? PASSED : length == -1 && h_errno == NO_RECOVERY ? EPERM : -1;
}

static unsigned char answered[512];

static int try_res_query(void) { return from_query(res_query(asked_name, 1, 1, answered, sizeof answered)); }
static int try_res_search(void) { return from_query(res_search(asked_name, 1, 1, answered, sizeof answered)); }

static int try_res_querydomain(void)
{
    char *dot = strchr(asked_name, '.');

    *dot = '\0';
    int result = from_query(res_querydomain(asked_name, dot + 1, 1, 1, answered, sizeof answered));

    *dot = '.';
    return result;
}

static int try_res_nquery(void)
{
    struct __res_state state = {0};

    res_ninit(&state);
    int result = from_query(res_nquery(&state, asked_name, 1, 1, answered, sizeof answered));

    CHECK(result == PASSED || state.res_h_errno == NO_RECOVERY, "the state's h_errno: %d", state.res_h_errno);
    res_nclose(&state);
    return result;
}

static void make_packet(void)
{
    int size = res_mkquery(0, asked_name, 1, 1, NULL, 0, NULL, packet + 2, sizeof packet - 2);

    packet[0] = (unsigned char)(size >> 8);
    packet[1] = (unsigned char)size;
    packet_size = (size_t)size;
}

static int try_res_send(void)
{
    make_packet();
    int length = res_send(packet + 2, (int)packet_size, answered, sizeof answered);

    return length > 0 ? PASSED : errno;
}

/* --- packets --- */

static int try_packet_sendto(void)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);

    make_packet();
    to_size = endpoint(&to, NAME_SERVER, DNS);
    return done(descriptor, sendto(descriptor, packet + 2, packet_size, 0, (struct sockaddr *)&to, to_size),
                (long)packet_size);
}

static int try_packet_unspecified(void)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);

    make_packet();
    to_size = endpoint(&to, NAME_SERVER, DNS);
    to.ss_family = AF_UNSPEC;
    return done(descriptor, sendto(descriptor, packet + 2, packet_size, 0, (struct sockaddr *)&to, to_size),
                (long)packet_size);
}

static int try_packet_sendmsg(void)
{
    int descriptor = socket(AF_INET6, SOCK_DGRAM, 0);

    make_packet();
    to_size = endpoint(&to, "::ffff:" NAME_SERVER, DNS);
    struct iovec parts[] = {{packet + 2, 5}, {packet + 7, packet_size - 5}};
    struct msghdr message = {.msg_name = &to, .msg_namelen = to_size, .msg_iov = parts, .msg_iovlen = 2};

    return done(descriptor, sendmsg(descriptor, &message, 0), (long)packet_size);
}

static int try_packet_sendmmsg(void)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);

    make_packet();
    to_size = endpoint(&to, NAME_SERVER, DNS);
    struct iovec bytes = {packet + 2, packet_size};
    struct mmsghdr message = {{.msg_name = &to, .msg_namelen = to_size, .msg_iov = &bytes, .msg_iovlen = 1}, 0};
    int sent = sendmmsg(descriptor, &message, 1, 0);

    CHECK(sent != 1 || message.msg_len == packet_size, "the length of a message: %u", message.msg_len);
    return done(descriptor, sent, 1);
}

static int connected(int type)
{
    int descriptor = socket(AF_INET, type, 0);

    make_packet();
    to_size = endpoint(&to, NAME_SERVER, DNS);
    CHECK(connect(descriptor, (struct sockaddr *)&to, to_size) == 0, "the name server: %d", errno);
    return descriptor;
}

static int try_packet_send(void)
{
    int descriptor = connected(SOCK_DGRAM);

    return done(descriptor, send(descriptor, packet + 2, packet_size, 0), (long)packet_size);
}

static int try_packet_write(void)
{
    int descriptor = connected(SOCK_DGRAM), copy = dup(descriptor);

    close(descriptor);
    return done(copy, write(copy, packet + 2, packet_size), (long)packet_size);
}

static int try_packet_writev(void)
{
    int descriptor = connected(SOCK_STREAM);
    struct iovec parts[] = {{packet, 2}, {packet + 2, packet_size}};

    return done(descriptor, writev(descriptor, parts, 2), (long)packet_size + 2);
}

static int try_packet_pwritev2(void)
{
    int descriptor = connected(SOCK_STREAM);
    struct iovec parts[] = {{packet, packet_size + 2}};

    return done(descriptor, pwritev2(descriptor, parts, 1, -1, 0), (long)packet_size + 2);
}

static int try_packet_stream(void)
{
    int descriptor = connected(SOCK_STREAM);

    return done(descriptor, send(descriptor, packet, packet_size + 2, 0), (long)packet_size + 2);
}

/* A connected stream does not care for a name. */
static int try_packet_stream_named(void)
{
    struct sockaddr_storage other;
    int descriptor = connected(SOCK_STREAM);
    socklen_t size = endpoint(&other, "127.0.0.1", 9);

    return done(descriptor, sendto(descriptor, packet, packet_size + 2, 0, (struct sockaddr *)&other, size),
                (long)packet_size + 2);
}

static int try_packet_fast_open(void)
{
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    make_packet();
    to_size = endpoint(&to, NAME_SERVER, DNS);
    return done(descriptor, sendto(descriptor, packet, packet_size + 2, MSG_FASTOPEN, (struct sockaddr *)&to, to_size),
                (long)packet_size + 2);
}

static int try_packet_sendfile(void)
{
    int descriptor = connected(SOCK_STREAM), file = memfd_create("packet", 0);

    CHECK(write(file, packet, packet_size + 2) == (ssize_t)packet_size + 2, "a file");
    off_t offset = 0;
    long result = sendfile(descriptor, file, &offset, packet_size + 2);

    close(file);
    return done(descriptor, result, (long)packet_size + 2);
}

static int try_packet_splice(void)
{
    int descriptor = connected(SOCK_STREAM), ends[2];

    CHECK(pipe(ends) == 0 && write(ends[1], packet, packet_size + 2) == (ssize_t)packet_size + 2, "a pipe");
    long result = splice(ends[0], NULL, descriptor, NULL, packet_size + 2, 0);

    close(ends[0]);
    close(ends[1]);
    return done(descriptor, result, (long)packet_size + 2);
}

static int try_packet_syscall(void)
{
    int descriptor = connected(SOCK_DGRAM);

    return done(descriptor, syscall(SYS_write, descriptor, packet + 2, packet_size), (long)packet_size);
}

enum kind { ADDRESS, PORT, NAME };

static const struct {
    const char *name;
    attempt *attempt;
    enum kind kind;
} attempts[] = {
    {"connect", try_connect, ADDRESS},
    {"connect UDP", try_connect_udp, ADDRESS},
    {"connect IPv6", try_connect_6, ADDRESS},
    {"connect mapped", try_connect_mapped, ADDRESS},
    {"connect non-blocking", try_connect_nonblocking, ADDRESS},
    {"connect by number", try_connect_syscall, ADDRESS},
    {"connect IPv4 on IPv6", try_connect_other_family, ADDRESS},
    {"connect with a short address", try_connect_short, ADDRESS},
    {"sendto", try_sendto, ADDRESS},
    {"sendto IPv6", try_sendto_6, ADDRESS},
    {"sendto mapped", try_sendto_mapped, ADDRESS},
    {"sendto without family", try_sendto_unspecified, ADDRESS},
    {"sendto by number", try_sendto_syscall, ADDRESS},
    {"TCP fast open", try_fast_open, ADDRESS},
    {"sendmsg", try_sendmsg, ADDRESS},
    {"sendmsg with a long name", try_sendmsg_long_name, ADDRESS},
    {"sendmmsg", try_sendmmsg, ADDRESS},
    {"listen", try_listen, PORT},
    {"listen IPv6", try_listen_6, PORT},
    {"bind UDP", try_bind_udp, PORT},
    {"bind UDP IPv6", try_bind_udp_6, PORT},
    {"listen by number", try_listen_syscall, PORT},
    {"getaddrinfo", try_getaddrinfo, NAME},
    {"gethostbyname", try_gethostbyname, NAME},
    {"gethostbyname2", try_gethostbyname2, NAME},
    {"gethostbyname_r", try_gethostbyname_r, NAME},
    {"gethostbyname2_r", try_gethostbyname2_r, NAME},
    {"getaddrinfo_a", try_getaddrinfo_a, NAME},
    {"res_query", try_res_query, NAME},
    {"res_search", try_res_search, NAME},
    {"res_querydomain", try_res_querydomain, NAME},
    {"res_nquery", try_res_nquery, NAME},
    {"res_send", try_res_send, NAME},
    {"packet by sendto", try_packet_sendto, NAME},
    {"packet by sendto without family", try_packet_unspecified, NAME},
    {"packet by sendmsg", try_packet_sendmsg, NAME},
    {"packet by sendmmsg", try_packet_sendmmsg, NAME},
    {"packet by send", try_packet_send, NAME},
    {"packet by write", try_packet_write, NAME},
    {"packet by writev", try_packet_writev, NAME},
    {"packet by pwritev2", try_packet_pwritev2, NAME},
    {"packet by TCP", try_packet_stream, NAME},
    {"packet by TCP with a name", try_packet_stream_named, NAME},
    {"packet by TCP fast open", try_packet_fast_open, NAME},
    {"packet by sendfile", try_packet_sendfile, NAME},
    {"packet by splice", try_packet_splice, NAME},
    {"packet by number", try_packet_syscall, NAME},
};
enum { ATTEMPTS = sizeof attempts / sizeof *attempts };

static const char *policy_with(const char *effect)
{
    static char document[1024];

    snprintf(document, sizeof document,
             "\"network\":{\"effect\":\"%s\",\"outbound\":{\"allow_ips\":[],"
              "\"deny_ips\":[\"203.0.113.5\",\"2001:db8::/64\"],"
             "\"allow_ports\":[],\"deny_ports\":[]},\"listening\":{\"allow_ports\":[],\"deny_ports\":[[7000,7000]]}},"
             "\"dns\":{\"effect\":\"%s\",\"allow\":[],\"deny\":[\"*.evil.test\"]}", effect, effect);
    return document;
}

/* Whether what the attempt is about happened. */
static bool happened(size_t number, int result, bool wanted)
{
    switch (attempts[number].kind) {
    case ADDRESS:
        return arrived() > 0;
    case NAME:
        return asked(asked_name, wanted) > 0;
    default:
        return result == PASSED;
    }
}

static void name_attempt(const char *effect, size_t number)
{
    snprintf(asked_name, sizeof asked_name, "a%zu-%s.evil.test", number, effect);
}

static int run(const char *library, const char *effect)
{
    bool alert = strcmp(effect, "alert") == 0;
    int pipes[2];

    test_pipe(pipes);
    test_start(library, policy_with(effect), pipes);
    for (size_t i = 0; i < ATTEMPTS; i++) {
        name_attempt(effect, i);
        test_invocation_begin(NULL); /* repeats are counted anew */
        errno = ENOTTY;
        int result = attempts[i].attempt();

        CHECK(result == (alert ? PASSED : EPERM), "%s with %s gave %d", attempts[i].name, effect, result);
        CHECK(happened(i, result, alert) == alert, "%s with %s: what happened", attempts[i].name, effect);
        unsigned audits = test_audit_count(pipes[0]);

        CHECK(audits == 1, "%s with %s: %u audits: %s", attempts[i].name, effect, audits, test_audit_text);
    }
    return test_end(effect);
}

/* The environment ends, and the audit is out. */
static void block(const char *library, size_t number)
{
    int pipes[2], status = 0;

    test_pipe(pipes);
    name_attempt("block", number);
    pid_t child = fork();

    if (child == 0) {
        test_start(library, policy_with("block"), pipes);
        if (test_failed == 0)
            attempts[number].attempt();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child &&
          (WIFEXITED(status) ? WEXITSTATUS(status) == 86 : WTERMSIG(status) == SIGKILL),
          "%s with block: the environment ended with %x", attempts[number].name, (unsigned)status);
    CHECK(test_audit_count(pipes[0]) == 1, "%s with block: audits", attempts[number].name);
    CHECK(!happened(number, EPERM, false), "%s with block: it happened", attempts[number].name);
    close(pipes[0]);
    close(pipes[1]);
}

int main(int count, char **values)
{
    int failed = 0, status = 0;

    if (count != 2)
        return 2;
    pid_t server = sinks_open();

    for (int i = 0; i < 2; i++) {
        pid_t child = fork();

        if (child == 0)
            exit(run(values[1], i == 0 ? "prevent" : "alert"));
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status), "it ended with %x", (unsigned)status);
        failed |= status;
        fflush(stdout);
    }
    for (size_t i = 0; i < ATTEMPTS; i++)
        block(values[1], i);
    kill(server, SIGKILL);
    return test_end("block") | failed;
}
