#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The AWS SDK for JavaScript v3 (js/main.mjs) over http and https."""
import clients
import program

if __name__ == "__main__":
    program.main("sdk-js", ["node", clients.path("js", "main.mjs")],
                 lambda pail: {"NODE_NO_WARNINGS": "1", "NODE_EXTRA_CA_CERTS": pail.ca or ""})
