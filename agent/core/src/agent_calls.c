/* No honest function makes these calls (docs/security.md says who would). Where the kernel lock is on it refuses them
 * as well, by whatever way they are made; hooks also audit, and stop them where a platform has no lock. */
#define _GNU_SOURCE
#include "agent_calls.h"

#include "act.h"
#include "by_number.h"
#include "sealed.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

typedef long ptrace_function(long, long, void *, void *);
typedef ssize_t process_vm_writev_function(pid_t, const void *, unsigned long, const void *, unsigned long,
                                           unsigned long);
typedef int open_by_handle_at_function(int, void *, int);
typedef int mount_function(const char *, const char *, const char *, unsigned long, const void *);
typedef int chroot_function(const char *);
typedef int setns_function(int, int);

/* Calls that libc has only since 2.36. */
#define BY_NUMBER(number, a, b, c, d, e) \
    ((int)TW_REAL(syscall, tw_syscall_function)(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0))

static const char memory[] = "the call can change another process, the agent in it too";
static const char paths[] = "the call can make paths mean other files than the policy means";

static const struct {
    long number;
    const char *name, *why;
} reach[] = {
    {SYS_ptrace, "ptrace", memory},
    {SYS_process_vm_writev, "process_vm_writev", memory},
    {SYS_pidfd_getfd, "pidfd_getfd", "the call can take what another process opened or connected"},
    {SYS_io_uring_setup, "io_uring_setup", "what is done through a ring can't be judged"},
    {SYS_userfaultfd, "userfaultfd", "the call can hold the agent while it reads what it judges"},
    {SYS_open_by_handle_at, "open_by_handle_at", "a file was about to be opened without a path"},
    {SYS_mount, "mount", paths},
    {SYS_chroot, "chroot", paths},
    {SYS_pivot_root, "pivot_root", paths},
    {SYS_setns, "setns", paths},
    {SYS_open_tree, "open_tree", paths},
    {SYS_open_tree_attr, "open_tree_attr", paths},
    {SYS_move_mount, "move_mount", paths},
    {SYS_fsmount, "fsmount", paths},
};

/* Opening without a path is a matter of the section filesystem, where that is on. */
static bool is_of_files(long number)
{
    const struct tw_filesystem *section = &tw_policy_active->filesystem;

    return number == SYS_open_by_handle_at && section->effect != TW_EFFECT_DISABLE &&
           section->allow.count + section->deny.count > 0;
}

/* Set for Node.js, which asks for a ring for each of its loops (a thread, an execSync) and goes on without: as there,
 * that is no attack, no matter for an audit, and ends nothing. None is to be had all the same. */
TW_SEALED static bool rings_are_usual;

void tw_agent_rings_note(const char *runtime)
{
    rings_are_usual = runtime != NULL && strncmp(runtime, "nodejs", 6) == 0;
}

static bool ring_denied(void)
{
    if (tw_policy_strongest(tw_policy_active) < TW_EFFECT_PREVENT)
        return false;
    errno = EPERM;
    return true;
}

bool tw_agent_reach_denied(long number)
{
    size_t row = 0;

    if (tw_policy_active == NULL)
        return false;
    if (number == SYS_io_uring_setup && rings_are_usual)
        return ring_denied();
    while (row < sizeof reach / sizeof *reach - 1 && reach[row].number != number)
        row++;
    bool of_files = is_of_files(number);
    const struct tw_detail details[] = {{"call", reach[row].name, TW_AUDIT_TEXT, false}};
    struct tw_verdict verdict = {tw_policy_strongest(tw_policy_active), of_files ? "regFileAccess" : "policyHijacked",
                                 reach[row].why, NULL};

    if (!tw_act(&verdict, of_files ? TW_AUDIT_FILESYSTEM : TW_AUDIT_PROCESSES, details, 1))
        return false;
    errno = EPERM;
    return true;
}

long tw_ptrace(long request, long process, void *address, void *data)
{
    if (tw_agent_reach_denied(SYS_ptrace))
        return -1;
    return TW_REAL(ptrace, ptrace_function)(request, process, address, data);
}

ssize_t tw_process_vm_writev(pid_t process, const void *local, unsigned long locals, const void *remote,
                             unsigned long remotes, unsigned long flags)
{
    if (tw_agent_reach_denied(SYS_process_vm_writev))
        return -1;
    return TW_REAL(process_vm_writev, process_vm_writev_function)(process, local, locals, remote, remotes, flags);
}

int tw_pidfd_getfd(int process, int descriptor, unsigned flags)
{
    if (tw_agent_reach_denied(SYS_pidfd_getfd))
        return -1;
    return BY_NUMBER(SYS_pidfd_getfd, process, descriptor, flags, 0, 0);
}

int tw_open_by_handle_at(int mount, void *handle, int flags)
{
    if (tw_agent_reach_denied(SYS_open_by_handle_at))
        return -1;
    return TW_REAL(open_by_handle_at, open_by_handle_at_function)(mount, handle, flags);
}

int tw_mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
    if (tw_agent_reach_denied(SYS_mount))
        return -1;
    return TW_REAL(mount, mount_function)(source, target, type, flags, data);
}

int tw_chroot(const char *path)
{
    return tw_agent_reach_denied(SYS_chroot) ? -1 : TW_REAL(chroot, chroot_function)(path);
}

int tw_setns(int descriptor, int type)
{
    return tw_agent_reach_denied(SYS_setns) ? -1 : TW_REAL(setns, setns_function)(descriptor, type);
}

int tw_open_tree(int folder, const char *path, unsigned flags)
{
    return tw_agent_reach_denied(SYS_open_tree) ? -1 : BY_NUMBER(SYS_open_tree, folder, path, flags, 0, 0);
}

int tw_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
    if (tw_agent_reach_denied(SYS_move_mount))
        return -1;
    return BY_NUMBER(SYS_move_mount, from, from_path, to, to_path, flags);
}

int tw_fsmount(int descriptor, unsigned flags, unsigned attributes)
{
    if (tw_agent_reach_denied(SYS_fsmount))
        return -1;
    return BY_NUMBER(SYS_fsmount, descriptor, flags, attributes, 0, 0);
}
