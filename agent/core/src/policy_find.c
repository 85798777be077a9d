/* Where the policy comes from: TW_POLICY, the file in the package that it names, or the baked file. */
#include "agent_pages.h"
#include "defender.h"
#include "files.h"
#include "policy.h"
#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char baked[] = "policy.json";

/* Opens `file` below `folder` part by part, following no link: it must be a file of the package. */
static int open_inside(const char *folder, const char *file)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (descriptor >= 0) {
        size_t length = strcspn(file, "/");
        char part[256];

        if (length >= sizeof part) {
            close(descriptor);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, file, length);
        part[length] = '\0';
        int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (file[length] == '/' ? O_DIRECTORY : O_NONBLOCK);
        int next = openat(descriptor, part, flags);

        close(descriptor);
        descriptor = next;
        if (file[length] == '\0')
            break;
        file += length + 1;
    }
    return descriptor;
}

/* The whole of a small file. Returns its length, or -1 when it can't be read or is too long. */
static long read_file(int descriptor, char *buffer, size_t size)
{
    size_t length = 0;
    struct stat status;

    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
        return -1;
    for (;;) {
        ssize_t count = read(descriptor, buffer + length, size - length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -1 : (long)length;
        length += (size_t)count;
        if (length == size)
            return -1;
    }
}

static long read_inside(const char *folder, const char *file, char *buffer, size_t size, int *reason)
{
    int descriptor = folder == NULL ? -1 : open_inside(folder, file);

    *reason = errno;
    if (descriptor < 0)
        return -1;
    long length = read_file(descriptor, buffer, size);

    *reason = EIO;
    close(descriptor);
    return length;
}

static bool has_digest(const char *data, size_t length, const char *wanted)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t digest[TW_SHA256_SIZE];

    tw_sha256(data, length, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        if (wanted[2 * i] != hex[digest[i] >> 4] || wanted[2 * i + 1] != hex[digest[i] & 15])
            return false;
    return true;
}

/* The document itself in `buffer`: its length, or a negative TW_E_ code. */
static long find_document(const char *tw_policy, const char *folder, char *buffer, size_t size, const char **why)
{
    int reason;

    if (tw_policy != NULL && tw_policy[0] != '\0') {
        long length = tw_base64_decode(tw_policy, strlen(tw_policy), (uint8_t *)buffer, size);

        *why = "TW_POLICY is no padded standard base64, or over 64 KiB";
        return length < 0 ? TW_E_ENCODING : length;
    }
    long length = read_inside(folder, baked, buffer, size, &reason);

    *why = "TW_POLICY is absent or empty, and no policy is baked into the package";
    if (length >= 0)
        return length;
    if (reason == ENOENT || folder == NULL)
        return TW_E_ABSENT;
    *why = "the policy baked into the package can't be read, or is over 64 KiB";
    return TW_E_FILE;
}

/* Follows the packaged form, once: a file that names another is invalid. */
static int follow(const char *folder, char *buffer, size_t size, struct tw_arena *arena, struct tw_policy *policy,
                  const char **why)
{
    int reason;
    long length = read_inside(folder, policy->file, buffer, size, &reason);

    *why = "the policy file that TW_POLICY names can't be read, or is over 64 KiB";
    if (length < 0)
        return TW_E_FILE;
    *why = "the policy file is not the one that TW_POLICY names: its SHA-256 differs";
    if (!has_digest(buffer, (size_t)length, policy->sha256))
        return TW_E_FILE;
    int result = tw_policy_decode(buffer, (size_t)length, arena, policy, why);

    if (result != TW_OK || policy->file == NULL)
        return result;
    *why = "the policy file in the package does not hold the policy, but the name of another file";
    return TW_E_DOCUMENT;
}

/* The policy as it is, as it was found, and a sum that tells which of the two was changed. */
TW_SEALED static struct {
    char *memory, *copy;
    size_t used;
    uint64_t sum;
} kept;

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* Quick, since it is taken at each invocation: eight bytes a step. It does not withstand who computes it anew. */
static uint64_t sum_of(const char *memory, size_t size)
{
    uint64_t sum = size, word;

    for (size_t at = 0; at < size; at += sizeof word) {
        memcpy(&word, memory + at, sizeof word); /* the mapping is larger than what is used, and zero there */
        sum = (sum ^ word) * 0x9e3779b97f4a7c15;
        sum ^= sum >> 29;
    }
    return sum;
}

/* Closes the policy's memory, and keeps a copy elsewhere. */
static bool seal(const struct tw_arena *arena)
{
    char *copy = map(TW_POLICY_MEMORY);

    if (copy == NULL)
        return false;
    memcpy(copy, arena->memory, arena->used);
    if (mprotect(copy, TW_POLICY_MEMORY, PROT_READ) != 0 || mprotect(arena->memory, TW_POLICY_MEMORY, PROT_READ) != 0) {
        munmap(copy, TW_POLICY_MEMORY);
        return false;
    }
    tw_agent_pages_add(copy, TW_POLICY_MEMORY);
    tw_agent_pages_add(arena->memory, TW_POLICY_MEMORY);
    kept.memory = arena->memory;
    kept.copy = copy;
    kept.used = arena->used;
    kept.sum = sum_of(copy, arena->used);
    return true;
}

static bool overwrite(char *memory, const char *from)
{
    if (mprotect(memory, TW_POLICY_MEMORY, PROT_READ | PROT_WRITE) != 0)
        return false;
    memcpy(memory, from, kept.used);
    return mprotect(memory, TW_POLICY_MEMORY, PROT_READ) == 0;
}

enum tw_repair tw_policy_repair(void)
{
    bool is_whole = kept.memory == NULL || sum_of(kept.memory, kept.used) == kept.sum;

    if (is_whole && (kept.memory == NULL || memcmp(kept.memory, kept.copy, kept.used) == 0))
        return TW_POLICY_WHOLE;
    if (is_whole)
        return overwrite(kept.copy, kept.memory) ? TW_POLICY_REPAIRED : TW_POLICY_LOST;
    if (sum_of(kept.copy, kept.used) != kept.sum)
        return TW_POLICY_LOST;
    return overwrite(kept.memory, kept.copy) ? TW_POLICY_REPAIRED : TW_POLICY_LOST;
}

static int find(const char *tw_policy, const char *folder, char *buffer, size_t size, struct tw_arena *arena,
                struct tw_policy *policy, const char **why)
{
    long length = find_document(tw_policy, folder, buffer, size, why);

    if (length < 0)
        return (int)length;
    int result = tw_policy_decode(buffer, (size_t)length, arena, policy, why);

    if (result != TW_OK || policy->file == NULL)
        return result;
    if (tw_policy != NULL && tw_policy[0] != '\0')
        return follow(folder, buffer, size, arena, policy, why);
    *why = "the baked policy only names another file";
    return TW_E_DOCUMENT;
}

int tw_policy_find(const char *tw_policy, const char *folder, const char *readable, const struct tw_policy **found,
                   const char **why)
{
    const size_t size = TW_POLICY_LARGEST + 1;
    /* One mapping holds the policy and all that it points to, and nothing else: it becomes read-only. */
    struct tw_arena arena = {map(TW_POLICY_MEMORY), TW_POLICY_MEMORY, 0};
    char *buffer = map(size);
    int result = TW_E_SYSTEM;

    *why = "there is no memory for the policy";
    if (arena.memory != NULL && buffer != NULL) {
        struct tw_policy *policy = tw_arena_take(&arena, sizeof *policy);

        result = find(tw_policy, folder, buffer, size, &arena, policy, why);
        if (result == TW_OK && !tw_files_prepare(&policy->filesystem, &arena, folder, readable)) {
            *why = "there is no memory for the policy";
            result = TW_E_SYSTEM;
        }
        if (result == TW_OK && !seal(&arena)) {
            *why = "the policy's memory can't be made read-only";
            result = TW_E_SYSTEM;
        }
        *found = policy;
    }
    if (buffer != NULL)
        munmap(buffer, size);
    if (result != TW_OK && arena.memory != NULL)
        munmap(arena.memory, TW_POLICY_MEMORY);
    return result;
}
