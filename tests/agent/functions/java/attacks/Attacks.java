package attacks;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** Tries the way that an event names, at the place that it names, and answers with what came of it. */
public class Attacks implements RequestHandler<Map<String, String>, Map<String, Object>> {
    private static final Map<String, Map<String, Way>> TABLES = new HashMap<>();

    static {
        TABLES.put("processes", Processes.WAYS);
        TABLES.put("network", Network.WAYS);
        TABLES.put("files", FileSystem.WAYS);
        TABLES.put("ordinary", Ordinary.WAYS);
    }

    @Override
    public Map<String, Object> handleRequest(Map<String, String> event, Context context) {
        Map<String, Object> answer = new LinkedHashMap<>();
        try {
            answer.put("value", TABLES.get(event.get("table")).get(event.get("way")).go(event.get("at")));
        } catch (Exception | Error error) {
            Throwable first = error;
            while (first.getCause() != null && first.getCause() != first) {
                first = first.getCause();
            }
            answer.put("raised", error.getClass().getName());
            answer.put("first", first.getClass().getName());
            answer.put("message", String.valueOf(first.getMessage()));
        }
        return answer;
    }
}
