package attacks;

import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import sun.misc.Unsafe;

/** Machine code that the function loads, and memory for its texts. */
final class Native {
    static final Unsafe UNSAFE = unsafe();

    static {
        System.load(System.getenv("ATTACKS_LIBRARY"));
    }

    private Native() {}

    static native int system(long text);

    static native int execv(long program, long argument);

    static long text(String text) {
        byte[] bytes = (text + "\0").getBytes(StandardCharsets.UTF_8);
        long memory = UNSAFE.allocateMemory(bytes.length);
        for (int i = 0; i < bytes.length; i++) {
            UNSAFE.putByte(memory + i, bytes[i]);
        }
        return memory;
    }

    private static Unsafe unsafe() {
        try {
            Field field = Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            return (Unsafe) field.get(null);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }
}
