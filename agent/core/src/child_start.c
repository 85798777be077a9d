/* In a program that a protected one started: the core starts by itself, before main, with the policy that it was given.
 * Does nothing where the library was loaded in another way: there a shim starts it. */
#define _GNU_SOURCE
#include "children.h"
#include "error_stream.h"
#include "start_child.h"
#include "text.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_preloaded(const char *library)
{
    const char *list = tw_environment_last(environ, "LD_PRELOAD");
    size_t length, size = strlen(library);

    for (const char *at = list == NULL ? "" : list; (length = tw_preload_next(&at)) > 0; at += length)
        if (length == size && memcmp(at, library, size) == 0)
            return true;
    return false;
}

static void complain(const char *why)
{
    char line[1024];
    struct tw_text text = {.start = line, .size = sizeof line - 1};

    tw_text_add(&text, "defender: NOT PROTECTED: ");
    tw_text_add(&text, why);
    tw_text_add(&text, "; a program that the function started runs unprotected");
    tw_text_put(&text, "\n", 1);
    tw_error_stream_write(line, text.length);
}

/* Whoever started the program chose its environment. What the core reads there at its start has to be what the
 * runtime's core read: for the time being it is. */
static bool is_the_runtimes(const char *entry)
{
    for (size_t i = 0; tw_children_variables[i] != NULL; i++)
        if (tw_environment_names(entry, tw_children_variables[i]))
            return true;
    return false;
}

static size_t count_entries(void)
{
    size_t count = 0;

    while (environ != NULL && environ[count] != NULL)
        count++;
    return count;
}

static int start(const struct tw_parent *parent, const char *request, const struct tw_options *options, char *message,
                 size_t size)
{
    char **whole = environ, *own[count_entries() + TW_PARENT_VARIABLES + 1];
    size_t count = 0;

    for (size_t i = 0; whole != NULL && whole[i] != NULL; i++)
        if (!is_the_runtimes(whole[i]))
            own[count++] = whole[i];
    for (size_t i = 0; parent->variables[i] != NULL; i++)
        own[count++] = (char *)(uintptr_t)parent->variables[i];
    own[count] = NULL;
    environ = own;
    int result = tw_start_child(parent, request, options, message, size);

    environ = whole;
    return result;
}

/* The folder of `library`, where the policy's file lies if it has one. */
static bool find_folder(const char *library, char folder[PATH_MAX])
{
    const char *slash = strrchr(library, '/');

    if (slash == NULL || slash == library || slash - library >= PATH_MAX)
        return false;
    memcpy(folder, library, (size_t)(slash - library));
    folder[slash - library] = '\0';
    return true;
}

/* `text` is TW_PARENT's value, and is changed. */
static void start_with(char *text, const char *library)
{
    char folder[PATH_MAX], message[512], *request = text, *semicolon = strchr(text, ';');
    struct tw_parent parent;
    struct tw_options options = {.tw_policy = tw_environment_last(environ, "TW_POLICY"), .folder = folder};

    if (semicolon == NULL || !find_folder(library, folder))
        return;
    *semicolon = '\0';
    if (!tw_parent_unescape(request) || !tw_parent_read(semicolon + 1, &parent))
        return;
    options.runtime = parent.runtime;
    options.readable = parent.readable;
    if (start(&parent, request[0] == '\0' ? NULL : request, &options, message, sizeof message) >= 0)
        return;
    tw_error_stream_follow(&parent);
    complain(message);
}

__attribute__((constructor)) static void start_by_itself(void)
{
    const char *value = tw_environment_last(environ, "TW_PARENT");
    size_t size = value == NULL ? 0 : strnlen(value, TW_PARENT_LARGEST) + 1;
    int error = errno;
    Dl_info info;

    /* Without it the program was not started by a protected one, but given the library by somebody else. */
    if (value == NULL || size > TW_PARENT_LARGEST || dladdr((void *)(uintptr_t)&start_by_itself, &info) == 0 ||
        info.dli_fname == NULL || !is_preloaded(info.dli_fname))
        return;
    char *text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (text != MAP_FAILED) {
        memcpy(text, value, size - 1);
        start_with(text, info.dli_fname);
        munmap(text, size);
    }
    errno = error;
}
