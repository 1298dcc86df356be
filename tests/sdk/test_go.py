#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The AWS SDK for Go v2 (go/main.go) over http and https."""
import clients
import program

if __name__ == "__main__":
    program.main("sdk-go", [clients.path("go", "sdk-go")])
