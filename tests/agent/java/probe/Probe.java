import com.amazonaws.services.lambda.runtime.api.client.AWSLambda;
import com.amazonaws.services.lambda.runtime.api.client.LambdaRequestHandler;
import com.amazonaws.services.lambda.runtime.api.client.UserFault;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.dto.InvocationRequest;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import javax.tools.ToolProvider;

/**
 * Compiles and loads many functions in one JVM, by the loader of the public runtime client, and tells in which order
 * things happened: what the agent was asked, what the function printed, answered and threw.
 *
 * <p>Each line of the file that is named is a job, its parts divided by tabs: {@code javac} and its arguments, or {@code
 * load}, a class path, a handler and events in Base64. For each a line of texts in Base64 is written.
 */
public final class Probe {
    /** What has happened since the job began. */
    private static final List<String> SEEN = new ArrayList<String>();

    private Probe() {}

    /** Notes that something happened. */
    public static synchronized void note(String what) {
        SEEN.add(what);
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream result = System.out;
        System.setOut(new PrintStream(new Noting("printed "), true, "UTF-8"));
        System.setErr(new PrintStream(new Noting("complained "), true, "UTF-8"));
        for (final String line : Files.readAllLines(Paths.get(arguments[0]), StandardCharsets.UTF_8)) {
            SEEN.clear();
            // The client keeps what it knows of types for each thread.
            Thread job = new Thread(() -> run(line.split("\t")));
            job.start();
            job.join();
            StringBuilder told = new StringBuilder();
            for (String one : SEEN) {
                told.append(Base64.getEncoder().encodeToString(one.getBytes(StandardCharsets.UTF_8))).append(' ');
            }
            result.println(told);
        }
    }

    private static void run(String[] job) {
        try {
            if (job[0].equals("javac")) {
                String[] options = java.util.Arrays.copyOfRange(job, 1, job.length);
                ByteArrayOutputStream said = new ByteArrayOutputStream();
                int status = ToolProvider.getSystemJavaCompiler().run(null, said, said, options);
                if (status != 0) {
                    note("javac " + said.toString("UTF-8"));
                }
            } else {
                load(job);
            }
        } catch (Throwable error) {
            note("failed " + error);
        }
    }

    private static void load(String[] job) throws Exception {
        String[] places = job[1].split(File.pathSeparator);
        URL[] urls = new URL[places.length];
        for (int i = 0; i < places.length; i++) {
            urls[i] = new File(places[i]).toURI().toURL();
        }
        URLClassLoader loader = new URLClassLoader(urls, Probe.class.getClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        Field own = AWSLambda.class.getDeclaredField("customerClassLoader");
        own.setAccessible(true);
        own.set(null, loader);
        Method find = AWSLambda.class.getDeclaredMethod("findRequestHandler", String.class, ClassLoader.class);
        find.setAccessible(true);
        LambdaRequestHandler handler;
        try {
            handler = (LambdaRequestHandler) find.invoke(null, job[2], loader);
        } catch (InvocationTargetException error) {
            note("thrown " + told(error.getCause()));
            return;
        }
        note("loaded");
        for (int i = 3; i < job.length; i++) {
            InvocationRequest request = new InvocationRequest();
            request.setId("request-" + (i - 2));
            request.setInvokedFunctionArn("arn");
            request.setContent(Base64.getDecoder().decode(job[i]));
            try {
                note("answered " + new String(handler.call(request).toByteArray(), StandardCharsets.UTF_8));
            } catch (Throwable error) {
                note("thrown " + told(UserFault.filterStackTrace(error)));
            }
        }
    }

    /** What a caller is told of an error: kinds and messages, down to its first cause. */
    private static String told(Throwable error) {
        if (error instanceof UserFault) {
            return "fault " + ((UserFault) error).msg;
        }
        String below = error.getCause() == null ? "" : " <- " + told(error.getCause());
        return error.getClass().getName() + ": " + error.getMessage() + below;
    }

    /** Notes each line that is written to it. */
    private static final class Noting extends OutputStream {
        private final String kind;
        private final ByteArrayOutputStream line = new ByteArrayOutputStream();

        Noting(String kind) {
            this.kind = kind;
        }

        @Override
        public synchronized void write(int next) {
            if (next != '\n') {
                line.write(next);
                return;
            }
            note(kind + new String(line.toByteArray(), StandardCharsets.UTF_8));
            line.reset();
        }
    }
}
