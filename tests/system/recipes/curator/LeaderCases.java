import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;

public final class LeaderCases extends Cases {
    public void a_latch_has_one_leader_and_another_when_that_one_expires() throws Exception {
        final Fragile mortal = mortal();
        final LeaderLatch first = keep(new LeaderLatch(mortal.client, path("latch"), "mortal"));
        first.start();
        check(first.await(PATIENCE, TimeUnit.SECONDS), "the first leads");
        final List<LeaderLatch> others = new ArrayList<>();
        for (int i = 0; i < 3; ++i) {
            final LeaderLatch other = new LeaderLatch(connect(), path("latch"), "n" + i);
            keep(() -> {
                if (other.getState() == LeaderLatch.State.STARTED) other.close();
            });
            others.add(other);
            other.start();
        }
        waitUntil("all stand", () -> first.getParticipants().size() == 4);
        checkEqual(others.get(0).getLeader().getId(), "mortal");

        letExpire(mortal);

        waitUntil("one of the others leads", () -> others.stream().filter(LeaderLatch::hasLeadership).count() == 1);
        check(!first.hasLeadership(), "the expired one knows that it lost");
        waitUntil("the expired one stands again", () -> others.get(0).getParticipants().size() == 4);
        while (!others.isEmpty()) {
            waitUntil("one leads", () -> others.stream().anyMatch(LeaderLatch::hasLeadership));
            final LeaderLatch leader = others.stream().filter(LeaderLatch::hasLeadership).findFirst().get();
            leader.close();
            others.remove(leader);
        }
        waitUntil("the last leads", first::hasLeadership);
    }

    public void a_latch_stands_again_after_a_broken_connection() throws Exception {
        final Fragile fragile = fragile();
        final LeaderLatch latch = keep(new LeaderLatch(fragile.client, path("latch")));
        latch.start();
        check(latch.await(PATIENCE, TimeUnit.SECONDS), "it leads");
        interrupt(fragile);
        waitUntil("it leads again", latch::hasLeadership);
    }

    public void a_selector_lets_each_lead_in_turn_and_never_two() throws Exception {
        final AtomicInteger leading = new AtomicInteger();
        final AtomicInteger most = new AtomicInteger();
        final CountDownLatch terms = new CountDownLatch(9);
        for (int i = 0; i < 3; ++i) {
            final LeaderSelector selector =
                    new LeaderSelector(connect(), path("selector"), new LeaderSelectorListenerAdapter() {
                        @Override
                        public void takeLeadership(CuratorFramework client) {
                            most.accumulateAndGet(leading.incrementAndGet(), Math::max);
                            terms.countDown();
                            leading.decrementAndGet();
                        }
                    });
            selector.setId("n" + i);
            selector.autoRequeue();
            keep(selector::close);
            selector.start();
        }
        check(terms.await(PATIENCE, TimeUnit.SECONDS), "nine terms passed");
        checkEqual(most.get(), 1);
    }

    public void a_selectors_leader_that_expires_is_interrupted_and_followed() throws Exception {
        final Fragile mortal = mortal();
        final CountDownLatch interrupted = new CountDownLatch(1);
        final CountDownLatch led = new CountDownLatch(1);
        final LeaderSelector first =
                new LeaderSelector(mortal.client, path("selector"), new LeaderSelectorListenerAdapter() {
                    @Override
                    public void takeLeadership(CuratorFramework client) throws Exception {
                        led.countDown();
                        try {
                            TimeUnit.SECONDS.sleep(PATIENCE);
                        } catch (InterruptedException lost) {
                            interrupted.countDown();
                            throw lost;
                        }
                    }
                });
        keep(first::close);
        first.start();
        check(led.await(PATIENCE, TimeUnit.SECONDS), "the first leads");
        final CountDownLatch followed = new CountDownLatch(1);
        final LeaderSelector second = new LeaderSelector(connect(), path("selector"),
                new LeaderSelectorListenerAdapter() {
                    @Override
                    public void takeLeadership(CuratorFramework client) {
                        followed.countDown();
                    }
                });
        keep(second::close);
        second.start();
        letExpire(mortal);
        check(interrupted.await(PATIENCE, TimeUnit.SECONDS), "the expired one was interrupted");
        check(followed.await(PATIENCE, TimeUnit.SECONDS), "the second led");
    }
}
