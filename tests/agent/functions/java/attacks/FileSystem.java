package attacks;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.FileReader;
import java.io.FileWriter;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Scanner;
import java.util.jar.JarFile;
import java.util.zip.ZipFile;

/** Ways to read and change what lies in a folder; those that answer false instead of raising say so. */
final class FileSystem {
    static final Map<String, Way> WAYS = new LinkedHashMap<>();

    static {
        WAYS.put("input_stream", at -> new FileInputStream(at + "/secret").read());
        WAYS.put("reader", at -> new FileReader(at + "/secret").read());
        WAYS.put("scanner", at -> new Scanner(new File(at, "secret")).next());
        WAYS.put("random_access", at -> new RandomAccessFile(at + "/secret", "r").readLine());
        WAYS.put("random_access_write", FileSystem::overwritten);
        WAYS.put("files_read", at -> Files.readString(secret(at)));
        WAYS.put("files_lines", at -> Files.lines(secret(at)).count());
        WAYS.put("files_stream", at -> Files.newInputStream(secret(at)).read());
        WAYS.put("files_byte_channel", at -> Files.newByteChannel(secret(at)).size());
        WAYS.put("channel_mapped", FileSystem::mapped);
        WAYS.put("channel_transfer", FileSystem::transferred);
        WAYS.put("asynchronous", at -> AsynchronousFileChannel.open(secret(at)).read(ByteBuffer.allocate(9), 0).get());
        WAYS.put("url", at -> new URL("file:" + at + "/secret").openStream().read());
        WAYS.put("zip_file", at -> new ZipFile(at + "/library.jar").size());
        WAYS.put("jar_file", at -> new JarFile(at + "/library.jar").size());
        WAYS.put("zip_file_system", at -> FileSystems.newFileSystem(Path.of(at, "library.jar")).isOpen());
        WAYS.put("jar_url", at -> new URL("jar:file:" + at + "/library.jar!/inside").openStream().read());
        WAYS.put("link_outside", at -> Files.readString(Path.of(at + ".link", "secret")));
        WAYS.put("list", at -> Files.list(Path.of(at)).count());
        WAYS.put("walk", at -> Files.walk(Path.of(at)).count());
        WAYS.put("directory_stream", at -> Files.newDirectoryStream(Path.of(at)).iterator().hasNext());
        WAYS.put("output_stream", at -> written(new FileOutputStream(at + "/new")));
        WAYS.put("output_stream_append", at -> written(new FileOutputStream(at + "/secret", true)));
        WAYS.put("writer", at -> closed(new FileWriter(at + "/new")));
        WAYS.put("print_stream", at -> closed(new PrintStream(at + "/new")));
        WAYS.put("files_write", at -> Files.writeString(Path.of(at, "new"), "x").toString().length() > 0);
        WAYS.put("files_channel_write", at -> FileChannel.open(Path.of(at, "new"), StandardOpenOption.CREATE,
                StandardOpenOption.WRITE).write(ByteBuffer.wrap(new byte[] {1})));
        WAYS.put("files_copy_in", at -> Files.copy(Path.of("/etc/hostname"), Path.of(at, "new")).toString().length() > 0);
        WAYS.put("files_copy_out", at -> Files.copy(secret(at), Files.createTempDirectory("out").resolve("x")).toString().length() > 0);
        WAYS.put("files_move", at -> Files.move(secret(at), Path.of(at, "new")).toString().length() > 0);
        WAYS.put("files_delete", at -> deleted(secret(at)));
        WAYS.put("files_create", at -> Files.createFile(Path.of(at, "new")).toString().length() > 0);
        WAYS.put("files_folder", at -> Files.createDirectory(Path.of(at, "new")).toString().length() > 0);
        WAYS.put("files_symbolic_link", at -> Files.createSymbolicLink(Path.of(at, "new"), Path.of("/")).toString().length() > 0);
        WAYS.put("files_link", at -> Files.createLink(Path.of(at, "new"), secret(at)).toString().length() > 0);
        WAYS.put("files_permissions", at -> Files.setPosixFilePermissions(secret(at),
                PosixFilePermissions.fromString("rw-------")).toString().length() > 0);
        WAYS.put("temporary", at -> Files.createTempFile(Path.of(at), "new", "x").toString().length() > 0);
        WAYS.put("temporary_old", at -> File.createTempFile("new", "x", new File(at)).exists());
        WAYS.put("create_new", at -> new File(at, "new").createNewFile());
    }

    /** Calls that answer false where they are denied. */
    static final Map<String, Way> SILENT = new LinkedHashMap<>();

    static {
        SILENT.put("file_list", at -> new File(at).list() != null);
        SILENT.put("file_delete", at -> new File(at, "secret").delete());
        SILENT.put("file_rename", at -> new File(at, "secret").renameTo(new File(at, "new")));
        SILENT.put("file_folder", at -> new File(at, "new").mkdir());
        SILENT.put("file_folder_delete", at -> new File(at, "empty").delete());
        SILENT.put("file_permissions", at -> new File(at, "secret").setReadable(false, false));
        WAYS.putAll(SILENT);
    }

    private FileSystem() {}

    private static Path secret(String at) {
        return Path.of(at, "secret");
    }

    private static Object closed(java.io.Closeable opened) throws Exception {
        opened.close();
        return "done";
    }

    private static Object written(FileOutputStream stream) throws Exception {
        stream.write(65);
        return closed(stream);
    }

    private static Object overwritten(String at) throws Exception {
        try (RandomAccessFile file = new RandomAccessFile(at + "/secret", "rw")) {
            file.write(65);
            return file.length();
        }
    }

    private static Object mapped(String at) throws Exception {
        try (FileChannel channel = FileChannel.open(secret(at))) {
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, 3).get();
        }
    }

    private static Object transferred(String at) throws Exception {
        try (FileChannel channel = FileChannel.open(secret(at));
                FileChannel other = FileChannel.open(Files.createTempFile("out", "x"), StandardOpenOption.WRITE)) {
            return channel.transferTo(0, 6, other);
        }
    }

    private static Object deleted(Path path) throws Exception {
        Files.delete(path);
        return "done";
    }
}
