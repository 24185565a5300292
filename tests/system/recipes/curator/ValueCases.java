import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;

public final class ValueCases extends Cases {
    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    public void an_atomic_long_counts_what_all_add() throws Exception {
        final List<FutureTask<Integer>> workers = new ArrayList<>();
        for (int i = 0; i < 4; ++i) {
            final DistributedAtomicLong value =
                    new DistributedAtomicLong(connect(), path("count"), new RetryNTimes(1000, 5));
            workers.add(inThread(() -> {
                int done = 0;
                while (done < 20) if (value.increment().succeeded()) ++done;
                return done;
            }));
        }
        for (FutureTask<Integer> worker : workers) checkEqual(result(worker), 20);
        final DistributedAtomicLong value =
                new DistributedAtomicLong(connect(), path("count"), new RetryNTimes(10, 5));
        checkEqual(value.get().postValue(), 80L);
        check(!value.compareAndSet(79L, 1L).succeeded(), "79 is not what it is");
        check(value.compareAndSet(80L, 1L).succeeded(), "80 is");
    }

    public void a_shared_count_tells_of_changes_and_minds_versions() throws Exception {
        final Fragile fragile = fragile();
        final SharedCount mine = keep(new SharedCount(connect(), path("count"), 5));
        final SharedCount theirs = keep(new SharedCount(fragile.client, path("count"), 5));
        mine.start();
        theirs.start();
        final var old = theirs.getVersionedValue();
        mine.setCount(6);
        waitUntil("the change is seen", () -> theirs.getCount() == 6);
        check(!theirs.trySetCount(old, 9), "an old version is refused");
        interrupt(fragile);
        mine.setCount(7);
        waitUntil("the change is seen after the break", () -> theirs.getCount() == 7);
    }

    public void a_barrier_holds_everybody_until_it_is_removed() throws Exception {
        final DistributedBarrier barrier = new DistributedBarrier(connect(), path("barrier"));
        barrier.setBarrier();
        final List<FutureTask<Boolean>> waiting = new ArrayList<>();
        for (int i = 0; i < 3; ++i) {
            final DistributedBarrier theirs = new DistributedBarrier(connect(), path("barrier"));
            waiting.add(inThread(() -> theirs.waitOnBarrier(PATIENCE, TimeUnit.SECONDS)));
        }
        check(!new DistributedBarrier(connect(), path("barrier")).waitOnBarrier(300, TimeUnit.MILLISECONDS), "it holds");
        barrier.removeBarrier();
        for (FutureTask<Boolean> one : waiting) check(result(one), "it was let through");
    }

    public void a_double_barrier_is_entered_and_left_together() throws Exception {
        final CountDownLatch entered = new CountDownLatch(3); // Who leaves early would strand who is still entering.
        final AtomicInteger leaving = new AtomicInteger();
        final List<FutureTask<Boolean>> members = new ArrayList<>();
        for (int i = 0; i < 3; ++i) {
            final DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(connect(), path("double"), 3);
            members.add(inThread(() -> {
                final boolean in = barrier.enter(PATIENCE, TimeUnit.SECONDS);
                entered.countDown();
                entered.await();
                leaving.incrementAndGet();
                final boolean out = barrier.leave(PATIENCE, TimeUnit.SECONDS);
                return in && out && leaving.get() >= 2; // Curator 5.4 lets those who wait go when one member is left.
            }));
            check(i == 2 || entered.getCount() == 3, "nobody is in before all are");
        }
        for (FutureTask<Boolean> member : members) check(result(member), "in and out in time, and nobody out alone");
    }

    private static final class Text implements QueueSerializer<String> {
        @Override
        public byte[] serialize(String item) {
            return bytes(item);
        }

        @Override
        public String deserialize(byte[] bytes) {
            return new String(bytes, StandardCharsets.UTF_8);
        }
    }

    private static QueueConsumer<String> into(Set<String> taken, List<String> twice) {
        return new QueueConsumer<>() {
            @Override
            public void consumeMessage(String item) {
                if (!taken.add(item)) twice.add(item);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
                // The items are what counts.
            }
        };
    }

    public void a_queue_gives_each_item_to_one_of_several_consumers() throws Exception {
        final Set<String> taken = new ConcurrentSkipListSet<>();
        final List<String> twice = Collections.synchronizedList(new ArrayList<>());
        final Fragile fragile = fragile();
        for (CuratorFramework client : List.of(connect(), fragile.client)) {
            keep(QueueBuilder.builder(client, into(taken, twice), new Text(), path("queue"))
                    .lockPath(path("locks")).buildQueue()).start();
        }
        final DistributedQueue<String> producer =
                keep(QueueBuilder.builder(connect(), null, new Text(), path("queue")).buildQueue());
        producer.start();
        final Set<String> all =
                IntStream.range(0, 60).mapToObj(Integer::toString).collect(Collectors.toCollection(TreeSet::new));
        int put = 0;
        for (String item : all) {
            producer.put(item);
            if (++put == 30) interrupt(fragile);
        }
        waitUntil("all were taken", () -> taken.equals(all));
        check(twice.isEmpty(), "none twice, but " + twice);
    }

    public void a_persistent_node_comes_back_with_the_next_session() throws Exception {
        final Fragile mortal = mortal();
        final CuratorFramework observer = connect();
        final PersistentNode node = keep(
                new PersistentNode(mortal.client, CreateMode.EPHEMERAL, false, path("here"), bytes("1")));
        node.start();
        check(node.waitForInitialCreate(PATIENCE, TimeUnit.SECONDS), "it is there");
        observer.delete().forPath(path("here"));
        waitUntil("what was taken away is there again", () -> observer.checkExists().forPath(path("here")) != null);
        letExpire(mortal);
        waitUntil("it is there with the new session", () -> {
            final var stat = observer.checkExists().forPath(path("here"));
            return stat != null && stat.getEphemeralOwner() == sessionOf(mortal.client);
        });
    }

    public void a_ttl_node_is_kept_while_its_owner_touches_it() throws Exception {
        final PersistentTtlNode node = keep(new PersistentTtlNode(connect(), path("ttl"), 1000, bytes("1")));
        node.start();
        check(node.waitForInitialCreate(PATIENCE, TimeUnit.SECONDS), "it is there");
        final CuratorFramework observer = connect();
        final String touched = path("ttl") + "/" + PersistentTtlNode.DEFAULT_CHILD_NODE_NAME;
        waitUntil("it was touched", () -> {
            final var stat = observer.checkExists().forPath(touched);
            return stat != null && stat.getVersion() >= 2;
        });
    }

    public void a_group_knows_its_members() throws Exception {
        final Fragile mortal = mortal();
        final GroupMember one = keep(new GroupMember(connect(), path("group"), "one"));
        final GroupMember two = keep(new GroupMember(mortal.client, path("group"), "two", bytes("2")));
        one.start();
        two.start();
        waitUntil("both are known", () -> one.getCurrentMembers().keySet().equals(Set.of("one", "two")));
        mortal.link.cut();
        waitUntil("one is gone", () -> one.getCurrentMembers().keySet().equals(Set.of("one")));
        mortal.link.mend();
        waitUntil("it is back", () -> one.getCurrentMembers().keySet().equals(Set.of("one", "two")));
    }

    public void a_transaction_is_all_or_nothing() throws Exception {
        final CuratorFramework client = connect();
        client.create().forPath(root);
        final List<CuratorTransactionResult> results = client.transaction().forOperations(
                client.transactionOp().create().forPath(path("a"), bytes("1")),
                client.transactionOp().setData().withVersion(0).forPath(path("a"), bytes("2")),
                client.transactionOp().check().withVersion(1).forPath(path("a")));
        checkEqual(results.size(), 3);
        checkEqual(results.get(1).getResultStat().getVersion(), 1);
        try {
            client.transaction().forOperations(client.transactionOp().delete().forPath(path("a")),
                    client.transactionOp().create().forPath(path("none/x")));
            check(false, "the second operation fails");
        } catch (KeeperException.NoNodeException expected) {
            check(client.checkExists().forPath(path("a")) != null, "the first was undone");
        }
    }

    public void a_protected_create_and_a_background_read_work() throws Exception {
        final CuratorFramework client = connect();
        final String made = client.create().creatingParentContainersIfNeeded().withProtection()
                .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(path("p-"), bytes("x"));
        check(made.contains("_c_"), "its name carries a guid");
        final CountDownLatch read = new CountDownLatch(1);
        client.getData().inBackground((ignored, event) -> {
            if (new String(event.getData(), StandardCharsets.UTF_8).equals("x")) read.countDown();
        }).forPath(made);
        check(read.await(PATIENCE, TimeUnit.SECONDS), "it was read");
        client.sync().forPath(root);
        client.delete().guaranteed().deletingChildrenIfNeeded().forPath(root);
        check(client.checkExists().forPath(root) == null, "it is gone");
    }
}
