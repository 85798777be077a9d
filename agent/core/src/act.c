#define _GNU_SOURCE
#include "act.h"

#include "main_process.h"

#include <errno.h>
#include <unistd.h>

/* The exit code of an environment that a policy with the effect "block" ended. */
enum { BLOCKED = 86 };

bool tw_act(const struct tw_verdict *verdict, enum tw_audit_type type, const struct tw_detail *details, size_t count)
{
    int error = errno;

    if (verdict->effect == TW_EFFECT_DISABLE)
        return false;
    tw_audit(type, verdict, details, count);
    if (verdict->effect == TW_EFFECT_BLOCK) {
        tw_audit_last();
        /* The runtime ends, whichever of its children made the call. */
        tw_main_process_end();
        _exit(BLOCKED);
    }
    errno = error;
    return verdict->effect == TW_EFFECT_PREVENT;
}
