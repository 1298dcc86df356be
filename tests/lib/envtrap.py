# SPDX-License-Identifier: Apache-2.0
"""The Python side of envtrap.c: builds it and sets what fails and what the clock shows.

    trap = EnvTrap(folder)
    Pail("name", env=trap.environment(), ...)
    trap.control.wall_shift_ms = 3600_000
"""
import ctypes
import mmap
import os

import preload

HERE = os.path.dirname(os.path.abspath(__file__))


def library():
    """Path of the preloaded library."""
    return preload.library(os.path.join(HERE, "envtrap.c"), "-fno-builtin")


class Control(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("wall_shift_ms", "allocations", "fail_allocation", "fail_thread",
                                                    "fail_map", "fail_random")]


class EnvTrap:
    def __init__(self, folder):
        self.path = os.path.join(folder, "envtrap")
        with open(self.path, "wb") as f:
            f.truncate(ctypes.sizeof(Control))
        with open(self.path, "r+b") as f:
            self.control = Control.from_buffer(mmap.mmap(f.fileno(), 0))

    def environment(self):
        return {"LD_PRELOAD": library(), "ENVTRAP": self.path}
