/* Only the architecture and the number are looked at: then the kernel (since 5.11) runs the filter once for each
 * number, and remembers which ones always pass. Older kernels run it at each call, so it is a search tree.
 *
 * What stands here is what no function needs and what leads around the hooks or into the agent. Left out on purpose:
 * - process_vm_readv, kcmp, perf_event_open: they read, which profilers do, and change nothing;
 * - memfd_create, personality, modify_ldt: runtimes use them, and they open no way by themselves;
 * - seccomp, prctl: programs lock themselves up (file, sshd, browsers), and a further filter can't take this one away;
 * - clone, clone3, unshare: of clone3 a filter sees only an address. What new namespaces would be good for, mounting
 *   and changing the root, is refused instead;
 * - bpf, kexec_load, init_module, fanotify and the like: who may do that owns the machine. */
#include "lock_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

/* Numbers of x86_64's third calling convention (x32) have this bit. */
enum { X32 = 0x40000000, ROWS = 32, LEAF = 3 };

struct row {
    uint32_t number;
    uint16_t error;
};

static const struct {
    uint32_t numbers[2]; /* by machine */
    uint16_t error;
    unsigned wish;
} refused[] = {
    {{59, 221}, EACCES, TW_LOCK_PROGRAMS},     /* execve */
    {{322, 281}, EACCES, TW_LOCK_PROGRAMS},    /* execveat */
    {{425, 425}, EPERM, TW_LOCK_WAYS_AROUND},  /* io_uring_setup: opens, connects and sends without a call */
    {{426, 426}, EPERM, TW_LOCK_RINGS},        /* io_uring_enter: the ring may be somebody else's */
    {{427, 427}, EPERM, TW_LOCK_WAYS_AROUND},  /* io_uring_register */
    {{101, 117}, EPERM, TW_LOCK_WAYS_AROUND},  /* ptrace: a child would change its parent */
    {{311, 271}, EPERM, TW_LOCK_WAYS_AROUND},  /* process_vm_writev: likewise */
    {{438, 438}, EPERM, TW_LOCK_WAYS_AROUND},  /* pidfd_getfd: takes what another process connected or opened */
    {{323, 282}, EPERM, TW_LOCK_WAYS_AROUND},  /* userfaultfd: holds the agent while it reads arguments */
    {{304, 265}, EPERM, TW_LOCK_WAYS_AROUND},  /* open_by_handle_at: opens without a path */
    /* Paths would no longer mean the files that the policy means. */
    {{165, 40}, EPERM, TW_LOCK_WAYS_AROUND},   /* mount */
    {{155, 41}, EPERM, TW_LOCK_WAYS_AROUND},   /* pivot_root */
    {{161, 51}, EPERM, TW_LOCK_WAYS_AROUND},   /* chroot */
    {{308, 268}, EPERM, TW_LOCK_WAYS_AROUND},  /* setns */
    {{428, 428}, EPERM, TW_LOCK_WAYS_AROUND},  /* open_tree */
    {{429, 429}, EPERM, TW_LOCK_WAYS_AROUND},  /* move_mount */
    {{432, 432}, EPERM, TW_LOCK_WAYS_AROUND},  /* fsmount */
    {{467, 467}, EPERM, TW_LOCK_WAYS_AROUND},  /* open_tree_attr */
};

_Static_assert(sizeof refused / sizeof *refused < ROWS, "and one row for the mark");

static bool stops(enum tw_effect effect)
{
    return effect == TW_EFFECT_PREVENT || effect == TW_EFFECT_BLOCK;
}

unsigned tw_lock_wishes(const struct tw_policy *policy)
{
    bool any = stops(policy->processes.effect) || stops(policy->network.effect) || stops(policy->dns.effect) ||
               stops(policy->filesystem.effect);

    if (!any)
        return TW_LOCK_NOTHING;
    if (stops(policy->processes.effect) && policy->processes.block_all)
        return TW_LOCK_WAYS_AROUND | TW_LOCK_PROGRAMS;
    return TW_LOCK_WAYS_AROUND;
}

/* The rows of this machine and these wishes, lowest number first. */
static size_t choose(enum tw_machine machine, unsigned wishes, struct row rows[ROWS])
{
    struct row next = {TW_LOCK_MARK_NUMBER, (uint16_t)(TW_LOCK_MARK + wishes)};
    size_t count = 0;

    rows[count++] = next;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        size_t at = count;

        if ((refused[i].wish & wishes) == 0)
            continue;
        next = (struct row){refused[i].numbers[machine], refused[i].error};
        for (; at > 0 && rows[at - 1].number > next.number; at--)
            rows[at] = rows[at - 1];
        rows[at] = next;
        count++;
    }
    return count;
}

static struct sock_filter answer(uint32_t value)
{
    return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value);
}

static struct sock_filter load(size_t offset)
{
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static size_t tree_size(size_t count)
{
    return count <= LEAF ? 2 * count + 1 : 1 + tree_size(count / 2) + tree_size(count - count / 2);
}

/* Compares the number that was loaded with the rows: halves down to a few, which are compared one by one. */
static void put_tree(const struct row *rows, size_t count, struct sock_filter *at)
{
    size_t lower = count / 2;

    if (count > LEAF) {
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, rows[lower].number,
                                             (uint8_t)tree_size(lower), 0);
        put_tree(rows, lower, at);
        put_tree(rows + lower, count - lower, at + tree_size(lower));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rows[i].number, 0, 1);
        *at++ = answer(SECCOMP_RET_ERRNO | rows[i].error);
    }
    *at = answer(SECCOMP_RET_ALLOW);
}

size_t tw_lock_filter(enum tw_machine machine, unsigned wishes, struct sock_filter program[TW_LOCK_INSTRUCTIONS])
{
    const uint32_t architecture = machine == TW_X86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64;
    struct row rows[ROWS];
    size_t count = choose(machine, wishes, rows), length = 0;

    /* 32-bit calls have other numbers. No 64-bit program makes them, and 32-bit programs can't be judged. */
    program[length++] = load(offsetof(struct seccomp_data, arch));
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0);
    program[length++] = answer(SECCOMP_RET_ERRNO | EPERM);
    program[length++] = load(offsetof(struct seccomp_data, nr));
    if (machine == TW_X86_64) {
        /* As kernels without x32 answer, which are nearly all; and to the number -1, by which some ask whether calls of
         * unknown numbers fail. */
        program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1);
        program[length++] = answer(SECCOMP_RET_ERRNO | ENOSYS);
    }
    put_tree(rows, count, program + length);
    return length + tree_size(count);
}
