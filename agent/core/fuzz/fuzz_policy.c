/* A policy document: decoded or refused, never more. */
#include "policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(16) char memory[TW_POLICY_MEMORY];
    struct tw_arena arena = {memory, sizeof memory, 0};
    struct tw_policy policy;
    const char *why = NULL;
    int result = tw_policy_decode((const char *)data, size, &arena, &policy, &why);

    if (result != 0 && why == NULL)
        abort();
    if (result == 0)
        for (size_t i = 0; i < policy.processes.deny.count; i++)
            if (!tw_is_entry(policy.processes.deny.items[i]))
                abort();
    return 0;
}
