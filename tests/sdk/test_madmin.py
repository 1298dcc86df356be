#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""MinIO's module for administrators, madmin-go (madmin/main.go), over http and https."""
import clients
import program

if __name__ == "__main__":
    program.main("sdk-madmin", [clients.path("madmin", "sdk-madmin")])
