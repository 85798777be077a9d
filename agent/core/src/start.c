/* The ABI: starts the rooms in their order, and passes on what a shim says. */
#include "agent_calls.h"
#include "agent_pages.h"
#include "audit.h"
#include "audit_ring.h"
#include "children.h"
#include "defender.h"
#include "dns_sends.h"
#include "hooks.h"
#include "lock.h"
#include "main_process.h"
#include "pins.h"
#include "platform.h"
#include "resolved.h"
#include "rings.h"
#include "sealed.h"
#include "start_child.h"
#include "text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

TW_SEALED const struct tw_policy *tw_policy_active;

static atomic_flag started = ATOMIC_FLAG_INIT;
/* What audits about the agent itself name as their effect. */
TW_SEALED static enum tw_effect on_tampering;

const char *tw_version(void)
{
    return TW_VERSION;
}

static void say(char *message, size_t size, const char *first, const char *second)
{
    struct tw_text text = {.start = message, .size = size == 0 ? 0 : size - 1};

    if (size == 0)
        return;
    tw_text_put(&text, first, strnlen(first, text.size));
    tw_text_put(&text, second, strnlen(second, text.size - text.length));
    message[text.length] = '\0';
}

static bool same_name(const char *left, const char *right)
{
    for (; *left != '\0' && *right != '\0'; left++, right++) {
        char a = (char)(*left >= 'A' && *left <= 'Z' ? *left + 32 : *left);
        char b = (char)(*right >= 'A' && *right <= 'Z' ? *right + 32 : *right);

        if (a != b)
            return false;
    }
    return *left == *right;
}

/* A policy that was made for another function or region is enforced all the same, and said to be so once. */
static void warn_of_mismatch(const struct tw_policy *policy, const char *function, const char *region)
{
    if (policy->function != NULL && function != NULL && !same_name(policy->function, function))
        tw_audit_notice("TW_POLICY was made for another function than the one that runs");
    if (policy->region != NULL && region != NULL && !same_name(policy->region, region))
        tw_audit_notice("TW_POLICY was made for another region than the one that the function runs in");
}

enum tw_effect tw_policy_strongest(const struct tw_policy *policy)
{
    const enum tw_effect effects[] = {policy->processes.effect, policy->network.effect, policy->dns.effect,
                                      policy->filesystem.effect};
    enum tw_effect found = TW_EFFECT_DISABLE;

    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++)
        found = effects[i] > found ? effects[i] : found;
    return found;
}

/* What the sections network and dns go by beside the policy. */
static void note_network(const struct tw_policy *policy)
{
    if (policy->network.effect == TW_EFFECT_DISABLE && policy->dns.effect == TW_EFFECT_DISABLE)
        return;
    tw_platform_note(policy);
    tw_resolved_open();
    if (policy->dns.effect != TW_EFFECT_DISABLE)
        tw_dns_sends_open(tw_ring_dns_flag());
}

/* Who starts: the runtime, where `parent` is NULL, or a program that it started, in an invocation. */
struct starter {
    const struct tw_options *options;
    const struct tw_parent *parent;
    const char *request;
};

static void note_main_process(const struct tw_parent *parent)
{
    if (parent == NULL)
        tw_main_process_note();
    else
        tw_main_process_follow(parent->process, parent->start);
}

/* What an environment does and says once; programs that it starts inherit the lock, and say nothing. */
static void announce(const struct tw_policy *policy, const char *why, const char *unjudged)
{
    tw_audit_first_line(why, policy, tw_lock_install(policy));
    warn_of_mismatch(policy, getenv("AWS_LAMBDA_FUNCTION_NAME"), getenv("AWS_REGION"));
    if (unjudged != NULL)
        tw_audit_notice(unjudged);
}

static int enforce(const struct tw_policy *policy, const struct starter *starter, char *message, size_t size)
{
    const char *function = getenv("AWS_LAMBDA_FUNCTION_NAME"), *region = getenv("AWS_REGION");
    struct tw_audit_identity identity = {
        .function = function != NULL ? function : policy->function,
        .region = region != NULL ? region : policy->region,
        .provider = policy->provider,
        .rule = policy->rule,
        .runtime = starter->options->runtime,
    };
    enum tw_effect strongest = tw_policy_strongest(policy);
    bool enforces = strongest != TW_EFFECT_DISABLE;
    const char *why = policy->rule == NULL ? "TW_POLICY holds no rule: nothing is enforced"
                      : !enforces          ? "the rule has no section that is switched on: nothing is enforced"
                                           : "the rule is enforced";
    const char *unjudged = NULL;

    if (policy->filesystem.effect != TW_EFFECT_DISABLE && tw_rings_found() == TW_RINGS_POLLED) {
        say(message, size, "files are opened through an io_uring, which can't be judged: unset UV_USE_IO_URING", "");
        return TW_E_SYSTEM;
    }
    if (!tw_audit_open(&identity, starter->parent, starter->request)) {
        say(message, size, "there is no memory for audits", "");
        return TW_E_SYSTEM;
    }
    if (enforces) {
        note_main_process(starter->parent);
        note_network(policy);
        unjudged = tw_children_prepare(starter->parent, starter->options);
        tw_agent_pages_note();
        tw_agent_rings_note(starter->options->runtime);
        if (!tw_hooks_install(policy)) {
            say(message, size, "the C library's calls can't be hooked here", "");
            return TW_E_SYSTEM;
        }
        tw_pins_start();
        tw_policy_active = policy;
        on_tampering = strongest;
    }
    if (starter->parent == NULL)
        announce(policy, why, unjudged);
    say(message, size, why, "");
    return enforces ? TW_OK : TW_DISABLED;
}

static int start(const struct starter *starter, char *message, size_t size)
{
    const struct tw_options *options = starter->options;
    const struct tw_policy *policy = NULL;
    const char *why = "";
    int result = tw_policy_find(options->tw_policy, options->folder, options->readable, &policy, &why);

    if (result != TW_OK) {
        say(message, size, result == TW_E_DOCUMENT || result == TW_E_VERSION ? "the policy is invalid: " : "", why);
        return result;
    }
    return enforce(policy, starter, message, size);
}

static int start_once(const struct starter *starter, char *message, size_t size)
{
    if (starter->options == NULL) {
        say(message, size, "the call has no options", "");
        return TW_E_ABSENT;
    }
    if (tw_policy_active != NULL || atomic_flag_test_and_set(&started)) {
        say(message, size, "the agent runs already; its first policy stays", "");
        return TW_E_ALREADY;
    }
    if (!tw_sealed_open(true)) {
        say(message, size, "the agent's own pages can't be opened", "");
        return TW_E_SYSTEM;
    }
    int result = start(starter, message, size);

    tw_sealed_open(false);
    return result;
}

int tw_start(const struct tw_options *options, char *message, size_t size)
{
    return start_once(&(struct starter){.options = options}, message, size);
}

int tw_start_child(const struct tw_parent *parent, const char *request, const struct tw_options *options, char *message,
                   size_t size)
{
    return start_once(&(struct starter){.options = options, .parent = parent, .request = request}, message, size);
}

int tw_start_flat(const char *tw_policy, const char *folder, const char *runtime, const char *readable, char *message,
                  size_t size)
{
    struct tw_options options = {.tw_policy = tw_policy, .folder = folder, .runtime = runtime, .readable = readable};

    return tw_start(&options, message, size);
}

static const char *const everything[] = {"*"};
static const char *const root[] = {"/"};
static const struct tw_block any_address[] = {
    {.prefix = 0, .text = "::/0"},
    {.address = {{[10] = 0xff, [11] = 0xff}}, .prefix = 96, .text = "0.0.0.0/0"},
};

/* What holds when the policy can't be trusted any more: its strongest effect, for all that can be denied. */
#define NOTHING(e)                                                                       \
    {                                                                                    \
        .processes = {.effect = (e), .block_all = true},                                 \
        .network = {.effect = (e), .deny_ips = {any_address, 2}},                        \
        .dns = {.effect = (e), .deny = {everything, 1}},                                 \
        .filesystem = {.effect = (e), .deny = {root, 1}},                                \
    }

static const struct tw_policy nothing[] = {
    [TW_EFFECT_ALERT] = NOTHING(TW_EFFECT_ALERT),
    [TW_EFFECT_PREVENT] = NOTHING(TW_EFFECT_PREVENT),
    [TW_EFFECT_BLOCK] = NOTHING(TW_EFFECT_BLOCK),
};

void tw_invocation_begin(const char *request_id)
{
    enum tw_repair policy = tw_policy_repair();
    bool hooked = tw_hooks_refresh();

    if (policy == TW_POLICY_LOST && on_tampering != TW_EFFECT_DISABLE && tw_sealed_open(true)) {
        tw_policy_active = &nothing[on_tampering];
        tw_sealed_open(false);
    }
    tw_audit_invocation_begin(request_id);
    if (policy == TW_POLICY_REPAIRED)
        tw_audit_tampering("the policy in memory was changed; it is restored", on_tampering);
    if (policy == TW_POLICY_LOST)
        tw_audit_tampering("the policy in memory was changed for good; all that a policy can deny counts as denied",
                           on_tampering);
    if (hooked)
        tw_audit_tampering("hooks of the agent were taken out; they are in again", on_tampering);
}

void tw_invocation_end(void)
{
    tw_audit_invocation_end();
}

size_t tw_drain(char *buffer, size_t size)
{
    return tw_audit_drain(buffer, size);
}
