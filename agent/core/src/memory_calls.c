/* The hooks of calls that change pages: they may not touch the agent's own, by which its policy could be emptied or its
 * code exchanged. Programs change pages often, so for all other pages this has to cost next to nothing. */
#define _GNU_SOURCE
#include "agent_calls.h"

#include "act.h"
#include "agent_pages.h"
#include "by_number.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>

typedef void *mmap_function(void *, size_t, int, int, int, off_t);
typedef void *mremap_function(void *, size_t, size_t, int, void *);
typedef int munmap_function(void *, size_t);
typedef int mprotect_function(void *, size_t, int);
typedef int madvise_function(void *, size_t, int);
typedef int remap_file_pages_function(void *, size_t, int, size_t, int);
typedef void *shmat_function(int, const void *, int);

/* libc has these two only since 2.27 and 2.36. */
#define BY_NUMBER(number, a, b, c, d, e) \
    TW_REAL(syscall, tw_syscall_function)(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

static __attribute__((noinline)) bool touching_denied(const char *call)
{
    const struct tw_detail details[] = {{"call", call, TW_AUDIT_TEXT, false}};

    if (tw_policy_active == NULL)
        return false;
    struct tw_verdict verdict = {tw_policy_strongest(tw_policy_active), "policyHijacked",
                                 "the agent's own memory was about to be changed", NULL};

    if (!tw_act(&verdict, TW_AUDIT_PROCESSES, details, 1))
        return false;
    errno = EPERM;
    return true;
}

static bool denied(const char *call, const void *start, size_t size)
{
    return tw_agent_pages_touched(start, size) && touching_denied(call);
}

static bool fixed_mapping_denied(const void *address, size_t size, int flags)
{
    return (flags & MAP_FIXED) != 0 && denied("mmap", address, size);
}

static bool moving_denied(const void *address, size_t size, size_t new_size, int flags, const void *new_address)
{
    return denied("mremap", address, size) || ((flags & MREMAP_FIXED) != 0 && denied("mremap", new_address, new_size));
}

/* These are addresses in whichever process is meant: in a child of ours they are its agent's. */
static bool advice_denied(const struct iovec *parts, size_t count)
{
    for (size_t i = 0; parts != NULL && i < count && i < IOV_MAX; i++)
        if (denied("process_madvise", parts[i].iov_base, parts[i].iov_len))
            return true;
    return false;
}

static bool attaching_denied(int segment, const void *address, int flags)
{
    struct shmid_ds status;
    int error = errno;
    bool known = (flags & SHM_REMAP) != 0 && shmctl(segment, IPC_STAT, &status) == 0;

    errno = error;
    return known && denied("shmat", address, status.shm_segsz);
}

bool tw_agent_pages_denied(long number, long a, long b, long c, long d, long e)
{
    const void *start = (const void *)a;

    switch (number) {
    case SYS_mmap:
        return fixed_mapping_denied(start, (size_t)b, (int)d);
    case SYS_mremap:
        return moving_denied(start, (size_t)b, (size_t)c, (int)d, (const void *)e);
    case SYS_munmap:
        return denied("munmap", start, (size_t)b);
    case SYS_mprotect:
        return denied("mprotect", start, (size_t)b);
    case SYS_pkey_mprotect:
        return denied("pkey_mprotect", start, (size_t)b);
    case SYS_madvise: /* advice can empty pages that may not be written to */
        return denied("madvise", start, (size_t)b);
    case SYS_process_madvise:
        return advice_denied((const struct iovec *)b, (size_t)c);
    case SYS_remap_file_pages:
        return denied("remap_file_pages", start, (size_t)b);
    default:
        return attaching_denied((int)a, (const void *)b, (int)c);
    }
}

void *tw_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset)
{
    if (fixed_mapping_denied(address, size, flags))
        return MAP_FAILED;
    return TW_REAL(mmap, mmap_function)(address, size, protection, flags, descriptor, offset);
}

void *tw_mremap(void *address, size_t size, size_t new_size, int flags, void *new_address)
{
    if (moving_denied(address, size, new_size, flags, new_address))
        return MAP_FAILED;
    return TW_REAL(mremap, mremap_function)(address, size, new_size, flags, new_address);
}

int tw_munmap(void *address, size_t size)
{
    return denied("munmap", address, size) ? -1 : TW_REAL(munmap, munmap_function)(address, size);
}

int tw_mprotect(void *address, size_t size, int protection)
{
    return denied("mprotect", address, size) ? -1 : TW_REAL(mprotect, mprotect_function)(address, size, protection);
}

int tw_pkey_mprotect(void *address, size_t size, int protection, int key)
{
    if (denied("pkey_mprotect", address, size))
        return -1;
    return (int)BY_NUMBER(SYS_pkey_mprotect, address, size, protection, key, 0);
}

int tw_madvise(void *address, size_t size, int advice)
{
    return denied("madvise", address, size) ? -1 : TW_REAL(madvise, madvise_function)(address, size, advice);
}

ssize_t tw_process_madvise(int process, const void *parts, size_t count, int advice, unsigned flags)
{
    if (advice_denied(parts, count))
        return -1;
    return BY_NUMBER(SYS_process_madvise, process, parts, count, advice, flags);
}

int tw_remap_file_pages(void *address, size_t size, int protection, size_t offset, int flags)
{
    if (denied("remap_file_pages", address, size))
        return -1;
    return TW_REAL(remap_file_pages, remap_file_pages_function)(address, size, protection, offset, flags);
}

void *tw_shmat(int segment, const void *address, int flags)
{
    if (attaching_denied(segment, address, flags))
        return MAP_FAILED;
    return TW_REAL(shmat, shmat_function)(segment, address, flags);
}
