package com.twistlock.serverless;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * The Serverless Defender's public names. The native core starts when this class is initialised.
 *
 * <p>No policy is read or judged here: that is the core's work. It runs on Java 8 and later, without any library.
 */
public final class Twistlock {
    private static final Agent AGENT = Agent.start();

    private Twistlock() {}

    /** "enforcing", "disabled" (there is nothing to enforce for this function) or "failed". */
    public static String status() {
        return AGENT.status;
    }

    /** Why, in one line. */
    public static String reason() {
        return AGENT.reason;
    }

    /** Starts the core, if it was not started yet: to stand in a class's first static initialiser. */
    public static void start() {
        // What is to be done is done when the class is initialised.
    }

    /** Runs a handler for one request, and returns what it returns. */
    public static <I, O> O Handler(RequestHandler<I, O> handler, I request, Context context) {
        String token = AGENT.begin(context);
        try {
            return handler.handleRequest(request, context);
        } finally {
            AGENT.end(token);
        }
    }

    /** One request begins, for a handler of any other shape: it calls {@link Invocation#end} when it is done with it. */
    public static Invocation begin(Context context) {
        return new Invocation(AGENT.begin(context));
    }

    /** A request that a handler is at work on. */
    public static final class Invocation {
        private final String token;
        private boolean isOver;

        Invocation(String token) {
            this.token = token;
        }

        /** The handler is done with it. */
        public void end() {
            if (!isOver) {
                isOver = true;
                AGENT.end(token);
            }
        }
    }

    /** Runs a handler of streams for one request. */
    public static void Handler(RequestStreamHandler handler, InputStream input, OutputStream output, Context context)
            throws IOException {
        String token = AGENT.begin(context);
        try {
            handler.handleRequest(input, output, context);
        } finally {
            AGENT.end(token);
        }
    }
}
