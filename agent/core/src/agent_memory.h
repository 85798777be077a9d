/* The memory of this process as a file (/proc/self/mem), by which hooks and policy could be overwritten. */
#ifndef TW_AGENT_MEMORY_H
#define TW_AGENT_MEMORY_H

#include <stdbool.h>

/* Whether a file that is opened for writing is a process's memory, and may not be written to: audits, and ends the
 * environment if the policy blocks; errno is EACCES. The caller closes it. */
bool tw_agent_memory_denied(int descriptor);

/* The same for what a call gave: returns it, or -1 when it was closed. */
int tw_agent_memory_kept(int descriptor);

#endif
