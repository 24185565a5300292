import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/** What the cases share: clients, those whose connection can be cut, threads, and waiting with a deadline. */
abstract class Cases implements AutoCloseable {
    static final int PATIENCE = 30; // seconds
    private static final int SHORT_SESSION_MS = 4000;
    private static final int LONG_SESSION_MS = 15000;

    /** A client behind a link of its own. */
    static final class Fragile {
        final Link link;
        final CuratorFramework client;
        final BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();

        Fragile(Link link, int sessionMs) {
            this.link = link;
            client = framework(link.address(), sessionMs);
            client.getConnectionStateListenable().addListener((ignored, state) -> states.add(state));
        }
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final Deque<Link> links = new ArrayDeque<>();
    String address;
    String root;

    final String path(String name) {
        return root + "/" + name;
    }

    final <T extends AutoCloseable> T keep(T thing) {
        opened.push(thing);
        return thing;
    }

    final CuratorFramework connect() {
        return started(framework(address, LONG_SESSION_MS));
    }

    /** Its session expires soon after its link is cut. */
    final Fragile mortal() throws Exception {
        return behindLink(SHORT_SESSION_MS);
    }

    /** It keeps its session when its link is cut and mended. */
    final Fragile fragile() throws Exception {
        return behindLink(LONG_SESSION_MS);
    }

    private Fragile behindLink(int sessionMs) throws Exception {
        links.add(keep(new Link(address)));
        final Fragile fragile = new Fragile(links.getLast(), sessionMs);
        started(fragile.client);
        await(fragile, ConnectionState.CONNECTED);
        return fragile;
    }

    private CuratorFramework started(CuratorFramework client) {
        client.start();
        return keep(client);
    }

    private static CuratorFramework framework(String to, int sessionMs) {
        return CuratorFrameworkFactory.builder().connectString(to).sessionTimeoutMs(sessionMs)
                .connectionTimeoutMs(10000).retryPolicy(new RetryNTimes(200, 100)).build();
    }

    static void await(Fragile of, ConnectionState wanted) throws Exception {
        while (true) {
            final ConnectionState state = of.states.poll(PATIENCE, TimeUnit.SECONDS);
            check(state != null, "the connection became " + wanted);
            if (state == wanted) return;
        }
    }

    /** The connection breaks, and is mended within the session's time. */
    static void interrupt(Fragile fragile) throws Exception {
        final long session = sessionOf(fragile.client);
        fragile.link.cut();
        await(fragile, ConnectionState.SUSPENDED);
        fragile.link.mend();
        await(fragile, ConnectionState.RECONNECTED);
        check(sessionOf(fragile.client) == session, "the session is the same");
    }

    /** The connection breaks until the session has expired; then it gets a new one. */
    final void letExpire(Fragile fragile) throws Exception {
        final String marker = path("session-" + System.identityHashCode(fragile));
        fragile.client.create().creatingParentsIfNeeded().withMode(org.apache.zookeeper.CreateMode.EPHEMERAL)
                .forPath(marker);
        final CuratorFramework observer = connect();
        fragile.link.cut();
        waitUntil("the session has expired", () -> observer.checkExists().forPath(marker) == null);
        fragile.link.mend();
        await(fragile, ConnectionState.LOST);
        await(fragile, ConnectionState.RECONNECTED);
    }

    static long sessionOf(CuratorFramework client) throws Exception {
        return client.getZookeeperClient().getZooKeeper().getSessionId();
    }

    static <T> FutureTask<T> inThread(Callable<T> work) {
        final FutureTask<T> task = new FutureTask<>(work);
        final Thread thread = new Thread(task);
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    static <T> T result(FutureTask<T> task) throws Exception {
        return task.get(PATIENCE, TimeUnit.SECONDS);
    }

    static void waitUntil(String what, Condition condition) throws Exception {
        final long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
        while (!condition.holds()) {
            check(System.nanoTime() < deadline, what);
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    static void check(boolean so, String what) {
        if (!so) throw new AssertionError("not so: " + what);
    }

    static void checkEqual(Object found, Object wanted) {
        check(found.equals(wanted), "found " + found + ", wanted " + wanted);
    }

    @Override
    public void close() throws Exception {
        links.forEach(Link::mend); // Or a case that failed behind a cut one would try to say goodbye for an hour.
        while (!opened.isEmpty()) opened.pop().close();
    }
}
