# SPDX-License-Identifier: Apache-2.0
"""The Python side of iotrap.c: builds it, sets its rules, reads its record."""
import ctypes
import mmap
import os
import re
import struct

import preload

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = 8

# Kinds of call; iotrap.c tells what each means.
OPEN, CREATE, WRITE, SYNC, DIRSYNC, LINK, UNLINK, RENAME, MKDIR, TRUNCATE, ALLOCATE, READ, CLOSE, ACCEPT, SEND, \
    DSYNC_WRITE = (1 << n for n in range(16))
CHANGES = CREATE | WRITE | SYNC | DIRSYNC | LINK | UNLINK | RENAME | MKDIR | TRUNCATE | ALLOCATE | DSYNC_WRITE
GROWS = CREATE | WRITE | DSYNC_WRITE | LINK | MKDIR | ALLOCATE  # what a full disk refuses
NAMES = dict(OPEN=OPEN, CREATE=CREATE, WRITE=WRITE, SYNC=SYNC, DIRSYNC=DIRSYNC, LINK=LINK, UNLINK=UNLINK,
             RENAME=RENAME, MKDIR=MKDIR, TRUNCATE=TRUNCATE, ALLOCATE=ALLOCATE, READ=READ, CLOSE=CLOSE, ACCEPT=ACCEPT,
             SEND=SEND, DSYNC_WRITE=DSYNC_WRITE)

ERROR, SHORT, KILL, DELAY = range(4)


def library():
    """Path of the preloaded library."""
    return preload.library(os.path.join(HERE, "iotrap.c"), "-U_FORTIFY_SOURCE", "-lpthread")


class _Rule(ctypes.Structure):
    _fields_ = [("active", ctypes.c_uint32), ("calls", ctypes.c_uint32), ("action", ctypes.c_int32),
                ("value", ctypes.c_int32), ("skip", ctypes.c_int64), ("times", ctypes.c_int64),
                ("seen", ctypes.c_int64), ("hits", ctypes.c_int64), ("path", ctypes.c_char * 80)]


class Trap:
    """Rules for one server, changed while it runs, and the environment that puts the server under them."""

    def __init__(self, folder, data):
        self.data = data
        self.rules_path = os.path.join(folder, "rules")
        with open(self.rules_path, "wb") as f:
            f.truncate(ctypes.sizeof(_Rule) * RULES)
        with open(self.rules_path, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), 0)
        self._rules = (_Rule * RULES).from_buffer(self._map)

    def environment(self, log=None):
        os.makedirs(self.data, exist_ok=True)
        env = {"LD_PRELOAD": library(), "IOTRAP_ROOT": self.data, "IOTRAP_RULES": self.rules_path}
        if log:
            env["IOTRAP_LOG"] = log
        return env

    def set(self, number, calls, action=ERROR, value=0, skip=0, times=-1, path=""):
        """From now on the rule holds; its counters begin at zero."""
        rule = self._rules[number]
        rule.active = 0
        rule.calls, rule.action, rule.value, rule.skip, rule.times = calls, action, value, skip, times
        rule.seen = rule.hits = 0
        rule.path = path.encode()
        rule.active = 1

    def fail(self, calls, error, **more):
        self.set(0, calls, ERROR, error, **more)

    def clear(self):
        for rule in self._rules:
            rule.active = 0

    def seen(self, number=0):
        return self._rules[number].seen

    def hits(self, number=0):
        return self._rules[number].hits


# --- the record ---------------------------------------------------------------------------

(R_CREATE, R_WRITE, R_DSYNC_BEGIN, R_DSYNC_END, R_TRUNCATE, R_ALLOCATE, R_SYNC_BEGIN, R_SYNC_END, R_LINK, R_UNLINK,
 R_RENAME, R_MKDIR, R_RMDIR, R_SEND) = range(1, 15)
_HEAD = struct.Struct("<IIQqqQIIII")
_MAGIC = 0x50415254


class Record:
    __slots__ = ("op", "file", "offset", "length", "token", "path", "path2", "data")

    def __repr__(self):
        names = ("create write dsync-begin dsync-end truncate allocate sync-begin sync-end link unlink rename mkdir "
                 "rmdir send").split()
        return (f"{names[self.op - 1]} {self.file} {self.path}{' ' + self.path2 if self.path2 else ''} "
                f"@{self.offset}+{self.length}")


def read_log(path, root):
    """All records in order; paths are relative to the data folder ("" for itself)."""
    with open(path, "rb") as f:
        text = f.read()
    root = os.path.realpath(root)
    at, found = 0, []
    while at < len(text):
        r = Record()
        magic, r.op, r.file, r.offset, r.length, r.token, path_n, path2_n, data_n, _ = _HEAD.unpack_from(text, at)
        assert magic == _MAGIC, "the record is damaged"
        at += _HEAD.size
        parts = []
        for n in (path_n, path2_n, data_n):
            parts.append(text[at:at + n])
            at += n
        r.path, r.path2 = (_relative(p.decode(), root) for p in parts[:2])
        r.data = parts[2]
        found.append(r)
    return found


def _relative(path, root):
    path = re.sub(r"/+", "/", path).replace("/./", "/")
    return path[len(root):].lstrip("/") if path.startswith(root) else path
