"""shared_memory_cost.py grpc|http ADDRESS PID: median milliseconds of tritonclient for one tensor there and back, in
messages and in shared memory, and the CPU time of the server with that PID for it.

The server serves identity_FP32 of test/e2e/python/make_identity_models.py with --allow-client-shm.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy
import tritonclient.utils.shared_memory as shared_memory

FRONT, ADDRESS, PID = sys.argv[1:4]
if FRONT == "grpc":
    import tritonclient.grpc as triton
else:
    import tritonclient.http as triton

client = triton.InferenceServerClient(ADDRESS)
client.unregister_system_shared_memory()


def cpu_ms() -> float:
    """User and system time, of which Linux counts 100 ticks a second."""
    fields = Path(f"/proc/{PID}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 10.0


def measure(run, rounds: int) -> str:
    for _ in range(5):
        run()
    times = []
    before = cpu_ms()
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return f"{statistics.median(times) * 1000:8.2f} ms, server {(cpu_ms() - before) / rounds:6.2f} ms"


for size in (4 << 10, 64 << 10, 1 << 20, 8 << 20):
    values = numpy.zeros((1, size // 4), dtype=numpy.float32)
    key = f"/tensorgate-cost-{size}"
    region = shared_memory.create_shared_memory_region("r", key, 2 * size)
    client.register_system_shared_memory("r", key, 2 * size)
    sent = triton.InferInput("input", values.shape, "FP32")
    wanted = triton.InferRequestedOutput("output")
    placed = triton.InferInput("input", values.shape, "FP32")
    placed.set_shared_memory("r", size)
    place = triton.InferRequestedOutput("output")
    place.set_shared_memory("r", size, offset=size)

    def in_message() -> None:
        sent.set_data_from_numpy(values)
        client.infer("identity_FP32", [sent], outputs=[wanted]).as_numpy("output")

    def in_memory() -> None:
        shared_memory.set_shared_memory_region(region, [values])
        client.infer("identity_FP32", [placed], outputs=[place])
        shared_memory.get_contents_as_numpy(region, numpy.float32, values.shape, offset=size)

    rounds = max(32, min(2000, (256 << 20) // size))
    try:
        print(f"{size:8} bytes  message {measure(in_message, rounds)}  memory {measure(in_memory, rounds)}", flush=True)
    finally:
        client.unregister_system_shared_memory("r")
        shared_memory.destroy_shared_memory_region(region)
client.close()
