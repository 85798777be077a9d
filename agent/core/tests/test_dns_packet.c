/* DNS messages: what they ask for, and what they can do to whoever reads them. */
#include "dns_packet.h"
#include "test.h"

#define HEADER(questions, answers) "\x12\x34\1\0\0" questions "\0" answers "\0\0\0\0"
#define BYTES(text) (text), sizeof(text) - 1
#define A_IN "\0\1\0\1"

/* A copy of just the size, so that the sanitizer sees a byte too many. */
static struct tw_dns_reader opened(const char *bytes, size_t size, void **memory, bool *is_message)
{
    struct tw_dns_reader reader;

    *memory = malloc(size == 0 ? 1 : size);
    memcpy(*memory, bytes, size);
    *is_message = tw_dns_open(&reader, *memory, size);
    return reader;
}

static void question(const char *bytes, size_t size, enum tw_dns_read wanted, const char *name, bool plain)
{
    char found[TW_NAME] = "";
    bool is_message, is_plain = false;
    void *memory;
    struct tw_dns_reader reader = opened(bytes, size, &memory, &is_message);
    enum tw_dns_read read = is_message ? tw_dns_question(&reader, found, &is_plain) : TW_DNS_BROKEN;

    CHECK(read == wanted, "%s: %d", name, read);
    CHECK(read != TW_DNS_READ || (strcmp(found, name) == 0 && is_plain == plain), "%s, not %s", found, name);
    free(memory);
}

static void questions(void)
{
    char found[TW_NAME];
    bool is_message, plain;
    void *memory;
    struct tw_dns_reader reader = opened(BYTES(HEADER("\2", "\0") "\1a\4test\0" A_IN "\1B\xc0\x0e" A_IN), &memory,
                                         &is_message);

    question(BYTES(HEADER("\1", "\0") "\3wWw\4Evil\4test\0" A_IN), TW_DNS_READ, "www.evil.test", true);
    question(BYTES(HEADER("\1", "\0") "\0" A_IN), TW_DNS_READ, "", true);
    question(BYTES(HEADER("\1", "\0") "\1_\2*-\0" A_IN), TW_DNS_READ, "_.*-", true);
    CHECK(is_message && tw_dns_question(&reader, found, &plain) == TW_DNS_READ && strcmp(found, "a.test") == 0,
          "the first of two: %s", found);
    CHECK(tw_dns_question(&reader, found, &plain) == TW_DNS_READ && strcmp(found, "b.test") == 0, "a pointer: %s",
          found);
    CHECK(tw_dns_question(&reader, found, &plain) == TW_DNS_END, "a third of two");
    free(memory);
    /* Bytes that mean something else as text. */
    question(BYTES(HEADER("\1", "\0") "\3a.b\4test\0" A_IN), TW_DNS_READ, "a.b.test", false);
    question(BYTES(HEADER("\1", "\0") "\3a\0b\4test\0" A_IN), TW_DNS_READ, "a?b.test", false);
    question(BYTES(HEADER("\1", "\0") "\3a\\b\0" A_IN), TW_DNS_READ, "a\\b", false);
    question(BYTES(HEADER("\1", "\0") "\2\xc3\xa4\0" A_IN), TW_DNS_READ, "\xc3\xa4", false);
}

static void broken(void)
{
    char longest[600];
    size_t at = 12;

    question(BYTES(""), TW_DNS_BROKEN, "nothing", false);
    question(BYTES("\x12\x34\1\0\0\1\0\0\0\0\0"), TW_DNS_BROKEN, "half a header", false);
    question(BYTES(HEADER("\0", "\0")), TW_DNS_BROKEN, "no question", false);
    question(BYTES(HEADER("\1", "\0")), TW_DNS_BROKEN, "a question that is not there", false);
    question(BYTES(HEADER("\1", "\0") "\3ww"), TW_DNS_BROKEN, "half a label", false);
    question(BYTES(HEADER("\1", "\0") "\3www"), TW_DNS_BROKEN, "no end", false);
    question(BYTES(HEADER("\1", "\0") "\3www\0\0\1\0"), TW_DNS_BROKEN, "half a class", false);
    question(BYTES(HEADER("\1", "\0") "\xc0"), TW_DNS_BROKEN, "half a pointer", false);
    question(BYTES(HEADER("\1", "\0") "\xc0\x0c" A_IN), TW_DNS_BROKEN, "a pointer to itself", false);
    question(BYTES(HEADER("\1", "\0") "\1a\xc0\x0c" A_IN), TW_DNS_BROKEN, "a pointer to its own start", false);
    question(BYTES(HEADER("\1", "\0") "\xc0\x20" A_IN "\1a\0"), TW_DNS_BROKEN, "a pointer forward", false);
    question(BYTES(HEADER("\1", "\0") "\x41" "a\0" A_IN), TW_DNS_BROKEN, "a label of another kind", false);
    /* Four labels of 63 bytes are too long by one; with the last of 61 they fit. */
    memcpy(longest, HEADER("\1", "\0"), 12);
    for (int i = 0; i < 4; i++) {
        longest[at] = 63;
        memset(longest + at + 1, 'a', 63);
        at += 64;
    }
    memcpy(longest + at, "\0" A_IN, 5);
    question(longest, at + 5, TW_DNS_BROKEN, "257 bytes", false);
    at = 12 + 3 * 64;
    longest[at] = 61;
    memcpy(longest + at + 62, "\0" A_IN, 5);
    char name[TW_NAME];

    memset(name, 'a', sizeof name);
    name[63] = name[127] = name[191] = '.';
    name[253] = '\0';
    question(longest, at + 62 + 5, TW_DNS_READ, name, true);
}

static void answers(void)
{
    static const char message[] = HEADER("\1", "\4") "\1a\0" A_IN             /* the question, at 12 */
                                  "\xc0\x0c\0\5\0\1\0\0\0\0\0\3\1b\0"         /* a is called b */
                                  "\xc0\x0c" A_IN "\0\0\0\0\0\4\xcb\0\x71\5"  /* 203.0.113.5 */
                                  "\xc0\x0c\0\1\0\3\0\0\0\0\0\4\1\2\3\4"      /* of another class */
                                  "\xc0\x0c\0\x1c\0\1\0\0\0\0\0\x10"          /* 2001:db8::5 */
                                  "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\5";
    static const struct tw_address wanted[] = {{{[10] = 0xff, 0xff, 203, 0, 113, 5}},
                                               {{0x20, 1, 0x0d, 0xb8, [15] = 5}}};
    struct tw_address found;

    for (size_t size = 0; size < sizeof message; size++) {
        bool is_message;
        void *memory;
        struct tw_dns_reader reader = opened(message, size, &memory, &is_message);
        size_t count = 0;
        enum tw_dns_read read = TW_DNS_BROKEN;

        while (is_message && (read = tw_dns_answer(&reader, &found)) == TW_DNS_READ) {
            CHECK(count < 2 && memcmp(&found, &wanted[count], sizeof found) == 0, "answer %zu of %zu bytes", count,
                  size);
            count++;
        }
        bool whole = size == sizeof message - 1;

        CHECK(read == (whole ? TW_DNS_END : TW_DNS_BROKEN) && (count == 2 || !whole), "%zu bytes: %zu answers", size,
              count);
        free(memory);
    }
}

static void stream(void)
{
    static const uint8_t bytes[] = {0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd', 0, 2, 'e'};
    const uint8_t *message;
    size_t at = 0, length;

    CHECK(tw_dns_message(bytes, sizeof bytes, &at, &message, &length) && length == 3 && message[0] == 'a', "the first");
    CHECK(tw_dns_message(bytes, sizeof bytes, &at, &message, &length) && length == 0, "an empty one");
    CHECK(tw_dns_message(bytes, sizeof bytes, &at, &message, &length) && length == 1 && message[0] == 'd' && at == 10,
          "the third");
    CHECK(!tw_dns_message(bytes, sizeof bytes, &at, &message, &length) && at == 10, "half a message");
    CHECK(!tw_dns_message(bytes, 11, &at, &message, &length), "half a length");
    CHECK(!tw_dns_message(bytes, 10, &at, &message, &length), "nothing left");
}

int main(void)
{
    questions();
    broken();
    answers();
    stream();
    return test_end("dns_packet");
}
