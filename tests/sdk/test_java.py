#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The AWS SDK for Java v2 (java/) over http and https."""
import os
import subprocess

import cases
import clients
import program


def trust_store(ca):
    """Java trusts what its own store holds; the default one plus our authority is not needed here."""
    store = os.path.join(cases.TEST_DIR, f"trust-{os.getpid()}.p12")
    if not os.path.exists(store):
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "pail", "-file", ca, "-keystore", store,
                        "-storetype", "PKCS12", "-storepass", "changeit"], check=True, capture_output=True)
    return store


def environment(pail):
    options = "-Xmx1g -XX:+UseSerialGC"
    if pail.ca:
        options += f" -Djavax.net.ssl.trustStore={trust_store(pail.ca)} -Djavax.net.ssl.trustStorePassword=changeit"
    return {"JDK_JAVA_OPTIONS": options}


if __name__ == "__main__":
    program.main("sdk-java", ["java", "-cp", clients.path("java", "sdk-java-1.jar") + ":" + clients.path("java", "lib", "*"),
                              "Main"], environment)
