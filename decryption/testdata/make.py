"""Writes made_by_python.json: a COSE_Key in COSE_Encrypt0 and COSE_Encrypt messages (RFC 9052 §5, RFC 9053) of every
algorithm that is opened here, by Python's cbor2 and cryptography, from the text of the RFCs.

  /usr/bin/python3 make.py > made_by_python.json     (Debian: python3-cbor2, python3-cryptography)

The tests read what it wrote and need no Python. What it makes differs with every run."""

import base64, hashlib, json, os

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

b64u = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=").decode()
octets = lambda n, size: n.to_bytes(size, "big")
CURVES = {"p256": ("P-256", 1, ec.SECP256R1(), 32), "p384": ("P-384", 2, ec.SECP384R1(), 48), "p521": ("P-521", 3, ec.SECP521R1(), 66)}

# name: identifier, octets of the key and of the nonce, how to seal (RFC 9053 §4)
CONTENTS = {"A128GCM": (1, 16, 12, AESGCM), "A192GCM": (2, 24, 12, AESGCM), "A256GCM": (3, 32, 12, AESGCM),
            "ChaCha20/Poly1305": (24, 32, 12, ChaCha20Poly1305)}
for first, length, tag in ((10, 16, 64), (12, 64, 64), (30, 16, 128), (32, 64, 128)):
    for i, bits in enumerate((128, 256)):
        ccm = lambda key, tag=tag: AESCCM(key, tag_length=tag // 8)
        CONTENTS[f"AES-CCM-{length}-{tag}-{bits}"] = (first + i, bits // 8, 15 - length // 8, ccm)
WRAPS = {"A128KW": (-3, "oct16"), "A192KW": (-4, "oct24"), "A256KW": (-5, "oct32")}

private, jwks = {}, {}
for n in (16, 24, 32):
    private[f"oct{n}"] = os.urandom(n)
    jwks[f"oct{n}"] = {"kty": "oct", "kid": f"oct{n}", "k": b64u(private[f"oct{n}"])}
for name, (crv, _, curve, size) in CURVES.items():
    k = private[name] = ec.generate_private_key(curve)
    n = k.private_numbers()
    x, y, d = (b64u(octets(v, size)) for v in (n.public_numbers.x, n.public_numbers.y, n.private_value))
    jwks[name] = {"kty": "EC", "crv": crv, "kid": name, "x": x, "y": y, "d": d}
k = private["x25519"] = x25519.X25519PrivateKey.generate()
raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
d = k.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
jwks["x25519"] = {"kty": "OKP", "crv": "X25519", "kid": "x25519", "x": b64u(k.public_key().public_bytes(*raw)), "d": b64u(d)}

p = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
HOLDER = cbor2.dumps({-3: octets(p.y, 32), -2: octets(p.x, 32), 2: b"holder", -1: 1, 1: 2})  # in no order
CKT = hashlib.sha256(cbor2.dumps({1: 2, -1: 1, -2: octets(p.x, 32), -3: octets(p.y, 32)}, canonical=True)).hexdigest()


def seal(alg, cek, unprotected=None, recipients=None):
    identifier, _, nonce, aead = CONTENTS[alg]
    protected, iv = cbor2.dumps({1: identifier}), os.urandom(nonce)
    aad = cbor2.dumps(["Encrypt" if recipients else "Encrypt0", protected, b""])
    message = [protected, {5: iv, **(unprotected or {})}, aead(cek).encrypt(iv, HOLDER, aad)]
    return message + [recipients] if recipients else message


def ephemeral(to, compressed):
    """The sender's key as a COSE_Key, and what both agree on."""
    if to == "x25519":
        e = x25519.X25519PrivateKey.generate()
        return {1: 1, -1: 4, -2: e.public_key().public_bytes(*raw)}, e.exchange(private[to].public_key())
    _, crv, curve, size = CURVES[to]
    e = ec.generate_private_key(curve)
    n = e.public_key().public_numbers()
    y = bool(n.y & 1) if compressed else octets(n.y, size)
    return {1: 2, -1: crv, -2: octets(n.x, size), -3: y}, e.exchange(ec.ECDH(), private[to].public_key())


def agreed(alg, to, compressed, salt, nonce):
    key, secret = ephemeral(to, compressed)
    protected = cbor2.dumps({1: -25, **({-22: nonce} if nonce else {})})
    context = [CONTENTS[alg][0], [None, nonce, None], [None, None, None], [8 * CONTENTS[alg][1], protected]]
    cek = HKDF(hashes.SHA256(), CONTENTS[alg][1], salt, cbor2.dumps(context)).derive(secret)
    return seal(alg, cek, None, [[protected, {-1: key, 4: to.encode(), **({-20: salt} if salt else {})}, b""]])


made = []
add = lambda alg, to, key, message, tag=None: made.append({
    "alg": alg, "to": to, "key": key, "message": cbor2.dumps(cbor2.CBORTag(tag, message) if tag else message).hex()})
for alg, (_, size, _, _) in CONTENTS.items():
    key = f"oct{size}"
    add(alg, "", key, seal(alg, private[key], {4: key.encode()}))
    add(alg, "", key, seal(alg, private[key]), 16)
    add(alg, "direct", key, seal(alg, private[key], None, [[b"", {1: -6, 4: key.encode()}, b""]]), 96)
    for to, (identifier, name) in WRAPS.items():
        cek = os.urandom(size)
        # For somebody else too, whose key is not here.
        other = [b"", {1: -5, 4: b"other"}, aes_key_wrap(os.urandom(32), cek)]
        add(alg, to, name, seal(alg, cek, None, [other, [b"", {1: identifier, 4: name.encode()}, aes_key_wrap(private[name], cek)]]), 96)
for i, to in enumerate([*CURVES, "x25519"]):
    for j, alg in enumerate(("A128GCM", "AES-CCM-16-64-128", "ChaCha20/Poly1305")):
        add(alg, "ECDH-ES+HKDF-256", to, agreed(alg, to, j == 1, os.urandom(16) if j else None, os.urandom(8) if j == 2 else None), 96 if i % 2 else None)

print(json.dumps({"made_by": "Python, cbor2, cryptography: see make.py", "cose_key": HOLDER.hex(), "ckt": CKT, "keys": jwks, "cose": made}, indent=1))
