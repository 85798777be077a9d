package com.twistlock.serverless;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * The core's library for this machine: a file beside this class, or a copy of what lies in the same jar.
 *
 * <p>A copy is made before anything of the function runs, in a folder that no one else may read, and taken away as soon
 * as it is loaded.
 */
final class Library {
    private static final int HEADER = 64;

    private final String name;
    private final URL place;

    private Library(String name, URL place) {
        this.name = name;
        this.place = place;
    }

    /** The library of this machine; throws where there is none. */
    static Library find() throws IOException {
        String system = System.getProperty("os.name");
        String machine = System.getProperty("os.arch");
        String known = machine.equals("amd64") ? "x86_64" : machine;
        if (!system.equals("Linux") || !(known.equals("x86_64") || known.equals("aarch64"))) {
            throw new IOException("it runs on Linux only, on x86_64 and aarch64, not on " + system + " " + machine);
        }
        String name = "libdefender-linux-" + known;
        URL place = Library.class.getResource(name);
        if (place == null) {
            throw new IOException("its library is missing: " + name);
        }
        return new Library(name, place);
    }

    /** Loads it for good. */
    void load() throws IOException {
        if (place.getProtocol().equals("file")) {
            loadFile(file());
            return;
        }
        Path folder = Files.createTempDirectory("twistlock-");
        Path copy = folder.resolve(name);
        try (InputStream content = place.openStream()) {
            Files.copy(content, copy, StandardCopyOption.REPLACE_EXISTING);
            loadFile(copy.toFile());
        } finally {
            Files.deleteIfExists(copy);
            Files.deleteIfExists(folder);
        }
    }

    /** The folder twistlock/ of the task root, where a packaged policy lies. */
    String folder() throws IOException {
        String root = System.getenv("LAMBDA_TASK_ROOT");
        if (root == null && place.getProtocol().equals("file")) {
            // The class lies in com/twistlock/serverless/ below it.
            root = file().getParentFile().getParentFile().getParentFile().getParent();
        }
        return new File(root == null ? System.getProperty("user.dir") : root, "twistlock").getPath();
    }

    private File file() throws IOException {
        try {
            return new File(place.toURI());
        } catch (URISyntaxException error) {
            return new File(place.getPath());
        }
    }

    private static void loadFile(File file) throws IOException {
        if (!isWhole(file)) {
            throw new IOException("its library is damaged: " + file);
        }
        System.load(file.getPath());
    }

    /** Whether the file ends where its ELF header says: the loader dies of a SIGBUS in one that was cut. */
    private static boolean isWhole(File file) throws IOException {
        try (RandomAccessFile content = new RandomAccessFile(file, "r")) {
            if (content.length() < HEADER) {
                return false;
            }
            byte[] bytes = new byte[HEADER];
            content.readFully(bytes);
            ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            // e_shoff, e_shentsize and e_shnum: the table of sections, which linkers put last.
            long end = header.getLong(40) + (long) header.getShort(58) * header.getShort(60);
            return header.getInt(0) == 0x464c457f && end > 0 && end <= content.length();
        }
    }
}
