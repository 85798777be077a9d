package attacks;

import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.ResourceBundle;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;

/** What functions do every day, none of which a policy about other things may stop. */
final class Ordinary {
    static final Map<String, Way> WAYS = new LinkedHashMap<>();

    static {
        WAYS.put("digest", at -> MessageDigest.getInstance("SHA-256").digest(new byte[3]).length);
        WAYS.put("random", at -> new SecureRandom().nextInt(1));
        WAYS.put("tls", at -> SSLContext.getDefault().getProtocol());
        WAYS.put("zones", at -> ZoneId.of("Europe/Berlin").getRules().isFixedOffset());
        WAYS.put("temporary", Ordinary::temporary);
        WAYS.put("mapped", Ordinary::mapped);
        WAYS.put("threads", Ordinary::threads);
        WAYS.put("parallel", at -> IntStream.range(0, 100_000).parallel().map(one -> one % 7).sum());
        WAYS.put("collector", Ordinary::collector);
        WAYS.put("classes", at -> java.lang.reflect.Proxy.newProxyInstance(Ordinary.class.getClassLoader(),
                new Class<?>[] {Way.class}, (proxy, method, given) -> 1).getClass().isSynthetic());
        WAYS.put("compiler", at -> IntStream.range(0, 3_000_000).mapToLong(one -> one * 31L ^ one).sum());
        WAYS.put("management", at -> ManagementFactory.getRuntimeMXBean().getVmName().isEmpty());
        WAYS.put("local_server", Ordinary::localServer);
        WAYS.put("local_http", Ordinary::localHttp);
        WAYS.put("loopback_name", at -> InetAddress.getByName("localhost").isLoopbackAddress());
        WAYS.put("locale", at -> String.format(Locale.GERMAN, "%,d", 12345));
        WAYS.put("environment", at -> System.getenv("AWS_REGION"));
        WAYS.put("process_handle", at -> ProcessHandle.current().isAlive());
        WAYS.put("hook", at -> {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> { }));
            return "added";
        });
    }

    private Ordinary() {}

    private static Object temporary(String at) throws Exception {
        Path file = Files.createTempFile("a", "b");
        Files.writeString(file, "text");
        String found = Files.readString(file);
        Files.delete(file);
        return found;
    }

    private static Object mapped(String at) throws Exception {
        Path file = Files.createTempFile("a", "b");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.map(FileChannel.MapMode.READ_WRITE, 0, 4096).put(ByteBuffer.wrap(new byte[] {1, 2}));
            return channel.size();
        } finally {
            Files.delete(file);
        }
    }

    private static Object threads(String at) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Integer>> futures = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            int number = i;
            futures.add(pool.submit(() -> number));
        }
        int sum = 0;
        for (Future<Integer> future : futures) {
            sum += future.get();
        }
        pool.shutdown();
        return sum;
    }

    private static Object collector(String at) {
        List<byte[]> kept = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            kept.add(new byte[10_000]);
            if (kept.size() > 200) {
                kept.clear();
            }
        }
        System.gc();
        return "collected";
    }

    private static Object localServer(String at) throws Exception {
        try (ServerSocket server = new ServerSocket()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            try (Socket client = new Socket(server.getInetAddress(), server.getLocalPort()); Socket served = server.accept()) {
                client.getOutputStream().write(7);
                return served.getInputStream().read();
            }
        }
    }

    private static Object localHttp(String at) throws Exception {
        com.sun.net.httpserver.HttpServer server =
                com.sun.net.httpserver.HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
        try {
            return HttpClient.newHttpClient().send(
                    HttpRequest.newBuilder(java.net.URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/")).build(),
                    HttpResponse.BodyHandlers.discarding()).statusCode();
        } finally {
            server.stop(0);
        }
    }
}
