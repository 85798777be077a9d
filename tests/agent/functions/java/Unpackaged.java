/** A handler in the package without a name. */
public class Unpackaged {
    public String handle(String input) {
        return input + input;
    }
}
