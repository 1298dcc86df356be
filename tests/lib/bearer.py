# SPDX-License-Identifier: Apache-2.0
"""Tokens for readers of metrics, as `mc admin prometheus generate` makes them."""
import base64
import hashlib
import hmac
import json
import time


def encoded(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bearer(access_key, secret_key, seconds=600, algorithm="HS512", **claims):
    """A JSON Web Token, signed with the secret key whatever algorithm it names."""
    claims = {"exp": int(time.time()) + seconds, "sub": access_key, "iss": "prometheus", **claims}
    content = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(claims)}"
    return f"{content}.{encoded(hmac.new(secret_key.encode(), content.encode(), hashlib.sha512).digest())}"
