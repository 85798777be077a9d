/* What the environments of programs are given, found out once at the start. */
#define _GNU_SOURCE
#include "children.h"

#include "agent_pages.h"
#include "audit.h"
#include "children_facts.h"
#include "error_stream.h"
#include "main_process.h"
#include "program_kind.h"
#include "sealed.h"
#include "text.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const tw_children_variables[] = {
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "AWS_LAMBDA_RUNTIME_API", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR", "AzureWebJobsScriptRoot", "LOCALDOMAIN", "RES_OPTIONS", NULL,
};

_Static_assert(sizeof tw_children_variables / sizeof *tw_children_variables <= TW_PARENT_VARIABLES + 1, "they fit");

TW_SEALED const struct tw_children_facts *tw_children_facts;

/* The library's path, if the dynamic linker of another process would find it there. */
static bool find_library(char path[PATH_MAX])
{
    Dl_info info;
    struct stat status;

    return dladdr((void *)(uintptr_t)&tw_children_prepare, &info) != 0 && info.dli_fname != NULL &&
           realpath(info.dli_fname, path) != NULL && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* The linker takes these letters for the end of a name, or for something to be replaced. */
static bool can_be_listed(const char *path)
{
    return strpbrk(path, ": \t\n$") == NULL;
}

/* Strings "NAME=value" of the variables that are set, in `memory`. */
static bool gather(struct tw_parent *parent, struct tw_text *memory)
{
    size_t count = 0;

    for (size_t i = 0; tw_children_variables[i] != NULL; i++) {
        const char *value = getenv(tw_children_variables[i]);

        if (value == NULL)
            continue;
        parent->variables[count++] = memory->start + memory->length;
        tw_text_add(memory, tw_children_variables[i]);
        tw_text_add(memory, "=");
        tw_text_put(memory, value, strlen(value) + 1);
    }
    parent->variables[count] = NULL;
    return !memory->cut;
}

/* What a program has to know of this process, which is the runtime. Returns the length, 0 when it does not fit. */
static size_t describe(const struct tw_options *options, char *output, size_t size)
{
    char variables[4096];
    struct tw_text memory = {.start = variables, .size = sizeof variables};
    struct tw_parent parent = {
        .process = tw_process_id(),
        .start = tw_process_start(tw_process_id()),
        .runtime = options->runtime,
        .readable = options->readable,
    };

    tw_error_stream_describe(&parent);
    parent.ring = tw_audit_ring();
    if (!gather(&parent, &memory))
        return 0;
    size_t length = tw_parent_write(&parent, output, size);

    if (length > 0)
        return length;
    parent.readable = NULL; /* thousands of folders: a program that reads there may be stopped, but is judged */
    return tw_parent_write(&parent, output, size);
}

/* `name=value` with a NUL behind it. */
static const char *put_entry(struct tw_text *memory, const char *name, const char *value)
{
    const char *entry = memory->start + memory->length;

    tw_text_add(memory, name);
    tw_text_add(memory, "=");
    tw_text_put(memory, value, strlen(value) + 1);
    return entry;
}

/* In a program it is passed on as it came. Returns NULL when it does not fit. */
static const char *put_parent(struct tw_text *memory, const struct tw_parent *parent, const struct tw_options *options)
{
    enum { SIZE = TW_PARENT_LARGEST - 1024 }; /* the request's id stands in front of it */
    char *start = memory->start + memory->length;
    size_t left = memory->size - memory->length, size = left < SIZE ? left : SIZE;
    size_t length = parent == NULL ? describe(options, start, size) : tw_parent_write(parent, start, size);

    memory->length += length;
    tw_text_put(memory, "", 1);
    return length > 0 ? start : NULL;
}

static const char *prepare(const struct tw_parent *parent, const struct tw_options *options)
{
    char path[PATH_MAX];
    const char *policy = options->tw_policy;
    bool has_policy = policy != NULL && policy[0] != '\0';
    size_t size = 2 * TW_PARENT_LARGEST + (has_policy ? strlen(policy) : 0);

    if (!find_library(path) || !can_be_listed(path))
        return "programs that the function starts run unjudged: "
               "the agent's library has no path that they could load it by";
    void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct tw_text memory = {.start = mapping, .size = size, .length = sizeof(struct tw_children_facts)};

    if (mapping == MAP_FAILED)
        return "programs that the function starts run unjudged: there is no memory";
    struct tw_children_facts *facts = mapping;

    facts->preload = put_entry(&memory, TW_PRELOAD, path);
    facts->library = facts->preload + sizeof TW_PRELOAD;
    facts->policy = has_policy ? put_entry(&memory, TW_POLICY, policy) : NULL;
    facts->parent = put_parent(&memory, parent, options);
    if (facts->parent == NULL || memory.cut || mprotect(mapping, size, PROT_READ) != 0) {
        munmap(mapping, size);
        return "programs that the function starts run unjudged: what they have to know is too long";
    }
    tw_agent_pages_add(mapping, size);
    tw_children_facts = facts;
    return NULL;
}

bool tw_children_lost(void)
{
    return tw_children_facts != NULL && faccessat(AT_FDCWD, tw_children_facts->library, R_OK, 0) != 0;
}

const char *tw_children_prepare(const struct tw_parent *parent, const struct tw_options *options)
{
    int error = errno;

    tw_program_note_loader();
    const char *unjudged = prepare(parent, options);

    errno = error;
    return unjudged;
}
