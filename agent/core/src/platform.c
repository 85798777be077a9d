#define _GNU_SOURCE
#include "platform.h"

#include "endpoint.h"
#include "names.h"
#include "resolved.h"
#include "resolver.h"
#include "sealed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACES = 6, DNS_PORT = 53 };

/* One host that the environment or the policy names. */
struct place {
    char name[TW_NAME]; /* empty: it is an address */
    struct tw_address address;
    uint16_t port; /* 0: all of them */
    unsigned kind;
};

TW_SEALED static struct place places[PLACES];
TW_SEALED static size_t place_count;
TW_SEALED static char own_name[TW_NAME];

static uint16_t read_port(const char *text, size_t length)
{
    unsigned port = 0;

    for (size_t i = 0; i < length && port <= UINT16_MAX; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return (uint16_t)(port <= UINT16_MAX ? port : 0);
}

/* "host", "host:port", "[address]:port", or an address alone. */
static void add_place(const char *text, size_t length, unsigned kind)
{
    char host[TW_NAME];
    const char *colon = memrchr(text, ':', length), *bracket = memchr(text, ']', length);
    bool is_bracketed = length > 0 && text[0] == '[' && bracket != NULL;
    bool has_port = colon != NULL && (is_bracketed ? colon == bracket + 1 : memchr(text, ':', length) == colon);
    struct place place = {.kind = kind};
    size_t size = is_bracketed ? (size_t)(bracket - text) - 1 : has_port ? (size_t)(colon - text) : length;

    if (size == 0 || size >= sizeof host || place_count == PLACES)
        return;
    memcpy(host, text + is_bracketed, size);
    host[size] = '\0';
    if (has_port)
        place.port = read_port(colon + 1, length - (size_t)(colon + 1 - text));
    if ((has_port && place.port == 0) ||
        (!tw_address_read(host, &place.address) && !tw_name_read(host, size, place.name)))
        return;
    places[place_count++] = place;
}

/* "host:port", or "tcp:host:port udp:host:port". */
static void add_daemon(const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, " ");

        if (length > 4 && (memcmp(text, "tcp:", 4) == 0 || memcmp(text, "udp:", 4) == 0))
            add_place(text + 4, length - 4, TW_RESOLVED_PLATFORM);
        else
            add_place(text, length, TW_RESOLVED_PLATFORM);
        text += length + (text[length] == ' ');
    }
}

void tw_platform_note(const struct tw_policy *policy)
{
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API"), *daemon = getenv("AWS_XRAY_DAEMON_ADDRESS");
    char host[TW_NAME] = "";

    place_count = 0;
    if (policy->console != NULL)
        add_place(policy->console, strlen(policy->console), TW_RESOLVED_CONSOLE);
    if (api != NULL)
        add_place(api, strlen(api), TW_RESOLVED_PLATFORM);
    if (daemon != NULL)
        add_daemon(daemon);
    if (gethostname(host, sizeof host - 1) == 0)
        tw_name_read(host, strlen(host), own_name);
    tw_resolver_note();
}

bool tw_platform_is_address(const struct tw_address *address, uint16_t port)
{
    if (tw_address_is_loopback(address) || (port == DNS_PORT && tw_resolver_is_server(address)))
        return true;
    unsigned kinds = tw_resolved_kinds(address);

    for (size_t i = 0; i < place_count; i++) {
        const struct place *place = &places[i];
        bool same = place->name[0] == '\0' ? tw_address_same(&place->address, address) : (kinds & place->kind) != 0;

        if (same && (place->port == 0 || place->port == port || place->kind == TW_RESOLVED_CONSOLE))
            return true;
    }
    return false;
}

bool tw_platform_is_name(const char *name)
{
    static const char local[] = "localhost";
    size_t length = strlen(name), size = sizeof local - 1;

    if (length >= size && memcmp(name + length - size, local, size) == 0 &&
        (length == size || name[length - size - 1] == '.'))
        return true;
    return (own_name[0] != '\0' && strcmp(name, own_name) == 0) || tw_platform_kinds(name) != 0;
}

unsigned tw_platform_kinds(const char *name)
{
    unsigned kinds = 0;

    for (size_t i = 0; i < place_count; i++)
        if (places[i].name[0] != '\0' && strcmp(places[i].name, name) == 0)
            kinds |= places[i].kind;
    return kinds;
}
