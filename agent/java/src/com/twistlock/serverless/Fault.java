package com.twistlock.serverless;

/**
 * Carries the runtime's own fault out of a constructor.
 *
 * <p>What a handler's constructor throws the runtime turns into a new fault, made of its class and its message; one that
 * is a fault already would lose both. So the message of this exception, asked for, is the fault: thrown, it takes the
 * way that it would have taken had the runtime made the function's handler by itself.
 */
final class Fault extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient RuntimeException fault;

    Fault(RuntimeException fault) {
        super(null, null, false, false);
        this.fault = fault;
    }

    @Override
    public String getMessage() {
        throw fault;
    }
}
