package libraries;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.util.LinkedHashMap;
import java.util.Map;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;

/** What functions do with the libraries that many of them use. */
public class Libraries implements RequestHandler<String, String> {
    /** One thing to do. */
    interface Doing {
        Object go() throws Exception;
    }

    private static final Map<String, Doing> DOINGS = new LinkedHashMap<>();

    static {
        DOINGS.put("jackson", () -> new ObjectMapper().readTree("{\"a\": [1, null, \"\\u00e9\"]}").toString());
        DOINGS.put("sdk_apache", () -> tables(ApacheHttpClient.create()));
        DOINGS.put("sdk_url_connection", () -> tables(UrlConnectionHttpClient.create()));
        DOINGS.put("sdk_netty", Libraries::tablesByNetty);
        DOINGS.put("sqlite_memory", () -> rows("jdbc:sqlite::memory:"));
        DOINGS.put("sqlite_file", () -> inFolder("jdbc:sqlite:"));
        DOINGS.put("h2_memory", () -> rows("jdbc:h2:mem:test"));
        DOINGS.put("h2_file", () -> inFolder("jdbc:h2:"));
    }

    @Override
    public String handleRequest(String name, Context context) {
        try {
            return String.valueOf(DOINGS.get(name).go());
        } catch (Exception error) {
            return error.toString();
        }
    }

    private static StaticCredentialsProvider credentials() {
        return StaticCredentialsProvider.create(AwsBasicCredentials.create("key", "secret"));
    }

    /** A service that knows one table. */
    private static HttpServer service() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        byte[] answer = "{\"TableNames\": [\"things\"]}".getBytes(StandardCharsets.UTF_8);
        server.createContext("/", exchange -> {
            exchange.getRequestBody().readAllBytes();
            exchange.getResponseHeaders().set("Content-Type", "application/x-amz-json-1.0");
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        return server;
    }

    private static URI address(HttpServer server) {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    private static Object tables(SdkHttpClient http) throws Exception {
        HttpServer server = service();
        try (DynamoDbClient client = DynamoDbClient.builder().httpClient(http).region(Region.US_EAST_1)
                .credentialsProvider(credentials()).endpointOverride(address(server)).build()) {
            return client.listTables().tableNames();
        } finally {
            server.stop(0);
        }
    }

    private static Object tablesByNetty() throws Exception {
        HttpServer server = service();
        try (DynamoDbAsyncClient client = DynamoDbAsyncClient.builder().region(Region.US_EAST_1)
                .credentialsProvider(credentials()).endpointOverride(address(server)).build()) {
            return client.listTables().get().tableNames();
        } finally {
            server.stop(0);
        }
    }

    private static Object rows(String url) throws Exception {
        try (Connection connection = DriverManager.getConnection(url)) {
            connection.createStatement().execute("create table things (name varchar(9))");
            connection.createStatement().execute("insert into things values ('one')");
            ResultSet found = connection.createStatement().executeQuery("select name from things");
            return found.next() ? found.getString(1) : "none";
        }
    }

    private static Object inFolder(String url) throws Exception {
        Path folder = Files.createTempDirectory("database");
        return rows(url + folder.resolve("things"));
    }
}
