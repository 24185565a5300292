import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Recipes HOST:PORT: plays every public method of the cases, a few at once, and prints "ok NAME" or "FAILED NAME". */
public final class Recipes {
    private static final List<Class<? extends Cases>> ALL = List.of(LockCases.class, LeaderCases.class,
            CacheCases.class, ValueCases.class, DiscoveryCases.class, ZooKeeperRecipeCases.class);
    private static final int AT_ONCE = 6; // They wait more than they work.

    private Recipes() {}

    public static void main(String[] arguments) throws Exception {
        final ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
        final Map<String, Future<String>> verdicts = new LinkedHashMap<>();
        for (Class<? extends Cases> kind : ALL) {
            for (Method method : methodsOf(kind)) {
                final String name = kind.getSimpleName() + "." + method.getName();
                verdicts.put(name, threads.submit(() -> play(kind, method, arguments[0])));
            }
        }
        boolean good = true;
        for (Map.Entry<String, Future<String>> entry : verdicts.entrySet()) {
            final String why = entry.getValue().get();
            good &= why.isEmpty();
            System.out.println(why.isEmpty() ? "ok " + entry.getKey() : "FAILED " + entry.getKey() + "\n" + why);
        }
        System.exit(good ? 0 : 1);
    }

    private static List<Method> methodsOf(Class<?> kind) {
        final List<Method> methods = new ArrayList<>();
        for (Method method : kind.getDeclaredMethods()) {
            if (Modifier.isPublic(method.getModifiers()) && !method.isSynthetic()) methods.add(method);
        }
        methods.sort(Comparator.comparing(Method::getName));
        return methods;
    }

    private static String play(Class<? extends Cases> kind, Method method, String address) {
        try (Cases cases = kind.getDeclaredConstructor().newInstance()) {
            cases.address = address;
            cases.root = "/" + kind.getSimpleName() + "-" + method.getName();
            method.invoke(cases);
            return "";
        } catch (InvocationTargetException thrown) {
            return trace(thrown.getCause());
        } catch (Exception thrown) { // Of closing what was opened.
            return trace(thrown);
        }
    }

    private static String trace(Throwable thrown) {
        final StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text));
        return text.toString();
    }
}
