#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The AWS SDK for Java v2 (java/) over http and https."""
import os
import subprocess

import clients
import program


def trust_store(ca):
    """Java trusts what is in a store of its own format."""
    store = os.path.join(os.path.dirname(ca), "trust.p12")
    if not os.path.exists(store):
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "pail", "-file", ca, "-keystore", store,
                        "-storetype", "PKCS12", "-storepass", "changeit"], check=True, capture_output=True)
    return store


def command(pail):
    trust = [f"-Djavax.net.ssl.trustStore={trust_store(pail.ca)}", "-Djavax.net.ssl.trustStorePassword=changeit"] if pail.ca else []
    return ["java", "-Xmx1g", "-XX:+UseSerialGC", *trust, "-cp",
            clients.path("java", "sdk-java-1.jar") + ":" + clients.path("java", "lib", "*"), "Main"]


if __name__ == "__main__":
    program.main("sdk-java", command)
