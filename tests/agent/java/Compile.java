import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Paths;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/** Runs javac in one JVM for each line of a file, whose arguments are parted by tabs: most of its time is its start. */
public final class Compile {
    private Compile() {}

    public static void main(String[] arguments) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        for (String line : Files.readAllLines(Paths.get(arguments[0]))) {
            if (compiler.run(null, null, null, line.split("\t")) != 0) {
                System.exit(1);
            }
        }
    }
}
