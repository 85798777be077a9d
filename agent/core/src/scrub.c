/* Secrets out of command lines: values behind telling names, credentials in URLs, well-known kinds of keys.
 * Works word by word, since a shell's whole command is one argument. */
#include "audit.h"
#include "match.h"
#include "text.h"

#include <string.h>

static const char *const telling[] = {"password", "passwd", "secret",     "token",         "apikey",
                                      "api_key",  "api-key", "access_key", "access-key",    "private_key",
                                      "auth",     "credential", "signature", "bearer", "passphrase"};
static const char *const prefixes[] = {"AKIA", "ASIA", "ghp_", "gho_", "ghs_", "github_pat_", "xoxb-", "xoxp-",
                                       "eyJ",  "sk-",  "sk_live_", "glpat-", "AIza", "npm_", "pypi-"};

static bool contains(const char *word, size_t length, const char *needle)
{
    size_t wanted = strlen(needle);

    for (size_t at = 0; at + wanted <= length; at++) {
        size_t i = 0;

        while (i < wanted &&
               (char)(word[at + i] >= 'A' && word[at + i] <= 'Z' ? word[at + i] + 32 : word[at + i]) == needle[i])
            i++;
        if (i == wanted)
            return true;
    }
    return false;
}

static bool is_telling(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
        if (contains(word, length, telling[i]))
            return true;
    return (length == 3 && memcmp(word, "pwd", 3) == 0) || (length == 5 && memcmp(word, "--pwd", 5) == 0);
}

static bool is_key(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t size = strlen(prefixes[i]);

        if (length >= size + 12 && memcmp(word, prefixes[i], size) == 0)
            return true;
    }
    /* Long and mixed: 32 letters and digits or more, and no path. */
    size_t digits = 0, letters = 0;

    for (size_t i = 0; i < length; i++) {
        digits += word[i] >= '0' && word[i] <= '9';
        letters += (word[i] >= 'a' && word[i] <= 'z') || (word[i] >= 'A' && word[i] <= 'Z');
    }
    return length >= 32 && digits > 3 && letters > 3 && digits + letters + 6 >= length &&
           memchr(word, '/', length) == NULL;
}

/* A word, or as much of it as there is room for. */
static void put_start(struct tw_text *text, const char *word, size_t length)
{
    size_t room = text->size - text->length;

    tw_text_put(text, word, length < room ? length : room);
}

/* One word; `hidden` says that the word before announced a secret. Returns whether this one announces one. */
static bool put_word(struct tw_text *text, const char *word, size_t length, bool hidden)
{
    const char *at = memchr(word, '@', length), *scheme = NULL;
    size_t split = 0;

    for (size_t i = 0; i + 3 <= length && scheme == NULL; i++)
        if (memcmp(word + i, "://", 3) == 0)
            scheme = word + i + 3;
    while (split < length && word[split] != '=' && word[split] != ':')
        split++;
    bool names = is_telling(word, split);

    if (scheme != NULL && at != NULL && at > scheme) {
        tw_text_put(text, word, (size_t)(scheme - word));
        tw_text_add(text, "***");
        tw_text_put(text, at, length - (size_t)(at - word));
        return false;
    }
    if (split + 1 < length && (names || is_key(word + split + 1, length - split - 1)) && scheme == NULL) {
        tw_text_put(text, word, split + 1);
        tw_text_add(text, "***");
        return false;
    }
    bool announces = names && (split < length || word[0] == '-' || contains(word, length, "bearer"));

    if ((hidden && !announces) || is_key(word, length))
        tw_text_add(text, "***");
    else
        put_start(text, word, length);
    return announces;
}

static bool is_break(char letter)
{
    return letter == '\0' || strchr(" \t\n\"'`;|&?()<>,{}", letter) != NULL;
}

size_t tw_scrub(const char *const *argv, char *output, size_t size)
{
    struct tw_text text = {.start = output, .size = size};
    bool hidden = false;

    for (size_t i = 0; argv != NULL && argv[i] != NULL && !text.cut; i++) {
        if (i > 0)
            tw_text_add(&text, " ");
        for (const char *at = argv[i]; *at != '\0' && !text.cut;) {
            size_t length = 0;

            while (!is_break(at[length]))
                length++;
            if (length > 0) {
                hidden = put_word(&text, at, length, hidden);
                at += length;
            } else {
                tw_text_put(&text, at++, 1);
            }
        }
    }
    return text.length;
}
