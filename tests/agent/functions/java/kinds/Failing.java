package kinds;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.IOException;

/** Handlers that fail, when they are loaded, made or called. */
public class Failing {
    static {
        Early.attempt();
    }

    public static class Failure extends Exception {
        private static final long serialVersionUID = 1;

        Failure(String message, Throwable cause) {
            super(message, cause);
        }
    }

    public String checked(String input) throws Failure {
        throw new Failure(input, new IOException("below"));
    }

    public String unchecked(String input) {
        throw new IllegalStateException();
    }

    public String error(String input) {
        throw new AssertionError(input);
    }

    public String endless(String input) {
        return endless(input) + 1;
    }

    public String exits(String input) {
        System.exit(3);
        return input;
    }

    public static class Checked implements RequestHandler<String, String> {
        static {
            Early.attempt();
        }

        @Override
        public String handleRequest(String input, Context context) {
            throw Checked.<RuntimeException>unchecked(new Failure(input, null));
        }

        @SuppressWarnings("unchecked")
        private static <E extends Throwable> E unchecked(Throwable error) throws E {
            throw (E) error;
        }
    }

    public static class InStatic implements RequestHandler<String, String> {
        private static final int NUMBER = Integer.parseInt("none");

        @Override
        public String handleRequest(String input, Context context) {
            return input + NUMBER;
        }
    }

    public static class InConstructor implements RequestHandler<String, String> {
        public InConstructor() throws IOException {
            throw new IOException("can't be made");
        }

        @Override
        public String handleRequest(String input, Context context) {
            return input;
        }
    }

    public static class InMethodsConstructor {
        public InMethodsConstructor() {
            throw new UnsupportedOperationException("can't be made");
        }

        public String handle(String input) {
            return input;
        }
    }

    public static class WithoutConstructor implements RequestHandler<String, String> {
        private WithoutConstructor(String name) {}

        @Override
        public String handleRequest(String input, Context context) {
            return input;
        }
    }

    public class Inner implements RequestHandler<String, String> {
        @Override
        public String handleRequest(String input, Context context) {
            return input;
        }
    }

    public abstract static class Unfinished implements RequestHandler<String, String> {}
}
