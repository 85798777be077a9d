/* The hooks of calls that reach into the agent: into its memory, or that change what paths and descriptors mean to it.
 * They fail with EPERM, as they do where the kernel does not let everybody use them. */
#ifndef TW_AGENT_CALLS_H
#define TW_AGENT_CALLS_H

#include "hooks.h"

#include <sys/types.h>

/* To be called at the start, with what runs. */
void tw_agent_rings_note(const char *runtime);

/* Whether a call of this number has to fail, with errno set to EPERM: audits, ends the environment if the policy
 * blocks. The first is about calls that are never right, the second about those that change pages, which may not be
 * ours. */
bool tw_agent_reach_denied(long number);
bool tw_agent_pages_denied(long number, long a, long b, long c, long d, long e);

/* Their numbers, for calls made by number. */
#define TW_REACH_NUMBERS(NUMBER)                                                                                 \
    NUMBER(SYS_ptrace) NUMBER(SYS_process_vm_writev) NUMBER(SYS_pidfd_getfd) NUMBER(SYS_io_uring_setup)          \
    NUMBER(SYS_userfaultfd) NUMBER(SYS_open_by_handle_at) NUMBER(SYS_mount) NUMBER(SYS_chroot)                   \
    NUMBER(SYS_pivot_root) NUMBER(SYS_setns) NUMBER(SYS_open_tree) NUMBER(SYS_open_tree_attr)                    \
    NUMBER(SYS_move_mount) NUMBER(SYS_fsmount)

#define TW_PAGES_NUMBERS(NUMBER)                                                                                 \
    NUMBER(SYS_mmap) NUMBER(SYS_mremap) NUMBER(SYS_munmap) NUMBER(SYS_mprotect) NUMBER(SYS_pkey_mprotect)        \
    NUMBER(SYS_madvise) NUMBER(SYS_process_madvise) NUMBER(SYS_remap_file_pages) NUMBER(SYS_shmat)

/* Not in glibc's headers everywhere. */
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

long tw_ptrace(long request, long process, void *address, void *data);
ssize_t tw_process_vm_writev(pid_t process, const void *local, unsigned long locals, const void *remote,
                             unsigned long remotes, unsigned long flags);
int tw_pidfd_getfd(int process, int descriptor, unsigned flags);
int tw_open_by_handle_at(int mount, void *handle, int flags);
int tw_mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int tw_chroot(const char *path);
int tw_setns(int descriptor, int type);
int tw_open_tree(int folder, const char *path, unsigned flags);
int tw_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
int tw_fsmount(int descriptor, unsigned flags, unsigned attributes);

/* In memory_calls.c. */
void *tw_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset);
void *tw_mremap(void *address, size_t size, size_t new_size, int flags, void *new_address);
int tw_munmap(void *address, size_t size);
int tw_mprotect(void *address, size_t size, int protection);
int tw_pkey_mprotect(void *address, size_t size, int protection, int key);
int tw_madvise(void *address, size_t size, int advice);
ssize_t tw_process_madvise(int process, const void *parts, size_t count, int advice, unsigned flags);
int tw_remap_file_pages(void *address, size_t size, int protection, size_t offset, int flags);
void *tw_shmat(int segment, const void *address, int flags);

#endif
