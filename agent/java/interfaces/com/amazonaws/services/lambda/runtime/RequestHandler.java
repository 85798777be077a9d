package com.amazonaws.services.lambda.runtime;

/** The platform's interface of this name; compiled against, and not packed. */
public interface RequestHandler<I, O> {
    O handleRequest(I input, Context context);
}
