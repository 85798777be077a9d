/* A command line: scrubbed, put into a JSON string, and read back whole. */
#include "audit.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argument = malloc(size + 1), command[1024], line[2048];

    memcpy(argument, data, size);
    argument[size] = '\0';
    const char *const argv[] = {argument, argument, NULL};
    size_t length = tw_scrub(argv, command, sizeof command - 1);

    command[length] = '\0';
    struct tw_text text = {.start = line, .size = sizeof line};
    struct tw_json json;

    tw_text_add(&text, "{\"a\":1");
    text.size--;
    tw_text_field(&text, "command", command, sizeof command);
    text.size++;
    tw_text_add(&text, "}");
    tw_json_open(&json, line, text.length);
    if (!tw_json_skip(&json) || !tw_json_finish(&json))
        abort();
    free(argument);
    return 0;
}
