# SPDX-License-Identifier: Apache-2.0
"""What a part of the running server costs: its functions are switched off and on, hundreds of times a minute.

Two servers, one with the part and one without, differ by more than a few per cent for reasons of their own: where
their memory lies, and what the machine does to one of them. Here it is one process all the time, and a slot is compared
with its two neighbours. A function is off while its first instruction is a return; so it must return nothing, and the
rest of the server must do without it.
"""
import os
import platform
import subprocess
import time

import load

RETURN = {"x86_64": b"\xc3", "aarch64": b"\xc0\x03\x5f\xd6"}
# Seconds. What the slot before has left to do must be done by then: the audit log writes its lines after 0.1 s.
SLOT, SETTLE = 0.2, 0.12
LOOPBACK = "/sys/class/net/lo/statistics/rx_bytes"


class Switch:
    """Functions of a server that was started from `binary`. Needs the right to trace it, as perf does."""

    def __init__(self, pid, binary, functions):
        binary = os.path.realpath(binary)
        symbols = subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout
        address = {parts[2]: int(parts[0], 16) for parts in map(str.split, symbols.splitlines()) if len(parts) == 3}
        with open(f"/proc/{pid}/maps") as f:
            base = int(next(line for line in f if line.rstrip().endswith(binary)).split("-")[0], 16)
        self.off = RETURN[platform.machine()]
        self.memory = os.open(f"/proc/{pid}/mem", os.O_RDWR)
        self.on = {base + address[name]: os.pread(self.memory, len(self.off), base + address[name]) for name in functions}

    def set(self, on):
        for address, code in self.on.items():
            os.pwrite(self.memory, code if on else self.off, address)

    def close(self):
        self.set(True)
        os.close(self.memory)


def processor_ns(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total


def slots(pid, switch, seconds):
    """(on, bytes a second, processor time a byte) of each slot. Answers are all alike, so bytes stand for requests."""
    with open(LOOPBACK) as f:
        def look():
            f.seek(0)
            return time.monotonic(), int(f.read()), processor_ns(pid)

        found, on, end = [], True, time.monotonic() + seconds
        while time.monotonic() < end:
            switch.set(on)
            time.sleep(SETTLE)
            before = look()
            time.sleep(SLOT - SETTLE)
            spent, sent, worked = (b - a for a, b in zip(before, look()))
            load.check(sent > 0, "there is no load on the loopback device")
            found.append((on, sent / spent, worked / sent))
            on = not on
    return found


def part(found, which):
    """By how much the slots with the functions differ from their neighbours without, as a part; the middle of all."""
    differences = sorted((found[i][which] / ((found[i - 1][which] + found[i + 1][which]) / 2) - 1)
                         * (1 if found[i][0] else -1) for i in range(1, len(found) - 1))
    cut = len(differences) // 10
    middle = differences[cut:len(differences) - cut]
    return sum(middle) / len(middle)


def cost(pid, binary, functions, where, targets, seconds):
    """(part of the rate, part of the processor time) that these functions of the server cost GETs over 64 connections.
    No functions: how exact this is."""
    switch = Switch(pid, binary, functions)
    try:
        running = load.start_wrk(where, "cycle", "GET", targets, 64, seconds + 2)
        time.sleep(1)
        found = slots(pid, switch, seconds)
    finally:
        switch.close()
    load.finish_wrk(running)
    return -part(found, 1), part(found, 2)
