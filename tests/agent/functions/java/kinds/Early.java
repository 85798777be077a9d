package kinds;

import java.io.IOException;

/** Tries to start a program while a class is initialised, and says on stderr what became of it. */
final class Early {
    private Early() {}

    static void attempt() {
        String outcome;
        try {
            outcome = "exit " + new ProcessBuilder("/bin/true").start().waitFor();
        } catch (IOException error) {
            outcome = error.getMessage().replaceAll("\\s+", " ");
        } catch (InterruptedException error) {
            outcome = "interrupted";
        }
        System.err.println("early: " + outcome);
    }
}
