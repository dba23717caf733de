"""Compare ckstudy's convolution with its peers: time and peak memory, forward and backward.

    python benchmarks/convolution.py

measures everything and writes ``benchmarks/results/convolution.{json,md,png,svg}``. Parts can be
measured alone (``--parts peers --kernel-sizes 131``); the report is made from all that the JSON
file holds. The peers fft-conv-pytorch and julius take part where they are installed
(``pip install ckstudy[peers]``); the two published designs that are no packages are written out
below. Depthwise, nvsubquadratic takes part too (``pip install --no-deps nvsubquadratic einops``: it
asks for a torch of its own, but this function of it works with others).

Time: the peers take turns; a sample is the mean of as many calls as fill 0.15 s. Each starts when
nothing else runs, or after some seconds of waiting (8, or ``PATIENCE_S`` of the environment). A
sample during which other processes took more than 5 % of the processors is set aside, so long as
three others remain. The tables give medians of the samples and, against ckstudy, the ratio of
these.

Memory: each measurement is a process of its own. It makes its inputs, sets the kernel's
high-water mark of its resident memory back (Linux, /proc/self/clear_refs), runs forward and
backward once, and reports by how much the mark rose: the output and the gradients count, the
inputs do not. On CUDA it is the allocator's own peak.

Roof: the arithmetic that overlap-save needs, in its own blocks, at the rates at which this machine
multiplies large matrices and transforms blocks that lie in the cache, the least of samples taken
in turns with the convolution. What it leaves out are copies, transpositions, and small products.

Shares: what torch's profiler says of the operations of the same convolution, their own time alone,
on one thread. It says what each lever could win at most.
"""

import argparse
import functools
import json
import math
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ckstudy.convolution import conv1d, explain
from ckstudy.files import write_json, write_text
from ckstudy.provenance import commit, environment

RESULTS = Path(__file__).parent / "results"
CHANNELS = 22
DEPTHWISE_CHANNELS = 64
KERNEL_SIZES = (65, 131, 527, 2111)
WHOLE, CROP = 8446, 1024
OURS = "ckstudy"


# --- the peers -----------------------------------------------------------------------------------


def broadcast_product(x: Tensor, w: Tensor) -> Tensor:
    """Full-length transforms, all products at once, then the sum (CKConv, Romero et al. 2021)."""
    length = x.shape[-1] + x.shape[-1] % 2
    of_x = torch.fft.rfft(x, length).unsqueeze(1)
    of_w = torch.fft.rfft(w, length).unsqueeze(0)
    y = torch.fft.irfft((of_x * of_w.conj()).sum(2), length)
    return y[..., : x.shape[-1] - w.shape[-1] + 1]


def complex_einsum(x: Tensor, w: Tensor) -> Tensor:
    """Full-length transforms and an einsum over the channels (CCNN, Knigge et al. 2023)."""
    length = x.shape[-1] + x.shape[-1] % 2
    of_x, of_w = torch.fft.rfft(x, length), torch.fft.rfft(w, length)
    y = torch.fft.irfft(torch.einsum("ncf,ocf->nof", of_x, of_w.conj()), length)
    return y[..., : x.shape[-1] - w.shape[-1] + 1]


def peers() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """All the convolutions that can be measured here, by name; ours first."""
    found = {OURS: conv1d}
    if find_spec("fft_conv_pytorch"):
        from fft_conv_pytorch import fft_conv

        found["fft-conv-pytorch"] = fft_conv
    if find_spec("julius"):
        from julius import fft_conv1d

        found["julius"] = fft_conv1d
    found["broadcast product"] = broadcast_product
    found["complex einsum"] = complex_einsum
    found["torch conv1d"] = functional.conv1d
    return found


def depthwise_peers() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Convolutions of each channel by itself that keep the length of the line; ours first."""
    found: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        OURS: lambda x, w: conv1d(x, w, padding="same", groups=x.shape[1])
    }
    if find_spec("nvsubquadratic"):
        from nvsubquadratic.ops.fftconv import fftconv1d_fp32_bhl

        # It convolves, where the others correlate.
        found["nvsubquadratic"] = lambda x, w: fftconv1d_fp32_bhl(x, w.flip(-1).transpose(0, 1))
    if find_spec("fft_conv_pytorch"):
        from fft_conv_pytorch import fft_conv

        found["fft-conv-pytorch"] = lambda x, w: fft_conv(
            x, w, padding=w.shape[2] // 2, groups=x.shape[1]
        )
    found["torch conv1d"] = lambda x, w: functional.conv1d(
        x, w, padding=w.shape[2] // 2, groups=x.shape[1]
    )
    return found


def normal_tensors(device: str, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).to(device) for shape in shapes]


def depthwise_inputs(lines: int, kernel_size: int, device: str) -> tuple[Tensor, ...]:
    """Like :func:`inputs`, of one kernel a channel and lines that keep their length."""
    shape = (lines, DEPTHWISE_CHANNELS, WHOLE)
    x, w, g = normal_tensors(device, shape, (DEPTHWISE_CHANNELS, 1, kernel_size), shape)
    return x.requires_grad_(), w.requires_grad_(), g


def inputs(lines: int, output: int, kernel_size: int, device: str) -> tuple[Tensor, ...]:
    """Inputs x and w, which want gradients, and the gradient of the output."""
    x, w, g = normal_tensors(
        device,
        (lines, CHANNELS, output + kernel_size - 1),
        (CHANNELS, CHANNELS, kernel_size),
        (lines, CHANNELS, output),
    )
    return x.requires_grad_(), w.requires_grad_(), g


def in_full_precision(device: str) -> None:
    """No TF32 for the peers either: cuDNN's convolutions would use it unasked."""
    if device == "cuda":
        torch.backends.cudnn.conv.fp32_precision = "ieee"


def forward_backward(convolve: Callable, x: Tensor, w: Tensor, g: Tensor) -> None:
    torch.autograd.grad(convolve(x, w), (x, w), g)


# --- time ----------------------------------------------------------------------------------------


def processor_seconds() -> tuple[float, float]:
    """Processor time that all processes, and this one, have used."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, *rest = map(int, file.readline().split()[1:])
    own = os.times()
    return (user + nice + system + sum(rest[:2])) / os.sysconf("SC_CLK_TCK"), own[0] + own[1]


def running_processes() -> int:
    with open("/proc/stat") as file:
        return int(next(line for line in file if line.startswith("procs_running")).split()[1])


def wait_until_quiet() -> None:
    """Return when only this process has been running for a tenth of a second, or after a while."""
    limit = float(os.environ.get("PATIENCE_S", "8"))
    if not Path("/proc/stat").exists():
        return
    end, quiet = time.monotonic() + limit, 0
    while quiet < 10 and time.monotonic() < end:
        quiet = quiet + 1 if running_processes() <= 1 else 0
        time.sleep(0.01)


def sample(call: Callable[[], None], calls: int, device: str) -> tuple[float, float]:
    """Seconds of one call, and the share of the processors that others took meanwhile."""
    linux = Path("/proc/stat").exists()
    if device == "cuda":
        torch.cuda.synchronize()
    before, start = processor_seconds() if linux else (0, 0), time.perf_counter()
    for _ in range(calls):
        call()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    after = processor_seconds() if linux else (0, 0)
    others = (after[0] - before[0]) - (after[1] - before[1])
    return seconds / calls, max(0.0, others) / (os.cpu_count() * seconds)


def race(calls: dict[str, Callable[[], None]], rounds: int, device: str) -> dict[str, dict]:
    """Samples of all the calls, taken in turns; the slow ones take part in fewer rounds."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    first = {}
    for name, call in calls.items():
        call()
        first[name] = sample(call, 1, device)[0]
    for turn in range(rounds):
        for name, call in calls.items():
            if turn < (3 if first[name] > 1.5 else rounds):
                wait_until_quiet()
                count = max(1, round(0.15 / first[name]))
                samples[name].append(sample(call, count, device))
        progress = ", ".join(f"{n} {min(t for t, _ in s) * 1e3:.0f}" for n, s in samples.items())
        print(f"  round {turn + 1} of {rounds}, least ms: {progress}", file=sys.stderr, flush=True)
    return {name: summary(taken) for name, taken in samples.items()}


def summary(samples: list[tuple[float, float]]) -> dict:
    quiet = [seconds for seconds, others in samples if others <= 0.05]
    kept = quiet if len(quiet) >= 3 else [seconds for seconds, _ in samples]
    return {
        "milliseconds": statistics.median(kept) * 1e3,
        "least": min(kept) * 1e3,
        "most": max(kept) * 1e3,
        "samples": len(kept),
        "set_aside": len(samples) - len(kept),
        "disturbed": len(kept) > len(quiet),
    }


def bandwidth(device: str) -> float:
    """Bytes per second of a large copy, read and written."""
    source = torch.ones(1 << 26, device=device)
    target = torch.empty_like(source)
    seconds = [sample(lambda: target.copy_(source), 3, device)[0] for _ in range(7)]
    return 2 * source.numel() * source.element_size() / min(seconds)


def measure_time(lines: int, output: int, kernel_size: int, threads: int, args) -> dict:
    torch.set_num_threads(threads)
    tensors = inputs(lines, output, kernel_size, args.device)
    x, w, _ = tensors
    calls = {
        name: lambda convolve=convolve: forward_backward(convolve, *tensors)
        for name, convolve in peers().items()
    }
    if args.device == "cuda":
        calls[f"{OURS}, CUDA graph"] = captured(lambda: forward_backward(conv1d, *tensors))
    result = {"threads": threads, "plan": str(explain(x, w)), "peers": {}}
    result["peers"] = race(calls, args.rounds, args.device)
    # At best x is read and y written, then x and the gradient read and that for x written.
    least_bytes = 5 * 4 * lines * CHANNELS * output
    result["bandwidth_floor_ms"] = least_bytes / bandwidth(args.device) * 1e3
    return result


def measure_depthwise(kernel_size: int, args) -> dict:
    """Time and memory of 16 lines of 64 channels, each with a kernel of its own."""
    torch.set_num_threads(args.threads)
    tensors = depthwise_inputs(16, kernel_size, args.device)
    x, w, _ = tensors
    found = {
        name: convolve
        for name, convolve in depthwise_peers().items()
        if name != "torch conv1d" or kernel_size <= 600  # minutes a call
    }
    with torch.no_grad():
        truth = found[OURS](x.double(), w.double())
        for name, convolve in found.items():
            error = ((convolve(x, w) - truth).norm() / truth.norm()).item()
            assert error < 1e-5, f"{name} computes something else ({error:.1e})"
    calls = {
        name: lambda convolve=convolve: forward_backward(convolve, *tensors)
        for name, convolve in found.items()
    }
    task = {"kernel_size": kernel_size, "lines": 16, "threads": args.threads}
    return {
        "plan": str(explain(x, w, padding="same", groups=DEPTHWISE_CHANNELS)),
        "commit": commit(),
        "threads": args.threads,
        "peers": race(calls, args.rounds, args.device),
        "memory": {
            name: measure_memory(kind="depthwise", peer=name, device=args.device, **task)
            for name in found
        },
    }


BY_BLOCKS = {"padding": "same", "method": "overlap_save"}


def same_inputs(kernel_size: int, groups: int, device: str) -> list[Tensor]:
    """Input, kernel and output's gradient of 16 whole lines, dense or depthwise."""
    channels = groups if groups > 1 else CHANNELS
    shape = (16, channels, WHOLE)
    return normal_tensors(device, shape, (channels, channels // groups, kernel_size), shape)


def overlap_save_call(kernel_size: int, groups: int, args) -> Callable[[], None]:
    """Forward and backward of :func:`same_inputs`."""
    x, w, g = same_inputs(kernel_size, groups, args.device)
    x.requires_grad_()
    w.requires_grad_()
    convolve = functools.partial(conv1d, groups=groups, **BY_BLOCKS)
    return lambda: forward_backward(convolve, x, w, g)


def measure_roof(kernel_size: int, groups: int, args) -> dict:
    """Forward and backward of 16 lines, dense or depthwise, against its arithmetic alone."""
    torch.set_num_threads(args.threads)
    x, w, _ = same_inputs(kernel_size, groups, args.device)
    channels = x.shape[1]
    layout = explain(x, w, groups=groups, **BY_BLOCKS).layout
    block, columns = layout.block, 16 * layout.blocks
    pairs = channels * channels // groups
    # Of x twice, y, its gradient and that for x; of the kernel twice and its gradient.
    transforms = 5 * channels * columns + 3 * pairs
    transform_flop = 2.5 * block * math.log2(block)
    product_flop = 3 * 8 * columns * (block // 2 + 1) * pairs
    square, rows = torch.randn(768, 768, device=args.device), max(1, (1 << 17) // block)
    in_cache = torch.randn(rows, block, device=args.device)
    calls = {
        OURS: overlap_save_call(kernel_size, groups, args),
        "matrix product": lambda: square @ square,
        "transforms": lambda: torch.fft.rfft(in_cache),
    }
    taken = {name: found["least"] for name, found in race(calls, args.rounds, args.device).items()}
    products = product_flop / (2 * 768**3 / taken["matrix product"])
    transformed = transforms / (rows / taken["transforms"])
    return {
        "commit": commit(),
        "threads": args.threads,
        "block": block,
        "milliseconds": taken[OURS],
        "product_gflop": product_flop / 1e9,
        "transform_gflop": transforms * transform_flop / 1e9,
        "product_gflops": 2 * 768**3 / taken["matrix product"] / 1e6,
        "transform_gflops": rows * transform_flop / taken["transforms"] / 1e6,
        "roof_milliseconds": products + transformed,
    }


# torch's operations, by what overlap-save has them do; all else counts as the rest.
DUTIES = {
    "products": ("aten::bmm", "aten::baddbmm_", "aten::mul", "aten::mul_", "aten::sum"),
    "forward transforms": ("aten::_fft_r2c",),
    "inverse transforms": ("aten::_fft_c2r",),
    "copies": ("aten::copy_", "aten::add_", "aten::fill_", "aten::zero_"),
}


def measure_shares(kernel_size: int, groups: int, args) -> dict:
    """How the time of forward and backward of 16 lines is shared out, on one thread."""
    torch.set_num_threads(1)
    call = overlap_save_call(kernel_size, groups, args)
    call()
    wait_until_quiet()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for _ in range(args.rounds):
            call()
    taken = {each.key: each.self_cpu_time_total for each in profile.key_averages()}
    total = sum(taken.values())
    shares = {
        duty: sum(taken.get(operation, 0) for operation in operations) / total
        for duty, operations in DUTIES.items()
    }
    shares["rest"] = 1 - sum(shares.values())
    return {"commit": commit(), "milliseconds": total / args.rounds / 1e3, "shares": shares}


def captured(call: Callable[[], None]) -> Callable[[], None]:
    """The call as a CUDA graph that replays."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        call()
    return graph.replay


# --- memory --------------------------------------------------------------------------------------


def resident(field: str) -> float:
    """VmRSS or VmHWM of this process, MiB."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(field))
    return int(line.split()[1]) / 1024


def rise(call: Callable[[], None], device: str) -> float:
    """By how much the peak of the memory in use rises above its level before the call, MiB."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def measure_memory_here(task: dict) -> float:
    """In the process of the measurement: the peak above the inputs."""
    torch.set_num_threads(task["threads"])
    device = task["device"]
    in_full_precision(device)
    if task["kind"] == "network":
        step = network_step(task["kernel_size"], task["channels"], task["lines"], device)
        return rise(step, device)
    if task["kind"] == "depthwise":
        convolve = depthwise_peers()[task["peer"]]
        forward_backward(convolve, *depthwise_inputs(1, 33, device))
        tensors = depthwise_inputs(task["lines"], task["kernel_size"], device)
        return rise(lambda: forward_backward(convolve, *tensors), device)
    convolve = peers()[task["peer"]]
    # A small problem first: libraries and threads are loaded before the level is taken.
    forward_backward(convolve, *inputs(1, 256, 33, device))
    tensors = inputs(task["lines"], WHOLE, task["kernel_size"], device)
    return rise(lambda: forward_backward(convolve, *tensors), device)


def measure_memory(**task) -> float:
    """The peak above the inputs, MiB, measured in a new process."""
    done = subprocess.run(
        [sys.executable, __file__, "--task", json.dumps(task)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1])


# --- the step of a whole network -----------------------------------------------------------------


def network_step(kernel_size: int, channels: int, lines: int, device: str) -> Callable[[], None]:
    """One training step, whole lines: forward, loss, backward, Adam. Adam has its state already."""
    from ckstudy.networks import build_network
    from ckstudy.training.loss import DualLoss

    torch.manual_seed(0)
    network = build_network("ckcnn", kernel_size=kernel_size, channels=channels, omega_0=30.0).to(
        device
    )
    network.train()
    loss = DualLoss().to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, capturable=device == "cuda")

    def step(x: Tensor, count: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(network(x), count).backward()
        optimiser.step()

    step(torch.randn(2, 1, 4400, device=device), torch.ones(2, 1, 4400, device=device))
    x = torch.randn(lines, 1, WHOLE, device=device)
    count = (torch.rand(lines, 1, WHOLE, device=device) < 0.03).float()
    return lambda: step(x, count)


def measure_network(kernel_size: int, channels: int, lines: int, args) -> dict:
    """Time of a step, and the convolution's share of it by the profiler.

    On CUDA the share is that of the time in which the card computes: a step that is not captured
    waits for the host in between.
    """
    torch.set_num_threads(args.threads)
    step = network_step(kernel_size, channels, lines, args.device)
    calls = {"step": step}
    if args.device == "cuda":
        captured_step = network_step(kernel_size, channels, lines, args.device)
        calls["CUDA graph"] = captured(captured_step)
    times = race(calls, max(3, args.rounds // 2), args.device)
    activities = [torch.profiler.ProfilerActivity.CPU]
    if args.device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    wait_until_quiet()
    with torch.profiler.profile(activities=activities) as profile:
        start = time.perf_counter()
        step()
        if args.device == "cuda":
            torch.cuda.synchronize()
        wall = time.perf_counter() - start
    events = profile.key_averages()
    names = ("ckstudy::conv1d", "ckstudy::conv1d_gradients")
    operations = [event for event in events if event.key in names]
    if args.device == "cuda":
        inside = sum(event.device_time_total for event in operations) / 1e6
        wall = sum(
            event.self_device_time_total
            for event in events
            if event.device_type == torch.autograd.DeviceType.CUDA and not event.is_user_annotation
        )
        wall /= 1e6
    else:
        inside = sum(event.cpu_time_total for event in operations) / 1e6
    peak = measure_memory(
        kind="network",
        kernel_size=kernel_size,
        channels=channels,
        lines=lines,
        threads=args.threads,
        device=args.device,
    )
    result = times["step"] | {"convolution_share": inside / wall, "peak_mib": peak}
    if "CUDA graph" in times:
        result["graph_milliseconds"] = times["CUDA graph"]["milliseconds"]
    return result


# --- the report ----------------------------------------------------------------------------------


def machine(args) -> dict:
    found = environment()
    for package in ("fft-conv-pytorch", "julius", "nvsubquadratic"):
        if find_spec(package.replace("-", "_")):
            found[package] = version(package)
    name = "unknown processor"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), name)
    found["processor"] = name
    if args.device == "cuda":
        found["card"] = torch.cuda.get_device_name()
    found["cpu_capability"] = torch.backends.cpu.get_cpu_capability()
    return found


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def ordered(measured: dict) -> list[tuple[str, dict]]:
    return sorted(measured.items(), key=lambda item: int(item[0]))


def time_table(measured: dict) -> str:
    names = list(dict.fromkeys(n for _, r in ordered(measured) for n in r["peers"]))
    rows = []
    for kernel_size, result in ordered(measured):
        taken = result["peers"]
        ours = taken[OURS]["milliseconds"]
        cells = [f"{kernel_size}", f"{ours:.2f} ms" if ours < 10 else f"{ours:.1f} ms"]
        for name in names[1:]:
            cells.append(f"{taken[name]['milliseconds'] / ours:.1f}" if name in taken else "–")
        best = min(taken[name]["milliseconds"] for name in taken if name.startswith(OURS))
        rows.append([*cells, f"{result['bandwidth_floor_ms'] / best:.0%}"])
    return table(["K", OURS, *names[1:], "of bandwidth floor"], rows)


def memory_table(measured: dict) -> str:
    names = list(dict.fromkeys(n for _, r in ordered(measured) for n in r))
    rows = []
    for kernel_size, result in ordered(measured):
        ours = result[OURS]
        cells = [f"{result[n]:.0f} ({result[n] / ours:.1f})" for n in names[1:]]
        rows.append([kernel_size, f"{ours:.0f}", *cells])
    return table(["K", OURS, *names[1:]], rows)


def threads(measured: dict) -> str:
    found = sorted({result["threads"] for result in measured.values()})
    return " and ".join("1 thread" if n == 1 else f"{n} threads" for n in found)


def depthwise_table(measured: dict) -> str:
    names = list(dict.fromkeys(n for _, r in ordered(measured) for n in r["peers"]))
    rows = []
    for kernel_size, result in ordered(measured):
        taken, memory = result["peers"], result["memory"]
        cells = [kernel_size, f"{taken[OURS]['milliseconds']:.0f} ms, {memory[OURS]:.0f} MiB"]
        for name in names[1:]:
            if name not in taken:
                cells.append("–")
                continue
            time_ratio = taken[name]["milliseconds"] / taken[OURS]["milliseconds"]
            cells.append(f"{time_ratio:.1f} ({memory[name] / memory[OURS]:.1f})")
        rows.append(cells)
    return table(["K", OURS, *names[1:]], rows)


def by_kind(measured: dict) -> list[tuple[str, str, dict]]:
    """What :func:`roof_table` and :func:`shares_table` show: kind, kernel size and result."""
    return sorted(((*key.split(), result) for key, result in measured.items()), key=_kind_order)


def _kind_order(row: tuple[str, str, dict]) -> tuple[str, int]:
    return row[0], int(row[1])


def shares_table(measured: dict) -> str:
    rows = [
        [f"{kind}, {kernel_size}", *(f"{share:.0%}" for share in result["shares"].values())]
        for kind, kernel_size, result in by_kind(measured)
    ]
    return table(["channels, K", *DUTIES, "rest"], rows)


def roof_table(measured: dict) -> str:
    rows = []
    for kind, kernel_size, result in by_kind(measured):
        work = f"{result['product_gflop']:.2f} + {result['transform_gflop']:.2f}"
        rates = f"{result['product_gflops']:.0f}, {result['transform_gflops']:.0f}"
        roof, spent = result["roof_milliseconds"], result["milliseconds"]
        times = [f"{roof:.0f} ms", f"{spent:.0f} ms", f"{roof / spent:.0%}"]
        rows.append([f"{kind}, {kernel_size}", work, rates, *times])
    head = ["channels, K", "GFLOP (products + transforms)", "GFLOP/s (each)", "roof", "taken"]
    return table([*head, "of the roof"], rows)


def network_table(measured: dict) -> str:
    rows = []
    for key, result in sorted(measured.items(), key=lambda i: [int(p) for p in i[0].split()]):
        channels, kernel_size, lines = key.split()
        share, peak = f"{result['convolution_share']:.0%}", f"{result['peak_mib']:.0f} MiB"
        step = f"{result['milliseconds']:.0f} ms"
        if "graph_milliseconds" in result:
            step = f"{result['milliseconds']:.2f} ms ({result['graph_milliseconds']:.2f})"
        rows.append([channels, kernel_size, lines, step, share, peak])
    graph = any("graph_milliseconds" in result for result in measured.values())
    step = "step (as a CUDA graph)" if graph else "step"
    return table(["channels", "K", "lines", step, "in convolutions", "peak memory"], rows)


def report(data: dict) -> str:
    """The Markdown report of everything that was measured."""
    parts = ["# The convolution and its peers\n"]
    place = data["machine"]
    wanted = ("processor", "card", "processors", "cpu_capability", "platform", "python", "torch")
    facts = [
        f"{key} {place[key]}"
        for key in (*wanted, "fft-conv-pytorch", "julius", "nvsubquadratic", "commit")
        if key in place
    ]
    parts.append("Machine: " + ", ".join(facts) + ".\n")
    parts.append(
        f"Forward and backward of one layer, {CHANNELS} to {CHANNELS} channels, float32. A peer's "
        f"column is its time, or in brackets its memory, as a multiple of {OURS}'s.\n"
    )
    for key, title in (
        ("lines", f"Time, 16 lines of {WHOLE} output samples, {data['threads']} threads"),
        ("crops", f"Time, 64 crops of {CROP} output samples, 1 thread"),
    ):
        if key in data:
            parts += [f"## {title}\n", time_table(data[key])]
    for lines, measured in sorted(data.get("memory", {}).items(), key=lambda i: int(i[0])):
        title = f"Peak memory above the inputs, MiB, {lines} lines of {WHOLE} output samples"
        parts += [f"## {title}\n", memory_table(measured)]
    if "depthwise" in data:
        title = f"Depthwise, {DEPTHWISE_CHANNELS} channels, 16 lines of {WHOLE} samples"
        parts += [f"## {title}, {threads(data['depthwise'])}\n"]
        parts += [depthwise_table(data["depthwise"])]
    if "roof" in data:
        title = f"Distance to the roof, 16 lines of {WHOLE} samples, {threads(data['roof'])}"
        parts += [f"## {title}\n", roof_table(data["roof"])]
    if "shares" in data:
        title = f"Where the time goes, 16 lines of {WHOLE} samples, 1 thread"
        parts += [f"## {title}\n", shares_table(data["shares"])]
    if "network" in data:
        title = f"One training step of the network `ckcnn`, lines of {WHOLE} samples"
        parts += [f"## {title}\n", network_table(data["network"])]
    return "\n".join(parts)


def draw(data: dict) -> None:
    """Time and memory against the kernel size, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams["svg.hashsalt"] = "ckstudy"
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), constrained_layout=True)
    curves: list[dict[str, list]] = [{}, {}]
    for kernel_size, result in ordered(data.get("lines", {})):
        for name, taken in result["peers"].items():
            curves[0].setdefault(name, []).append((int(kernel_size), taken["milliseconds"]))
    for kernel_size, result in ordered(data.get("memory", {}).get("16", {})):
        for name, peak in result.items():
            curves[1].setdefault(name, []).append((int(kernel_size), peak))
    names = [*curves[0], *curves[1]]
    colours = {name: f"C{i}" for i, name in enumerate(dict.fromkeys(names))}
    titles = ("Time, forward and backward (ms)", "Peak memory above the inputs (MiB)")
    for axis, lines, title in zip(axes, curves, titles, strict=True):
        for name, points in lines.items():
            style = {"lw": 2.5, "zorder": 3} if name.startswith(OURS) else {"lw": 1.2}
            axis.plot(*zip(*points, strict=True), "o-", ms=4, c=colours[name], label=name, **style)
        axis.set(xscale="log", yscale="log", xlabel="kernel size K (samples)", title=title)
        axis.set_xticks(ticks := sorted({x for points in lines.values() for x, _ in points}))
        axis.set_xticklabels([str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.suptitle(f"16 lines of {WHOLE} samples, {CHANNELS} to {CHANNELS} channels, float32")
    for ending in ("png", "svg"):
        metadata = {"Date": None} if ending == "svg" else {"Software": None}
        figure.savefig(RESULTS / f"convolution.{ending}", dpi=150, metadata=metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = ["lines", "crops", "memory", "network", "depthwise", "roof", "shares"]
    parser.add_argument("--parts", nargs="+", choices=every, default=every)
    parser.add_argument("--kernel-sizes", nargs="+", type=int, default=KERNEL_SIZES)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2, help="for whole lines (crops: 1)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    if args.task:
        print(measure_memory_here(json.loads(args.task)))
        return

    in_full_precision(args.device)
    stem = RESULTS / ("convolution.json" if args.device == "cpu" else "convolution-cuda.json")
    data = json.loads(stem.read_text()) if stem.exists() else {}
    if "machine" not in data or not {"depthwise", "roof", "shares"}.issuperset(args.parts):
        data |= {"machine": machine(args), "threads": args.threads}
    for kernel_size in args.kernel_sizes:
        key = str(kernel_size)
        print(f"K = {kernel_size}", file=sys.stderr, flush=True)
        if "lines" in args.parts:
            found = measure_time(16, WHOLE, kernel_size, args.threads, args)
            data.setdefault("lines", {})[key] = found
        if "crops" in args.parts:
            data.setdefault("crops", {})[key] = measure_time(64, CROP, kernel_size, 1, args)
        if "memory" in args.parts:
            for lines in (16, 64):
                task = {"kernel_size": kernel_size, "lines": lines, "threads": args.threads}
                data.setdefault("memory", {}).setdefault(str(lines), {})[key] = {
                    name: measure_memory(kind="layer", peer=name, device=args.device, **task)
                    for name in peers()
                }
        if "depthwise" in args.parts:
            found = measure_depthwise(kernel_size, args)
            data.setdefault("depthwise", {})[key] = found
        for part, measure in (("roof", measure_roof), ("shares", measure_shares)):
            for kind, groups in (("dense", 1), ("depthwise", DEPTHWISE_CHANNELS)):
                if part in args.parts:
                    found = measure(kernel_size, groups, args)
                    data.setdefault(part, {})[f"{kind} {key}"] = found
        if "network" in args.parts:
            for channels, lines in ((22, 16), (8, 64), (22, 64)):
                found = measure_network(kernel_size, channels, lines, args)
                data.setdefault("network", {})[f"{channels} {kernel_size} {lines}"] = found
        write_json(stem, data)
    text = report(data)
    write_text(stem.with_suffix(".md"), text)
    if args.device == "cpu":
        draw(data)
    print(text)


if __name__ == "__main__":
    main()
