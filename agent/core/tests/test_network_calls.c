/* The hooks called by themselves, with memory of just the size that was promised: the sanitizer sees a byte too
 * many. */
#define _GNU_SOURCE
#include "audit.h"
#include "dns_calls.h"
#include "dns_sends.h"
#include "network_calls.h"
#include "platform.h"
#include "resolved.h"
#include "sealed.h"
#include "test.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

static const char *const evil[] = {"*.evil.test"};
static const struct tw_block blocks[] = {{{{[10] = 0xff, 0xff, 203, 0, 113}}, 120, "203.0.113.0/24"}};
static struct tw_policy policy = {
    .network = {.deny_ips = {blocks, 1}},
    .dns = {.deny = {evil, 1}},
};

/* Memory of exactly this size, to be freed. */
static void *exactly(const void *bytes, size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);

    memcpy(memory, bytes, size);
    return memory;
}

static bool denies(void)
{
    return policy.network.effect == TW_EFFECT_PREVENT;
}

static bool is_denied(long result)
{
    return result == -1 && errno == EPERM;
}

/* Of every length: it is judged from where the kernel would take it, and read no further than it is long. */
static void lengths(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(0xcb007105)}};
    int udp = socket(AF_INET, SOCK_DGRAM, 0);

    for (size_t size = 0; size <= sizeof v4; size++) {
        struct sockaddr *name = exactly(&v4, size);
        struct iovec part = {name, size};
        struct msghdr message = {.msg_name = name, .msg_namelen = (socklen_t)size, .msg_iov = &part, .msg_iovlen = 1};
        bool whole = size == sizeof v4 && denies();

        CHECK(is_denied(tw_connect(udp, name, (socklen_t)size)) == whole, "connect, %zu bytes", size);
        if (!whole && size == sizeof v4) {
            free(name); /* nothing is sent from a test that is not in a namespace of its own */
            break;
        }
        CHECK(is_denied(tw_sendto(udp, "x", 1, 0, name, (socklen_t)size)) == whole, "sendto, %zu bytes", size);
        CHECK(is_denied(tw_sendmsg(udp, &message, 0)) == whole, "sendmsg, %zu bytes", size);
        free(name);
    }
    close(udp);
}

/* A query to port 53 of this machine, where nobody has to listen. */
static size_t make_query(const char *first, unsigned char *bytes)
{
    size_t length = strlen(first), size = 0;

    memcpy(bytes, "\1\2\1\0\0\1\0\0\0\0\0\0", 12);
    size = 12;
    bytes[size++] = (unsigned char)length;
    memcpy(bytes + size, first, length);
    size += length;
    memcpy(bytes + size, "\4evil\4test\0\0\1\0\1", 15);
    return size + 15;
}

/* Cut at every place, and in parts. */
static void packets(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(TW_DNS_PORT),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    unsigned char bytes[128];
    size_t size = make_query("www", bytes);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);

    for (size_t cut = 0; cut <= size; cut++) {
        unsigned char *front = exactly(bytes, cut), *back = exactly(bytes + cut, size - cut);
        struct iovec parts[] = {{front, cut}, {NULL, 0}, {back, size - cut}};
        struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = exactly(parts, sizeof parts),
                                 .msg_iovlen = 3};

        CHECK(is_denied(tw_sendto(udp, front, cut, 0, (struct sockaddr *)&to, sizeof to)) == denies(), "%zu bytes",
              cut);
        CHECK(is_denied(tw_sendmsg(udp, &message, 0)) == denies(), "parts of %zu bytes", cut);
        free(message.msg_iov);
        free(front);
        free(back);
    }
    /* Control data of every length, with or without sense. */
    for (size_t length = 0; length < 300; length++) {
        struct iovec part = {bytes, size};
        struct cmsghdr *control = calloc(1, length == 0 ? 1 : length);
        struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1,
                                 .msg_control = control, .msg_controllen = length};

        if (length >= sizeof *control)
            *control = (struct cmsghdr){.cmsg_len = length * 2, .cmsg_level = IPPROTO_UDP, .cmsg_type = 103};
        ssize_t sent = tw_sendmsg(udp, &message, 0);

        CHECK(denies() ? is_denied(sent) : !is_denied(sent), "%zu bytes of control data", length);
        free(control);
    }
    close(udp);
}

static void writes(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(TW_DNS_PORT),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    unsigned char bytes[128], *large = calloc(1, 70000);
    size_t size = make_query("w", bytes);
    int udp = socket(AF_INET, SOCK_DGRAM, 0), peer[4];
    socklen_t length = 4;

    CHECK(tw_connect(udp, (struct sockaddr *)&to, sizeof to) == 0 && atomic_load(tw_dns_is_connected), "connected");
    if (getsockopt(udp, SOL_SOCKET, 28, peer, &length) != 0)
        goto end; /* an emulator that does not know SO_PEERNAME */
    struct iovec part = {exactly(bytes, size), size};

    CHECK(is_denied(tw_send(udp, part.iov_base, size, 0)) == denies(), "send");
    CHECK(is_denied(tw_write(udp, part.iov_base, size)) == denies(), "write");
    CHECK(is_denied(tw_writev(udp, &part, 1)) == denies(), "writev");
    CHECK(is_denied(tw_write(udp, large, TW_DNS_LARGEST + 1)) == denies(), "too long");
    CHECK(is_denied(tw_write(udp, large, TW_DNS_LARGEST)) == denies(), "no message");
    CHECK(is_denied(tw_writev(udp, NULL, 1)) == denies() && is_denied(tw_writev(udp, &part, -1)) == denies(),
          "no parts");
    CHECK(is_denied(tw_splice(-1, NULL, udp, NULL, 1, 0)) == denies() &&
          is_denied(tw_sendfile(udp, -1, NULL, 1)) == denies(), "files");
    free(part.iov_base);
end:
    free(large);
    close(udp);
}

static void queries(void)
{
    unsigned char bytes[128], answer[64];
    size_t size = make_query("q", bytes);

    /* Alone in alert's run: they would be sent. */
    for (size_t cut = 0; denies() && cut <= size; cut++) {
        unsigned char *query = exactly(bytes, cut);

        CHECK(tw_res_send(query, (int)cut, answer, sizeof answer) == -1 && errno == EPERM, "res_send, %zu bytes", cut);
        free(query);
    }
    if (denies()) {
        char *name = exactly("a.evil.test", 12);

        CHECK(tw_getaddrinfo(name, NULL, NULL, &(struct addrinfo *){0}) == EAI_FAIL, "getaddrinfo");
        CHECK(tw_res_querydomain(name, "evil.test", 1, 1, answer, sizeof answer) == -1 && h_errno == NO_RECOVERY,
              "res_querydomain");
        free(name);
        name = malloc(5000);
        memset(name, 'a', 4999);
        name[4999] = '\0';
        CHECK(tw_getaddrinfo(name, NULL, NULL, &(struct addrinfo *){0}) == EAI_FAIL && tw_gethostbyname(name) == NULL &&
                  tw_res_querydomain(name, name, 1, 1, answer, sizeof answer) == -1, "a long name");
        free(name);
    }
}

#define FIND(need, name, hook) tw_reals[TW_CALL_##name] = dlsym(RTLD_DEFAULT, #name);

int main(void)
{
    struct tw_audit_identity identity = {.function = "f"};
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    tw_sealed_open(true); /* as while the core starts */
    TW_CALLS(FIND)
    /* The audits are not what is tested here. */
    dup2(null, STDERR_FILENO);
    CHECK(tw_audit_open(&identity, NULL, NULL) && tw_resolved_open(), "memory");
    dup2(saved, STDERR_FILENO);
    tw_platform_note(&policy);
    for (int i = TW_EFFECT_ALERT; i <= TW_EFFECT_PREVENT; i++) {
        policy.network.effect = policy.dns.effect = (enum tw_effect)i;
        tw_policy_active = &policy;
        lengths();
        packets();
        writes();
        queries();
    }
    return test_end("network_calls");
}
