package attacks;

/** One way to reach for something. */
interface Way {
    Object go(String at) throws Exception;
}
