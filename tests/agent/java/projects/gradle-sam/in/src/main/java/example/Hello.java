package example;

public class Hello {
    public String greet(String name) {
        return "hello " + name;
    }
}
