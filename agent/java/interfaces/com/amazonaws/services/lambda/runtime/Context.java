package com.amazonaws.services.lambda.runtime;

/** What the agent calls of the platform's interface of this name; compiled against, and not packed. */
public interface Context {
    String getAwsRequestId();
}
