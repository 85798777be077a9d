/* How libc's resolver is set up: what /etc/resolv.conf and the environment said when the core started, and whether
 * somebody has since turned it to other servers or other names than those it is asked for. */
#ifndef TW_RESOLVER_H
#define TW_RESOLVER_H

#include "policy.h"

enum { TW_RESOLVER_SERVERS = 8, TW_RESOLVER_DOMAINS = 1024 };

struct tw_resolver {
    struct tw_address servers[TW_RESOLVER_SERVERS];
    size_t server_count;
    char domains[TW_RESOLVER_DOMAINS]; /* each ends in a NUL, the last in two */
    size_t domains_length;
};

/* Reads the text of a resolv.conf. What does not fit is left out. */
void tw_resolver_parse(const char *text, size_t length, struct tw_resolver *resolver);

/* Reads /etc/resolv.conf and the environment, once. */
void tw_resolver_note(void);

/* Whether /etc/resolv.conf names it as a server. */
bool tw_resolver_is_server(const struct tw_address *address);

/* Whether the resolver would ask just for this name, and the servers that it should; `state` is NULL for the thread's
 * own. Domains to search in count as the name's own if they come from the system's settings. */
struct __res_state;
bool tw_resolver_is_plain(const struct __res_state *state, const char *name);

#endif
