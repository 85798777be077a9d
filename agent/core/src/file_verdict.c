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

/* Passes by a part of a path that is a number. NULL: it is none. */
static const char *behind_number(const char *path)
{
    size_t length = strspn(path, "0123456789");

    return length > 0 && (path[length] == '/' || path[length] == '\0') ? path + length : NULL;
}

/* What follows "/proc/self" in the name of a file that every process has, of another process or of a thread. NULL: it
 * is none of these. */
static const char *behind_process(const char *path)
{
    static const char processes[] = "/proc/", own[] = "self/task/", threads[] = "/task/";
    const char *at = path + sizeof processes - 1;

    if (strncmp(path, processes, sizeof processes - 1) != 0)
        return NULL;
    if (strncmp(at, own, sizeof own - 1) == 0)
        return behind_number(at + sizeof own - 1);
    const char *rest = behind_number(at);
    const char *thread = rest == NULL || strncmp(rest, threads, sizeof threads - 1) != 0
                             ? NULL
                             : behind_number(rest + sizeof threads - 1);

    return thread == NULL ? rest : thread;
}

/* Threads and children have what the process has: an entry of the deny list below "/proc/self" is about them all. */
static struct tw_verdict judge_of_process(const struct tw_filesystem *section, const struct tw_file_facts *facts)
{
    const struct tw_filesystem denying = {.effect = section->effect, .deny = section->deny,
                                          .readable = section->readable};
    const char *rest = behind_process(facts->path);
    char path[PATH_MAX] = "/proc/self";
    size_t length = strlen(path);

    if (rest == NULL || strlen(rest) >= sizeof path - length)
        return (struct tw_verdict){0};
    memcpy(path + length, rest, strlen(rest) + 1);
    struct tw_file_facts own = {path, .reads_only = facts->reads_only, .with_all_below = facts->with_all_below};

    return tw_judge_file(&denying, &own);
}

static struct tw_verdict judge(const struct tw_file_facts *facts)
{
    if (tw_files_state() == TW_FILES_UNJUDGED || (!facts->unexamined && is_no_file(facts->path)))
        return (struct tw_verdict){0};
    struct tw_verdict verdict = tw_judge_file(&tw_policy_active->filesystem, facts);

    return verdict.effect == TW_EFFECT_DISABLE ? judge_of_process(&tw_policy_active->filesystem, facts) : verdict;
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

bool tw_unfound_denied(const struct tw_lookup *lookup)
{
    char path[PATH_MAX];
    int error = errno;

    if (!tw_is_shortage(error))
        return false;
    tw_path_guess(lookup, path);
    errno = error;
    return tw_file_denied(path, false, false);
}

bool tw_walk_denied(const struct tw_file *file)
{
    struct tw_file_facts facts = {file->path, .reads_only = true, .unexamined = !file->is_named,
                                  .with_all_below = true};
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
