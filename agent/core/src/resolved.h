/* The addresses that the resolver gave for names that matter: a set that only grows, since a connection may be kept
 * for as long as the function lives.
 *
 * Several threads may add at once; looking is safe in signal handlers and in the child of a vfork. */
#ifndef TW_RESOLVED_H
#define TW_RESOLVED_H

#include "policy.h"

/* What an address is the address of. */
enum {
    TW_RESOLVED_LISTED = 1,   /* a name that the policy allows by its list */
    TW_RESOLVED_CONSOLE = 2,  /* the console */
    TW_RESOLVED_PLATFORM = 4, /* the runtime API or the X-Ray daemon */
};

/* Takes the memory to begin with. Returns false when there is none. */
bool tw_resolved_open(void);

void tw_resolved_add(const struct tw_address *address, unsigned kinds);

/* 0: it was not returned for such a name. */
unsigned tw_resolved_kinds(const struct tw_address *address);

#endif
