/* The hooks of the calls that give a command to the shell: what is judged is the shell, with the command. */
#define _GNU_SOURCE
#include "arguments.h"
#include "process_calls.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int system_function(const char *);
typedef FILE *popen_function(const char *, const char *);
typedef FILE *proc_open_function(FILE *, const char *, const char *);
typedef int wordexp_function(const char *, wordexp_t *, int);

/* Sets errno where the call must fail. */
static enum tw_fate shell_fate(const char *command)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct tw_program_call call = {.folder = AT_FDCWD, .path = "/bin/sh"};
    enum tw_fate fate = tw_process_fate(&call, argv);

    if (fate == TW_FATE_DENIED)
        errno = EACCES;
    return fate;
}

/* A copy of `command`, unless it is longer than copies may be. */
#define OWN_COMMAND(own, command)                                                             \
    size_t own##_size = (command) == NULL ? 0 : strnlen(command, TW_ARGUMENTS_LARGEST);       \
    char own##_memory[own##_size < TW_ARGUMENTS_LARGEST ? own##_size + 1 : 1];                \
    const char *own = own_command(command, own##_memory, own##_size)

static const char *own_command(const char *command, char *memory, size_t size)
{
    if (command == NULL || size == TW_ARGUMENTS_LARGEST)
        return command;
    memcpy(memory, command, size);
    memory[size] = '\0';
    return memory;
}

int tw_system(const char *command)
{
    OWN_COMMAND(own, command);
    /* NULL asks whether there is a shell, which libc finds out by starting one. */
    const char *run = own != NULL ? own : "exit 0";
    enum tw_fate fate = shell_fate(run);

    if (tw_fate_refuses(fate))
        return own == NULL ? 0 : 127 << 8; /* as when libc's child can't execute the shell: it ended with 127 */
    char *const *given = environ;
    TW_ENVIRONMENT(made, given, fate);

    if (made == given)
        return TW_REAL(system, system_function)(own);
    if (made == NULL)
        errno = E2BIG;
    int status = made == NULL ? 127 << 8 : tw_shell_run(run, made);

    return own == NULL ? status == 0 : status;
}

/* libc's own code starts the shell, with the environment of this process. */
static bool stream_denied(const char *command)
{
    enum tw_fate fate = command == NULL ? TW_FATE_FOREIGN : shell_fate(command);

    if (fate == TW_FATE_FOLLOWED)
        tw_environment_mark_own();
    return tw_fate_refuses(fate);
}

FILE *tw_popen(const char *command, const char *mode)
{
    OWN_COMMAND(own, command);

    return stream_denied(own) ? NULL : TW_REAL(popen, popen_function)(own, mode);
}

FILE *tw_proc_open(FILE *stream, const char *command, const char *mode)
{
    OWN_COMMAND(own, command);

    return stream_denied(own) ? NULL : TW_REAL(_IO_proc_open, proc_open_function)(stream, own, mode);
}

/* Only a command substitution starts a shell. libc itself tells whether there is one. */
static bool starts_shell(const char *words, int flags)
{
    wordexp_t trial;

    if (words == NULL || (strchr(words, '`') == NULL && strstr(words, "$(") == NULL) || (flags & WRDE_NOCMD) != 0)
        return false;
    int result = TW_REAL(wordexp, wordexp_function)(words, &trial, WRDE_NOCMD | (flags & WRDE_UNDEF));

    if (result == 0)
        wordfree(&trial);
    return result == WRDE_CMDSUB;
}

/* What starts no shell now may not start one when libc reads it again: variables can change meanwhile. */
int tw_wordexp(const char *words, wordexp_t *expansion, int flags)
{
    OWN_COMMAND(own, words);
    int error = errno;

    if (!starts_shell(own, flags))
        return TW_REAL(wordexp, wordexp_function)(own, expansion, flags | WRDE_NOCMD);
    if (stream_denied(own)) {
        errno = error;
        return WRDE_CMDSUB;
    }
    return TW_REAL(wordexp, wordexp_function)(own, expansion, flags);
}
