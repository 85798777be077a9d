/* The section "processes": judges a program that is about to start, and ends the environment where the policy says so.
 *
 * Safe in the child of a vfork: nothing here allocates, locks or keeps state. The hooks that ask stand in exec_calls.c,
 * spawn_calls.c and shell_calls.c; libc's own functions call each other directly and not through them, so each call is
 * judged once. */
#define _GNU_SOURCE
#include "audit.h"
#include "hooks.h"
#include "main_process.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The exit code of an environment that a policy with the effect "block" ended, and how many scripts may name
 * scripts as their interpreters before the kernel gives up. */
enum { BLOCKED = 86, SCRIPTS = 5 };

static const struct tw_processes *section;

void tw_processes_set(const struct tw_processes *processes)
{
    section = processes;
}

/* The runtime ends, whichever of its children made the call. */
static void end_environment(void)
{
    tw_main_process_end();
    _exit(BLOCKED);
}

/* The whole chain: a script's interpreter may be a script, and each file has to pass. */
static struct tw_verdict judge_chain(struct tw_program_call call, const char *const *argv, struct tw_program *program)
{
    struct tw_verdict verdict = {0};
    char next[PATH_MAX];

    for (int depth = 0; depth <= SCRIPTS && tw_program_find(&call, program); depth++) {
        struct tw_process_facts facts = {
            .path = program->path,
            .argv = argv,
            .interpreter = program->interpreter[0] == '\0' ? NULL : program->interpreter,
            .unexamined = program->unexamined,
        };

        verdict = tw_judge_process(section, &facts);
        if (verdict.effect != TW_EFFECT_DISABLE)
            tw_audit_process(&verdict, &facts);
        if (verdict.effect != TW_EFFECT_DISABLE || facts.interpreter == NULL)
            break;
        memcpy(next, program->interpreter, sizeof next);
        call = (struct tw_program_call){.folder = AT_FDCWD, .path = next};
    }
    return verdict;
}

bool tw_process_denied(const struct tw_program_call *call, const char *const *argv)
{
    struct tw_program program;
    struct tw_verdict verdict = {0};
    int error = errno;

    if (section != NULL && call->path != NULL)
        verdict = judge_chain(*call, argv, &program);
    if (verdict.effect == TW_EFFECT_BLOCK)
        end_environment();
    errno = error;
    return verdict.effect == TW_EFFECT_PREVENT;
}
