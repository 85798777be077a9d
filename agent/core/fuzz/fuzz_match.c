/* A pattern and a value, divided by a NUL: the answer is that of a slow and plain search. */
#include "judge.h"
#include "match.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool plainly(const char *pattern, const char *value)
{
    size_t length = strlen(pattern), size = strlen(value);

    if (strcmp(pattern, "*") == 0)
        return true;
    bool starts = pattern[0] == '*', ends = length > (starts ? 1 : 0) && pattern[length - 1] == '*';
    char *core = strdup(pattern + starts);
    size_t wanted = length - (size_t)starts - (size_t)ends;
    bool found = false;

    core[wanted] = '\0';
    for (size_t at = 0; at + wanted <= size; at++)
        found |= memcmp(value + at, core, wanted) == 0 && (starts || at == 0) && (ends || at + wanted == size);
    free(core);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 2);

    memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    const char *value = text + strlen(text) + 1;

    if (tw_match(text, value, true) != plainly(text, value))
        abort();
    const char *items[] = {text}, *argv[] = {value, NULL};
    struct tw_processes section = {.effect = TW_EFFECT_PREVENT, .crypto_miners = true, .deny = {items, 1}};
    struct tw_process_facts facts = {.path = value, .argv = argv};

    tw_judge_process(&section, &facts);
    free(text);
    return 0;
}
