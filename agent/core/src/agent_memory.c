#define _GNU_SOURCE
#include "agent_memory.h"

#include "act.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Of any process: a child may write to its parent's. /proc may be mounted in several places, under any name. */
static bool is_memory(const char *path)
{
    size_t length = strlen(path);

    return length >= 4 && strcmp(path + length - 4, "/mem") == 0;
}

bool tw_agent_memory_denied(int descriptor)
{
    char path[PATH_MAX];
    struct statfs system;
    const struct tw_detail details[] = {{"filepath", path, TW_AUDIT_PATH, false}};
    int error = errno;
    bool is_in_proc = fstatfs(descriptor, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;

    if (tw_policy_active == NULL || !is_in_proc || !tw_descriptor_path(descriptor, path) || !is_memory(path)) {
        errno = error;
        return false;
    }
    struct tw_verdict verdict = {tw_policy_strongest(tw_policy_active), "policyHijacked",
                                 "a process's memory was about to be opened for writing", NULL};
    bool denied = tw_act(&verdict, TW_AUDIT_FILESYSTEM, details, 1);

    errno = denied ? EACCES : error;
    return denied;
}

int tw_agent_memory_kept(int descriptor)
{
    int flags = descriptor < 0 ? O_RDONLY : fcntl(descriptor, F_GETFL);

    if ((flags & O_ACCMODE) == O_RDONLY || !tw_agent_memory_denied(descriptor))
        return descriptor;
    close(descriptor);
    errno = EACCES;
    return -1;
}
