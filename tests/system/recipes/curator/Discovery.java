import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;

/**
 * Discovery HOST:PORT[/CHROOT]: Curator's service discovery below /services, told what to do on standard input:
 * "register NAME ID ADDRESS PORT", "unregister ID", "query NAME", "cached NAME". Each is answered with one line.
 */
public final class Discovery {
    private final ServiceDiscovery<Object> discovery;
    private final Map<String, ServiceInstance<Object>> registered = new HashMap<>();
    private final Map<String, ServiceCache<Object>> caches = new HashMap<>();

    private Discovery(String address) throws Exception {
        final CuratorFramework client = CuratorFrameworkFactory.newClient(address, 4000, 10000, new RetryNTimes(50, 100));
        client.start();
        discovery = ServiceDiscoveryBuilder.builder(Object.class).client(client).basePath("/services").build();
        discovery.start();
    }

    public static void main(String[] arguments) throws Exception {
        final Discovery program = new Discovery(arguments[0]);
        final BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            System.out.println(program.obey(line.split(" ")));
        }
        System.exit(0);
    }

    private String obey(String[] words) throws Exception {
        switch (words[0]) {
            case "register":
                registered.put(words[2], ServiceInstance.builder().name(words[1]).id(words[2]).address(words[3])
                        .port(Integer.parseInt(words[4])).build());
                discovery.registerService(registered.get(words[2]));
                return "registered";
            case "unregister":
                discovery.unregisterService(registered.remove(words[1]));
                return "unregistered";
            case "query":
                return format(discovery.queryForInstances(words[1]));
            case "cached":
                return format(cache(words[1]).getInstances());
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    private ServiceCache<Object> cache(String name) throws Exception {
        if (!caches.containsKey(name)) {
            caches.put(name, discovery.serviceCacheBuilder().name(name).build());
            caches.get(name).start();
        }
        return caches.get(name);
    }

    private static String format(Iterable<ServiceInstance<Object>> instances) {
        final TreeSet<String> lines = new TreeSet<>();
        for (ServiceInstance<Object> each : instances) {
            lines.add(each.getId() + "=" + each.getAddress() + ":" + each.getPort() + (each.isEnabled() ? "" : "!"));
        }
        return String.join(" ", lines);
    }
}
