/* Room "lock": has the kernel refuse what leads around the hooks, where it lets us. Nothing may rely on it: some platforms
 * refuse seccomp. Children inherit the lock. */
#ifndef TW_LOCK_H
#define TW_LOCK_H

#include "policy.h"

/* Locks every thread of this process, if the policy stops anything. Returns how it went, for the first line:
 * "off" (there is nothing to lock), "on", "on for new threads" (one that runs already has filters of its own), or
 * "refused: " and why (nothing was changed). To be called when the hooks are in. */
const char *tw_lock_install(const struct tw_policy *policy);

/* Whether the kernel answers every start of a program with EACCES, also one of a file that does not exist. */
bool tw_lock_refuses_programs(void);

#endif
