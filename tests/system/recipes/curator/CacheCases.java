import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCacheEvent;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.cache.TreeCacheEvent;

@SuppressWarnings("deprecation") // The old caches are what programs still use.
public final class CacheCases extends Cases {
    private static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    private static void put(CuratorFramework client, String path, String text) throws Exception {
        client.create().orSetData().creatingParentsIfNeeded().forPath(path, bytes(text));
    }

    private static <T> void await(BlockingQueue<T> queue, T wanted) throws Exception {
        for (T next = null; !wanted.equals(next);) {
            next = queue.poll(PATIENCE, TimeUnit.SECONDS);
            check(next != null, wanted + " was told");
        }
    }

    public void a_path_children_cache_tells_every_change_even_those_while_it_was_away() throws Exception {
        final Fragile mortal = mortal();
        final CuratorFramework writer = connect();
        put(writer, path("kids/a"), "1");
        final BlockingQueue<String> told = new LinkedBlockingQueue<>();
        final PathChildrenCache cache = keep(new PathChildrenCache(mortal.client, path("kids"), true));
        cache.getListenable().addListener((ignored, event) -> {
            if (event.getType() == PathChildrenCacheEvent.Type.CHILD_ADDED
                    || event.getType() == PathChildrenCacheEvent.Type.CHILD_UPDATED
                    || event.getType() == PathChildrenCacheEvent.Type.CHILD_REMOVED) {
                told.add(event.getType() + " " + event.getData().getPath().substring(path("kids/").length()));
            }
        });
        cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
        checkEqual(cache.getCurrentData().size(), 1);
        put(writer, path("kids/b"), "1");
        await(told, "CHILD_ADDED b");
        put(writer, path("kids/b"), "2");
        await(told, "CHILD_UPDATED b");
        interrupt(mortal);
        writer.delete().forPath(path("kids/b"));
        await(told, "CHILD_REMOVED b");
        mortal.link.cut();
        put(writer, path("kids/c"), "1");
        mortal.link.mend();
        await(told, "CHILD_ADDED c");
        letExpire(mortal);
        put(writer, path("kids/d"), "1");
        await(told, "CHILD_ADDED d");
        waitUntil("it holds what is there", () -> cache.getCurrentData().size() == 3);
    }

    public void a_node_cache_follows_one_znode() throws Exception {
        final Fragile fragile = fragile();
        final CuratorFramework writer = connect();
        final NodeCache cache = keep(new NodeCache(fragile.client, path("node")));
        cache.start(true);
        check(cache.getCurrentData() == null, "it is not there yet");
        put(writer, path("node"), "1");
        waitUntil("it came", () -> cache.getCurrentData() != null);
        interrupt(fragile);
        put(writer, path("node"), "2");
        waitUntil("it changed", () -> Arrays.equals(cache.getCurrentData().getData(), bytes("2")));
        writer.delete().forPath(path("node"));
        waitUntil("it went", () -> cache.getCurrentData() == null);
    }

    public void a_tree_cache_equals_the_tree() throws Exception {
        final Fragile mortal = mortal();
        final CuratorFramework writer = connect();
        put(writer, path("tree/a/b"), "1");
        final BlockingQueue<TreeCacheEvent.Type> told = new LinkedBlockingQueue<>();
        final TreeCache cache = keep(new TreeCache(mortal.client, path("tree")));
        cache.getListenable().addListener((ignored, event) -> told.add(event.getType()));
        cache.start();
        await(told, TreeCacheEvent.Type.INITIALIZED);
        check(Arrays.equals(cache.getCurrentData(path("tree/a/b")).getData(), bytes("1")), "it was read");
        put(writer, path("tree/c/d/e"), "2");
        waitUntil("a new branch is seen", () -> cache.getCurrentData(path("tree/c/d/e")) != null);
        mortal.link.cut();
        writer.delete().deletingChildrenIfNeeded().forPath(path("tree/a"));
        mortal.link.mend();
        waitUntil("a branch that went is seen", () -> cache.getCurrentData(path("tree/a/b")) == null);
        letExpire(mortal);
        put(writer, path("tree/f"), "3");
        waitUntil("it goes on after the session", () -> cache.getCurrentData(path("tree/f")) != null);
        checkEqual(cache.getCurrentChildren(path("tree")).keySet(), java.util.Set.of("c", "f"));
    }

    public void a_curator_cache_follows_by_a_persistent_recursive_watch() throws Exception {
        final Fragile mortal = mortal();
        final CuratorFramework writer = connect();
        put(writer, path("tree/a"), "1");
        final BlockingQueue<String> told = new LinkedBlockingQueue<>();
        final CuratorCache cache = keep(CuratorCache.build(mortal.client, path("tree")));
        final int skip = path("tree").length();
        cache.listenable().addListener(CuratorCacheListener.builder()
                .forCreates(node -> told.add("created " + node.getPath().substring(skip)))
                .forChanges((old, node) -> told.add("changed " + node.getPath().substring(skip)))
                .forDeletes(node -> told.add("deleted " + node.getPath().substring(skip)))
                .forInitialized(() -> told.add("initialized")).build());
        cache.start();
        await(told, "initialized");
        put(writer, path("tree/b/c"), "1");
        await(told, "created /b/c");
        put(writer, path("tree/a"), "2");
        await(told, "changed /a");
        interrupt(mortal);
        writer.delete().forPath(path("tree/a"));
        await(told, "deleted /a");
        mortal.link.cut();
        put(writer, path("tree/b/c"), "3");
        mortal.link.mend();
        await(told, "changed /b/c");
        letExpire(mortal);
        put(writer, path("tree/d"), "1");
        await(told, "created /d");
        checkEqual(cache.size(), 4);
    }
}
