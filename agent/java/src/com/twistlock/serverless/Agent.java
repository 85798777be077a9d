package com.twistlock.serverless;

import com.amazonaws.services.lambda.runtime.Context;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** The agent of this process: what became of its start, and the invocations that run now. */
final class Agent {
    private static final String SETTINGS = "settings.properties";

    final String status;
    final String reason;
    private final boolean isClosed;
    private final boolean tells;
    /** Request ids of what runs now, oldest first: handlers call each other, and run in threads. */
    private final List<String> running = new ArrayList<String>();

    private Agent(String status, String reason, boolean isClosed) {
        this.status = status;
        this.reason = reason;
        this.isClosed = isClosed;
        this.tells = !status.equals("failed");
    }

    /** Starts the core, or says why it can't be; nothing is thrown. */
    static Agent start() {
        boolean isClosed = settings().equals("closed");
        try {
            String[] found = Core.start();
            return new Agent(found[0], found[1], false);
        } catch (Throwable error) {
            String reason = "the agent could not start: " + described(error);
            complain(reason, isClosed);
            return new Agent("failed", reason, isClosed);
        }
    }

    /** Tells the core that an invocation begins; returns what {@link #end} is to be given. */
    String begin(Context context) {
        if (isClosed) {
            throw new NotProtectedException("this function may not run unprotected, and " + reason);
        }
        if (!tells) {
            return null;
        }
        return told(context);
    }

    /** Tells the core that the invocation of this token ended. */
    void end(String token) {
        if (token == null) {
            return;
        }
        synchronized (running) {
            String current = running.get(running.size() - 1);
            running.remove(token);
            if (running.isEmpty()) {
                Core.end();
            } else if (!running.get(running.size() - 1).equals(current)) {
                tellBegin(running.get(running.size() - 1));
            }
        }
    }

    private String told(Context context) {
        String id = requestId(context);
        synchronized (running) {
            String last = running.isEmpty() ? null : running.get(running.size() - 1);
            if (last != null && (id.isEmpty() || id.equals(last))) {
                id = last;
            } else {
                tellBegin(id);
            }
            running.add(id);
            return id;
        }
    }

    private static void tellBegin(String id) {
        Core.begin(id.isEmpty() ? null : id.getBytes(StandardCharsets.UTF_8));
    }

    private static String requestId(Context context) {
        try {
            String id = context == null ? null : context.getAwsRequestId();
            return id == null || id.indexOf('\0') >= 0 ? "" : id;
        } catch (RuntimeException error) {
            return ""; // A context of the function's own making is no reason for it to fail.
        }
    }

    /** "open" or "closed": what is to happen where the core can't start. */
    private static String settings() {
        Properties found = new Properties();
        try (InputStream file = Agent.class.getResourceAsStream(SETTINGS)) {
            if (file != null) {
                found.load(file);
                return found.getProperty("on_failure", "open");
            }
        } catch (IOException error) {
            // Said below.
        }
        complain(SETTINGS + " can't be read", false);
        return "open";
    }

    private static String described(Throwable error) {
        String message = error.getMessage();
        return message == null ? error.toString() : message.replaceAll("\\s+", " ");
    }

    private static void complain(String why, boolean isClosed) {
        String consequence = isClosed ? "every invocation will fail" : "the function runs unprotected";
        String effect = isClosed ? "closed" : "open";
        String line =
                "defender: NOT PROTECTED: " + why + "; " + consequence + " (on_failure = \"" + effect + "\")\n";
        try {
            // Not closed: the descriptor is the process's own.
            new FileOutputStream(FileDescriptor.err).write(line.getBytes(StandardCharsets.UTF_8));
        } catch (IOException error) {
            // Nobody listens, and there is no other place to say it.
        }
    }
}
