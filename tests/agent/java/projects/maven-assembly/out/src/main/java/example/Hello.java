package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.twistlock.serverless.Twistlock;
import java.nio.charset.StandardCharsets;
import org.apache.commons.codec.binary.Hex;

public class Hello implements RequestHandler<String, String> {
    static {
        Twistlock.start();
    }

    @Override
    public String handleRequest(String event, Context context) {
        return "hello " + Hex.encodeHexString(event.getBytes(StandardCharsets.UTF_8));
    }

    public String protectedHandler(String request, Context context) {
        return Twistlock.Handler(this, request, context);
    }
}
