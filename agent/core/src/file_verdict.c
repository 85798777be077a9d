/* The section "filesystem": asks the judge about a file whose name is known, and acts on the verdict. */
#define _GNU_SOURCE
#include "act.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum tw_files tw_files_state(void)
{
    const struct tw_policy *policy = tw_policy_active;

    if (policy == NULL || policy->filesystem.effect == TW_EFFECT_DISABLE ||
        policy->filesystem.allow.count + policy->filesystem.deny.count == 0)
        return TW_FILES_UNJUDGED;
    return policy->filesystem.effect == TW_EFFECT_ALERT ? TW_FILES_WATCHED : TW_FILES_ENFORCED;
}

/* Pipes and the like, which have no path, and the devices that keep and give nothing. */
static bool is_no_file(const char *path)
{
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full"};

    if (path[0] != '/')
        return true;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (strcmp(path, devices[i]) == 0)
            return true;
    return false;
}

static struct tw_verdict judge(const struct tw_file_facts *facts)
{
    if (tw_files_state() == TW_FILES_UNJUDGED || (!facts->unexamined && is_no_file(facts->path)))
        return (struct tw_verdict){0};
    return tw_judge_file(&tw_policy_active->filesystem, facts);
}

static bool act(const struct tw_verdict *verdict, const char *path)
{
    const struct tw_detail details[] = {{"filepath", path, TW_AUDIT_PATH, false}};

    if (!tw_act(verdict, TW_AUDIT_FILESYSTEM, details, 1))
        return false;
    errno = EACCES;
    return true;
}

bool tw_file_denied(const char *path, bool is_named, bool reads_only)
{
    struct tw_verdict verdict = judge(&(struct tw_file_facts){path, .reads_only = reads_only, .unexamined = !is_named});

    return act(&verdict, path);
}

/* Memory that is opened like a file (memfd_create) is none. */
static bool is_memory(const struct tw_file *file)
{
    struct stat status;

    return strncmp(file->path, "/memfd:", 7) == 0 && fstat(file->descriptor, &status) == 0 && status.st_nlink == 0;
}

bool tw_found_denied(const struct tw_file *file, bool reads_only)
{
    struct tw_file_facts facts = {file->path, .reads_only = reads_only, .unexamined = !file->is_named};
    struct tw_verdict verdict = judge(&facts);

    if (verdict.effect != TW_EFFECT_DISABLE)
        return !is_memory(file) && act(&verdict, file->path);
    if (tw_files_state() == TW_FILES_UNJUDGED)
        return false;
    facts.path = tw_linked_entry(&tw_policy_active->filesystem.deny, file->descriptor);
    if (facts.path == NULL)
        return false;
    verdict = judge(&facts);
    return act(&verdict, file->path);
}

bool tw_walk_denied(const struct tw_file *file)
{
    struct tw_file_facts facts = {file->path, .reads_only = true, .unexamined = !file->is_named, .with_all_below = true};
    struct tw_verdict verdict = judge(&facts);

    return act(&verdict, file->path);
}

/* Whether names can't be made or taken away in a folder at all; sets errno. A read-only task root is the usual case:
 * Python tries to write its bytecode there. */
static bool is_closed(const struct tw_entry *entry)
{
    return syscall(SYS_faccessat, entry->folder, ".", W_OK) != 0 && (errno == EACCES || errno == EROFS);
}

bool tw_entry_is_allowed(const struct tw_entry *entry, bool with_all_below)
{
    struct tw_file_facts facts = {entry->path, .unexamined = !entry->is_named, .with_all_below = with_all_below};

    return judge(&facts).effect == TW_EFFECT_DISABLE;
}

bool tw_entry_making_denied(const struct tw_entry *entry, bool replaced)
{
    struct tw_file_facts facts = {entry->path, .unexamined = !entry->is_named};
    struct tw_verdict verdict = judge(&facts);
    struct stat status;
    int error = errno;

    if (verdict.effect == TW_EFFECT_DISABLE)
        return false;
    if (!replaced && fstatat(entry->folder, entry->last, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return true;
    }
    if (is_closed(entry))
        return true;
    errno = error;
    return act(&verdict, entry->path);
}

bool tw_entry_taking_denied(const struct tw_entry *entry, bool with_all_below)
{
    struct tw_file_facts facts = {entry->path, .unexamined = !entry->is_named, .with_all_below = with_all_below};
    struct tw_verdict verdict = judge(&facts);
    struct stat status;
    int error = errno;

    if (verdict.effect == TW_EFFECT_DISABLE)
        return false;
    if (fstatat(entry->folder, entry->last, &status, AT_SYMLINK_NOFOLLOW) != 0 || is_closed(entry))
        return true;
    errno = error;
    return act(&verdict, entry->path);
}
