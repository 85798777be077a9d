#define _GNU_SOURCE
#include "question.h"

#include "act.h"
#include "dns_packet.h"
#include "endpoint.h"
#include "platform.h"
#include "resolved.h"
#include "resolver.h"
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Of the static kind: the other takes memory when a thread first uses it. */
static _Thread_local const void *resolving __attribute__((tls_model("initial-exec")));

const void *tw_resolver_enter(const void *frame)
{
    const void *before = resolving;

    resolving = frame;
    return before;
}

void tw_resolver_leave(const void *before)
{
    resolving = before;
}

/* A call that was left by a jump, out of a signal handler, leaves its frame behind: what runs above it is no part of
 * it. */
bool tw_resolver_runs(void)
{
    return resolving != NULL && (uintptr_t)__builtin_frame_address(0) < (uintptr_t)resolving;
}

bool tw_domain_act(const struct tw_verdict *verdict, const char *name)
{
    bool unknown = name == NULL || name[0] == '\0';
    const struct tw_detail details[] = {
        {"domain", unknown ? NULL : name, TW_NAME, false},
        {"port", unknown ? "53" : NULL, TW_PORT_TEXT, true},
    };

    return tw_act(verdict, TW_AUDIT_NETWORK, details, 2);
}

/* An address that the resolver does not ask anybody for, in any of its forms: inet_aton's too, such as 0x7f.1. */
static bool is_address(const char *name)
{
    struct tw_address address;
    struct in_addr v4;

    return tw_address_read(name, &address) || (name[strcspn(name, " \t\n\v\f\r")] == '\0' && inet_aton(name, &v4) != 0);
}

/* `name` in the form that is compared, plain: the resolver asks for just this. Returns whether it is denied. */
static bool judge(struct tw_question *question, const char *name, bool plain)
{
    const struct tw_policy *policy = tw_policy_active;
    const struct tw_dns *dns = &policy->dns;

    plain = plain && tw_resolver_is_plain(question->state, name);
    question->kinds = plain ? tw_platform_kinds(name) : 0;
    if (dns->effect == TW_EFFECT_DISABLE)
        return false;
    struct tw_name_facts facts = {.name = name, .implicit = plain && tw_platform_is_name(name), .unexamined = !plain};
    struct tw_verdict verdict = tw_judge_name(dns, &facts);

    if (plain && tw_name_is_listed(dns, name))
        question->kinds |= TW_RESOLVED_LISTED;
    return tw_domain_act(&verdict, name);
}

static bool is_judged(void)
{
    const struct tw_policy *policy = tw_policy_active;

    return policy != NULL && (policy->dns.effect != TW_EFFECT_DISABLE || policy->network.effect != TW_EFFECT_DISABLE);
}

bool tw_question_denied(struct tw_question *question, const char *given)
{
    char name[TW_NAME];
    int error = errno;

    question->name = given;
    question->kinds = 0;
    if (!is_judged() || given == NULL)
        return false;
    size_t length = strnlen(given, sizeof question->copy);

    if (length < sizeof question->copy) {
        memcpy(question->copy, given, length);
        question->copy[length] = '\0';
        question->name = question->copy;
    }
    if (length == 0 || (!question->is_query && length < sizeof question->copy && is_address(question->copy)))
        return false;
    bool plain = tw_name_read(question->name, length, name);
    bool denied = judge(question, name, plain);

    errno = error;
    return denied;
}

bool tw_query_denied(struct tw_question *question, const void *bytes, size_t size)
{
    char name[TW_NAME] = "";
    struct tw_dns_reader reader;
    enum tw_dns_read read = TW_DNS_READ;
    unsigned kinds = ~0u;
    bool plain = false, denied = false;
    int error = errno;

    question->kinds = 0;
    if (!is_judged())
        return false;
    if (!tw_dns_open(&reader, bytes, size))
        return judge(question, "", false);
    while (!denied && read == TW_DNS_READ && (read = tw_dns_question(&reader, name, &plain)) != TW_DNS_END) {
        denied = judge(question, name, plain);
        kinds &= question->kinds;
    }
    question->kinds = kinds;
    errno = error;
    return denied;
}

/* Four bits a label, the last first: 5.113.0.203.in-addr.arpa, or 32 of them in ip6.arpa (RFC 3596, 2.5). */
static void reverse_name(const struct tw_address *address, char name[TW_NAME])
{
    static const char digits[] = "0123456789abcdef";
    static const struct tw_address mapped = {{[10] = 0xff, [11] = 0xff}};
    struct tw_text text = {.start = name, .size = TW_NAME - 1};
    bool is_v4 = memcmp(address->bytes, mapped.bytes, 12) == 0;

    for (size_t i = 16; i > (is_v4 ? 12u : 0u); i--) {
        uint8_t byte = address->bytes[i - 1];
        char nibbles[] = {digits[byte & 15], '.', digits[byte >> 4], '.'};

        if (is_v4) {
            tw_text_number(&text, byte);
            tw_text_add(&text, ".");
        } else {
            tw_text_put(&text, nibbles, sizeof nibbles);
        }
    }
    tw_text_add(&text, is_v4 ? "in-addr.arpa" : "ip6.arpa");
    name[text.length] = '\0';
}

bool tw_reverse_denied(const struct tw_address *address)
{
    const struct tw_policy *policy = tw_policy_active;
    char name[TW_NAME];
    int error = errno;

    if (policy == NULL || policy->dns.effect == TW_EFFECT_DISABLE)
        return false;
    reverse_name(address, name);
    struct tw_name_facts facts = {
        .name = name,
        .implicit = tw_address_is_loopback(address),
        .unexamined = !tw_resolver_is_plain(NULL, name),
    };
    struct tw_verdict verdict = tw_judge_name(&policy->dns, &facts);
    bool denied = tw_domain_act(&verdict, name);

    errno = error;
    return denied;
}

void tw_question_addresses(const struct tw_question *question, const struct addrinfo *found)
{
    struct tw_endpoint endpoint;
    struct sockaddr_storage name;

    for (; question->kinds != 0 && found != NULL; found = found->ai_next) {
        if (found->ai_addr == NULL || found->ai_addrlen > sizeof name)
            continue;
        memcpy(&name, found->ai_addr, found->ai_addrlen);
        if (tw_endpoint_read(&name, found->ai_addrlen, &endpoint))
            tw_resolved_add(&endpoint.address, question->kinds);
    }
}

void tw_question_entry(const struct tw_question *question, const struct hostent *entry)
{
    for (char **at = entry->h_addr_list; question->kinds != 0 && at != NULL && *at != NULL; at++) {
        struct tw_address address = tw_address_mapped(*at);

        if (entry->h_addrtype == AF_INET6)
            memcpy(address.bytes, *at, sizeof address.bytes);
        tw_resolved_add(&address, question->kinds);
    }
}

void tw_question_answer(const struct tw_question *question, const void *answer, int size)
{
    struct tw_dns_reader reader;
    struct tw_address address;

    if (question->kinds == 0 || answer == NULL || size <= 0 || !tw_dns_open(&reader, answer, (size_t)size))
        return;
    while (tw_dns_answer(&reader, &address) == TW_DNS_READ)
        tw_resolved_add(&address, question->kinds);
}
