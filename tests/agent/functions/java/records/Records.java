package records;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.List;

/** What Java has since version 17: records, sealed types, a handler that is a record's own method. */
public class Records implements RequestHandler<Records.Order, Records.Answer> {
    public record Order(String name, List<Integer> counts) {}

    public sealed interface Answer permits Good, Bad {}

    public record Good(String name, int sum) implements Answer {}

    public record Bad(String why) implements Answer {}

    @Override
    public Answer handleRequest(Order order, Context context) {
        if (order.counts() == null) {
            return new Bad("""
                no counts
                """);
        }
        return new Good(order.name(), order.counts().stream().mapToInt(Integer::intValue).sum());
    }
}
