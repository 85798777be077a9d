/* Java's entry: the native methods of com.twistlock.serverless.Core, which the JVM finds by their names.
 *
 * Of the interface's table a few calls are needed, so there is no need for a JDK's headers; a test holds the places
 * against those of a real one. https://docs.oracle.com/javase/8/docs/technotes/guides/jni/spec/functions.html
 */
#include "defender.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "entry_java.h"

enum { MESSAGE = 512, REQUEST_ID = 256 };

/* A byte array in memory of its own, with a NUL behind it; NULL for null, and where there is no memory. */
static char *text_of(jni_env *env, jni_object array)
{
    if (array == NULL)
        return NULL;
    int32_t length = (*env)->array_length(env, array);
    char *text = malloc((size_t)length + 1);

    if (text == NULL)
        return NULL;
    (*env)->get_bytes(env, array, 0, length, (int8_t *)text);
    text[length] = '\0';
    return text;
}

int32_t Java_com_twistlock_serverless_Core_start(jni_env *env, jni_object type, jni_object folder, jni_object runtime,
                                                 jni_object readable, jni_object message)
{
    char said[MESSAGE] = "";
    char *texts[] = {text_of(env, folder), text_of(env, runtime), text_of(env, readable)};
    int32_t size = (*env)->array_length(env, message);

    (void)type;
    /* The variable as it is: Java would decode it by the locale first. */
    int result = tw_start_flat(getenv("TW_POLICY"), texts[0], texts[1], texts[2], said, sizeof said);
    int32_t length = (int32_t)strlen(said);

    (*env)->set_bytes(env, message, 0, length < size ? length : size, (const int8_t *)said);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    return result;
}

/* One of a class's static fields, NULL where there is none of this name and type. */
static jni_field field(jni_env *env, jni_object type, const char *name, const char *signature)
{
    jni_field found = (*env)->static_field(env, type, name, signature);

    if (found == NULL)
        (*env)->forget_exception(env);
    return found;
}

/* Since Java 18 the first look at an environment variable settles how programs are started, long before the agent: by a
 * helper, jspawnhelper, and that would be all that is judged. The field is private, and only from here it can be set. */
uint8_t Java_com_twistlock_serverless_Core_launchDirectly(jni_env *env, jni_object type)
{
    static const char signature[] = "Ljava/lang/ProcessImpl$LaunchMechanism;";
    static const char *const ways[] = {"VFORK", "FORK"};
    jni_object process = (*env)->find_class(env, "java/lang/ProcessImpl");
    jni_object mechanism = process == NULL ? NULL : (*env)->find_class(env, "java/lang/ProcessImpl$LaunchMechanism");

    (void)type;
    if (mechanism == NULL) {
        (*env)->forget_exception(env);
        return 0;
    }
    jni_field chosen = field(env, process, "launchMechanism", signature);

    for (size_t i = 0; chosen != NULL && i < sizeof ways / sizeof *ways; i++) {
        jni_field way = field(env, mechanism, ways[i], signature);

        if (way != NULL) {
            (*env)->set_static(env, process, chosen, (*env)->get_static(env, mechanism, way));
            return 1;
        }
    }
    return 0;
}

void Java_com_twistlock_serverless_Core_begin(jni_env *env, jni_object type, jni_object request)
{
    char id[REQUEST_ID];
    int32_t length = request == NULL ? 0 : (*env)->array_length(env, request);

    (void)type;
    if (length > REQUEST_ID - 1)
        length = REQUEST_ID - 1;
    if (length > 0)
        (*env)->get_bytes(env, request, 0, length, (int8_t *)id);
    id[length] = '\0';
    tw_invocation_begin(length > 0 ? id : NULL);
}

void Java_com_twistlock_serverless_Core_end(jni_env *env, jni_object type)
{
    (void)env;
    (void)type;
    tw_invocation_end();
}
