/* agent/cases/outbound.json, listening.json, names.json and files.json. */
#include "judge_rows.h"

static bool same(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

static void judge(enum judge_kind kind, struct tw_json row)
{
    char *name = test_string(row, "name"), *verdict = test_string(row, "verdict"), *attack = test_string(row, "attack");
    char *by = test_string(row, "by");
    bool listed;
    struct tw_verdict found = judge_row(kind, row, &listed);

    CHECK(name != NULL && same(judge_effects[found.effect], verdict), "%s: %s", name, judge_effects[found.effect]);
    CHECK(same(found.attack, attack), "%s: %s", name, found.attack == NULL ? "no attack" : found.attack);
    CHECK(same(found.by, by), "%s: by %s", name, found.by == NULL ? "nothing" : found.by);
    CHECK((found.why == NULL) == (found.effect == TW_EFFECT_DISABLE), "%s: why", name);
    CHECK(listed == test_flag(row, "listed"), "%s: listed", name);
    free(name), free(verdict), free(attack), free(by);
}

static void outbound(struct tw_json row)
{
    judge(JUDGE_OUTBOUND, row);
}

static void listening(struct tw_json row)
{
    judge(JUDGE_LISTENING, row);
}

static void names(struct tw_json row)
{
    judge(JUDGE_NAMES, row);
}

static void files(struct tw_json row)
{
    judge(JUDGE_FILES, row);
}

int main(int count, char **arguments)
{
    const char *cases = count > 1 ? arguments[1] : "../cases";

    test_rows(cases, "outbound.json", outbound);
    test_rows(cases, "listening.json", listening);
    test_rows(cases, "names.json", names);
    test_rows(cases, "files.json", files);
    return test_end("judge_sections");
}
