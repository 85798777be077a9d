/* Environments for programs. Safe in the child of a vfork: nothing here allocates, locks or keeps state, but for
 * tw_environment_mark_own, which is for calls that aren't either. */
#define _GNU_SOURCE
#include "children.h"

#include "audit.h"
#include "children_facts.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More variables than ours (LD_PRELOAD, TW_POLICY, TW_PARENT) are not added; the request's id takes three letters for
 * each of its own at most. */
enum { OURS = 3, PRELOAD_LARGEST = 16 * 1024, REQUEST = 3 * TW_AUDIT_REQUEST };

bool tw_environment_names(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

const char *tw_environment_last(char *const envp[], const char *name)
{
    const char *found = NULL;

    for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
        if (tw_environment_names(envp[i], name))
            found = envp[i] + strlen(name) + 1;
    return found;
}

size_t tw_preload_next(const char **at)
{
    *at += strspn(*at, ": ");
    return strcspn(*at, ": ");
}

static bool is_library(const char *name, size_t length)
{
    return strlen(tw_children_facts->library) == length && memcmp(name, tw_children_facts->library, length) == 0;
}

static bool lists_library(const char *value)
{
    size_t length;

    for (const char *at = value; (length = tw_preload_next(&at)) > 0; at += length)
        if (is_library(at, length))
            return true;
    return false;
}

/* "LD_PRELOAD=<theirs>:<ours>": last, so that it is initialised first. Without ours for a program that can't load it.
 * NULL when nothing is left, or it is longer than a list can sensibly be. */
static const char *make_preload(const char *value, enum tw_fate fate, char *output, size_t size)
{
    struct tw_text text = {.start = output, .size = size};
    size_t length, count = 0;

    tw_text_add(&text, TW_PRELOAD "=");
    for (const char *at = value; (length = tw_preload_next(&at)) > 0; at += length) {
        if (is_library(at, length))
            continue;
        tw_text_add(&text, count++ > 0 ? ":" : "");
        tw_text_put(&text, at, length);
    }
    if (fate == TW_FATE_FOLLOWED && count > 0) {
        tw_text_add(&text, ":");
        tw_text_add(&text, tw_children_facts->library);
    }
    tw_text_put(&text, "", 1);
    if (!text.cut && count > 0)
        return output;
    return fate == TW_FATE_FOLLOWED ? tw_children_facts->preload : NULL;
}

static const char *make_parent(char *output, size_t size)
{
    struct tw_text text = {.start = output, .size = size};
    char request[TW_AUDIT_REQUEST], escaped[REQUEST + 1];

    tw_audit_request(request);
    tw_text_add(&text, TW_PARENT "=");
    if (tw_parent_escape(request, escaped, sizeof escaped) > 0)
        tw_text_add(&text, escaped);
    tw_text_add(&text, ";");
    tw_text_add(&text, tw_children_facts->parent);
    tw_text_put(&text, "", 1);
    return text.cut ? NULL : output;
}

/* A program that can't load the library gets its environment untouched, unless entries of ours are in it. */
static bool is_untouched(char *const envp[], enum tw_fate fate)
{
    if (tw_children_facts == NULL || fate == TW_FATE_DENIED)
        return true;
    if (fate == TW_FATE_FOLLOWED)
        return false;
    const char *preload = tw_environment_last(envp, TW_PRELOAD);

    return tw_environment_last(envp, TW_PARENT) == NULL && (preload == NULL || !lists_library(preload));
}

struct tw_environment_size tw_environment_measure(char *const envp[], enum tw_fate fate)
{
    struct tw_environment_size size = {.untouched = is_untouched(envp, fate)};

    if (size.untouched)
        return size;
    while (envp != NULL && envp[size.entries] != NULL)
        size.entries++;
    size.entries += OURS + 1;
    if (size.entries > TW_ENVIRONMENT_ENTRIES) {
        size = (struct tw_environment_size){.untouched = tw_policy_strongest(tw_policy_active) == TW_EFFECT_ALERT};
        return size;
    }
    const char *preload = tw_environment_last(envp, TW_PRELOAD);

    if (preload != NULL)
        size.preload = sizeof TW_PRELOAD + strnlen(preload, PRELOAD_LARGEST) + strlen(tw_children_facts->library) + 2;
    if (fate == TW_FATE_FOLLOWED)
        size.parent = sizeof TW_PARENT + REQUEST + strlen(tw_children_facts->parent) + 2;
    return size;
}

static bool stops(void)
{
    return tw_policy_active != NULL && tw_policy_strongest(tw_policy_active) > TW_EFFECT_ALERT;
}

/* A library that watches the linker runs before all others, the core too: it goes where something is to be stopped. */
static bool is_taken_out(const char *entry)
{
    return tw_environment_names(entry, "LD_AUDIT") && stops();
}

static bool is_replaced(const char *entry, enum tw_fate fate)
{
    return tw_environment_names(entry, TW_PRELOAD) || tw_environment_names(entry, TW_PARENT) ||
           (fate == TW_FATE_FOLLOWED && (tw_environment_names(entry, TW_POLICY) || is_taken_out(entry)));
}

/* Ours come last: of entries with one name, the linker and the core take the last, so that it does not help to change
 * one of the caller's strings to such a name meanwhile. */
char *const *tw_environment_make(char *const envp[], enum tw_fate fate, const struct tw_environment_size *size,
                                 void *memory)
{
    char **entries = memory, *strings = (char *)(entries + size->entries);
    size_t count = 0;

    if (size->untouched)
        return envp;
    if (size->entries == 0)
        return NULL;
    const char *preload = tw_environment_last(envp, TW_PRELOAD);
    const char *ours[OURS] = {
        make_preload(preload == NULL ? "" : preload, fate, strings, size->preload),
        fate == TW_FATE_FOLLOWED ? tw_children_facts->policy : NULL,
        fate == TW_FATE_FOLLOWED ? make_parent(strings + size->preload, size->parent) : NULL,
    };

    for (size_t i = 0; envp != NULL && envp[i] != NULL && count + OURS + 1 < size->entries; i++)
        if (!is_replaced(envp[i], fate))
            entries[count++] = envp[i];
    for (size_t i = 0; i < OURS; i++)
        if (ours[i] != NULL)
            entries[count++] = (char *)(uintptr_t)ours[i];
    entries[count] = NULL;
    return entries;
}

static size_t count_named(const char *name)
{
    size_t count = 0;

    for (size_t i = 0; environ != NULL && environ[i] != NULL; i++)
        count += tw_environment_names(environ[i], name);
    return count;
}

static void set_own(const char *name, const char *value)
{
    size_t count = count_named(name);

    if (count > 1 || value == NULL)
        unsetenv(name);
    else if (count == 1 && strcmp(tw_environment_last(environ, name), value) == 0)
        return;
    if (value != NULL)
        setenv(name, value, 1);
}

void tw_environment_mark_own(void)
{
    /* Always in the same place: setenv would take new memory for each request. */
    static char parent[TW_PARENT_LARGEST + REQUEST + 64];
    char preload[PRELOAD_LARGEST];
    int error = errno;

    if (tw_children_facts == NULL)
        return;
    const char *value = tw_environment_last(environ, TW_PRELOAD);
    const char *made = make_preload(value == NULL ? "" : value, TW_FATE_FOLLOWED, preload, sizeof preload);

    if (stops())
        unsetenv("LD_AUDIT");
    set_own(TW_PRELOAD, made + sizeof TW_PRELOAD);
    set_own(TW_POLICY, tw_children_facts->policy == NULL ? NULL : tw_children_facts->policy + sizeof TW_POLICY);
    make_parent(parent, sizeof parent);
    if (tw_environment_last(environ, TW_PARENT) != parent + sizeof TW_PARENT || count_named(TW_PARENT) > 1) {
        unsetenv(TW_PARENT);
        putenv(parent);
    }
    errno = error;
}
