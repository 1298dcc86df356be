# SPDX-License-Identifier: Apache-2.0
"""What a power cut may leave on the disk: rebuilt from the record that iotrap.c made.

The Disk follows the record and keeps apart what is durable and what is not:

- a file's bytes are durable once an fsync or fdatasync of that file, begun after they were
  written, has ended; those of a synchronous write once that write has ended;
- a name is durable once its folder was synced after the name was made or taken away. Syncing
  a file does not make its name durable, though some file systems do so.

A Cut decides what becomes of the rest, at every place independently, for the kernel may write
back anything in any order at any time: dropped, kept, kept in part (sectors of 512 bytes),
or the file grown but empty.
"""
import os
import re

import iotrap

SECTOR = 512
_BLOB_PATH = re.compile(r"(^|/)blobs/(.*/)?[0-9a-f]{32}$")


class File:
    def __init__(self):
        self.durable = bytearray()
        self.pending = []  # (number, kind, offset, bytes or length, token)
        self.published = None  # its path, once it is a blob under its name

    def apply(self, change, data=None):
        _, kind, offset, what, _ = change
        data = self.durable if data is None else data
        if kind == "write":
            if len(data) < offset:
                data.extend(bytes(offset - len(data)))
            data[offset:offset + len(what)] = what
        elif kind == "truncate":
            if what < len(data):
                del data[what:]
            else:
                data.extend(bytes(what - len(data)))
        elif len(data) < offset + what:  # allocate
            data.extend(bytes(offset + what - len(data)))


class Folder:
    def __init__(self):
        self.live, self.durable = {}, {}
        self.pending = []  # (number, "add", name, node) or (number, "remove", name, None)

    @staticmethod
    def apply(change, names):
        _, kind, name, node = change
        if kind == "add":
            names[name] = node
        elif kind == "remove":
            names.pop(name, None)
        else:  # rename: both names at once
            names.pop(name[0], None)
            names[name[1]] = node


class Disk:
    """State of the data folder; feed it the record in order."""

    def __init__(self, root_inode):
        self.root = Folder()
        self.nodes = {root_inode: self.root}
        self.number = 0
        self.syncs = {}
        self.faults = []  # writes to blobs that were published already

    def folder(self, path):
        node = self.root
        for part in path.split("/") if path else []:
            node = node.live[part]
        return node

    def split(self, path):
        where, _, name = path.rpartition("/")
        return self.folder(where), name

    def feed(self, r):
        self.number += 1
        handler = _HANDLERS.get(r.op)
        if handler:
            handler(self, r)

    def create(self, r):
        node = self.nodes[r.file] = File()
        if r.path:
            self.add(r.path, node)

    def add(self, path, node):
        folder, name = self.split(path)
        folder.live[name] = node
        folder.pending.append((self.number, "add", name, node))

    def change(self, r, kind, what, token=None):
        node = self.nodes.get(r.file)
        if not isinstance(node, File):
            return
        if node.published and kind != "allocate":
            self.faults.append(f"{kind} of {node.published} after it was published")
        node.pending.append((self.number, kind, r.offset, what, token))

    def write(self, r):
        self.change(r, "write", r.data)

    def dsync_begin(self, r):
        self.change(r, "write", r.data, r.token)

    def dsync_end(self, r):
        node = self.nodes[r.file]
        for change in [c for c in node.pending if c[4] == r.token]:
            node.apply(change)
            node.pending.remove(change)

    def truncate(self, r):
        self.change(r, "truncate", r.length)

    def allocate(self, r):
        if not r.token & 1:  # FALLOC_FL_KEEP_SIZE changes nothing that can be seen
            self.change(r, "allocate", r.length)

    def sync_begin(self, r):
        self.syncs[r.token] = self.number

    def sync_end(self, r):
        node, until = self.nodes.get(r.file), self.syncs.pop(r.token)
        if node is None:
            return
        for change in [c for c in node.pending if c[0] < until]:
            node.apply(change) if isinstance(node, File) else node.apply(change, node.durable)
        node.pending = [c for c in node.pending if c[0] >= until]

    def link(self, r):
        node = self.nodes[r.file]
        self.add(r.path2, node)
        if _BLOB_PATH.search(r.path2):
            node.published = r.path2

    def unlink(self, r):
        folder, name = self.split(r.path)
        folder.live.pop(name, None)
        folder.pending.append((self.number, "remove", name, None))

    def rename(self, r):
        (folder, name), (to, new) = self.split(r.path), self.split(r.path2)
        node = folder.live.pop(name)
        to.live[new] = node
        if folder is to:
            to.pending.append((self.number, "rename", (name, new), node))
        else:
            to.pending.append((self.number, "add", new, node))
            folder.pending.append((self.number, "remove", name, None))

    def mkdir(self, r):
        node = self.nodes[r.file] = Folder()
        self.add(r.path, node)

    def write_state(self, cut, where):
        """Makes the files that are left after that cut."""
        self._write_folder(self.root, cut, where)

    def _write_folder(self, folder, cut, where):
        os.makedirs(where, exist_ok=True)
        names = dict(folder.durable)
        for change in cut.names(folder.pending):
            Folder.apply(change, names)
        for name, node in names.items():
            path = os.path.join(where, name)
            if isinstance(node, Folder):
                self._write_folder(node, cut, path)
            else:
                with open(path, "wb", opener=_for_owner) as f:
                    f.write(cut.bytes(node))


def _for_owner(path, flags):
    """The record tells no modes; the server makes all its files so, and refuses a master key that others can read."""
    return os.open(path, flags, 0o600)


_HANDLERS = {iotrap.R_CREATE: Disk.create, iotrap.R_WRITE: Disk.write, iotrap.R_DSYNC_BEGIN: Disk.dsync_begin,
             iotrap.R_DSYNC_END: Disk.dsync_end, iotrap.R_TRUNCATE: Disk.truncate, iotrap.R_ALLOCATE: Disk.allocate,
             iotrap.R_SYNC_BEGIN: Disk.sync_begin, iotrap.R_SYNC_END: Disk.sync_end, iotrap.R_LINK: Disk.link,
             iotrap.R_UNLINK: Disk.unlink, iotrap.R_RMDIR: Disk.unlink, iotrap.R_RENAME: Disk.rename,
             iotrap.R_MKDIR: Disk.mkdir}


# --- cuts: what becomes of what was not synced ---------------------------------------------

class Drop:
    """Nothing that was not synced is there."""
    name = "all unsynced dropped"

    def names(self, pending):
        return []

    def bytes(self, node):
        return node.durable


class Keep:
    """Everything happened to be written back: what kill -9 leaves."""
    name = "all unsynced kept"

    def names(self, pending):
        return pending

    def bytes(self, node):
        data = bytearray(node.durable)
        for change in node.pending:
            node.apply(change, data)
        return data


class Hollow(Keep):
    """Names and lengths were written back, the bytes were not."""
    name = "unsynced bytes are zeros"

    def bytes(self, node):
        data = bytearray(node.durable)
        for number, kind, offset, what, token in node.pending:
            what = bytes(len(what)) if kind == "write" else what
            node.apply((number, kind, offset, what, token), data)
        return data


class Torn:
    """Any part of it was written back, in any order, writes torn between sectors."""
    name = "unsynced kept in part"

    def __init__(self, random):
        self.random = random
        self.share = random.choice((0.1, 0.5, 0.9))

    def names(self, pending):
        return [change for change in pending if self.random.random() < self.share]

    def bytes(self, node):
        data = bytearray(node.durable)
        for change in node.pending:
            if self.random.random() < self.share:
                node.apply(change, data)
            elif change[1] == "write" and self.random.random() < 0.5:
                self._tear(node, change, data)
        return data

    def _tear(self, node, change, data):
        number, _, offset, what, token = change
        at = 0
        while at < len(what):
            n = min(SECTOR - (offset + at) % SECTOR, len(what) - at)
            if self.random.random() < 0.5:
                node.apply((number, "write", offset + at, what[at:at + n], token), data)
            at += n
