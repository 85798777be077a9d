/* The filters of both machines in an interpreter, for every number: what is refused, with which error, and that nothing
 * but architecture and number is looked at. The numbers are written down once more, from the kernel's tables. */
#include "lock_filter.h"
#include "test.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

enum { LAST = 1024, ENTER_RING = 426 };

static const uint32_t architectures[] = {[TW_X86_64] = AUDIT_ARCH_X86_64, [TW_AARCH64] = AUDIT_ARCH_AARCH64};
static const char *const machines[] = {"x86_64", "aarch64"};

/* execve, execveat; then the ways around. */
static const uint32_t programs[2][2] = {{59, 322}, {221, 281}};
static const uint32_t around[2][16] = {
    {101, 155, 161, 165, 304, 308, 311, 323, 425, 426, 427, 428, 429, 432, 438, 467},
    {40, 41, 51, 117, 265, 268, 271, 282, 425, 426, 427, 428, 429, 432, 438, 467},
};

/* Of a program no longer than the kernel lets it be, with the instructions that its cache knows. */
static uint32_t run(const struct sock_filter *program, size_t length, const struct seccomp_data *data, unsigned *steps)
{
    uint32_t loaded = 0;

    for (size_t at = 0; at < length; at++, ++*steps) {
        const struct sock_filter *instruction = &program[at];

        switch (instruction->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            CHECK(instruction->k == offsetof(struct seccomp_data, nr) ||
                  instruction->k == offsetof(struct seccomp_data, arch),
                  "the kernel can't cache what depends on offset %u", instruction->k);
            loaded = instruction->k == offsetof(struct seccomp_data, nr) ? (uint32_t)data->nr : data->arch;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += loaded == instruction->k ? instruction->jt : instruction->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += loaded >= instruction->k ? instruction->jt : instruction->jf;
            break;
        case BPF_RET | BPF_K:
            return instruction->k;
        default:
            CHECK(false, "an instruction that nobody knows: %u", instruction->code);
            return 0;
        }
    }
    CHECK(false, "ran over the end of %zu", length);
    return 0;
}

static bool has(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static uint32_t expected(enum tw_machine machine, unsigned wishes, uint32_t number)
{
    if (has(programs[machine], 2, number) && (wishes & TW_LOCK_PROGRAMS) != 0)
        return SECCOMP_RET_ERRNO | EACCES;
    if (number == ENTER_RING)
        return (wishes & TW_LOCK_RINGS) != 0 ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW;
    if (has(around[machine], 16, number) && (wishes & TW_LOCK_WAYS_AROUND) != 0)
        return SECCOMP_RET_ERRNO | EPERM;
    return SECCOMP_RET_ALLOW;
}

static void check_filter(enum tw_machine machine, unsigned wishes)
{
    struct sock_filter program[TW_LOCK_INSTRUCTIONS];
    size_t length = tw_lock_filter(machine, wishes, program);
    struct seccomp_data data = {.arch = architectures[machine]};
    unsigned steps, most = 0;

    CHECK(length > 0 && length <= TW_LOCK_INSTRUCTIONS, "%zu instructions", length);
    for (uint32_t number = 0; number < LAST; number++) {
        data.nr = (int)number;
        uint32_t answer = run(program, length, &data, (steps = 0, &steps));

        most = steps > most ? steps : most;
        CHECK(answer == expected(machine, wishes, number), "%s, wishes %u, number %u: %x", machines[machine], wishes,
              number,
              answer);
    }
    CHECK(most <= 16, "%u steps", most);
    data.nr = TW_LOCK_MARK_NUMBER;
    CHECK(run(program, length, &data, &steps) == (SECCOMP_RET_ERRNO | (TW_LOCK_MARK + wishes)), "%s",
          machines[machine]);
    printf("lock_filter: %s, wishes %u: %zu instructions, at most %u steps\n", machines[machine], wishes, length,
           most + 1);
}

/* 32-bit calls, the other machine's, and x32's: none gets through, whatever its number. */
static void check_foreign(enum tw_machine machine)
{
    static const uint32_t others[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, 0,
                                      UINT32_MAX};
    struct sock_filter program[TW_LOCK_INSTRUCTIONS];
    size_t length = tw_lock_filter(machine, TW_LOCK_WAYS_AROUND, program);
    unsigned steps = 0;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        for (int number = -1; number < LAST && others[i] != architectures[machine]; number++) {
            struct seccomp_data data = {.arch = others[i], .nr = number};

            CHECK(run(program, length, &data, &steps) == (SECCOMP_RET_ERRNO | EPERM), "%x %d", others[i], number);
        }
    for (uint32_t number = 0; number < LAST; number++) {
        struct seccomp_data data = {.arch = architectures[machine], .nr = (int)(number | 0x40000000)};
        uint32_t wanted = machine == TW_X86_64 ? SECCOMP_RET_ERRNO | ENOSYS : SECCOMP_RET_ALLOW;

        CHECK(run(program, length, &data, &steps) == wanted, "%s, x32 %u", machines[machine], number);
    }
    struct seccomp_data unknown = {.arch = architectures[machine], .nr = -1};
    uint32_t answer = run(program, length, &unknown, &steps);

    CHECK(answer == (machine == TW_X86_64 ? SECCOMP_RET_ERRNO | ENOSYS : SECCOMP_RET_ALLOW), "%s, -1",
          machines[machine]);
}

static unsigned wishes_of(enum tw_effect processes, bool block_all, enum tw_effect filesystem)
{
    struct tw_policy policy = {
        .processes = {.effect = processes, .block_all = block_all},
        .filesystem = {.effect = filesystem},
    };

    return tw_lock_wishes(&policy);
}

static void check_wishes(void)
{
    enum { DISABLE = TW_EFFECT_DISABLE, ALERT = TW_EFFECT_ALERT, PREVENT = TW_EFFECT_PREVENT, BLOCK = TW_EFFECT_BLOCK };
    const unsigned both = TW_LOCK_WAYS_AROUND | TW_LOCK_PROGRAMS;

    CHECK(wishes_of(DISABLE, false, DISABLE) == TW_LOCK_NOTHING, "nothing is enforced");
    CHECK(wishes_of(ALERT, true, ALERT) == TW_LOCK_NOTHING, "alert stops nothing");
    CHECK(wishes_of(PREVENT, true, DISABLE) == both, "the default policy");
    CHECK(wishes_of(BLOCK, true, DISABLE) == both, "block");
    CHECK(wishes_of(PREVENT, false, DISABLE) == TW_LOCK_WAYS_AROUND, "some programs may start");
    CHECK(wishes_of(ALERT, true, PREVENT) == TW_LOCK_WAYS_AROUND, "programs on trial start");
    CHECK(wishes_of(DISABLE, true, BLOCK) == TW_LOCK_WAYS_AROUND, "a section that is off says nothing");
}

/* The numbers above are those of this machine's headers too. */
static void check_numbers(void)
{
#if defined(__x86_64__)
    const uint32_t *own = around[TW_X86_64], *starts = programs[TW_X86_64];
#else
    const uint32_t *own = around[TW_AARCH64], *starts = programs[TW_AARCH64];
#endif
    const uint32_t known[] = {SYS_ptrace, SYS_pivot_root, SYS_chroot, SYS_mount, SYS_open_by_handle_at, SYS_setns,
                              SYS_process_vm_writev, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
                              SYS_io_uring_register, SYS_open_tree, SYS_move_mount, SYS_fsmount, SYS_pidfd_getfd};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        CHECK(has(own, 16, known[i]), "%u", known[i]);
    CHECK(has(starts, 2, SYS_execve) && has(starts, 2, SYS_execveat), "the starts");
}

int main(void)
{
    for (int machine = TW_X86_64; machine <= TW_AARCH64; machine++) {
        for (unsigned wishes = TW_LOCK_WAYS_AROUND; wishes <= 7; wishes += 2)
            check_filter((enum tw_machine)machine, wishes);
        check_foreign((enum tw_machine)machine);
    }
    check_wishes();
    check_numbers();
    return test_end("lock_filter");
}
