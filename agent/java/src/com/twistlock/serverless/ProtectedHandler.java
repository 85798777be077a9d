package com.twistlock.serverless;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * The redirecting class: the handler of a function whose code is not changed.
 *
 * <p>The function's own handler stands in {@code TW_HANDLER}, in the platform's words. It is resolved, made and called
 * by the runtime's own loader, so that events and answers are read and written as they would be without the agent.
 */
public final class ProtectedHandler implements RequestStreamHandler {
    /** The variable that holds the function's own handler. */
    static final String VARIABLE = "TW_HANDLER";

    static {
        // Before anything of the function is loaded.
        Twistlock.start();
    }

    private final RequestStreamHandler original;

    /** Makes the function's own handler; throws what the platform throws where that can't be made. */
    public ProtectedHandler() {
        original = Original.load(System.getenv(VARIABLE), ProtectedHandler.class.getClassLoader());
    }

    @Override
    public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
        Twistlock.Handler(original, input, output, context);
    }
}
