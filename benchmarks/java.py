"""What the agent costs a Java function: its start, and time for each invocation.

The peers, in the same run and in turns: the same function without the agent, and without it but with an empty
`-javaagent`, which is the least that the other way into a built package would cost. Run it on an idle machine; the
tests assert nothing of this. Needs the packages that tests/java-packages brings.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from defender.policy import Identity, default_policy, encode

ROOT = Path(__file__).parents[1]
PACKAGES = ROOT / "build" / "java"
FUNCTION = ROOT / "fixtures" / "java" / "request-handler" / "in"
HANDLER, AGENTS = "example.Hello", "com.twistlock.serverless.ProtectedHandler"
CLIENT = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
# As Lambda starts its JVM.
FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
STARTS = 15
EMPTY = "public class Empty { public static void premain(String given) {} }"
CALLS = """
import com.amazonaws.services.lambda.runtime.*;
public class Calls {
    static final RequestHandler<Integer, Integer> HANDLER = (input, context) -> input + 1;
    interface Call { int run(Context context); }
    static double best(Call call) {
        Context context = (Context) java.lang.reflect.Proxy.newProxyInstance(Calls.class.getClassLoader(),
            new Class<?>[] {Context.class}, (proxy, method, given) -> "6bc28136-xmpl-4365-b021-0ce6b2e64ab0");
        double best = 1e9;
        for (int batch = 0; batch < 30; batch++) {
            long before = System.nanoTime();
            for (int i = 0; i < 10_000; i++) call.run(context);
            best = Math.min(best, (System.nanoTime() - before) / 1e7);
        }
        return best;
    }
    public static void main(String[] given) {
        long before = System.nanoTime();
        com.twistlock.serverless.Twistlock.start();
        double start = (System.nanoTime() - before) / 1e6;
        if (!com.twistlock.serverless.Twistlock.status().equals("enforcing")) throw new AssertionError();
        double plain = best(context -> HANDLER.handleRequest(1, context));
        double wrapped = best(context -> com.twistlock.serverless.Twistlock.Handler(HANDLER, 1, context));
        System.out.println("{\\"start\\": " + start + ", \\"plain\\": " + plain + ", \\"wrapped\\": " + wrapped + "}");
    }
}
"""


def _environment() -> Any:
    spec = importlib.util.spec_from_file_location("runtime_api", ROOT / "demo" / "runtime_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Environment


def _first_answer(environment: Any, root: Path, handler: str, policy: str, *options: str) -> float:
    """Milliseconds from the start of the process to the answer to its first event."""
    native = f"-D{CLIENT.rpartition('.')[0]}.runtimeapi.NativeClient.JNI={PACKAGES / 'native'}"
    command = ("java", *FLAGS, native, *options, "-cp", f"{PACKAGES}/runtime/*", CLIENT)
    variables = {"TW_POLICY": policy, "TW_HANDLER": HANDLER}
    before = time.perf_counter()
    with environment(root, handler, command=command, variables=variables) as running:
        outcome = running.invoke({"name": "you"})
    assert outcome.kind == "response", outcome
    return (time.perf_counter() - before) * 1e3


def _calls(protected: Path, folder: Path, policy: str) -> dict[str, float]:
    """The agent's start, and an invocation without and with it, all within one JVM."""
    (folder / "Calls.java").write_text(CALLS, "utf-8")
    classes = f"{protected}:{PACKAGES}/function/*"
    subprocess.run(["javac", "-cp", classes, "-d", folder, folder / "Calls.java"], check=True)
    command = ["java", *FLAGS, "-cp", f"{folder}:{classes}", "Calls"]
    variables = {**os.environ, "TW_POLICY": policy}
    runs = [
        json.loads(subprocess.run(command, env=variables, capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _agent(folder: Path) -> str:
    """The option for a Java agent that does nothing."""
    (folder / "Empty.java").write_text(EMPTY, "utf-8")
    (folder / "manifest").write_text("Premain-Class: Empty\n", "utf-8")
    subprocess.run(["javac", "-d", folder, folder / "Empty.java"], check=True)
    jar = ["jar", "cfm", folder / "empty.jar", folder / "manifest", "-C", folder, "Empty.class"]
    subprocess.run(jar, check=True)
    return f"-javaagent:{folder / 'empty.jar'}"


def main() -> None:
    """Print a line for each figure, in the unit that it names."""
    identity = Identity(function="bench", region="us-east-1", provider="aws", account=None)
    policy = encode(identity, default_policy().rules[0])
    environment = _environment()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        protected = folder / "protected"
        embed = ["embed", FUNCTION, "-o", protected, "--handler", HANDLER, "--runtime", "java17"]
        subprocess.run([sys.executable, "-m", "defender", *embed], check=True, capture_output=True)
        agent = _agent(folder)
        rows = [
            (
                _first_answer(environment, FUNCTION, HANDLER, policy),
                _first_answer(environment, protected, AGENTS, policy),
                _first_answer(environment, FUNCTION, HANDLER, policy, agent),
            )
            for _ in range(STARTS)
        ]
        calls = _calls(protected, folder, policy)
    plain, redirected, with_agent = (statistics.median(column) for column in zip(*rows, strict=True))
    print(
        f"first answer, ms: plain {plain:.0f}, redirected {redirected:.0f}, empty -javaagent {with_agent:.0f}"
    )
    print(f"start of the agent within the JVM, ms: {calls['start']:.1f}")
    print(f"one invocation, us: plain {calls['plain']:.3f}, wrapped {calls['wrapped']:.3f}")


if __name__ == "__main__":
    main()
