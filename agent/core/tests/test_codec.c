#include "test.h"

static void base64(void)
{
    static const struct {
        const char *text, *bytes;
    } good[] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"},
                {"+/+/", "\xfb\xff\xbf"}};
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", " Zm9",
                                      "Zm-v", "Zg==Zg=="};
    uint8_t output[16];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        long length = tw_base64_decode(good[i].text, strlen(good[i].text), output, sizeof output);

        CHECK(length == (long)strlen(good[i].bytes) && memcmp(output, good[i].bytes, (size_t)length) == 0, "%s",
              good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(tw_base64_decode(bad[i], strlen(bad[i]), output, sizeof output) < 0, "%s", bad[i]);
    CHECK(tw_base64_decode("Zm9vYmFy", 8, output, 5) < 0, "no room");
}

static void sha256(void)
{
    /* FIPS 180-2, appendix B, and the lengths around a block's end. */
    static const struct {
        size_t size;
        const char *digest;
    } good[] = {
        {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {1000, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"},
    };
    char data[1000], text[65];
    uint8_t digest[TW_SHA256_SIZE];

    memset(data, 'a', sizeof data);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tw_sha256(data, good[i].size, digest);
        for (size_t j = 0; j < sizeof digest; j++)
            snprintf(text + 2 * j, 3, "%02x", digest[j]);
        CHECK(strcmp(text, good[i].digest) == 0, "%zu bytes: %s", good[i].size, text);
    }
}

static bool whole(const char *text)
{
    struct tw_json json;

    tw_json_open(&json, text, strlen(text));
    return tw_json_skip(&json) && tw_json_finish(&json);
}

static void json(void)
{
    static const char *const good[] = {"0", "-1.5e+10", "\"\"", "[]", " [ 1 , {\"a\" : [ ] } ] ", "null",
                                       "{\"\":\"\\u0041\"}", "\"\\ud83d\\ude00\""};
    static const char *const bad[] = {"", "[1}", "{1:2}", "[1,]", "[,1]", "{\"a\"}", "{\"a\":1,}", "01", "+1", "1.",
                                      ".5", "1e", "nul", "\"\\x\"", "\"\\ud800\"", "\"\t\"", "\"", "[1] 2",
                                      "\xef\xbb\xbf[]", "\"\xc0\xaf\"", "tru", "[[]"};
    char text[16], deep[128];
    struct tw_json reader;
    uint32_t number;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(whole(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!whole(bad[i]), "%s", bad[i]);
    memset(deep, '[', 32);
    memset(deep + 32, ']', 32);
    deep[64] = '\0';
    CHECK(whole(deep), "32 levels");
    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    deep[66] = '\0';
    CHECK(!whole(deep), "33 levels");
    tw_json_open(&reader, "\"\\u00e9\\n\"", 10);
    CHECK(tw_json_string(&reader, text, sizeof text) == 3 && memcmp(text, "\xc3\xa9\n", 4) == 0, "escapes");
    tw_json_open(&reader, "\"0123456789abcdef\"", 18);
    CHECK(tw_json_string(&reader, text, sizeof text) < 0 && reader.wrong_type, "a string without room");
    tw_json_open(&reader, "999999999", 9);
    CHECK(tw_json_small(&reader, &number) && number == 999999999, "the largest number");
    tw_json_open(&reader, "1000000000", 10);
    CHECK(!tw_json_small(&reader, &number), "too large a number");
}

int main(void)
{
    base64();
    sha256();
    json();
    return test_end("codec");
}
