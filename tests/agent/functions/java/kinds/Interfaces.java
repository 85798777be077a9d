package kinds;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.amazonaws.services.lambda.runtime.events.APIGatewayProxyRequestEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayProxyResponseEvent;
import com.amazonaws.services.lambda.runtime.events.S3Event;
import com.amazonaws.services.lambda.runtime.events.ScheduledEvent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Handlers that implement one of Lambda's interfaces, themselves or through others. */
public final class Interfaces {
    private Interfaces() {}

    /** A bean, as events are read into. */
    public static class Order {
        static {
            Early.attempt();
        }

        private String name = "none";
        private List<Integer> counts = new ArrayList<Integer>();

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }

        public List<Integer> getCounts() {
            return counts;
        }

        public void setCounts(List<Integer> counts) {
            this.counts = counts;
        }
    }

    public static class Maps implements RequestHandler<Map<String, Object>, String> {
        static {
            Early.attempt();
        }

        @Override
        public String handleRequest(Map<String, Object> input, Context context) {
            context.getLogger().log("event of " + input.size() + "\n");
            return input.getClass().getName() + input + context.getAwsRequestId();
        }
    }

    public static class Beans implements RequestHandler<Order, Order> {
        @Override
        public Order handleRequest(Order input, Context context) {
            input.setName(input.getName() + "!");
            return input;
        }
    }

    public static class Nested implements RequestHandler<Map<String, List<Order>>, List<Map<String, Order>>> {
        static {
            Early.attempt();
        }

        @Override
        public List<Map<String, Order>> handleRequest(Map<String, List<Order>> input, Context context) {
            List<Map<String, Order>> found = new ArrayList<Map<String, Order>>();
            for (Map.Entry<String, List<Order>> entry : input.entrySet()) {
                for (Order order : entry.getValue()) {
                    found.add(Collections.singletonMap(entry.getKey(), order));
                }
            }
            return found;
        }
    }

    @SuppressWarnings("rawtypes")
    public static class Raw implements RequestHandler {
        static {
            Early.attempt();
        }

        @Override
        public Object handleRequest(Object input, Context context) {
            return String.valueOf(input);
        }
    }

    public static class Nothing implements RequestHandler<Integer, Void> {
        static {
            Early.attempt();
        }

        @Override
        public Void handleRequest(Integer input, Context context) {
            return null;
        }
    }

    public static class Gateway implements RequestHandler<APIGatewayProxyRequestEvent, APIGatewayProxyResponseEvent> {
        static {
            Early.attempt();
        }

        @Override
        public APIGatewayProxyResponseEvent handleRequest(APIGatewayProxyRequestEvent input, Context context) {
            return new APIGatewayProxyResponseEvent().withStatusCode(200).withBody(input.getPath() + input.getBody());
        }
    }

    public static class Stored implements RequestHandler<S3Event, String> {
        static {
            Early.attempt();
        }

        @Override
        public String handleRequest(S3Event input, Context context) {
            return input.getRecords().get(0).getS3().getObject().getKey() + input.getRecords().get(0).getEventTime();
        }
    }

    public static class Scheduled implements RequestHandler<ScheduledEvent, ScheduledEvent> {
        static {
            Early.attempt();
        }

        @Override
        public ScheduledEvent handleRequest(ScheduledEvent input, Context context) {
            return input;
        }
    }

    public static class Stream implements RequestStreamHandler {
        static {
            Early.attempt();
        }

        @Override
        public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            for (int next = input.read(); next >= 0; next = input.read()) {
                all.write(next);
            }
            if (all.toString("UTF-8").contains("fail")) {
                throw new IOException("asked to: " + all.toString("UTF-8"));
            }
            output.write('"');
            output.write((all.size() + input.getClass().getName() + output.getClass().getName()).getBytes("UTF-8"));
            output.write('"');
        }
    }

    /** A base that is generic, with a static part of its own. */
    public abstract static class Base<I, O> implements RequestHandler<I, O> {
        static {
            Early.attempt();
        }

        protected abstract O answer(I input);

        @Override
        public O handleRequest(I input, Context context) {
            return answer(input);
        }
    }

    public static class Generic extends Base<Order, List<Order>> {
        @Override
        protected List<Order> answer(Order input) {
            return Collections.nCopies(2, input);
        }
    }

    public static class Inherited extends Maps {}

    public abstract static class Swapped<B, A> extends Base<A, B> {}

    public static class Twice extends Swapped<String, Order> {
        @Override
        protected String answer(Order input) {
            return input.getName();
        }
    }

    /** Bound type variables that stay open. */
    public static class Bounded<T extends Order> implements RequestHandler<T, T> {
        @Override
        public T handleRequest(T input, Context context) {
            return input;
        }
    }

    public static class Open<T> implements RequestHandler<T, T> {
        static {
            Early.attempt();
        }

        @Override
        public T handleRequest(T input, Context context) {
            return input;
        }
    }

    /** All that there is to do is done by the interface. */
    public interface Defaulted extends RequestHandler<Integer, Integer> {
        @Override
        default Integer handleRequest(Integer input, Context context) {
            return input + 1;
        }
    }

    public static class ByDefault implements Defaulted {
        static {
            Early.attempt();
        }
    }
}
