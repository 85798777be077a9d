/* Room "lock": has the kernel refuse what leads around the hooks, where it lets us. Nothing may rely on it: some
 * platforms refuse seccomp. Children inherit the lock. */
#ifndef TW_LOCK_H
#define TW_LOCK_H

#include "policy.h"

/* Locks every thread of this process, if the policy stops anything. Returns how it went, for the first line:
 * "off" (there is nothing to lock), "on", "on for new threads" (one that runs already has filters of its own), or
 * "refused: " and why (nothing was changed). To be called when the hooks are in. */
const char *tw_lock_install(const struct tw_policy *policy);

/* The error of an exec that failed: under the lock the kernel says EACCES before it looks whether there is such a file,
 * and who searches for a program relies on ENOENT. Keeps errno. */
int tw_lock_true_error(int folder, const char *path, int error);

#endif
