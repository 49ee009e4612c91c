"""The floor of one forwarded packet: AES-256-GCM (`openssl speed`) and one `sendto` each, written in C, over the same network path."""

import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from benchmarks.rtc_server import inside

PACKETS = 200_000
PER_MS = 50
SOURCE = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

int main(int count, char **given) {
    int size = atoi(given[2]), packets = atoi(given[3]), per_ms = atoi(given[4]), ports = count - 5;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to[256];
    static char data[2048];
    for (int i = 0; i < ports; i++) {
        memset(&to[i], 0, sizeof to[i]);
        to[i].sin_family = AF_INET;
        to[i].sin_port = htons(atoi(given[5 + i]));
        inet_pton(AF_INET, given[1], &to[i].sin_addr);
    }
    struct timespec at, before, after;
    clock_gettime(CLOCK_MONOTONIC, &at);
    double spent = 0;
    for (int sent = 0; sent < packets; sent += per_ms) {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        for (int i = 0; i < per_ms; i++) sendto(fd, data, size, 0, (struct sockaddr *)&to[(sent + i) % ports], sizeof to[0]);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        spent += (after.tv_sec - before.tv_sec) * 1e6 + (after.tv_nsec - before.tv_nsec) / 1e3;
        at.tv_nsec += 1000000;
        if (at.tv_nsec >= 1000000000) { at.tv_nsec -= 1000000000; at.tv_sec++; }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, 0);
    }
    printf("%f\n", spent / packets);
}
"""


def floor_us(namespace: str, host: str, size: int, receivers: int) -> float | None:
    """Microseconds of CPU for each packet of `size` bytes to `receivers` sockets at `host`, sent from `namespace`; None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None or shutil.which("openssl") is None:
        print("no floor: it needs a C compiler and openssl", file=sys.stderr)
        return None
    return sealing_us(size) + sending_us(compiler, namespace, host, size, receivers)


def sealing_us(size: int) -> float:
    """AES-256-GCM over `size` bytes, one core."""
    command = ["openssl", "speed", "-mr", "-seconds", "2", "-bytes", str(size), "-evp", "aes-256-gcm"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # The last line: +F:number:name:bytes per second
    per_second = float(said.strip().splitlines()[-1].split(":")[-1])
    return size / per_second * 1e6


def sending_us(compiler: str, namespace: str, host: str, size: int, receivers: int) -> float:
    """One `sendto` each, a millisecond's worth at a time, every receiver drained."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(receivers)]
    for one in sockets:
        one.bind((host, 0))
        one.setblocking(False)
    stopping = threading.Event()
    drain = threading.Thread(target=lambda: asyncio.run(_drain(sockets, stopping)))
    drain.start()
    try:
        with tempfile.TemporaryDirectory(prefix="fenghuo-floor-") as folder:
            source, binary = Path(folder) / "floor.c", Path(folder) / "floor"
            source.write_text(SOURCE)
            subprocess.run([compiler, "-O2", "-o", str(binary), str(source)], check=True)
            ports = [str(one.getsockname()[1]) for one in sockets]
            command = inside(namespace, [str(binary), host, str(size), str(PACKETS), str(PER_MS), *ports])
            return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    finally:
        stopping.set()
        drain.join()
        for one in sockets:
            one.close()


async def _drain(sockets: list[socket.socket], stopping: threading.Event) -> None:
    loop = asyncio.get_running_loop()
    buffer = bytearray(2048)

    def empty(one: socket.socket) -> None:
        try:
            while True:
                one.recv_into(buffer)
        except BlockingIOError:
            return

    for one in sockets:
        loop.add_reader(one, empty, one)
    while not stopping.is_set():
        await asyncio.sleep(0.1)
