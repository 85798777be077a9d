package com.twistlock.serverless;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.Set;

/** The native core: starts it, with what it has to know of this JVM. */
final class Core {
    /** What tw_start answers (defender.h). */
    private static final int DISABLED = 1;
    private static final int ALREADY = -1;
    private static final int MESSAGE = 512;
    private static final int FIRST_WITH_EARLY_CHOICE = 18;

    private Core() {}

    private static native int start(byte[] folder, byte[] runtime, byte[] readable, byte[] message);

    /** Has the JVM start programs by itself and not by its helper; false where this JVM has no such way. */
    private static native boolean launchDirectly();

    /** An invocation begins; null: without an id. */
    static native void begin(byte[] request);

    /** It ends. */
    static native void end();

    /** Returns the status and the reason; throws where the core can't start. */
    static String[] start() throws IOException {
        int version = version();
        Library library = Library.find();
        // Else the JVM starts programs by a helper of its own, and that is all that the core gets to see. Later versions
        // have read this property by now, and would warn of it.
        if (version < FIRST_WITH_EARLY_CHOICE) {
            System.setProperty("jdk.lang.Process.launchMechanism", "VFORK");
        }
        library.load();
        if (version >= FIRST_WITH_EARLY_CHOICE) {
            launchDirectly();
        }
        byte[] message = new byte[MESSAGE];
        int result = start(bytes(library.folder()), bytes("java" + version), bytes(readable()), message);
        String why = text(message);
        if (result < 0 && result != ALREADY) {
            throw new IOException(why);
        }
        return new String[] {result == DISABLED ? "disabled" : "enforcing", why};
    }

    private static int version() {
        String version = System.getProperty("java.specification.version");
        return Integer.parseInt(version.startsWith("1.") ? version.substring(2) : version);
    }

    /** Where Java's own files come from: a policy that names the files which may be used need not name these. */
    private static String readable() {
        String home = System.getProperty("java.home");
        Set<String> places = new LinkedHashSet<String>();
        places.add(home);
        // A distribution's package has its settings elsewhere, behind a link for each file: in /etc/java-17-openjdk.
        for (String file : new String[] {"conf/logging.properties", "lib/logging.properties"}) {
            try {
                File folder = new File(home, file).getCanonicalFile().getParentFile();
                if (folder.toPath().getNameCount() > 1) {
                    places.add(folder.getPath());
                }
            } catch (IOException error) {
                continue; // It can't be read then, and need not be readable.
            }
        }
        for (String entry : System.getProperty("java.class.path", "").split(File.pathSeparator)) {
            places.add(new File(entry).getAbsolutePath());
        }
        StringBuilder joined = new StringBuilder();
        for (String place : places) {
            joined.append(joined.length() == 0 ? "" : ":").append(place);
        }
        return joined.toString();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] message) {
        int length = 0;
        while (length < message.length && message[length] != 0) {
            length++;
        }
        return new String(message, 0, length, StandardCharsets.UTF_8);
    }
}
