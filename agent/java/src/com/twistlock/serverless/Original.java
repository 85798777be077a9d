package com.twistlock.serverless;

import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

/**
 * The function's own handler, as the runtime's own loader makes it.
 *
 * <p>The loader answers with an object that holds a {@link RequestStreamHandler}, which reads the event, calls the
 * function and writes its answer, or with one that holds the fault which every invocation is to be told.
 */
final class Original {
    /** Where Lambda's runtimes have their loader: since Java 11 and before. */
    private static final String[] RUNTIMES = {
        "com.amazonaws.services.lambda.runtime.api.client.AWSLambda", "lambdainternal.AWSLambda",
    };

    private Original() {}

    /** The handler that a string names; throws what the runtime throws where it can't be had. */
    static RequestStreamHandler load(String handler, ClassLoader loader) {
        if (handler == null || handler.isEmpty()) {
            throw new IllegalStateException(
                    "the variable " + ProtectedHandler.VARIABLE + " has to name the function's own handler");
        }
        if (handler.startsWith(ProtectedHandler.class.getName())) {
            throw new IllegalStateException(
                    "the variable " + ProtectedHandler.VARIABLE + " names the agent's own handler");
        }
        try {
            return held(found(handler, loader));
        } catch (InvocationTargetException error) {
            throw unchanged(error.getCause());
        } catch (ReflectiveOperationException error) {
            throw unknown(error);
        }
    }

    private static Object found(String handler, ClassLoader loader) throws ReflectiveOperationException {
        Method find = runtime(loader).getDeclaredMethod("findRequestHandler", String.class, ClassLoader.class);
        find.setAccessible(true);
        return find.invoke(null, handler, loader);
    }

    private static Class<?> runtime(ClassLoader loader) throws ClassNotFoundException {
        for (String name : RUNTIMES) {
            try {
                return Class.forName(name, false, loader);
            } catch (ClassNotFoundException error) {
                continue; // The other one, or none.
            }
        }
        throw new ClassNotFoundException(RUNTIMES[0]);
    }

    private static RequestStreamHandler held(Object answer) throws ReflectiveOperationException {
        for (Field field : answer.getClass().getDeclaredFields()) {
            field.setAccessible(true);
            Object value = field.get(answer);
            if (value instanceof RequestStreamHandler) {
                return (RequestStreamHandler) value;
            }
            if (value instanceof RuntimeException) {
                throw new Fault((RuntimeException) value);
            }
        }
        throw new NoSuchFieldException(answer.getClass().getName());
    }

    private static IllegalStateException unknown(ReflectiveOperationException error) {
        return new IllegalStateException("the agent does not know this version of the Java runtime", error);
    }

    /** What the runtime threw, for throwing it on. */
    private static RuntimeException unchanged(Throwable error) {
        if (error instanceof Error) {
            throw (Error) error;
        }
        // It throws no checked exception by itself.
        return error instanceof RuntimeException ? new Fault((RuntimeException) error) : new IllegalStateException(error);
    }
}
