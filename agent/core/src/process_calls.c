/* The section "processes": judges a program that is about to start, and tells whether it can run under the policy.
 *
 * Safe in the child of a vfork: nothing here allocates, locks or keeps state. The hooks that ask stand in exec_calls.c,
 * spawn_calls.c and shell_calls.c; libc's own functions call each other directly and not through them, so each call is
 * judged once. */
#define _GNU_SOURCE
#include "act.h"
#include "process_calls.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* How many scripts may name scripts as their interpreters before the kernel gives up. */
enum { SCRIPTS = 5 };

static bool act(const struct tw_verdict *verdict, const struct tw_process_facts *facts)
{
    char command[TW_AUDIT_COMMAND];

    if (verdict->effect == TW_EFFECT_DISABLE)
        return false;
    size_t length = tw_scrub(facts->argv, command, sizeof command - 1);
    const struct tw_detail details[] = {
        {"processPath", facts->path, TW_AUDIT_PATH, false},
        {"interpreter", facts->interpreter, TW_AUDIT_PATH, false},
        {"command", command, TW_AUDIT_COMMAND, false},
    };

    command[length] = '\0';
    return tw_act(verdict, TW_AUDIT_PROCESSES, details, sizeof details / sizeof *details);
}

/* Where no program may start, nothing goes to the kernel: a file that is none now may be one when the kernel looks. */
static bool allows_none(const struct tw_processes *section)
{
    return section->block_all && section->effect > TW_EFFECT_ALERT;
}

/* The whole chain: a script's interpreter may be a script, and each file has to pass. What is started in the end is the
 * last of them. */
static enum tw_fate chain_fate(const struct tw_processes *section, struct tw_program_call call, const char *const *argv)
{
    struct tw_program program = {.foreign = false};
    char next[PATH_MAX];
    bool judged = section->effect == TW_EFFECT_DISABLE;

    for (int depth = 0; depth <= SCRIPTS; depth++) {
        if (!tw_program_find(&call, &program)) {
            if (allows_none(section))
                return TW_FATE_ABSENT;
            break;
        }
        struct tw_process_facts facts = {
            .path = program.path,
            .argv = argv,
            .interpreter = program.interpreter[0] == '\0' ? NULL : program.interpreter,
            .unexamined = program.unexamined,
        };
        struct tw_verdict verdict = {.effect = TW_EFFECT_DISABLE};

        if (!judged)
            verdict = tw_judge_process(section, &facts);
        judged |= verdict.effect != TW_EFFECT_DISABLE;
        if (act(&verdict, &facts))
            return TW_FATE_DENIED;
        if (facts.interpreter == NULL)
            break;
        memcpy(next, program.interpreter, sizeof next);
        call = (struct tw_program_call){.folder = AT_FDCWD, .path = next};
    }
    return program.foreign ? TW_FATE_FOREIGN : TW_FATE_FOLLOWED;
}

/* Somebody moved the agent away, so that what is started would run without it. */
static bool lost_denied(const struct tw_policy *policy, const char *path)
{
    const struct tw_verdict verdict = {tw_policy_strongest(policy), "policyHijacked",
                                       "the agent's library is gone: the program would run unjudged", NULL};
    const struct tw_detail details[] = {{"processPath", path, TW_AUDIT_PATH, false}};

    return tw_act(&verdict, TW_AUDIT_PROCESSES, details, 1);
}

enum tw_fate tw_process_fate(const struct tw_program_call *call, const char *const *argv)
{
    const struct tw_policy *policy = tw_policy_active;
    enum tw_fate fate = TW_FATE_FOLLOWED;
    int error = errno;

    if (policy != NULL && call->path != NULL)
        fate = chain_fate(&policy->processes, *call, argv);
    if (policy != NULL && fate == TW_FATE_FOLLOWED && tw_children_lost() && lost_denied(policy, call->path))
        fate = TW_FATE_DENIED;
    if (fate != TW_FATE_ABSENT)
        errno = error;
    return fate;
}
