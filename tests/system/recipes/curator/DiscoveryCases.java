import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.curator.x.discovery.strategies.RoundRobinStrategy;

@SuppressWarnings("rawtypes") // A payload's class is a raw one.
public final class DiscoveryCases extends Cases {
    private static ServiceInstance<Map> instance(String id, int port) throws Exception {
        return ServiceInstance.<Map>builder().name("web").id(id).address("10.0.0.1").port(port)
                .payload(Map.of("rack", id)).build();
    }

    private ServiceDiscovery<Map> discovery(CuratorFramework client) throws Exception {
        final ServiceDiscovery<Map> discovery =
                keep(ServiceDiscoveryBuilder.builder(Map.class).client(client).basePath(root).build());
        discovery.start();
        return discovery;
    }

    public void instances_are_found_cached_chosen_and_come_back_after_expiry() throws Exception {
        final Fragile mortal = mortal();
        final ServiceDiscovery<Map> registrar = discovery(mortal.client);
        registrar.registerService(instance("one", 1));
        final ServiceDiscovery<Map> reader = discovery(connect());
        final ServiceCache<Map> cache = keep(reader.serviceCacheBuilder().name("web").build());
        cache.start();
        final ServiceProvider<Map> provider = keep(reader.serviceProviderBuilder().serviceName("web")
                .providerStrategy(new RoundRobinStrategy<>()).build());
        provider.start();
        checkEqual(Set.copyOf(reader.queryForNames()), Set.of("web"));
        waitUntil("it is found", () -> { // Told of its connection only now, Curator may delete and create it again.
            final ServiceInstance<Map> one = reader.queryForInstance("web", "one");
            return one != null && one.getPayload().equals(Map.of("rack", "one"));
        });

        final ServiceInstance<Map> second = instance("two", 2);
        registrar.registerService(second);
        waitUntil("both are cached", () -> cache.getInstances().size() == 2);
        final Set<String> chosen = new TreeSet<>();
        waitUntil("both are chosen", () -> chosen.add(provider.getInstance().getId()) && chosen.size() == 2);
        registrar.unregisterService(second);
        waitUntil("one is cached", () -> cache.getInstances().size() == 1);

        mortal.link.cut();
        waitUntil("none is cached", () -> cache.getInstances().isEmpty());
        waitUntil("there is none to choose", () -> provider.getInstance() == null); // It has a cache of its own.
        mortal.link.mend();
        waitUntil("the first is registered again", () -> cache.getInstances().stream()
                .map(ServiceInstance::getId).collect(Collectors.toSet()).equals(Set.of("one")));
    }
}
