#!/usr/bin/env python3
"""Writes certbot.json: requests as certbot's libraries (acme, josepy) make them.

Debian: apt-get install python3-acme; ./certbot.py > certbot.json
"""
import json
import os

import josepy
from acme import jws, messages
from cryptography.hazmat.primitives.asymmetric import ec, rsa

URL = "https://ca.example/acme/"
SECRET = os.urandom(32)
out = []


def add(claim, form, made, key):
    out.append({"claim": claim, "form": form, "body": made.json_dumps(), "key": key})


for key, alg in (
    (josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048)), josepy.RS256),
    (josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1())), josepy.ES256),
    (josepy.JWKEC(key=ec.generate_private_key(ec.SECP384R1())), josepy.ES384),
    (josepy.JWKEC(key=ec.generate_private_key(ec.SECP521R1())), josepy.ES512),
):
    public = key.public_key().to_json()
    eab = messages.ExternalAccountBinding.from_data(
        key.public_key(), "kid-1", josepy.b64encode(SECRET).decode(),
        messages.Directory({"newAccount": URL + "new-account"}))
    out.append({"claim": alg.name + ": a binding", "form": 2, "body": json.dumps(eab), "key": {"k": josepy.b64encode(SECRET).decode()}})
    payload = json.dumps({"termsOfServiceAgreed": True, "externalAccountBinding": eab}).encode()
    add(alg.name + ": newAccount", 0, jws.JWS.sign(payload, key=key, alg=alg, nonce=os.urandom(16), url=URL + "new-account"), public)
    add(alg.name + ": newOrder", 0, jws.JWS.sign(b'{"identifiers":[{"type":"dns","value":"vendor.example"}]}', key=key, alg=alg,
        nonce=os.urandom(16), url=URL + "new-order", kid=URL + "acct/1"), public)
    add(alg.name + ": POST-as-GET", 0, jws.JWS.sign(b"", key=key, alg=alg, nonce=os.urandom(16), url=URL + "order/1", kid=URL + "acct/1"), public)

print(json.dumps(out, indent=1))
