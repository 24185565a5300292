import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;

public final class LockCases extends Cases {
    private static final int WORKERS = 4;
    private static final int ROUNDS = 6;

    interface LockOf {
        InterProcessLock of(CuratorFramework client);
    }

    private void onlyOneAtATime(LockOf maker) throws Exception {
        final AtomicInteger inside = new AtomicInteger();
        final AtomicInteger visits = new AtomicInteger();
        final List<FutureTask<Boolean>> workers = new ArrayList<>();
        for (int i = 0; i < WORKERS; ++i) {
            final InterProcessLock lock = maker.of(connect());
            workers.add(inThread(() -> {
                boolean alone = true;
                for (int round = 0; round < ROUNDS; ++round) {
                    lock.acquire();
                    alone &= inside.incrementAndGet() == 1;
                    visits.incrementAndGet();
                    inside.decrementAndGet();
                    lock.release();
                }
                return alone;
            }));
        }
        for (FutureTask<Boolean> worker : workers) check(result(worker), "one at a time");
        checkEqual(visits.get(), WORKERS * ROUNDS);
    }

    public void a_mutex_lets_one_in_at_a_time() throws Exception {
        onlyOneAtATime(client -> new InterProcessMutex(client, path("lock")));
    }

    public void a_semaphore_mutex_lets_one_in_at_a_time() throws Exception {
        onlyOneAtATime(client -> new InterProcessSemaphoreMutex(client, path("lock")));
    }

    public void a_multi_lock_takes_all_or_none() throws Exception {
        final List<String> paths = List.of(path("a"), path("b"));
        onlyOneAtATime(client -> new InterProcessMultiLock(client, paths));
        final InterProcessMutex second = new InterProcessMutex(connect(), path("b"));
        second.acquire();
        final CuratorFramework client = connect();
        check(!new InterProcessMultiLock(client, paths).acquire(300, TimeUnit.MILLISECONDS), "the second is taken");
        check(new InterProcessMutex(client, path("a")).acquire(PATIENCE, TimeUnit.SECONDS), "the first was let go");
    }

    public void a_mutex_is_reentrant_and_passes_on_when_its_holder_expires() throws Exception {
        final Fragile mortal = mortal();
        final InterProcessMutex held = new InterProcessMutex(mortal.client, path("lock"));
        held.acquire();
        held.acquire();
        held.release();
        check(held.isOwnedByCurrentThread(), "it is held still");
        final InterProcessMutex heir = new InterProcessMutex(connect(), path("lock"));
        check(!heir.acquire(200, TimeUnit.MILLISECONDS), "the holder has it");
        final FutureTask<Boolean> waiting = inThread(() -> heir.acquire(PATIENCE, TimeUnit.SECONDS));
        letExpire(mortal);
        check(result(waiting), "the heir has it");
    }

    public void a_mutex_is_kept_through_a_broken_connection() throws Exception {
        final Fragile fragile = fragile();
        final InterProcessMutex held = new InterProcessMutex(fragile.client, path("lock"));
        held.acquire();
        interrupt(fragile);
        final InterProcessMutex other = new InterProcessMutex(connect(), path("lock"));
        check(!other.acquire(200, TimeUnit.MILLISECONDS), "the holder has it still");
        held.release();
        check(other.acquire(PATIENCE, TimeUnit.SECONDS), "it was let go");
    }

    public void a_mutex_can_be_asked_back() throws Exception {
        final CuratorFramework client = connect();
        final InterProcessMutex held = new InterProcessMutex(client, path("lock"));
        final FutureTask<Boolean> asked = new FutureTask<>(() -> true);
        held.makeRevocable(lock -> asked.run());
        held.acquire();
        for (String node : held.getParticipantNodes()) Revoker.attemptRevoke(connect(), node);
        check(result(asked), "the holder was asked");
    }

    public void readers_share_and_a_writer_is_alone() throws Exception {
        final InterProcessReadWriteLock one = new InterProcessReadWriteLock(connect(), path("rw"));
        final InterProcessReadWriteLock two = new InterProcessReadWriteLock(connect(), path("rw"));
        final InterProcessReadWriteLock three = new InterProcessReadWriteLock(connect(), path("rw"));
        one.readLock().acquire();
        check(two.readLock().acquire(PATIENCE, TimeUnit.SECONDS), "readers share");
        final FutureTask<Boolean> writer = inThread(() -> {
            final boolean in = three.writeLock().acquire(PATIENCE, TimeUnit.SECONDS);
            check(three.readLock().acquire(PATIENCE, TimeUnit.SECONDS), "a writer may read");
            three.writeLock().release();
            return in;
        });
        waitUntil("the writer waits", () -> three.writeLock().getParticipantNodes().size() == 1);
        one.readLock().release();
        check(!writer.isDone(), "a reader is inside");
        two.readLock().release();
        check(result(writer), "the writer came in");
        check(!one.writeLock().acquire(200, TimeUnit.MILLISECONDS), "it went on as a reader");
        check(one.readLock().acquire(PATIENCE, TimeUnit.SECONDS), "beside others");
    }

    public void a_semaphore_gives_its_leases_and_those_of_the_dead_again() throws Exception {
        final Fragile mortal = mortal();
        final InterProcessSemaphoreV2 mine = new InterProcessSemaphoreV2(connect(), path("semaphore"), 3);
        final InterProcessSemaphoreV2 theirs = new InterProcessSemaphoreV2(mortal.client, path("semaphore"), 3);
        checkEqual(theirs.acquire(2).size(), 2);
        final Lease third = mine.acquire(PATIENCE, TimeUnit.SECONDS);
        check(third != null, "the third lease");
        check(mine.acquire(200, TimeUnit.MILLISECONDS) == null, "there is no fourth");
        final FutureTask<Integer> waiting =
                inThread(() -> mine.acquire(2, PATIENCE, TimeUnit.SECONDS).size());
        letExpire(mortal);
        checkEqual(result(waiting), 2);
        mine.returnLease(third);
        checkEqual(mine.getParticipantNodes().size(), 2);
    }
}
