/* Memory that the runtime shares with the programs it starts: they find it through /proc. */
#ifndef TW_SHARED_MEMORY_H
#define TW_SHARED_MEMORY_H

#include "parent.h"

/* Makes it. `remote` is where others find it; its descriptor is -1 where they can't. NULL: there is no memory. */
void *tw_shared_memory_make(size_t size, struct tw_remote *remote);

/* The same memory in another process. NULL when it can't be reached, or isn't what `remote` says. */
void *tw_shared_memory_join(pid_t process, const struct tw_remote *remote, size_t size);

/* Another process's descriptor, opened anew; -1 when that can't be. */
int tw_remote_open(pid_t process, const struct tw_remote *remote, int flags);

/* Moves a descriptor to a number above those that programs count up from three. */
int tw_descriptor_keep(int descriptor);

#endif
