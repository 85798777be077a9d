package attacks;

import java.io.File;
import java.lang.reflect.Field;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Ways to start a program that makes the marker. */
final class Processes {
    private static final String TOUCH = "/usr/bin/touch";
    static final Map<String, Way> WAYS = new LinkedHashMap<>();

    static {
        WAYS.put("builder", at -> end(new ProcessBuilder(TOUCH, at).start()));
        WAYS.put("builder_by_name", at -> end(new ProcessBuilder("touch", at).start()));
        WAYS.put("builder_shell", at -> end(new ProcessBuilder("/bin/sh", "-c", ": > " + at).start()));
        WAYS.put("builder_directory", at -> end(new ProcessBuilder(TOUCH, at).directory(new File("/")).start()));
        WAYS.put("builder_inherit", at -> end(new ProcessBuilder(TOUCH, at).redirectError(ProcessBuilder.Redirect.DISCARD).start()));
        WAYS.put("pipeline", at -> end(ProcessBuilder.startPipeline(List.of(new ProcessBuilder(TOUCH, at))).get(0)));
        WAYS.put("exec_text", at -> end(Runtime.getRuntime().exec(TOUCH + " " + at)));
        WAYS.put("exec_list", at -> end(Runtime.getRuntime().exec(new String[] {TOUCH, at})));
        WAYS.put("exec_text_environment", at -> end(Runtime.getRuntime().exec(TOUCH + " " + at, new String[] {"A=b"})));
        WAYS.put("exec_list_environment", at -> end(Runtime.getRuntime().exec(new String[] {TOUCH, at}, new String[0])));
        WAYS.put("exec_text_directory", at -> end(Runtime.getRuntime().exec(TOUCH + " " + at, null, new File("/"))));
        WAYS.put("exec_list_directory", at -> end(Runtime.getRuntime().exec(new String[] {TOUCH, at}, null, new File("/"))));
        WAYS.put("thread", at -> inThread(() -> end(new ProcessBuilder(TOUCH, at).start())));
        WAYS.put("launch_property", Processes::launchProperty);
        WAYS.put("launch_helper", Processes::launchHelper);
        WAYS.put("native_system", at -> Native.system(Native.text(": > " + at)));
        WAYS.put("native_execv", at -> Native.execv(Native.text(TOUCH), Native.text(at)));
    }

    private Processes() {}

    private static Object end(Process process) throws Exception {
        return process.waitFor();
    }

    interface Call {
        Object run() throws Exception;
    }

    private static Object inThread(Call call) throws Exception {
        Object[] found = new Object[1];
        Exception[] failed = new Exception[1];
        Thread thread = new Thread(() -> {
            try {
                found[0] = call.run();
            } catch (Exception error) {
                failed[0] = error;
            }
        });
        thread.start();
        thread.join();
        if (failed[0] != null) {
            throw failed[0];
        }
        return found[0];
    }

    /** The property, set anew; whoever reads it later than the agent reads it too late. */
    private static Object launchProperty(String at) throws Exception {
        System.setProperty("jdk.lang.Process.launchMechanism", "POSIX_SPAWN");
        return end(new ProcessBuilder(TOUCH, at).start());
    }

    /** The JVM's own helper brought back, past all access checks; then it is the helper that is judged. */
    private static Object launchHelper(String at) throws Exception {
        Class<?> process = Class.forName("java.lang.ProcessImpl");
        Class<?> mechanism = Class.forName("java.lang.ProcessImpl$LaunchMechanism");
        Field chosen = process.getDeclaredField("launchMechanism");
        Object before = value(chosen);
        set(chosen, value(mechanism.getDeclaredField("POSIX_SPAWN")));
        try {
            return end(new ProcessBuilder(TOUCH, at).start());
        } finally {
            set(chosen, before);
        }
    }

    private static Object value(Field field) {
        return Native.UNSAFE.getObject(Native.UNSAFE.staticFieldBase(field), Native.UNSAFE.staticFieldOffset(field));
    }

    private static void set(Field field, Object value) {
        Native.UNSAFE.putObjectVolatile(Native.UNSAFE.staticFieldBase(field), Native.UNSAFE.staticFieldOffset(field), value);
    }
}
