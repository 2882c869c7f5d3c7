"""Reads wishes as JSON from standard input and writes {keys, others, made: {name: {token, thumbprint}}}: CWTs in base64url
that are signed as RFC 9052 says with cbor2 and cryptography, the issuer's keys as {jwks, keyset} (a COSE_KeySet in
base64url), keys of somebody else under the same names, and the RFC 9679 thumbprint of the holder's key in hexadecimal.
Debian: python3-cbor2, python3-cryptography.

A wish: {name, shape: sign1|sign|mac0|sd, algs: [alg of each signer], header: {alg, typ}, kid, tagged: within tag 61,
claims: {iss, sub, exp}}. What is signed by HMAC is keyed with the issuer's own public key."""

import base64, hashlib, hmac, json, os, sys

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGS = {"ES256": -7, "ES384": -35, "EdDSA": -8, "PS256": -37, "HS256": 5}
NAMES = {"ES256": "ES256", "ES384": "ES384", "EdDSA": "EdDSA", "PS256": "PS256", "another ES256": "ES256"}
CURVES = {"ES256": (ec.SECP256R1(), hashes.SHA256(), 32, 1, "P-256"), "ES384": (ec.SECP384R1(), hashes.SHA384(), 48, 2, "P-384")}


def octets(number, length=None):
    return number.to_bytes(length or (number.bit_length() + 7) // 8, "big")


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def generate(alg):
    if alg in CURVES:
        return ec.generate_private_key(CURVES[alg][0])
    return ed25519.Ed25519PrivateKey.generate() if alg == "EdDSA" else rsa.generate_private_key(65537, 2048)


def public(alg, key):
    """The public key as a COSE_Key and as a JWK, without a name."""
    if alg in CURVES:
        _, _, size, cose_curve, curve = CURVES[alg]
        point = key.public_key().public_numbers()
        x, y = octets(point.x, size), octets(point.y, size)
        return {1: 2, -1: cose_curve, -2: x, -3: y}, {"kty": "EC", "crv": curve, "x": b64u(x), "y": b64u(y)}
    if alg == "EdDSA":
        x = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {1: 1, -1: 6, -2: x}, {"kty": "OKP", "crv": "Ed25519", "x": b64u(x)}
    numbers = key.public_key().public_numbers()
    n, e = octets(numbers.n), octets(numbers.e)
    return {1: 3, -1: n, -2: e}, {"kty": "RSA", "n": b64u(n), "e": b64u(e)}


def key_set(keys):
    cose, jwks = [], []
    for kid, key in keys.items():
        alg = NAMES[kid]
        k, j = public(alg, key)
        cose.append({**k, 2: kid.encode(), 3: ALGS[alg]})
        jwks.append({**j, "kid": kid, "alg": alg})
    return {"keyset": b64u(cbor2.dumps(cose)), "jwks": {"keys": jwks}}


ISSUER = {kid: generate(alg) for kid, alg in NAMES.items()}


def mac(data):
    return hmac.new(cbor2.dumps(public("ES256", ISSUER["ES256"])[0], canonical=True), data, hashlib.sha256).digest()


def sign(alg, data):
    if alg == "HS256":
        return mac(data)
    key = ISSUER[alg]
    if alg in CURVES:
        _, digest, size, _, _ = CURVES[alg]
        return b"".join(octets(n, size) for n in utils.decode_dss_signature(key.sign(data, ec.ECDSA(digest))))
    if alg == "EdDSA":
        return key.sign(data)
    return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def headers(wish, alg):
    """The protected header of a signer, and the other."""
    protected = {1: ALGS[wish.get("header", {}).get("alg", alg)]}
    if wish["shape"] != "sign":
        protected.update(typ(wish))
    return cbor2.dumps(protected), {4: wish.get("kid", alg).encode()}


def typ(wish):
    own = wish.get("header", {})
    return {16: own["typ"]} if "typ" in own else {}


def disclosed(claims):
    """An SD-CWT (draft-ietf-spice-sd-cwt-08) that discloses the subject: its payload, and what goes beside it."""
    disclosure = cbor2.dumps([os.urandom(16), claims.pop(2), 2])
    claims[cbor2.CBORSimpleValue(59)] = [hashlib.sha256(cbor2.dumps(disclosure)).digest()]
    return {17: [disclosure]}


def message(wish, claims):
    beside = disclosed(claims) if wish["shape"] == "sd" else {}
    payload = cbor2.dumps(claims)
    alg = wish["algs"][0]
    protected, unprotected = headers(wish, alg)
    if wish["shape"] == "mac0":
        protected = cbor2.dumps({1: ALGS["HS256"]})
        return cbor2.CBORTag(17, [protected, {}, payload, mac(cbor2.dumps(["MAC0", protected, b"", payload]))])
    if wish["shape"] == "sign":
        body = cbor2.dumps(typ(wish)) if typ(wish) else b""
        signers = []
        for alg in wish["algs"]:
            protected, unprotected = headers(wish, alg)
            signers.append([protected, unprotected, sign(alg, cbor2.dumps(["Signature", body, protected, b"", payload]))])
        return cbor2.CBORTag(98, [body, {}, payload, signers])
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    return cbor2.CBORTag(18, [protected, {**unprotected, **beside}, payload, sign(alg, signed)])


def make(wish):
    holder, _ = public("ES256", generate("ES256"))
    labels = {"iss": 1, "sub": 2, "aud": 3, "exp": 4}
    claims = {labels[name]: value for name, value in wish["claims"].items()}
    claims[8] = {1: holder}
    token = message(wish, claims)
    if wish.get("tagged"):
        token = cbor2.CBORTag(61, token)
    return {"token": b64u(cbor2.dumps(token)), "thumbprint": hashlib.sha256(cbor2.dumps(holder, canonical=True)).hexdigest()}


others = {kid: generate(alg) for kid, alg in NAMES.items()}
made = {wish["name"]: make(wish) for wish in json.load(sys.stdin)}
print(json.dumps({"keys": key_set(ISSUER), "others": key_set(others), "made": made}))
