/* The pages that the agent lives in: its own library, and what it mapped. Nobody else has business there. */
#ifndef TW_AGENT_PAGES_H
#define TW_AGENT_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* To be called at the start: notes where the library lies. */
void tw_agent_pages_note(void);

/* More pages of the agent's own. */
void tw_agent_pages_add(const void *start, size_t size);

/* Whether any of `size` bytes from `start` on are the agent's. */
bool tw_agent_pages_touched(const void *start, size_t size);

#endif
