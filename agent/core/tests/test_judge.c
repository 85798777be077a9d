/* agent/cases/patterns.json and processes.json. */
#include "judge.h"
#include "match.h"
#include "test.h"

static void pattern(struct tw_json row)
{
    char *wanted = test_string(row, "pattern"), *value = test_string(row, "value");
    bool matches = test_flag(row, "matches"), case_sensitive = test_flag(row, "case_sensitive");

    CHECK(wanted != NULL && value != NULL && tw_match(wanted, value, case_sensitive) == matches, "%s and %s", wanted,
          value);
    free(wanted);
    free(value);
}

/* A list of strings as the policy has it, at most 15. */
static void read_list(struct tw_json list, char *storage[16], size_t *count)
{
    bool first = true;

    *count = 0;
    if (tw_json_enter(&list, TW_JSON_ARRAY))
        while (tw_json_next(&list, TW_JSON_ARRAY, &first) && *count < 15) {
            char *text = malloc(4096);

            if (text == NULL || tw_json_string(&list, text, 4096) < 0)
                abort();
            storage[(*count)++] = text;
        }
    storage[*count] = NULL;
}

static void free_list(char *storage[16])
{
    for (size_t i = 0; storage[i] != NULL; i++)
        free(storage[i]);
}

static void process(struct tw_json row)
{
    static const char *const effects[] = {"allow", "alert", "prevent", "block"};
    struct tw_json rule = test_member(row, "rule"), facts_json = test_member(row, "facts");
    char *allow[16], *deny[16], *argv[16];
    char *name = test_string(row, "name"), *effect = test_string(rule, "effect"),
                 *verdict = test_string(row, "verdict");
    char *attack = test_string(row, "attack"), *path = test_string(facts_json, "path");
    char *interpreter = test_string(facts_json, "interpreter");
    struct tw_processes section = {.block_all = test_flag(rule, "block_all"),
                                   .crypto_miners = test_flag(rule, "crypto_miners")};
    size_t arguments;

    read_list(test_member(rule, "allow"), allow, &section.allow.count);
    read_list(test_member(rule, "deny"), deny, &section.deny.count);
    read_list(test_member(facts_json, "argv"), argv, &arguments);
    section.allow.items = (const char *const *)allow;
    section.deny.items = (const char *const *)deny;
    for (enum tw_effect i = TW_EFFECT_ALERT; i <= TW_EFFECT_BLOCK; i++)
        if (effect != NULL && strcmp(effect, effects[i]) == 0)
            section.effect = i;
    struct tw_process_facts facts = {.path = path, .argv = (const char *const *)argv, .interpreter = interpreter};
    struct tw_verdict found = tw_judge_process(&section, &facts);

    CHECK(verdict != NULL && strcmp(effects[found.effect], verdict) == 0, "%s: %s, not %s", name, effects[found.effect],
          verdict);
    CHECK(attack == NULL ? found.attack == NULL : found.attack != NULL && strcmp(attack, found.attack) == 0,
          "%s: attack", name);
    free_list(allow);
    free_list(deny);
    free_list(argv);
    free(name), free(effect), free(verdict), free(attack), free(path), free(interpreter);
}

/* A file that could not be examined passes no list, and needs none where there is no list. */
static void unexamined(void)
{
    const char *const entries[] = {"/bin/true"};
    struct tw_process_facts facts = {.path = "/bin/true", .unexamined = true};
    struct tw_processes section = {.effect = TW_EFFECT_PREVENT};

    CHECK(tw_judge_process(&section, &facts).effect == TW_EFFECT_DISABLE, "no list");
    section.allow = (struct tw_list){entries, 1};
    CHECK(tw_judge_process(&section, &facts).effect == TW_EFFECT_PREVENT, "an allow list");
    section.allow.count = 0;
    section.deny = (struct tw_list){(const char *const[]){"curl"}, 1};
    CHECK(tw_judge_process(&section, &facts).effect == TW_EFFECT_PREVENT, "a deny list");
    facts.unexamined = false;
    CHECK(tw_judge_process(&section, &facts).effect == TW_EFFECT_DISABLE, "examined");
}

int main(int count, char **arguments)
{
    const char *cases = count > 1 ? arguments[1] : "../cases";

    test_rows(cases, "patterns.json", pattern);
    test_rows(cases, "processes.json", process);
    unexamined();
    return test_end("judge");
}
