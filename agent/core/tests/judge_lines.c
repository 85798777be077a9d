/* Answers one question a line, for the property tests in Python: a row as in agent/cases with its `kind` gets
 * verdict, attack, entry and whether a name is listed; a single value gets its normal form, or `invalid`. */
#include "judge_rows.h"

#include "match.h"

static const char *shown(const char *text)
{
    return text == NULL ? "-" : text;
}

static void block(const char *text)
{
    struct tw_block found = {0};

    if (!tw_block_read(text, &found)) {
        puts("invalid");
        return;
    }
    for (size_t i = 0; i < sizeof found.address.bytes; i++)
        printf("%02x", found.address.bytes[i]);
    printf("/%u\n", found.prefix);
}

static void value(char *text, bool (*valid)(const char *), void (*normalise)(char *))
{
    bool is_valid = valid(text);

    if (is_valid)
        normalise(text);
    puts(is_valid ? text : "invalid");
}

static void answer(struct tw_json row, const char *kind)
{
    static const char *const kinds[] = {"outbound", "listening", "names", "files"};
    char *text = test_string(row, "text"), *pattern = test_string(row, "pattern");
    bool listed;

    for (enum judge_kind i = JUDGE_OUTBOUND; i <= JUDGE_FILES; i++)
        if (strcmp(kind, kinds[i]) == 0) {
            struct tw_verdict found = judge_row(i, row, &listed);

            printf("%s\t%s\t%s\t%d\n", judge_effects[found.effect], shown(found.attack), shown(found.by), listed);
        }
    if (strcmp(kind, "pattern") == 0)
        puts(tw_match(pattern, text, test_flag(row, "case_sensitive")) ? "yes" : "no");
    else if (strcmp(kind, "block") == 0)
        block(text);
    else if (strcmp(kind, "name") == 0)
        value(text, tw_is_name, tw_name_normalise);
    else if (strcmp(kind, "path") == 0)
        value(text, tw_is_path, tw_path_normalise);
    free(text), free(pattern);
}

int main(void)
{
    static char line[1 << 18];

    while (fgets(line, sizeof line, stdin) != NULL) {
        struct tw_json row;

        tw_json_open(&row, line, strlen(line));
        char *kind = test_string(row, "kind");

        if (kind == NULL)
            return 2;
        answer(row, kind);
        free(kind);
        fflush(stdout);
    }
    return 0;
}
