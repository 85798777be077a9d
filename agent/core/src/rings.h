/* io_uring queues that the process has when the agent starts: what is done through one passes no hook. */
#ifndef TW_RINGS_H
#define TW_RINGS_H

#include <stdbool.h>

enum tw_rings {
    TW_RINGS_NONE,
    TW_RINGS_ENTERED, /* by a call: Node.js tells it which sockets it waits for */
    TW_RINGS_POLLED   /* by a thread of the kernel's, without a call: libuv opens files so with UV_USE_IO_URING */
};

/* What there is among the first descriptors, which runtimes make their own of; the worst of them. */
enum tw_rings tw_rings_found(void);

#endif
