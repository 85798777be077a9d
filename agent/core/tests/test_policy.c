/* The vectors of agent/cases/tw_policy, which the command line's tests read as well, and policies in files. */
#include "defender.h"
#include "policy.h"
#include "sealed.h"
#include "test.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static _Alignas(16) char memory[TW_POLICY_MEMORY];

static int decode(const char *string, struct tw_policy *policy)
{
    static uint8_t document[TW_POLICY_LARGEST + 1];
    struct tw_arena arena = {memory, sizeof memory, 0};
    const char *why;
    long length = tw_base64_decode(string, strlen(string), document, sizeof document);

    return length < 0 ? TW_E_ENCODING : tw_policy_decode((char *)document, (size_t)length, &arena, policy, &why);
}

static void same_text(const char *name, const char *key, const char *value, struct tw_json object)
{
    char *wanted = test_string(object, key);

    CHECK(wanted == NULL ? value == NULL : value != NULL && strcmp(wanted, value) == 0, "%s: %s is %s, not %s", name,
          key,
          value == NULL ? "null" : value, wanted == NULL ? "null" : wanted);
    free(wanted);
}

static void same_effect(const char *name, const char *key, enum tw_effect effect, struct tw_json rule)
{
    static const char *const names[] = {NULL, "alert", "prevent", "block"};

    same_text(name, "effect", names[effect], test_member(rule, key));
}

static void same_list(const char *name, const char *key, const struct tw_list *list, struct tw_json section)
{
    struct tw_json wanted = test_member(section, key);
    char text[1 << 16];
    size_t count = 0;
    bool first = true;

    if (tw_json_enter(&wanted, TW_JSON_ARRAY))
        while (tw_json_next(&wanted, TW_JSON_ARRAY, &first)) {
            if (tw_json_string(&wanted, text, sizeof text) < 0)
                break;
            CHECK(count < list->count && strcmp(list->items[count], text) == 0, "%s: %s[%zu]", name, key, count);
            count++;
        }
    CHECK(count == list->count, "%s: %s has %zu entries, not %zu", name, key, list->count, count);
}

static void same_blocks(const char *name, const char *key, const struct tw_blocks *blocks, struct tw_json section)
{
    const char *texts[64];

    CHECK(blocks->count <= 64, "%s: %s is longer than the test expects", name, key);
    for (size_t i = 0; i < blocks->count && i < 64; i++)
        texts[i] = blocks->items[i].text;
    same_list(name, key, &(struct tw_list){texts, blocks->count}, section);
}

static void same_ports(const char *name, const char *key, const struct tw_ports *ports, struct tw_json section)
{
    struct tw_json wanted = test_member(section, key);
    size_t count = 0;
    bool first = true;

    if (tw_json_enter(&wanted, TW_JSON_ARRAY))
        for (; tw_json_next(&wanted, TW_JSON_ARRAY, &first); count++) {
            uint32_t ends[2] = {0, 0};
            bool inner = true;

            tw_json_enter(&wanted, TW_JSON_ARRAY);
            for (size_t i = 0; tw_json_next(&wanted, TW_JSON_ARRAY, &inner); i++)
                tw_json_small(&wanted, &ends[i & 1]);
            CHECK(count < ports->count && ports->items[count].first == ends[0] && ports->items[count].last == ends[1],
                  "%s: %s[%zu]", name, key, count);
        }
    CHECK(count == ports->count, "%s: %s has %zu ranges, not %zu", name, key, ports->count, count);
}

static void valid(const char *folder, const char *name)
{
    size_t size;
    char *data = test_read(folder, name, &size);
    struct tw_json json;
    struct tw_policy policy;

    tw_json_open(&json, data, size);
    char *string = test_string(json, "tw_policy");
    struct tw_json document = test_member(json, "document");
    int result = string == NULL ? 1 : decode(string, &policy);

    CHECK(result == TW_OK, "%s is refused: %d", name, result);
    if (result == TW_OK) {
        struct tw_json id = test_member(document, "id"), rule = test_member(document, "runtime");
        struct tw_json processes = test_member(rule, "processes");

        same_text(name, "file", policy.file, document);
        same_text(name, "sha256", policy.sha256, document);
        same_text(name, "function", policy.function, id);
        same_text(name, "region", policy.region, id);
        same_text(name, "provider", policy.provider, id);
        same_text(name, "name", policy.rule, rule);
        same_effect(name, "processes", policy.processes.effect, rule);
        same_effect(name, "network", policy.network.effect, rule);
        same_effect(name, "dns", policy.dns.effect, rule);
        same_effect(name, "filesystem", policy.filesystem.effect, rule);
        CHECK(policy.processes.block_all == test_flag(processes, "block_all"), "%s: block_all", name);
        CHECK(policy.processes.crypto_miners == test_flag(processes, "crypto_miners"), "%s: crypto_miners", name);
        same_list(name, "allow", &policy.processes.allow, processes);
        same_list(name, "deny", &policy.processes.deny, processes);
        struct tw_json dns = test_member(rule, "dns"), filesystem = test_member(rule, "filesystem");
        struct tw_json outbound = test_member(test_member(rule, "network"), "outbound");
        struct tw_json listening = test_member(test_member(rule, "network"), "listening");

        same_list(name, "allow", &policy.dns.allow, dns);
        same_list(name, "deny", &policy.dns.deny, dns);
        same_list(name, "allow", &policy.filesystem.allow, filesystem);
        same_list(name, "deny", &policy.filesystem.deny, filesystem);
        same_blocks(name, "allow_ips", &policy.network.allow_ips, outbound);
        same_blocks(name, "deny_ips", &policy.network.deny_ips, outbound);
        same_ports(name, "allow_ports", &policy.network.allow_outbound, outbound);
        same_ports(name, "deny_ports", &policy.network.deny_outbound, outbound);
        same_ports(name, "allow_ports", &policy.network.allow_listening, listening);
        same_ports(name, "deny_ports", &policy.network.deny_listening, listening);
    }
    free(string);
    free(data);
}

static void invalid(const char *folder, const char *name)
{
    size_t size;
    char *data = test_read(folder, name, &size);
    struct tw_json json;
    struct tw_policy policy;

    tw_json_open(&json, data, size);
    char *string = test_string(json, "tw_policy");

    CHECK(string != NULL && decode(string, &policy) < 0, "%s is taken", name);
    free(string);
    free(data);
}

static void newer_version(void)
{
    static const char newer[] = "{\"v\":2,\"runtime\":[\"of another shape\"]}", other[] = "{\"v\":\"1\"}";
    struct tw_arena arena = {memory, sizeof memory, 0};
    struct tw_policy policy;
    const char *why;

    CHECK(tw_policy_decode(newer, strlen(newer), &arena, &policy, &why) == TW_E_VERSION, "%s", why);
    arena.used = 0;
    CHECK(tw_policy_decode(other, strlen(other), &arena, &policy, &why) == TW_E_DOCUMENT, "%s", why);
    arena = (struct tw_arena){memory, 1000, 0};
    CHECK(tw_policy_decode(newer, strlen(newer), &arena, &policy, &why) == TW_E_SYSTEM, "%s", why);
}

static void put(const char *folder, const char *name, const char *content)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    CHECK(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0, "%s can't be written", path);
}

static void encode(const char *text, char *output)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);

    for (size_t at = 0; at < length; at += 3) {
        unsigned bits = 0;

        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (at + i < length ? (unsigned char)text[at + i] : 0);
        for (size_t i = 0; i < 4; i++)
            *output++ = at + i > length ? '=' : letters[bits >> (18 - 6 * i) & 63];
    }
    *output = '\0';
}

static int find(const char *string, const char *folder, const struct tw_policy **policy)
{
    const char *why = "";
    int result = tw_policy_find(string, folder, NULL, policy, &why);

    CHECK(result == TW_OK || why[0] != '\0', "a failure without a reason");
    return result;
}

/* A file in a folder of the package, and by a link in the folder's place. */
static void files_in_folders(const char *folder, const char *document, const char *hash)
{
    char packaged[512], string[1024], inside[4096], path[4096], moved[4096];
    const struct tw_policy *policy = NULL;

    snprintf(packaged, sizeof packaged, "{\"v\":1,\"file\":\"below/long.json\",\"sha256\":\"%s\"}", hash);
    encode(packaged, string);
    snprintf(inside, sizeof inside, "%s/below", folder);
    snprintf(moved, sizeof moved, "%s/moved", folder);
    snprintf(path, sizeof path, "%s/long.json", moved);
    CHECK(mkdir(inside, 0700) == 0, "%s", inside);
    put(inside, "long.json", document);
    CHECK(find(string, folder, &policy) == TW_OK && strcmp(policy->rule, "in the file") == 0, "in a folder");
    CHECK(rename(inside, moved) == 0 && symlink("moved", inside) == 0, "%s", moved);
    CHECK(find(string, folder, &policy) == TW_E_FILE, "a link in the place of a folder");
    unlink(inside);
    unlink(path);
    rmdir(moved);
}

static void files(void)
{
    static const char document[] = "{\"v\":1,\"id\":{\"provider\":\"aws\"},\"console\":null,"
                                   "\"runtime\":{\"name\":\"in the file\"}}";
    char folder[] = "/tmp/defender-test-XXXXXX", packaged[512], string[1024], hash[65], path[4096];
    const struct tw_policy *policy = NULL;
    uint8_t digest[TW_SHA256_SIZE];

    CHECK(mkdtemp(folder) != NULL, "no folder");
    CHECK(find(NULL, folder, &policy) == TW_E_ABSENT && find("", folder, &policy) == TW_E_ABSENT, "nothing is there");
    put(folder, "policy.json", document);
    CHECK(find(NULL, folder, &policy) == TW_OK && strcmp(policy->rule, "in the file") == 0, "baked");
    CHECK(find("not base64!", folder, &policy) == TW_E_ENCODING,
          "an invalid string does not fall back to the baked one");
    tw_sha256(document, strlen(document), digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hash + 2 * i, 3, "%02x", digest[i]);
    files_in_folders(folder, document, hash);
    put(folder, "long.json", document);
    snprintf(packaged, sizeof packaged, "{\"v\":1,\"file\":\"long.json\",\"sha256\":\"%s\"}", hash);
    encode(packaged, string);
    CHECK(find(string, folder, &policy) == TW_OK && strcmp(policy->rule, "in the file") == 0, "packaged");
    /* Each half of each byte of the digest counts. */
    for (size_t i = 0; i < 64; i++) {
        char *digit = strstr(packaged, hash) + i;
        char before = *digit;

        *digit = before == '0' ? '1' : '0';
        encode(packaged, string);
        CHECK(find(string, folder, &policy) == TW_E_FILE, "digit %zu of the hash", i);
        *digit = before;
    }
    encode(packaged, string);
    put(folder, "policy.json", packaged);
    CHECK(find(NULL, folder, &policy) == TW_E_DOCUMENT, "a baked policy that names another file");
    put(folder, "long.json", "{}");
    CHECK(find(string, folder, &policy) == TW_E_FILE, "another hash");
    snprintf(path, sizeof path, "%s/long.json", folder);
    unlink(path);
    CHECK(find(string, folder, &policy) == TW_E_FILE, "no such file");
    put("/tmp", "defender-test-outside.json", document);
    CHECK(symlink("/tmp/defender-test-outside.json", path) == 0 && find(string, folder, &policy) == TW_E_FILE,
          "a link that leads out");
    unlink(path);
    CHECK(mkdir(path, 0700) == 0 && find(string, folder, &policy) == TW_E_FILE, "a folder");
    rmdir(path);
    unlink("/tmp/defender-test-outside.json");
    snprintf(path, sizeof path, "%s/policy.json", folder);
    unlink(path);
    rmdir(folder);
}

int main(int count, char **arguments)
{
    const char *cases = count > 1 ? arguments[1] : "../cases";

    CHECK(tw_sealed_open(true), "the agent's own pages");
    test_each(cases, "tw_policy/valid", valid);
    test_each(cases, "tw_policy/invalid", invalid);
    newer_version();
    files();
    return test_end("policy");
}
