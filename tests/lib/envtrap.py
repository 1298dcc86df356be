# SPDX-License-Identifier: Apache-2.0
"""The Python side of envtrap.c: builds it and sets what fails and what the clock shows.

    trap = EnvTrap(folder)
    Pail("name", env=trap.environment(), ...)
    trap.control.wall_shift_ms = 3600_000
"""
import ctypes
import mmap
import os
import shutil
import subprocess

from pail import BUILD

HERE = os.path.dirname(os.path.abspath(__file__))


def library():
    """Path of the preloaded library, compiled when its source is newer."""
    source, folder = os.path.join(HERE, "envtrap.c"), os.path.join(BUILD, "crash")
    made = os.path.join(folder, "envtrap.so")
    if not os.path.exists(made) or os.path.getmtime(made) < os.path.getmtime(source):
        os.makedirs(folder, exist_ok=True)
        compiler = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
        fresh = f"{made}.{os.getpid()}"
        subprocess.run([compiler, "-std=c17", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-fno-builtin", "-fPIC",
                        "-shared", "-o", fresh, source], check=True)
        os.replace(fresh, made)
    return made


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
