package kinds;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Handlers that are named by their method, in all the shapes that the runtime takes. */
public class Methods {
    static {
        Early.attempt();
    }

    public String one(String input) {
        return input + "!";
    }

    public String withContext(String input, Context context) {
        return input + context.getFunctionName();
    }

    public String none() {
        return "none";
    }

    public String contextOnly(Context context) {
        return context.getAwsRequestId();
    }

    public static int primitive(int input) {
        return input + 1;
    }

    public double[] arrays(double[] input) {
        double[] half = input.clone();
        for (int i = 0; i < half.length; i++) {
            half[i] /= 2;
        }
        return half;
    }

    public void nothing(Map<String, String> input) {
        System.out.println("nothing but " + input);
    }

    public List<Interfaces.Order> beans(List<Interfaces.Order> input, Context context) {
        List<Interfaces.Order> reversed = new ArrayList<Interfaces.Order>();
        for (Interfaces.Order order : input) {
            reversed.add(0, order);
        }
        return reversed;
    }

    public void input(InputStream input) throws IOException {
        System.out.println("read " + input.read());
    }

    public void inputWithContext(InputStream input, Context context) throws IOException {
        System.out.println("read " + input.read() + context.getFunctionName());
    }

    public void output(OutputStream output) throws IOException {
        output.write("1".getBytes("UTF-8"));
    }

    public void outputWithContext(OutputStream output, Context context) throws IOException {
        output.write(("\"" + context.getAwsRequestId() + "\"").getBytes("UTF-8"));
    }

    public void both(InputStream input, OutputStream output) throws IOException {
        for (int next = input.read(); next >= 0; next = input.read()) {
            output.write(next);
        }
    }

    public int bothWithContext(InputStream input, OutputStream output, Context context) throws IOException {
        both(input, output);
        return 7;
    }

    public String overloaded(String input) {
        return "one";
    }

    public String overloaded(String input, Context context) {
        return "two";
    }

    public String overloaded(String input, String other, Context context) {
        return "three";
    }

    public String unfit(Context context, String input) {
        return "unfit";
    }

    String hidden(String input) {
        return "hidden";
    }

    /** What a subclass's method is resolved to where the types are the base's own. */
    public abstract static class Base<T> {
        static {
            Early.attempt();
        }

        public String handle(T input) {
            return input.getClass().getName() + input;
        }
    }

    public static class Inherited extends Base<String> {}

    public interface Defaulted {
        default int handle(int input) {
            return input * 2;
        }
    }

    public static class ByDefault implements Defaulted {
        static {
            Early.attempt();
        }
    }

    public static class Bridged implements RequestHandler<Integer, String> {
        static {
            Early.attempt();
        }

        @Override
        public String handleRequest(Integer input, Context context) {
            return "bridged " + input;
        }
    }
}
