#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rclone as Debian packages it: copy, sync, and a full check that reads every byte."""
import json
import os

from cases import case, contains, equal, main, pattern, true

MIB = 1024 * 1024


def setup(t):
    folder = t.folder()
    with open(f"{folder}/rclone.conf", "w") as f:
        f.write(f"[pail]\ntype = s3\nprovider = Other\naccess_key_id = {t.pail.access_key}\n"
                f"secret_access_key = {t.pail.secret_key}\nendpoint = {t.pail.endpoint}\nregion = us-east-1\n")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_"))}
    words = ["--config", f"{folder}/rclone.conf"] + (["--ca-cert", t.pail.ca] if t.pail.ca else [])
    t.rclone = lambda *more, **options: t.command("rclone", *words, *more, env=env, **options)


def tree(folder, count=40):
    for n in range(count):
        path = f"{folder}/d{n % 4}/sub {n % 2}/file ü{n}.bin"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(pattern(777 * n, n))
    return folder


def made_bucket(t):
    name = t.bucket_name()
    t.rclone("mkdir", f"pail:{name}")
    return name


def listed(t, path):
    return sorted(e["Path"] for e in json.loads(t.rclone("lsjson", "-R", "--files-only", path).stdout))


@case
def mkdir_lsd_rmdir(t):
    bucket = made_bucket(t)
    contains(t.rclone("lsd", "pail:").stdout, bucket, "lsd")
    t.rclone("rmdir", f"pail:{bucket}")
    true(bucket not in t.rclone("lsd", "pail:").stdout, "the bucket is gone")


@case
def copy_and_full_check(t):
    bucket, folder = made_bucket(t), t.folder()
    tree(f"{folder}/one")
    t.rclone("copy", f"{folder}/one", f"pail:{bucket}/tree")
    equal(len(listed(t, f"pail:{bucket}/tree")), 40, "files")
    t.rclone("check", f"{folder}/one", f"pail:{bucket}/tree")
    t.rclone("check", "--download", f"{folder}/one", f"pail:{bucket}/tree")
    t.rclone("copy", f"pail:{bucket}/tree", f"{folder}/two")
    equal(t.command("diff", "-r", f"{folder}/one", f"{folder}/two", ok=False).stdout, "", "diff -r")
    # A check that cannot fail proves nothing.
    t.rclone("rcat", f"pail:{bucket}/tree/d1/sub 1/file ü1.bin", stdin="x" * 777)
    true(t.rclone("check", "--download", f"{folder}/one", f"pail:{bucket}/tree", ok=False).returncode != 0,
         "check notices a changed file")


@case
def sync_deletes_and_keeps_times(t):
    bucket, folder = made_bucket(t), t.folder()
    tree(f"{folder}/one", 12)
    os.utime(f"{folder}/one/d0/sub 0/file ü0.bin", (1234567890, 1234567890.5))
    t.rclone("sync", f"{folder}/one", f"pail:{bucket}")
    os.remove(f"{folder}/one/d1/sub 1/file ü1.bin")
    t.rclone("sync", f"{folder}/one", f"pail:{bucket}")
    true("d1/sub 1/file ü1.bin" not in listed(t, f"pail:{bucket}"), "sync removes what is gone")
    done = t.rclone("sync", "-v", "--dry-run", f"{folder}/one", f"pail:{bucket}")
    true("Skipped" not in done.stderr, f"nothing is left to do: {done.stderr}")
    t.rclone("sync", f"pail:{bucket}", f"{folder}/two")
    equal(int(os.stat(f"{folder}/two/d0/sub 0/file ü0.bin").st_mtime), 1234567890, "the time kept in metadata")
    t.rclone("check", "--download", f"{folder}/two", f"pail:{bucket}")


@case
def server_side_copy_and_move(t):
    bucket, other = made_bucket(t), made_bucket(t)
    t.rclone("rcat", f"pail:{bucket}/a/k", stdin="server side")
    t.rclone("copyto", f"pail:{bucket}/a/k", f"pail:{other}/copy")
    t.rclone("moveto", f"pail:{bucket}/a/k", f"pail:{other}/moved")
    equal(t.rclone("cat", f"pail:{other}/copy").stdout + t.rclone("cat", f"pail:{other}/moved").stdout, "server side" * 2, "cat")
    equal(listed(t, f"pail:{bucket}"), [], "moved away")
    t.rclone("purge", f"pail:{other}")
    true(other not in t.rclone("lsd", "pail:").stdout, "purged")


@case
def a_large_file_in_parts(t):
    bucket, folder = made_bucket(t), t.folder()
    os.makedirs(f"{folder}/one")
    with open(f"{folder}/one/big", "wb") as f:
        f.write(pattern(210 * MIB))  # rclone sends up to 200 MiB in one piece
    t.rclone("copy", f"{folder}/one", f"pail:{bucket}")
    t.rclone("check", "--download", f"{folder}/one", f"pail:{bucket}")
    t.rclone("copy", "--multi-thread-streams", "4", "--multi-thread-cutoff", "50M", f"pail:{bucket}", f"{folder}/two")
    equal(t.command("cmp", f"{folder}/one/big", f"{folder}/two/big", ok=False).returncode, 0, "cmp")


@case
def server_side_encryption(t):
    folder = tree(t.folder(), 6)
    with open(f"{folder}/large", "wb") as f:
        f.write(pattern(12 * MIB))
    customer = ["--s3-sse-customer-algorithm", "AES256", "--s3-sse-customer-key", "0123456789abcdef0123456789abcdef"]
    ways = [["--s3-server-side-encryption", "AES256"],
            ["--s3-server-side-encryption", "aws:kms", "--s3-sse-kms-key-id", "alias/aws/s3"]]
    for flags in ways + [customer] * t.pail.tls:
        bucket = made_bucket(t)
        t.rclone("copy", *flags, "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", folder, f"pail:{bucket}")
        t.rclone("check", "--download", *flags, folder, f"pail:{bucket}")
        t.rclone("copy", *flags, f"pail:{bucket}", f"pail:{bucket}-copy")
        t.rclone("check", "--download", *flags, folder, f"pail:{bucket}-copy")
        if flags is customer:
            done = t.rclone("cat", "--retries", "1", "--low-level-retries", "1", f"pail:{bucket}/large", ok=False)
            equal(done.stdout, "", "not without the key")


if __name__ == "__main__":
    main("sdk-rclone", setup)
