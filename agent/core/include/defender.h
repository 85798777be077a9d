/* defender's native core: the ABI that every language's shim uses.
 *
 * One library per target, libdefender-<os>-<machine>. Everything else is hidden. A shim loads it before
 * anything else of the function, calls tw_start once, and tells the core when invocations begin and end.
 * Nothing here can loosen a policy once it is set. All strings are UTF-8 and end in NUL.
 */
#ifndef DEFENDER_H
#define DEFENDER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TW_API __attribute__((visibility("default")))

/* What tw_start answers. Negative: the core does not enforce, and on_failure decides what that means. */
enum {
    TW_OK = 0,            /* the policy is enforced from here on */
    TW_DISABLED = 1,      /* the policy is valid, and there is nothing in it to enforce */
    TW_E_ALREADY = -1,    /* the core was started before; the first policy stays */
    TW_E_ABSENT = -2,     /* TW_POLICY is absent or empty, and no policy is baked into the package */
    TW_E_ENCODING = -3,   /* TW_POLICY is no padded standard base64, or too long */
    TW_E_DOCUMENT = -4,   /* the JSON in it is damaged, or a value has the wrong type */
    TW_E_VERSION = -5,    /* a version of TW_POLICY that this core does not know */
    TW_E_FILE = -6,       /* the packaged policy can't be read, or is not the one that TW_POLICY names */
    TW_E_SYSTEM = -7,     /* the system refused memory or a change of protection */
};

struct tw_options {
    const char *tw_policy; /* the environment variable's value; NULL or "" when it is absent */
    const char *folder;    /* the folder twistlock/ that the shim lies in, for packaged policies */
    const char *runtime;   /* what runs, for audits: "python3.12" */
    const char *readable;  /* folders of the language's own files, with colons between them; NULL: none */
};

/* The core's version, such as "0.1.0". */
TW_API const char *tw_version(void);

/* Decodes the policy and hooks the process. `message` takes a line of at most `size` bytes that says why, for
 * every answer. To be called once, before other threads start; a second call changes nothing. */
TW_API int tw_start(const struct tw_options *options, char *message, size_t size);

/* The same without a struct, for foreign function interfaces. */
TW_API int tw_start_flat(const char *tw_policy, const char *folder, const char *runtime, const char *readable,
                         char *message, size_t size);

/* An invocation begins: audits carry its id from here on, and repeats are counted anew. NULL: no id. */
TW_API void tw_invocation_begin(const char *request_id);

/* It ends: repeats that were counted are written out, and what children could not write themselves. */
TW_API void tw_invocation_end(void);

/* Moves audits that were not drained yet to `buffer`, oldest first, whole JSON lines that end in newlines.
 * Returns the number of bytes; 0 when there are none or the next one is longer than `size`. */
TW_API size_t tw_drain(char *buffer, size_t size);

#ifdef __cplusplus
}
#endif
#endif
