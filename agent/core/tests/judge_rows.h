/* A row of agent/cases/{outbound,listening,names,files}.json put before the judge. The rule is decoded as the agent
 * decodes its own, so that what is judged by is what a policy can hold. */
#ifndef TW_JUDGE_ROWS_H
#define TW_JUDGE_ROWS_H

#include "defender.h"
#include "judge.h"
#include "test.h"

enum judge_kind { JUDGE_OUTBOUND, JUDGE_LISTENING, JUDGE_NAMES, JUDGE_FILES };

static const char *const judge_effects[] = {"allow", "alert", "prevent", "block"};

/* The row's rule, which has all but a name: in memory that the next row is read into. */
static inline struct tw_policy judge_rule(struct tw_json row)
{
    static char document[TW_POLICY_LARGEST];
    static _Alignas(16) char memory[TW_POLICY_MEMORY];
    struct tw_arena arena = {memory, sizeof memory, 0};
    struct tw_json rule = test_member(row, "rule"), end = rule;
    struct tw_policy policy;
    const char *why;

    if (tw_json_peek(&rule) != TW_JSON_OBJECT || !tw_json_skip(&end))
        abort();
    const char *inner = strchr(rule.at, '{') + 1;
    bool empty = inner[strspn(inner, " ")] == '}';
    int size = snprintf(document, sizeof document,
                        "{\"v\":1,\"id\":{\"provider\":\"aws\"},\"runtime\":{\"name\":\"r\"%s%.*s}", empty ? "" : ",",
                        (int)(end.at - inner), inner);

    if (tw_policy_decode(document, (size_t)size, &arena, &policy, &why) != TW_OK) {
        fprintf(stderr, "%s: %s\n", document, why);
        abort();
    }
    return policy;
}

static inline struct tw_address judge_address(const char *text)
{
    struct tw_block block = {0};

    if (text == NULL || !tw_block_read(text, &block) || block.prefix != 128)
        abort();
    return block.address;
}

static inline struct tw_verdict judge_outbound(struct tw_json row, struct tw_json facts, const char *text)
{
    struct tw_json port = test_member(facts, "port");
    struct tw_policy policy = judge_rule(row);
    uint32_t number = 0;

    if (!tw_json_small(&port, &number))
        abort();
    return tw_judge_outbound(&policy, &(struct tw_outbound_facts){
                                          .address = judge_address(text),
                                          .port = (uint16_t)number,
                                          .implicit = test_flag(facts, "implicit"),
                                          .resolved = test_flag(facts, "resolved"),
                                      });
}

static inline struct tw_verdict judge_listening(struct tw_json row, struct tw_json facts)
{
    struct tw_json port = test_member(facts, "port");
    struct tw_policy policy = judge_rule(row);
    uint32_t number = 0;

    if (!tw_json_small(&port, &number))
        abort();
    return tw_judge_listening(&policy.network, (uint16_t)number);
}

static inline struct tw_verdict judge_name(struct tw_json row, struct tw_json facts, const char *text, bool *listed)
{
    struct tw_policy policy = judge_rule(row);

    *listed = tw_name_is_listed(&policy.dns, text);
    return tw_judge_name(&policy.dns, &(struct tw_name_facts){
                                          .name = text,
                                          .implicit = test_flag(facts, "implicit"),
                                          .unexamined = test_flag(facts, "unexamined"),
                                      });
}

static inline struct tw_verdict judge_file(struct tw_json row, struct tw_json facts, const char *text)
{
    static char storage[64][4096];
    const char *readable[64];
    struct tw_policy policy = judge_rule(row);
    struct tw_json list = test_member(row, "readable");
    bool first = true;

    policy.filesystem.readable.items = readable;
    if (!tw_json_enter(&list, TW_JSON_ARRAY))
        abort();
    for (size_t *count = &policy.filesystem.readable.count; tw_json_next(&list, TW_JSON_ARRAY, &first); ++*count) {
        if (*count == 64 || tw_json_string(&list, storage[*count], sizeof *storage) < 0)
            abort();
        readable[*count] = storage[*count];
    }
    return tw_judge_file(&policy.filesystem, &(struct tw_file_facts){
                                                 .path = text,
                                                 .reads_only = test_flag(facts, "reads_only"),
                                                 .with_all_below = test_flag(facts, "with_all_below"),
                                                 .unexamined = test_flag(facts, "unexamined"),
                                             });
}

/* `listed` is for names; `by` of the verdict is good until the next row. */
static inline struct tw_verdict judge_row(enum judge_kind kind, struct tw_json row, bool *listed)
{
    static const char *const keys[] = {"address", "port", "name", "path"};
    struct tw_json facts = test_member(row, "facts");
    char *text = test_string(facts, keys[kind]);
    struct tw_verdict verdict;

    *listed = false;
    if (kind != JUDGE_LISTENING && text == NULL)
        abort();
    verdict = kind == JUDGE_OUTBOUND    ? judge_outbound(row, facts, text)
              : kind == JUDGE_LISTENING ? judge_listening(row, facts)
              : kind == JUDGE_NAMES     ? judge_name(row, facts, text, listed)
                                        : judge_file(row, facts, text);
    free(text);
    return verdict;
}

#endif
