package com.twistlock.serverless;

/** What every invocation fails with when the agent can't start and was embedded with {@code on_failure = closed}. */
public class NotProtectedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    NotProtectedException(String message) {
        super(message);
    }
}
