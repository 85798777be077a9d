package rewritten;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** Handlers that start a program, when their classes are initialised and when they are called. */
public class Runs implements RequestHandler<String, String> {
    private static final String EARLY = tried("early", "/bin/true");

    static String tried(String when, String program) {
        String outcome;
        try {
            outcome = "exit " + new ProcessBuilder(program).start().waitFor();
        } catch (IOException error) {
            outcome = error.getMessage().replaceAll("[\\s\"]+", " ");
        } catch (InterruptedException error) {
            outcome = "interrupted";
        }
        System.err.println(when + ": " + outcome);
        return outcome;
    }

    @Override
    public String handleRequest(String program, Context context) {
        return EARLY + ", then " + tried("called", program);
    }

    public String named(String program) {
        return EARLY + ", then " + tried("called", program);
    }

    /** Its base class has the first static part. */
    public static class Below extends Runs {
        static final String OWN = tried("early below", "/bin/true");
    }

    /** A handler of streams. */
    public static class Streams implements RequestStreamHandler {
        static final String OWN = tried("early", "/bin/true");

        @Override
        public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
            byte[] event = new byte[64];
            String program = new String(event, 0, input.read(event), "UTF-8").replace("\"", "");
            output.write(('"' + OWN + ", then " + tried("called", program) + '"').getBytes("UTF-8"));
        }
    }
}
