# SPDX-License-Identifier: Apache-2.0
"""Libraries that tests put below the server by LD_PRELOAD, compiled from one C file each."""
import os
import shutil
import subprocess
import threading

from pail import BUILD


def library(source, *more):
    """Its path; compiled when the source is newer. `more`: for the compiler."""
    name = os.path.splitext(os.path.basename(source))[0]
    made = os.path.join(BUILD, "crash", f"{name}.so")
    if not os.path.exists(made) or os.path.getmtime(made) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(made), exist_ok=True)
        compiler = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
        fresh = f"{made}.{os.getpid()}.{threading.get_ident()}"  # others may make it at the same time
        subprocess.run([compiler, "-std=c17", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-fPIC", "-shared",
                        "-o", fresh, source, *more], check=True)
        os.replace(fresh, made)
    return made
