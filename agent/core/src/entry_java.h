/* What entry_java.c uses of the Java Native Interface, version 1.1 and all later ones: the places in its table. */
#ifndef ENTRY_JAVA_H
#define ENTRY_JAVA_H

#include "defender.h"

#include <stdint.h>

typedef struct jni_object_ *jni_object;
typedef struct jni_field_ *jni_field;
typedef const struct jni_calls *const jni_env;

/* Each call stands at the index that the specification gives it. */
struct jni_calls {
    void *before[6];
    jni_object (*find_class)(jni_env *, const char *); /* FindClass, 6 */
    void *to_exceptions[10];
    void (*forget_exception)(jni_env *); /* ExceptionClear, 17 */
    void *to_fields[126];
    jni_field (*static_field)(jni_env *, jni_object, const char *, const char *); /* GetStaticFieldID, 144 */
    jni_object (*get_static)(jni_env *, jni_object, jni_field); /* GetStaticObjectField, 145 */
    void *to_setters[8];
    void (*set_static)(jni_env *, jni_object, jni_field, jni_object); /* SetStaticObjectField, 154 */
    void *to_arrays[16];
    int32_t (*array_length)(jni_env *, jni_object); /* GetArrayLength, 171 */
    void *to_regions[28];
    void (*get_bytes)(jni_env *, jni_object, int32_t, int32_t, int8_t *); /* GetByteArrayRegion, 200 */
    void *to_more_regions[7];
    void (*set_bytes)(jni_env *, jni_object, int32_t, int32_t, const int8_t *); /* SetByteArrayRegion, 208 */
};

/* Texts are UTF-8 in byte arrays; null where there is none. Returns what tw_start does. */
TW_API int32_t Java_com_twistlock_serverless_Core_start(jni_env *, jni_object type, jni_object folder,
                                                        jni_object runtime, jni_object readable, jni_object message);

/* Whether the JVM's way of starting programs is known and was set to one that the core sees. */
TW_API uint8_t Java_com_twistlock_serverless_Core_launchDirectly(jni_env *, jni_object type);

TW_API void Java_com_twistlock_serverless_Core_begin(jni_env *, jni_object type, jni_object request);

TW_API void Java_com_twistlock_serverless_Core_end(jni_env *, jni_object type);

#endif
