package attacks;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URL;
import java.net.URLConnection;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousServerSocketChannel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.net.SocketFactory;

/** Ways to reach an address, a name, or to be reached; the place is "address port port-to-listen-on name". */
final class Network {
    static final Map<String, Way> WAYS = new LinkedHashMap<>();
    private static final byte[] PACKET = "x".getBytes(StandardCharsets.UTF_8);

    static {
        WAYS.put("socket", at -> closed(new Socket(ip(at), port(at))));
        WAYS.put("socket_connect", at -> connected(new Socket(), at));
        WAYS.put("socket_factory", at -> closed(SocketFactory.getDefault().createSocket(ip(at), port(at))));
        WAYS.put("channel", at -> closed(SocketChannel.open(address(at))));
        WAYS.put("channel_nonblocking", Network::nonblocking);
        WAYS.put("channel_adapted", at -> connected(SocketChannel.open().socket(), at));
        WAYS.put("asynchronous", at -> AsynchronousSocketChannel.open().connect(address(at)).get());
        WAYS.put("url_connection", at -> ((HttpURLConnection) url(at)).getResponseCode());
        WAYS.put("url_stream", at -> url(at).getInputStream().read());
        WAYS.put("http_client", at -> HttpClient.newHttpClient().send(
                HttpRequest.newBuilder(new URL("http://" + ip(at) + ":" + port(at) + "/").toURI()).build(),
                HttpResponse.BodyHandlers.ofString()).statusCode());
        WAYS.put("datagram", at -> sent(new DatagramSocket(), new DatagramPacket(PACKET, 1, address(at))));
        WAYS.put("datagram_connected", Network::datagramConnected);
        WAYS.put("datagram_channel", at -> DatagramChannel.open().send(ByteBuffer.wrap(PACKET), address(at)));
        WAYS.put("datagram_channel_connected", at -> DatagramChannel.open().connect(address(at)).write(ByteBuffer.wrap(PACKET)));
        WAYS.put("lookup", at -> InetAddress.getByName(name(at)).getHostAddress());
        WAYS.put("lookup_all", at -> InetAddress.getAllByName(name(at)).length);
        WAYS.put("lookup_by_socket", at -> closed(new Socket(name(at), port(at))));
        WAYS.put("server_socket", at -> new ServerSocket(listened(at)).getLocalPort());
        WAYS.put("server_channel", at -> ServerSocketChannel.open().bind(new InetSocketAddress(listened(at))).toString());
        WAYS.put("server_asynchronous",
                at -> AsynchronousServerSocketChannel.open().bind(new InetSocketAddress(listened(at))).isOpen());
        WAYS.put("server_datagram", at -> new DatagramSocket(listened(at)).getLocalPort());
    }

    private Network() {}

    private static String ip(String at) {
        return at.split(" ")[0];
    }

    private static int port(String at) {
        return Integer.parseInt(at.split(" ")[1]);
    }

    private static int listened(String at) {
        return Integer.parseInt(at.split(" ")[2]);
    }

    private static String name(String at) {
        return at.split(" ")[3];
    }

    private static InetSocketAddress address(String at) {
        return new InetSocketAddress(ip(at), port(at));
    }

    private static URLConnection url(String at) throws Exception {
        return new URL("http://" + ip(at) + ":" + port(at) + "/").openConnection();
    }

    private static Object closed(java.io.Closeable opened) throws Exception {
        opened.close();
        return "done";
    }

    private static Object connected(Socket socket, String at) throws Exception {
        socket.connect(address(at), 2000);
        return closed(socket);
    }

    private static Object sent(DatagramSocket socket, DatagramPacket packet) throws Exception {
        socket.send(packet);
        return closed(socket);
    }

    private static Object datagramConnected(String at) throws Exception {
        DatagramSocket socket = new DatagramSocket();
        socket.connect(InetAddress.getByName(ip(at)), port(at));
        return sent(socket, new DatagramPacket(PACKET, 1));
    }

    private static Object nonblocking(String at) throws Exception {
        SocketChannel channel = SocketChannel.open();
        channel.configureBlocking(false);
        channel.connect(address(at));
        while (!channel.finishConnect()) {
            Thread.onSpinWait();
        }
        return closed(channel);
    }
}
