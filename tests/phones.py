"""A stand-in for adb with a phone behind it, for tests: a small program that answers as adb, Android's shell and benchmark_model do.

No phone was near when this was written. The format of benchmark_model's output is that of its sources, see `edgecnn.validate.phone.log`, and of outputs that
others published, such as https://github.com/NobuoTsukamoto/meta-tensorflow-lite and https://github.com/tensorflow/tensorflow/tree/master/tensorflow/lite/tools/benchmark;
the numbers are made up.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# One microsecond figure a thread count: four threads take a third.
LOG = """\
INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Min num runs: [{runs}]
INFO: Num threads: [{threads}]
INFO: Min warmup runs: [{warmup}]
INFO: Graph: [{graph}]
INFO: Enable op profiling: [{profiling}]
INFO: #threads used for CPU inference: [{threads}]
INFO: Loaded model {graph}
INFO: Initialized TensorFlow Lite runtime.
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
INFO: The input model file size (MB): 0.301
INFO: Initialized session in 2.35ms.
INFO: Running benchmark for at least {warmup} iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=55 first=9100 curr=8890 min=8800 max=9400 avg=8990.5 std=71
INFO: Running benchmark for at least {runs} iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count={runs} first=9050 curr=3120 min={best} max=9500 avg={average} std=140{tail}

INFO: Inference timings in us: Init: 2350, First inference: 9100, Warmup (avg): 8990.5, Inference (avg): {average}
INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory footprint of the model at runtime. \
Take the information at your discretion.
INFO: Memory footprint delta from the start of the tool (MB): init=1.5 overall=4.25
"""

PROFILE = """\
Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t         AllocateTensors\t    0.356\t    0.356\t100.000%\t100.000%\t     0.000\t        1\tAllocateTensors/0

Number of nodes executed: 1
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t         AllocateTensors\t        1\t     0.356\t   100.000%\t   100.000%\t     0.000\t        1

Timings (microseconds): count=1 curr=356
Memory (bytes): count=0
1 nodes observed



Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                 SOFTMAX\t    0.060\t    0.080\t  1.000%\t100.000%\t     0.000\t        1\t[probabilities]:2

Number of nodes executed: 3
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t Convolution (NHWC, QC8)\t       15\t     6.000\t    75.000%\t    75.000%\t     0.000\t       15
\t       DEPTHWISE_CONV_2D\t       13\t     1.920\t    24.000%\t    99.000%\t     0.000\t       13
\t                 SOFTMAX\t        1\t     0.080\t     1.000%\t   100.000%\t     0.000\t        1

Timings (microseconds): count=50 first=9050 curr=3120 min=3000 max=9500 avg=8012 std=140
Memory (bytes): count=0
3 nodes observed
"""

_PROGRAM = """\
#!{python}
import json, re, shlex, sys
from pathlib import Path

home = Path(__file__).parent
plan, words = json.loads((home / "plan.json").read_text()), sys.argv[1:]
with open(home / "calls.txt", "a") as calls:
    calls.write(" ".join(words) + "\\n")
if words[0] == "devices":
    print("List of devices attached")
    print("".join(f"{{serial}}\\t{{state}}\\n" for serial, state in plan["devices"].items()))
    sys.exit(0)
serial, verb, rest = words[1], words[2], words[3:]
if verb == "push":
    if plan["push"]:
        sys.exit("adb: error: failed to copy '" + rest[0] + "': remote couldn't create file: No space left on device")
    print(rest[0] + ": 1 file pushed, 0 skipped.")
    sys.exit(0)
command, _, tail = rest[0].rpartition("; echo ")
if plan["broken"]:
    sys.exit("error: device '" + serial + "' not found")


def answer(text="", code=0):
    sys.stdout.write(text + ("" if not text or text.endswith("\\n") else "\\n") + "edgecnn exit code " + str(code) + "\\r\\n")
    sys.exit(0)


first = shlex.split(command)
if first[0] == "getprop":
    answer(plan["props"][first[1]])
if first[0] == "test":
    answer(code=0 if first[1][1] in plan["tool"] else 1)
if first[0] in ("rm", "chmod"):
    answer()
if plan["fails"]:
    answer(plan["fails"], 1)
flags = dict(re.findall(r"--(\\w+)=(\\S+)", command))
threads = int(flags["num_threads"])
average = {{1: 9000.0, 4: 3100.0}}.get(threads, 5000.0)
profiling = flags["enable_op_profiling"] == "true"
values = dict(runs=flags["num_runs"], warmup=flags["warmup_runs"], threads=threads, graph=flags["graph"], profiling=int(profiling))
# Profiling makes a run slower, and it shows.
average += 900 * profiling
log = plan["log"].format(average=average, best=average - 100, tail=plan["tail"].format(median=average - 40), **values)
answer(log + (plan["profile"] if profiling else ""))
"""

PIXEL = {"ro.product.manufacturer": "Google", "ro.product.model": "Pixel 8", "ro.build.version.release": "15"}


def adb(folder: Path, **changes: object) -> Path:
    """Put the stand-in into `folder`; `changes` to its plan make it go wrong. Returns the folder, for PATH."""
    plan = {
        "devices": {"4A1B": "device"}, "props": PIXEL, "tool": "ex", "push": False, "broken": False, "fails": "", "log": LOG, "profile": PROFILE,
        "tail": " p5=2990 median={median} p95=3500", **changes,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan))
    program = folder / "adb"
    program.write_text(_PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    return folder


def calls(folder: Path) -> list[str]:
    """The command lines that the stand-in was called with."""
    return (folder / "calls.txt").read_text().splitlines()
