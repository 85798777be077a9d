/* Addresses and names that every function may reach, the resolver's settings, and the set of resolved addresses. */
#define _GNU_SOURCE
#include "endpoint.h"
#include "names.h"
#include "platform.h"
#include "resolved.h"
#include "resolver.h"
#include "sealed.h"
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <unistd.h>

static struct tw_address address(const char *text)
{
    struct tw_address found = {{0}};

    CHECK(tw_address_read(text, &found), "%s", text);
    return found;
}

static void texts(void)
{
    static const char *const same[] = {"203.0.113.5", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "::1", "1::",
                                       "2001:db8:0:1:1:1:1:1", "1:0:0:2::3", "fe80::1", "1:2:3:4:5:6:7:8", "::2:0:0:3"};
    static const char *const none[] = {"", "1.2.3", "1.2.3.4.5", "x", "1.2.3.4%1", ":::", "1:2:3:4:5:6:7:8:9", "::1::",
                                       "0x7f.1", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"};
    char text[TW_ADDRESS_TEXT];
    struct tw_address found;

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        found = address(same[i]);
        tw_address_text(&found, text);
        CHECK(strcmp(text, same[i]) == 0, "%s became %s", same[i], text);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CHECK(!tw_address_read(none[i], &found), "%s", none[i]);
    found = address("::ffff:1.2.3.4");
    tw_address_text(&found, text);
    CHECK(strcmp(text, "1.2.3.4") == 0, "mapped: %s", text);
    found = address("fe80::1%eth0");
    tw_port_text(65535, text);
    CHECK(strcmp(text, "65535") == 0, "%s", text);
    tw_port_text(0, text);
    CHECK(strcmp(text, "0") == 0, "%s", text);
}

static void endpoints(void)
{
    struct sockaddr_storage name = {.ss_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    struct tw_endpoint found;

    CHECK(tw_endpoint_read(&name, sizeof(struct sockaddr_in), &found) && !tw_endpoint_read(&name, 15, &found),
          "IPv4's length");
    CHECK(tw_endpoint_read(&name, sizeof name, &found), "a long one");
    memcpy(&name, &v6, sizeof v6);
    CHECK(tw_endpoint_read(&name, 24, &found) && found.port == 80 && !tw_endpoint_read(&name, 23, &found),
          "IPv6's length");
    name.ss_family = AF_UNIX;
    CHECK(!tw_endpoint_read(&name, sizeof name, &found) && !tw_endpoint_read(&name, 0, &found), "another family");
}

static void names(void)
{
    char name[TW_NAME], longest[300];

    memset(longest, 'a', sizeof longest);
    CHECK(tw_name_read("WWW.Test.", 9, name) && strcmp(name, "www.test") == 0, "%s", name);
    CHECK(tw_name_read("a..", 3, name) && strcmp(name, "a") == 0, "%s", name);
    CHECK(tw_name_read(".", 1, name) && name[0] == '\0', "the root: %s", name);
    CHECK(!tw_name_read("a\\046b", 6, name) && !tw_name_read("a b", 3, name) && !tw_name_read("\x80", 1, name),
          "bytes");
    CHECK(tw_name_read(longest, 255, name) && !tw_name_read(longest, 256, name) && strlen(name) == 255, "length");
}

static bool is_address(const char *text, uint16_t port)
{
    struct tw_address wanted = address(text);

    return tw_platform_is_address(&wanted, port);
}

static void platform(void)
{
    struct tw_policy policy = {.console = "Console.Example.com"};
    struct tw_address console = address("198.51.100.1"), api = address("198.51.100.2"),
                                listed = address("198.51.100.3");

    setenv("AWS_LAMBDA_RUNTIME_API", "api.internal:9001", 1);
    setenv("AWS_XRAY_DAEMON_ADDRESS", "tcp:169.254.100.1:2000 udp:[2001:db8::7]:2001", 1);
    tw_platform_note(&policy);
    setenv("AWS_LAMBDA_RUNTIME_API", "evil.test:80", 1);
    CHECK(is_address("127.0.0.1", 1) && is_address("127.255.0.1", 80) && is_address("::1", 80) &&
          is_address("0.0.0.0", 80) &&
              is_address("::", 80) && is_address("::ffff:127.0.0.1", 80) && is_address("::ffff:0.0.0.0", 80),
              "loopback");
    CHECK(!is_address("128.0.0.1", 80) && !is_address("::2", 80) && !is_address("::127.0.0.1", 80), "not loopback");
    CHECK(is_address("169.254.100.1", 2000) && !is_address("169.254.100.1", 2001), "the daemon");
    CHECK(is_address("2001:db8::7", 2001) && !is_address("2001:db8::7", 2000), "the daemon, IPv6");
    CHECK(tw_platform_is_name("localhost") && tw_platform_is_name("a.localhost") &&
          !tw_platform_is_name("notlocalhost") &&
              !tw_platform_is_name("localhost.evil.test") && !tw_platform_is_name(""), "localhost");
    CHECK(tw_platform_is_name("api.internal") && tw_platform_is_name("console.example.com") &&
          !tw_platform_is_name("evil.test"), "hosts");
    CHECK(tw_platform_kinds("console.example.com") == TW_RESOLVED_CONSOLE, "the console");
    char host[TW_NAME] = "", own[TW_NAME];

    gethostname(host, sizeof host - 1);
    tw_name_read(host, strlen(host), own);
    CHECK(tw_platform_is_name(own), "our own name: %s", own);
    tw_resolved_add(&console, TW_RESOLVED_CONSOLE);
    tw_resolved_add(&api, TW_RESOLVED_PLATFORM);
    tw_resolved_add(&listed, TW_RESOLVED_LISTED);
    CHECK(is_address("198.51.100.1", 443) && is_address("198.51.100.1", 80), "the console's address");
    CHECK(is_address("198.51.100.2", 9001) && !is_address("198.51.100.2", 443), "the runtime API's address");
    CHECK(!is_address("198.51.100.3", 9001), "an address of a listed name is not implicit");
}

/* What would stop nothing, were it believed. */
static void odd_places(void)
{
    static const char *const odd[] = {"", ":", ":80", "a:", "a:0", "a:65536", "a:80x", "[::1", "[]:80", "a b:80",
                                      "a:99999999999"};
    struct tw_policy policy = {0};

    setenv("AWS_XRAY_DAEMON_ADDRESS", "", 1);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        setenv("AWS_LAMBDA_RUNTIME_API", odd[i], 1);
        tw_platform_note(&policy);
        CHECK(!tw_platform_is_name("a") && !tw_platform_is_name("") && !is_address("198.51.100.9", 80), "%s", odd[i]);
    }
    unsetenv("AWS_LAMBDA_RUNTIME_API");
    unsetenv("AWS_XRAY_DAEMON_ADDRESS");
}

static void settings(void)
{
    static const char text[] = "# nameserver 1.1.1.1\nnameserver 203.0.113.53\n nameserver 1.1.1.2\n"
                               "nameserver\t2001:db8::53%eth0 \n"
                               "nameserverx 1.1.1.3\nnameserver x\nsearch A.test  b.test.\t\ndomain c.test\nsearch\n"
                               "options ndots:2\nnameserver 203.0.113.54";
    static const char many[] = "search aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbb\nnameserver 1.1.1.1\n";
    static const char wanted[] = "a.test\0b.test\0c.test\0";
    struct tw_resolver found = {.server_count = 0};
    struct tw_address first = address("203.0.113.53"), second = address("2001:db8::53"),
                              third = address("203.0.113.54");

    tw_resolver_parse(text, sizeof text - 1, &found);
    CHECK(found.server_count == 3 && tw_address_same(&found.servers[0], &first) &&
          tw_address_same(&found.servers[1], &second) &&
              tw_address_same(&found.servers[2], &third), "%zu servers", found.server_count);
    CHECK(found.domains_length == sizeof wanted - 1 && memcmp(found.domains, wanted, sizeof wanted) == 0, "domains: %s",
          found.domains);
    for (int i = 0; i < 200; i++)
        tw_resolver_parse(many, sizeof many - 1, &found);
    CHECK(found.server_count == TW_RESOLVER_SERVERS && found.domains[sizeof found.domains - 1] == '\0',
          "more than fits");
}

/* A state that somebody turned to his own servers and names. */
static void changed(void)
{
    struct __res_state state = {.options = RES_INIT, .nscount = 1};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = {.s6_addr = {0x20, 1, 0x0d, 0xb8}}};
    char domain[] = "evil.test";

    tw_resolver_note();
    state.nsaddr_list[0].sin_family = AF_INET;
    inet_pton(AF_INET, "127.0.0.1", &state.nsaddr_list[0].sin_addr);
    CHECK(tw_resolver_is_plain(&state, "a.test"), "as it was");
    inet_pton(AF_INET, "192.0.2.66", &state.nsaddr_list[0].sin_addr);
    CHECK(!tw_resolver_is_plain(&state, "a.test"), "another server");
    state.nsaddr_list[0].sin_family = 0;
    state._u._ext.nsaddrs[0] = &v6;
    CHECK(!tw_resolver_is_plain(&state, "a.test"), "another server of IPv6");
    state.nscount = 0;
    state.dnsrch[0] = domain;
    CHECK(!tw_resolver_is_plain(&state, "a.test"), "another domain");
    state.options = 0;
    CHECK(tw_resolver_is_plain(&state, "a.test"), "not read yet");
    setenv("HOSTALIASES", "/tmp/aliases", 1);
    CHECK(tw_resolver_is_plain(&state, "a.test") && !tw_resolver_is_plain(&state, "a"), "aliases");
    unsetenv("HOSTALIASES");
    setenv("LOCALDOMAIN", "evil.test", 1);
    CHECK(!tw_resolver_is_plain(&state, "a.test"), "LOCALDOMAIN");
    tw_resolver_note();
    state.options = RES_INIT;
    CHECK(tw_resolver_is_plain(&state, "a.test"), "LOCALDOMAIN from the start");
    unsetenv("LOCALDOMAIN");
    CHECK(!tw_resolver_is_plain(&state, "a.test"), "LOCALDOMAIN taken away");
    tw_resolver_note();
    state.options = 0;
    setenv("RES_OPTIONS", "ndots:9", 1);
    CHECK(!tw_resolver_is_plain(&state, "a.test"), "RES_OPTIONS");
    unsetenv("RES_OPTIONS");
    CHECK(tw_resolver_is_plain(NULL, "a.test"), "the thread's own");
}

enum { THREADS = 4, ADDRESSES = 20000 };

static struct tw_address numbered(unsigned number)
{
    return (struct tw_address){{0x20, 1, [12] = (uint8_t)(number >> 24), (uint8_t)(number >> 16),
                                (uint8_t)(number >> 8), (uint8_t)number}};
}

/* Each thread adds all of them, in another order, and finds what it added. */
static void *add(void *missing)
{
    unsigned start = (unsigned)(uintptr_t)missing * 7919;
    uintptr_t lost = 0;

    for (unsigned i = 0; i < ADDRESSES; i++) {
        struct tw_address wanted = numbered((start + i * 3) % ADDRESSES);

        tw_resolved_add(&wanted, TW_RESOLVED_LISTED);
        lost += (tw_resolved_kinds(&wanted) & TW_RESOLVED_LISTED) == 0;
    }
    return (void *)lost;
}

static void resolved(void)
{
    pthread_t threads[THREADS];
    void *lost;

    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, add, (void *)i) == 0, "a thread");
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], &lost) == 0 && lost == NULL, "%zu addresses were lost", (size_t)(uintptr_t)lost);
    unsigned found = 0, strange = 0;

    for (unsigned i = 0; i < ADDRESSES; i++) {
        struct tw_address wanted = numbered(i), other = numbered(i + ADDRESSES);

        found += tw_resolved_kinds(&wanted) == TW_RESOLVED_LISTED;
        strange += tw_resolved_kinds(&other) != 0;
    }
    CHECK(found == ADDRESSES && strange == 0, "%u found, %u strange", found, strange);
    struct tw_address first = numbered(0);

    tw_resolved_add(&first, TW_RESOLVED_CONSOLE);
    CHECK(tw_resolved_kinds(&first) == (TW_RESOLVED_LISTED | TW_RESOLVED_CONSOLE), "kinds are joined");
}

int main(void)
{
    CHECK(tw_sealed_open(true) && tw_resolved_open(), "memory");
    texts();
    endpoints();
    names();
    platform();
    odd_places();
    settings();
    changed();
    resolved();
    return test_end("platform");
}
