// Makes made.json: keys encrypted by implementations that are not this one.
//
//   npm install --no-save jose@6.2.17 cose-js@0.9.0 cbor@8.1.0
//   node make.mjs > made.json
//
// The tests read made.json and need neither node nor the network. What is made
// differs with every run, since keys, IVs and ephemeral keys are random.
import * as jose from "jose";
import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
const require = createRequire(import.meta.url);
const cose = require("cose-js");
const cbor = require("cbor");

const keys = {};
const publicHalf = ({ d, p, q, dp, dq, qi, key_ops, ext, ...rest }) => rest;
const pair = async (name, alg, options) => {
  const { privateKey } = await jose.generateKeyPair(alg, { extractable: true, ...options });
  keys[name] = { kid: name, ...(await jose.exportJWK(privateKey)) };
};
await pair("rsa", "RSA-OAEP-256", { modulusLength: 2048 });
await pair("p256", "ECDH-ES", { crv: "P-256" });
await pair("p384", "ECDH-ES", { crv: "P-384" });
await pair("p521", "ECDH-ES", { crv: "P-521" });
await pair("x25519", "ECDH-ES", { crv: "X25519" });
for (const octets of [16, 24, 32, 64]) {
  keys[`oct${octets}`] = { kid: `oct${octets}`, kty: "oct", k: randomBytes(octets).toString("base64url") };
}

// The key that is encrypted, and two that may not come out.
const holder = await jose.generateKeyPair("ES256", { extractable: true });
const secret = await jose.exportJWK(holder.privateKey);
const jwk = publicHalf(secret);
const symmetric = { kty: "oct", k: randomBytes(32).toString("base64url") };

const encs = { "A128CBC-HS256": 32, "A256CBC-HS512": 64, A128GCM: 16, A256GCM: 32 };
const recipients = [
  ["RSA-OAEP", "rsa"], ["RSA-OAEP-256", "rsa"], ["A128KW", "oct16"], ["A256KW", "oct32"],
  ...["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"].flatMap((alg) => ["p256", "p384", "p521", "x25519"].map((k) => [alg, k])),
];
const seal = async (plaintext, alg, enc, key, header = {}) => {
  const e = new jose.CompactEncrypt(new TextEncoder().encode(JSON.stringify(plaintext)))
    .setProtectedHeader({ alg, enc, ...header });
  if (alg.startsWith("ECDH-ES") && header.kid) {
    e.setKeyManagementParameters({ apu: new TextEncoder().encode("Alice"), apv: new TextEncoder().encode("Bob") });
  }
  const k = keys[key];
  return e.encrypt(k.kty === "oct" ? Buffer.from(k.k, "base64url") : await jose.importJWK(publicHalf(k), alg));
};
const jwe = [];
for (const enc of Object.keys(encs)) {
  for (const [alg, key] of recipients) {
    jwe.push({ alg, enc, key, compact: await seal(jwk, alg, enc, key, { kid: key, cty: "jwk+json" }) });
  }
  const key = `oct${encs[enc]}`;
  jwe.push({ alg: "dir", enc, key, compact: await seal(jwk, "dir", enc, key) });
}

// COSE
const b = (text) => Buffer.from(text, "base64url");
const coseKey = cbor.encode(new Map([[1, 2], [-1, 1], [-2, b(jwk.x)], [-3, b(jwk.y)]]));
const coseSecret = cbor.encode(new Map([[1, 2], [-1, 1], [-2, b(jwk.x)], [-3, b(jwk.y)], [-4, b(secret.d)]]));
const coseSymmetric = cbor.encode(new Map([[1, 4], [-1, b(symmetric.k)]]));
const encrypt0 = async (plaintext, alg, key, excludetag) =>
  (await cose.encrypt.create({ p: { alg }, u: { kid: key } }, plaintext, { key: b(keys[key].k) }, { excludetag })).toString("hex");
const messages = [];
const lengths = { A128GCM: 16, A192GCM: 24, A256GCM: 32 };
for (const [l, t] of [["16", "64"], ["64", "64"], ["16", "128"], ["64", "128"]]) {
  for (const k of [128, 256]) lengths[`AES-CCM-${l}-${t}-${k}`] = k / 8;
}
for (const [alg, octets] of Object.entries(lengths)) {
  const key = `oct${octets}`;
  messages.push({ alg, to: "", key, message: await encrypt0(coseKey, alg, key, false) });
  messages.push({ alg, to: "", key, message: await encrypt0(coseKey, alg, key, true) });
  const direct = await cose.encrypt.create({ p: { alg } }, coseKey, [{ key: b(keys[key].k), u: { alg: "direct", kid: key } }]);
  messages.push({ alg, to: "direct", key, message: direct.toString("hex") });
}
for (const [name, crv] of [["p256", "P-256"], ["p521", "P-521"]]) {
  const k = keys[name];
  for (const alg of ["A128GCM", "A256GCM", "AES-CCM-16-64-128"]) {
    const sent = await cose.encrypt.create({ p: { alg } }, coseKey, [
      { key: { crv, x: b(k.x), y: b(k.y), d: b(k.d) }, p: { alg: "ECDH-ES" }, u: { kid: name } },
    ]);
    messages.push({ alg, to: "ECDH-ES+HKDF-256", key: name, message: sent.toString("hex") });
  }
}

console.log(JSON.stringify({
  made_by: "jose 6.2.17, cose-js 0.9.0: see make.mjs",
  jwk, jkt: await jose.calculateJwkThumbprint(jwk), cose_key: coseKey.toString("hex"),
  keys, jwe, cose: messages,
  private: { jwe: await seal(secret, "dir", "A128GCM", "oct16"), cose: await encrypt0(coseSecret, "A128GCM", "oct16", false) },
  symmetric: {
    jkt: await jose.calculateJwkThumbprint(symmetric),
    jwe: await seal(symmetric, "dir", "A128GCM", "oct16"), cose: await encrypt0(coseSymmetric, "A128GCM", "oct16", false),
  },
}, null, 1));
