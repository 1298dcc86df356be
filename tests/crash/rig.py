# SPDX-License-Identifier: Apache-2.0
"""One data folder and its model, under servers that come and go."""
import os
import random
import shutil
import subprocess
import tempfile
import time

import iotrap
import s3client
from cases import Skip
from counts import check_counts, check_settled_counts
from pail import Pail, TEST_DIR
from workload import NOTHING, Model, Wrong, check_clean, run_workers, wait_for_blobs

SEED = os.environ.get("PAIL_CRASH_SEED", str(int(time.time())))
WORKERS = 6
COMPRESS = ["--compress", "on", "--compress-types", "*"]  # all that gets smaller by it


class Rig:
    """One data folder, one model, servers that come and go."""

    def __init__(self, name, args=(), data=None):
        self.random = random.Random(f"{SEED}-{name}")
        os.makedirs(TEST_DIR, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix=f"{name}-", dir=TEST_DIR)
        self.data = data or os.path.join(self.folder, "data")
        self.trap = iotrap.Trap(self.folder, self.data)
        self.pail = Pail(name, data=self.data, env=self.trap.environment(), args=["--access-log", "off", *args])
        self.model = Model()
        self.logs = []

    def start(self):
        try:
            self.pail.start()
        finally:
            self.logs.append(self.pail.log_path)
        self.client = s3client.Client(self.pail.host, self.pail.port, self.pail.access_key, self.pail.secret_key)

    def begin(self):
        self.start()
        if not self.client.create_bucket(self.model.bucket).ok:
            raise Wrong("CreateBucket failed")
        self.model.buckets[self.model.bucket].current = True

    def restart(self):
        self.client.close()
        self.pail.kill()
        self.start()

    def load(self, until, workers=WORKERS, **more):
        return run_workers(self.model, self.pail, workers, self.random.random(), until, **more)

    def check(self):
        self.model.check(self.client)
        check_counts(self.client, self.model.bucket)

    def settle(self):
        """Everything that is referred to has its file, and there is no other."""
        wait_for_blobs(self.data, self.model.blobs())
        check_clean(self.data)
        check_settled_counts(self.client, self.model.bucket)

    def empty(self):
        """Deletes all; then nothing may be left."""
        for name, key in self.model.keys.items():
            self.client.delete(self.model.bucket, name)
            key.current, key.pending = None, NOTHING
        for name, upload in list(self.model.uploads.items()):
            self.client.abort_upload(self.model.bucket, upload.key, name)
            self.model.end_upload(name)
        self.settle()

    def close(self):
        self.pail.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        for log in self.logs:
            if os.path.exists(log):
                os.unlink(log)


class SmallDisk:
    """A tmpfs of a few MiB, with a folder for the data; Skip where it cannot be mounted."""

    def __init__(self, options):
        os.makedirs(TEST_DIR, exist_ok=True)
        self.path = tempfile.mkdtemp(prefix="disk-", dir=TEST_DIR)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "pail-test", self.path], capture_output=True)
        if done.returncode != 0:
            os.rmdir(self.path)
            raise Skip("no file system can be mounted here")
        self.data = os.path.join(self.path, "data")

    def close(self):
        subprocess.run(["umount", "-l", self.path], capture_output=True)
        os.rmdir(self.path)
