#define _GNU_SOURCE
#include "resolver.h"

#include "endpoint.h"
#include "names.h"
#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONF_LARGEST = 8 * 1024, VALUE_LARGEST = 256 };

/* What changes where names are looked for, or which. */
static const char *const variables[] = {"LOCALDOMAIN", "RES_OPTIONS"};
enum { VARIABLES = sizeof variables / sizeof *variables };

TW_SEALED static struct tw_resolver noted;
TW_SEALED static char values[VARIABLES][VALUE_LARGEST];
TW_SEALED static bool was_set[VARIABLES];

static size_t word_length(const char *text, size_t length)
{
    size_t count = 0;

    while (count < length && text[count] != ' ' && text[count] != '\t')
        count++;
    return count;
}

static size_t blank_length(const char *text, size_t length)
{
    size_t count = 0;

    while (count < length && (text[count] == ' ' || text[count] == '\t'))
        count++;
    return count;
}

static void add_domain(struct tw_resolver *resolver, const char *word, size_t length)
{
    char name[TW_NAME];

    if (!tw_name_read(word, length, name))
        return;
    size_t size = strlen(name) + 1;

    /* One NUL more stays behind the last. */
    if (size > 1 && resolver->domains_length + size < sizeof resolver->domains) {
        memcpy(resolver->domains + resolver->domains_length, name, size);
        resolver->domains_length += size;
    }
}

static void add_domains(struct tw_resolver *resolver, const char *text, size_t length)
{
    while (length > 0) {
        size_t blank = blank_length(text, length), word = word_length(text + blank, length - blank);

        if (word > 0)
            add_domain(resolver, text + blank, word);
        text += blank + word;
        length -= blank + word;
    }
}

static void add_server(struct tw_resolver *resolver, const char *text, size_t length)
{
    char word[TW_ADDRESS_TEXT + 32];
    size_t blank = blank_length(text, length), size = word_length(text + blank, length - blank);

    if (size >= sizeof word || resolver->server_count == TW_RESOLVER_SERVERS)
        return;
    memcpy(word, text + blank, size);
    word[size] = '\0';
    if (tw_address_read(word, &resolver->servers[resolver->server_count]))
        resolver->server_count++;
}

static bool has_key(const char *line, size_t length, const char *key)
{
    size_t size = strlen(key);

    return length > size && memcmp(line, key, size) == 0 && (line[size] == ' ' || line[size] == '\t');
}

static void parse_line(struct tw_resolver *resolver, const char *line, size_t length)
{
    if (has_key(line, length, "nameserver"))
        add_server(resolver, line + strlen("nameserver"), length - strlen("nameserver"));
    else if (has_key(line, length, "search"))
        add_domains(resolver, line + strlen("search"), length - strlen("search"));
    else if (has_key(line, length, "domain"))
        add_domains(resolver, line + strlen("domain"), length - strlen("domain"));
}

void tw_resolver_parse(const char *text, size_t length, struct tw_resolver *resolver)
{
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t line = end == NULL ? length : (size_t)(end - text);

        parse_line(resolver, text, line);
        line += end != NULL;
        text += line;
        length -= line;
    }
}

static void read_settings(struct tw_resolver *resolver)
{
    char text[CONF_LARGEST];
    size_t length = 0;
    ssize_t got = 0;
    int descriptor = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    memset(resolver, 0, sizeof *resolver);
    if (descriptor < 0)
        return;
    while (length < sizeof text && (got = read(descriptor, text + length, sizeof text - length)) > 0)
        length += (size_t)got;
    close(descriptor);
    tw_resolver_parse(text, length, resolver);
}

/* Without a domain in its settings the resolver searches in that of the host's own name. */
static void add_own_domain(struct tw_resolver *resolver)
{
    char host[TW_NAME];
    const char *dot = gethostname(host, sizeof host - 1) == 0 ? host : NULL;

    host[sizeof host - 1] = '\0';
    dot = dot == NULL ? NULL : strchr(host, '.');
    if (dot != NULL)
        add_domain(resolver, dot + 1, strlen(dot + 1));
}

void tw_resolver_note(void)
{
    const char *domains = getenv("LOCALDOMAIN");

    read_settings(&noted);
    add_own_domain(&noted);
    if (domains != NULL)
        add_domains(&noted, domains, strlen(domains));
    for (size_t i = 0; i < VARIABLES; i++) {
        const char *value = getenv(variables[i]);

        was_set[i] = value != NULL;
        if (value != NULL)
            memcpy(values[i], value, strnlen(value, VALUE_LARGEST - 1));
    }
}

static bool has_server(const struct tw_resolver *resolver, const struct tw_address *address)
{
    for (size_t i = 0; i < resolver->server_count; i++)
        if (tw_address_same(&resolver->servers[i], address))
            return true;
    return false;
}

bool tw_resolver_is_server(const struct tw_address *address)
{
    return has_server(&noted, address);
}

static bool has_domain(const struct tw_resolver *resolver, const char *domain)
{
    char name[TW_NAME];

    if (!tw_name_read(domain, strnlen(domain, TW_NAME), name))
        return false;
    for (const char *at = resolver->domains; *at != '\0'; at += strlen(at) + 1)
        if (strcmp(at, name) == 0)
            return true;
    return name[0] == '\0';
}

static bool environment_is_the_same(void)
{
    for (size_t i = 0; i < VARIABLES; i++) {
        const char *value = getenv(variables[i]);

        if ((value != NULL) != was_set[i] || (value != NULL && strncmp(value, values[i], VALUE_LARGEST - 1) != 0))
            return false;
    }
    return true;
}

/* The servers of a state; one of IPv6 stands beside the list, and leaves an empty place in it. */
static bool server_of(const struct __res_state *state, int number, struct tw_address *address)
{
    const struct sockaddr_in6 *v6 = state->_u._ext.nsaddrs[number];

    if (state->nsaddr_list[number].sin_family == AF_INET)
        *address = tw_address_mapped(&state->nsaddr_list[number].sin_addr);
    else if (v6 != NULL)
        memcpy(address->bytes, &v6->sin6_addr, sizeof address->bytes);
    else
        return false;
    return true;
}

static bool agrees(const struct __res_state *state, const struct tw_resolver *resolver)
{
    struct tw_address address;

    for (int i = 0; i < state->nscount && i < MAXNS; i++)
        if (server_of(state, i, &address) && !tw_address_is_loopback(&address) && !has_server(resolver, &address))
            return false;
    for (size_t i = 0; i < MAXDNSRCH && state->dnsrch[i] != NULL; i++)
        if (!has_domain(resolver, state->dnsrch[i]))
            return false;
    return true;
}

/* The file may have changed since: libc reads it again, and so do we. */
static bool agrees_with_file(const struct __res_state *state)
{
    struct tw_resolver now;

    read_settings(&now);
    for (const char *at = noted.domains; *at != '\0'; at += strlen(at) + 1)
        add_domain(&now, at, strlen(at));
    return agrees(state, &now);
}

bool tw_resolver_is_plain(const struct __res_state *state, const char *name)
{
    int error = errno;
    const struct __res_state *used = state != NULL ? state : __res_state();
    /* The file that this variable names can be changed at any time; it has aliases for names without dots. */
    bool aliased = getenv("HOSTALIASES") != NULL && strchr(name, '.') == NULL;
    bool plain = !aliased && environment_is_the_same() &&
                 ((used->options & RES_INIT) == 0 || agrees(used, &noted) || agrees_with_file(used));

    errno = error;
    return plain;
}
