# SPDX-License-Identifier: Apache-2.0
"""Python loads this at its start, in the suites and in the clients that they start (PYTHONPATH has this folder).

Botocore loads the CA's certificates into one SSLContext again for every connection, from several threads, without
Python's lock held; OpenSSL 3.0 adds a lookup to the context's store without one of its own, and the process dies of
what two of them leave there when the context goes. The clients stay as they are but for that: one at a time.
"""
import ssl
import threading

_lock = threading.Lock()
_load = ssl.SSLContext.load_verify_locations


def _one_at_a_time(context, *files, **more):
    with _lock:
        return _load(context, *files, **more)


ssl.SSLContext.load_verify_locations = _one_at_a_time
