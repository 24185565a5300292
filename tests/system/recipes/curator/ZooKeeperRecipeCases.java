import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.recipes.leader.LeaderElectionSupport;
import org.apache.zookeeper.recipes.lock.LockListener;
import org.apache.zookeeper.recipes.lock.WriteLock;
import org.apache.zookeeper.recipes.queue.DistributedQueue;

/** The recipes that come with Apache ZooKeeper itself, on its own client. */
public final class ZooKeeperRecipeCases extends Cases {
    private ZooKeeper zookeeper() throws Exception {
        final CountDownLatch connected = new CountDownLatch(1);
        final ZooKeeper client = keep(new ZooKeeper(address, 15000, event -> connected.countDown()));
        check(connected.await(PATIENCE, TimeUnit.SECONDS), "it is connected");
        if (client.exists(root, false) == null) {
            client.create(root, new byte[0], ZooDefs.Ids.OPEN_ACL_UNSAFE, org.apache.zookeeper.CreateMode.PERSISTENT);
        }
        return client;
    }

    public void a_write_lock_passes_on() throws Exception {
        final List<WriteLock> locks = new ArrayList<>();
        final List<CountDownLatch> acquired = new ArrayList<>();
        for (int i = 0; i < 3; ++i) {
            final CountDownLatch latch = new CountDownLatch(1);
            final WriteLock lock = new WriteLock(zookeeper(), path("lock"), null);
            lock.setLockListener(new LockListener() {
                @Override
                public void lockAcquired() {
                    latch.countDown();
                }

                @Override
                public void lockReleased() {
                    // Told by the next one's lockAcquired.
                }
            });
            checkEqual(lock.lock(), i == 0);
            locks.add(lock);
            acquired.add(latch);
        }
        for (int i = 0; i < 3; ++i) {
            check(acquired.get(i).await(PATIENCE, TimeUnit.SECONDS), "lock " + i + " is had");
            check(locks.get(i).isOwner(), "lock " + i + " knows it");
            locks.get(i).unlock();
        }
    }

    public void an_election_has_one_leader_and_then_the_next() throws Exception {
        final List<LeaderElectionSupport> candidates = new ArrayList<>();
        for (int i = 0; i < 3; ++i) {
            final LeaderElectionSupport candidate = new LeaderElectionSupport();
            candidate.setZooKeeper(zookeeper());
            candidate.setRootNodeName(root);
            candidate.setHostName("host-" + i);
            candidate.start();
            candidates.add(candidate);
        }
        for (int i = 0; i < 3; ++i) {
            final String leader = "host-" + i;
            waitUntil(leader + " leads", () -> leader.equals(candidates.get(2).getLeaderHostName()));
            candidates.get(i).stop();
            if (i == 2) check(candidates.get(2).getLeaderHostName() == null, "nobody is left");
        }
    }

    public void a_queue_gives_each_item_to_one() throws Exception {
        final DistributedQueue producer = new DistributedQueue(zookeeper(), path("queue"), null);
        check(producer.offer(new byte[] {0}), "the first makes the queue: those who make it together fail each other");
        final Set<Byte> taken = new ConcurrentSkipListSet<>();
        final List<FutureTask<Integer>> consumers = new ArrayList<>();
        for (int i = 0; i < 3; ++i) {
            final DistributedQueue consumer = new DistributedQueue(zookeeper(), path("queue"), null);
            consumers.add(inThread(() -> {
                int count = 0;
                while (count < 10) {
                    check(taken.add(consumer.take()[0]), "an item is taken once");
                    ++count;
                }
                return count;
            }));
        }
        for (byte i = 1; i < 30; ++i) check(producer.offer(new byte[] {i}), "it is offered");
        for (FutureTask<Integer> consumer : consumers) checkEqual(result(consumer), 10);
        checkEqual(taken.size(), 30);
    }
}
