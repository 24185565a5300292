import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** A loopback proxy that can be cut: connections end, and nobody gets through until it is mended. */
final class Link implements AutoCloseable {
    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final String host;
    private final int port;
    private final List<Socket> sockets = new ArrayList<>(); // guarded by this, as is isCut
    private boolean isCut = false;

    Link(String address) throws IOException {
        final int colon = address.lastIndexOf(':');
        host = address.substring(0, colon);
        port = Integer.parseInt(address.substring(colon + 1));
        start(this::accept);
    }

    String address() {
        return "127.0.0.1:" + listener.getLocalPort();
    }

    synchronized void cut() {
        isCut = true;
        sockets.forEach(Link::end);
        sockets.clear();
    }

    synchronized void mend() {
        isCut = false;
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cut();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                join(listener.accept());
            } catch (IOException closed) {
                // The listener's end is the condition above; of a refused target the client is told by its end.
            }
        }
    }

    private synchronized void join(Socket client) throws IOException {
        if (isCut) {
            client.close();
            return;
        }
        sockets.add(client);
        final Socket server = new Socket(host, port);
        sockets.add(server);
        start(() -> pump(client, server));
        start(() -> pump(server, client));
    }

    private static void pump(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
        } catch (IOException broken) {
            // As good as its end.
        }
        end(from);
        end(to);
    }

    private static void end(Socket socket) {
        try {
            socket.close();
        } catch (IOException ended) {
            // Already.
        }
    }

    private static void start(Runnable work) {
        final Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
    }
}
