/* What every function may reach and ask for: loopback, its own name, the runtime API, the X-Ray daemon, the console,
 * the name servers. Noted once at start: what somebody writes into the environment later counts for nothing. */
#ifndef TW_PLATFORM_H
#define TW_PLATFORM_H

#include "policy.h"

/* Reads the environment, the host's name and /etc/resolv.conf. */
void tw_platform_note(const struct tw_policy *policy);

bool tw_platform_is_address(const struct tw_address *address, uint16_t port);

/* The name in lower case, without a final dot. */
bool tw_platform_is_name(const char *name);

/* What an address is that was returned for the name: TW_RESOLVED_CONSOLE, TW_RESOLVED_PLATFORM or 0. */
unsigned tw_platform_kinds(const char *name);

#endif
