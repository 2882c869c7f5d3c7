"""Reads wishes as JSON from standard input and writes {name: {token, thumbprint}}: CWTs (RFC 8392, tag 61 over
COSE_Sign1) in base64url whose cnf names a fresh key, and that key's thumbprint in hexadecimal, RFC 9679 for
methods 1 and 5, RFC 7638 for 323. Debian: python3-cbor2, python3-cryptography."""

import base64, hashlib, json, sys

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils


def octets(number, length=None):
    return number.to_bytes(length or (number.bit_length() + 7) // 8, "big")


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def ec_key(curve, cose_curve, name):
    public = ec.generate_private_key(curve).public_key().public_numbers()
    x, y = (octets(n, (curve.key_size + 7) // 8) for n in (public.x, public.y))
    return {1: 2, -1: cose_curve, -2: x, -3: y}, {"crv": name, "kty": "EC", "x": b64u(x), "y": b64u(y)}


def ed25519_key():
    raw = ed25519.Ed25519PrivateKey.generate().public_key()
    x = raw.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {1: 1, -1: 6, -2: x}, {"crv": "Ed25519", "kty": "OKP", "x": b64u(x)}


def rsa_key():
    public = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    n, e = octets(public.n), octets(public.e)
    return {1: 3, -1: n, -2: e}, {"e": b64u(e), "kty": "RSA", "n": b64u(n)}


KEYS = {
    "P-256": lambda: ec_key(ec.SECP256R1(), 1, "P-256"),
    "P-384": lambda: ec_key(ec.SECP384R1(), 2, "P-384"),
    "Ed25519": ed25519_key,
    "RSA": rsa_key,
}
ISSUER = ec.generate_private_key(ec.SECP256R1())


def sign1(payload):
    protected = cbor2.dumps({1: -7})
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    r, s = utils.decode_dss_signature(ISSUER.sign(signed, ec.ECDSA(hashes.SHA256())))
    return cbor2.CBORTag(61, cbor2.CBORTag(18, [protected, {}, payload, octets(r, 32) + octets(s, 32)]))


def make(wish):
    cose, jwk = KEYS[wish["key"]]()
    ckt = hashlib.sha256(cbor2.dumps(cose, canonical=True)).digest()
    jkt = hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
    cnf, thumbprint = {"1": ({1: {**cose, 2: b"a kid"}}, ckt), "5": ({5: ckt}, ckt), "323": ({323: jkt}, jkt)}[wish["method"]]
    claims = {1: "coap://issuer.example", 2: wish["subject"], 8: cnf}
    for name, label in (("exp", 4), ("nbf", 5)):
        if name in wish:
            claims[label] = wish[name]
    return {"token": b64u(cbor2.dumps(sign1(cbor2.dumps(claims)))), "thumbprint": thumbprint.hex()}


print(json.dumps({wish["name"]: make(wish) for wish in json.load(sys.stdin)}))
