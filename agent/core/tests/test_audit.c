/* Audit lines: whole JSON within 4 KB, without secrets, counted when repeated, kept when nobody can write. */
#define _GNU_SOURCE
#include "audit.h"
#include "sealed.h"
#include "test.h"
#include "text.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[1 << 20];
static size_t output_size;

/* What was written to the pipe that stands for stderr since the last call. */
static const char *written(int descriptor)
{
    ssize_t size = read(descriptor, output, sizeof output - 1);

    output_size = size < 0 ? 0 : (size_t)size;
    output[output_size] = '\0';
    return output;
}

static unsigned lines(const char *text)
{
    unsigned count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static bool all_json(const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        struct tw_json json;

        tw_json_open(&json, text, length);
        if (length > TW_AUDIT_LINE || !tw_json_skip(&json) || !tw_json_finish(&json))
            return false;
        text += length + 1;
    }
    return true;
}

static void deny(const char *path, const char *const *argv)
{
    struct tw_verdict verdict = {TW_EFFECT_PREVENT, "explicitlyDeniedProcess", "why", NULL};
    char command[TW_AUDIT_COMMAND];
    const struct tw_detail details[] = {{"processPath", path, TW_AUDIT_PATH, false},
                                        {"command", command, TW_AUDIT_COMMAND, false}};

    command[tw_scrub(argv, command, sizeof command - 1)] = '\0';
    tw_audit(TW_AUDIT_PROCESSES, &verdict, details, 2);
}

static void scrubbed(const char *argument, const char *wanted)
{
    const char *const argv[] = {"cmd", argument, NULL};
    char text[4096];
    size_t length = tw_scrub(argv, text, sizeof text - 1);

    text[length] = '\0';
    CHECK(strcmp(text + 4, wanted) == 0, "%s became %s", argument, text + 4);
}

static void scrubbing(void)
{
    scrubbed("ls -la /var/task", "ls -la /var/task");
    scrubbed("--password=hunter2", "--password=***");
    scrubbed("--password hunter2 next", "--password *** next");
    scrubbed("DB_PASSWORD=x", "DB_PASSWORD=***");
    scrubbed("curl https://user:pass@example.com/x", "curl https://***@example.com/x");
    scrubbed("curl -H 'Authorization: Bearer abc.def'", "curl -H 'Authorization: Bearer ***'");
    scrubbed("export AWS_SECRET_ACCESS_KEY=abc", "export AWS_SECRET_ACCESS_KEY=***");
    scrubbed("AKIAIOSFODNN7EXAMPLE", "***");
    scrubbed("x=AKIAIOSFODNN7EXAMPLE", "x=***");
    scrubbed("aws s3 cp s3://bucket/key .", "aws s3 cp s3://bucket/key .");
    scrubbed("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "***");
    scrubbed("0123456789abcdef0123456789abcdef", "***");
    scrubbed("/usr/lib/python3.11/site-packages/a_long_name_1234",
             "/usr/lib/python3.11/site-packages/a_long_name_1234");
    scrubbed("https://example.com/?token=abc&x=1", "https://example.com/?token=***&x=1");
}

static void truncation(void)
{
    char path[8192], argument[8192];
    const char *const argv[] = {argument, argument, NULL};

    memset(path, '"', sizeof path - 1);
    memset(argument, 1, sizeof argument - 1);
    path[sizeof path - 1] = argument[sizeof argument - 1] = '\0';
    deny(path, argv);
    memset(argument, 0xff, sizeof argument - 1);
    deny(path, argv);
}

static void children(int reader)
{
    const char *const argv[] = {"child", NULL};
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        for (int i = 3; i < 1024; i++)
            close(i);
        close(STDERR_FILENO);
        open("/dev/null", O_WRONLY);
        deny("/bin/child", argv);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with %d", status);
    tw_audit_invocation_end();
    const char *text = written(reader);

    CHECK(lines(text) == 1 && strstr(text, "/bin/child") != NULL, "a child without descriptors: %s", text);
}

/* Another stream of the same kind has taken the descriptors' numbers: it is none of ours. */
static void taken_descriptors(int reader)
{
    const char *const argv[] = {"taken", NULL};
    int other[2], status = -1;

    CHECK(pipe(other) == 0 && fcntl(other[0], F_SETFL, O_NONBLOCK) == 0, "pipe");
    pid_t child = fork();

    if (child == 0) {
        for (int i = 64; i < 1024; i++)
            if (fcntl(i, F_GETFD) >= 0)
                dup2(other[1], i);
        dup2(other[1], STDERR_FILENO);
        deny("/bin/taken", argv);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with %d", status);
    tw_audit_invocation_end();
    CHECK(lines(written(other[0])) == 0, "an audit in a stream of the function's own: %s", output);
    CHECK(lines(written(reader)) == 1, "the audit is lost");
    close(other[0]);
    close(other[1]);
}

static void escaped(const char *string, const char *wanted)
{
    char buffer[256];
    struct tw_text text = {.start = buffer, .size = sizeof buffer - 1};

    tw_text_escaped(&text, string, 64);
    buffer[text.length] = '\0';
    CHECK(strcmp(buffer, wanted) == 0, "%s became %s", string, buffer);
}

static void escaping(void)
{
    escaped("a\"b\\c\n\x7f", "a\\\"b\\\\c\\u000a\\u007f");
    escaped("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
    escaped("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"); /* half of a surrogate pair */
    escaped("\xc0\xaf", "\\ufffd\\ufffd");              /* overlong */
    escaped("\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd");
    escaped("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"); /* beyond Unicode */
    escaped("\xe2\x82", "\\ufffd\\ufffd");              /* cut off */
}

int main(void)
{
    struct tw_audit_identity identity = {"orders", "us-east-1", "aws", "the \"rule\"", "c"};
    struct tw_policy policy = {.rule = "r", .network = {.effect = TW_EFFECT_ALERT},
                               .filesystem = {.effect = TW_EFFECT_BLOCK}};
    const char *const argv[] = {"id", "-u", NULL};
    int pipes[2], saved = dup(STDERR_FILENO);

    CHECK(tw_sealed_open(true), "the agent's own pages");
    CHECK(pipe(pipes) == 0 && fcntl(pipes[1], F_SETPIPE_SZ, 1 << 20) > 0 && fcntl(pipes[0], F_SETFL, O_NONBLOCK) == 0,
          "pipe");
    dup2(pipes[1], STDERR_FILENO);
    CHECK(tw_audit_open(&identity, NULL, NULL), "no memory");
    dup2(saved, STDERR_FILENO);

    tw_audit_first_line("hello", &policy, "off");
    const char *text = written(pipes[0]);
    CHECK(lines(text) == 1 && all_json(text) &&
              strstr(text, "\"processes\":\"disable\",\"network\":\"alert\",\"dns\":\"disable\","
                           "\"filesystem\":\"block\",\"lock\":\"off\"") != NULL,
          "%s", text);

    tw_audit_invocation_begin("request-1");
    deny("/usr/bin/id", argv);
    text = written(pipes[0]);
    CHECK(lines(text) == 1 && all_json(text), "%s", text);
    CHECK(strstr(text, "\"requestID\":\"request-1\"") != NULL && strstr(text, "\"command\":\"id -u\"") != NULL &&
              strstr(text, "\"ruleName\":\"the \\\"rule\\\"\"") != NULL && strstr(text, "\"count\":1}") != NULL, "%s",
              text);
    deny("/usr/bin/id", argv);
    deny("/usr/bin/id", argv);
    CHECK(lines(written(pipes[0])) == 0, "repeats are not written at once");
    tw_audit_invocation_end();
    text = written(pipes[0]);
    CHECK(lines(text) == 1 && all_json(text) && strstr(text, "\"count\":2}") != NULL, "two repeats: %s", text);
    tw_audit_invocation_begin("request-2");
    deny("/usr/bin/id", argv);
    CHECK(lines(written(pipes[0])) == 1, "another invocation tells it again");
    deny("/usr/bin/id", argv);
    tw_audit_invocation_end();
    text = written(pipes[0]);
    CHECK(lines(text) == 1 && strstr(text, "\"count\":1}") != NULL, "one repeat: %s", text);
    tw_audit_invocation_end();
    CHECK(lines(written(pipes[0])) == 0, "repeats are told once");
    truncation();
    text = written(pipes[0]);
    CHECK(lines(text) == 2 && all_json(text), "long lines: %s", text);
    tw_audit_invocation_end();
    written(pipes[0]);
    children(pipes[0]);
    taken_descriptors(pipes[0]);

    char drained[1 << 16];
    size_t size = tw_audit_drain(drained, sizeof drained - 1);

    drained[size] = '\0';
    CHECK(lines(drained) == 6 && all_json(drained), "the ring: %s", drained);
    CHECK(tw_audit_drain(drained, sizeof drained) == 0, "drained once");
    for (unsigned i = 0; i < 3 * TW_AUDIT_RING; i++) {
        char name[32];

        snprintf(name, sizeof name, "/bin/program-%u", i);
        deny(name, argv);
    }
    CHECK(lines(written(pipes[0])) == 3 * TW_AUDIT_RING, "the ring turns, the lines are written");
    CHECK(tw_audit_drain(drained, 10) == 0, "no half lines");
    scrubbing();
    escaping();
    return test_end("audit");
}
