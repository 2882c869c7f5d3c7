// Reads wishes as JSON from standard input and writes {keys, others, made: {name: {issued, presented: {name: text}, jkt}}}:
// SD-JWT VCs that npm's @sd-jwt/sd-jwt-vc issues and presents, the issuer's keys as a JWK Set, keys of somebody else
// under the same names, and the RFC 7638 thumbprint of the holder's key in hexadecimal.
//
// A wish: {name, alg, header, payload, cnf: jwk|jkt|kid, hide: [claim], hash, holder: alg, presented: {name: binding}}. A
// binding: {show: [claim], payload: {iat, aud, nonce}, by: "stranger", header}. The library writes the header of a
// key-binding token alone; where a wish has its own, npm's jose makes the token.
import { constants, createHash, randomBytes, sign, webcrypto } from "node:crypto";
globalThis.crypto ??= webcrypto; // Node 18, which Debian 12 has
const { SignJWT, base64url, calculateJwkThumbprint, calculateJwkThumbprintUri, exportJWK, generateKeyPair } = await import("jose");
const { SDJwtVcInstance } = await import("@sd-jwt/sd-jwt-vc");

const schemes = {
  ES256: ["sha256", { dsaEncoding: "ieee-p1363" }],
  ES384: ["sha384", { dsaEncoding: "ieee-p1363" }],
  PS256: ["sha256", { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }],
  EdDSA: [null, {}],
};
const pair = (alg) => generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
const signer = (alg, key) => async (data) => {
  const [hash, scheme] = schemes[alg];
  return sign(hash, Buffer.from(data), { key, ...scheme }).toString("base64url");
};
const hasher = (data, alg) => createHash(alg.replace("-", "")).update(typeof data === "string" ? data : Buffer.from(data)).digest();

// The issuer signs with one key for each algorithm, and has one more.
const names = { ES256: "ES256", ES384: "ES384", PS256: "PS256", EdDSA: "EdDSA", "another ES256": "ES256" };
async function keySet() {
  const pairs = {}, keys = [];
  for (const [kid, alg] of Object.entries(names)) {
    pairs[kid] = await pair(alg);
    keys.push({ ...(await exportJWK(pairs[kid].publicKey)), kid, alg, use: "sig" });
  }
  return { pairs, keys: { keys } };
}
const issuer = await keySet(), somebody = await keySet();

const confirmations = {
  jwk: async (jwk) => ({ jwk }),
  jkt: async (jwk) => ({ jkt: await calculateJwkThumbprint(jwk) }),
  kid: async (jwk) => ({ kid: await calculateJwkThumbprintUri(jwk) }),
};

async function present(vc, issued, hash, key, { show, payload, header }) {
  const frame = Object.fromEntries(show.map((claim) => [claim, true]));
  if (!payload) return vc.present(issued, frame);
  if (!header) return vc.present(issued, frame, { kb: { payload } });
  const shown = await vc.present(issued, frame);
  const { jwk, ...rest } = header;
  const whole = { alg: key.alg, typ: "kb+jwt", ...rest, ...(jwk && { jwk: await exportJWK(key.publicKey) }) };
  const sd_hash = base64url.encode(hasher(shown, hash));
  return shown + (await new SignJWT({ ...payload, sd_hash }).setProtectedHeader(whole).sign(key.privateKey));
}

async function make({ alg, header, payload, cnf, hide, hash = "sha-256", holder: holderAlg, presented }) {
  const own = { alg: holderAlg, ...(await pair(holderAlg)) }, stranger = { alg: holderAlg, ...(await pair(holderAlg)) };
  const vc = (key) => new SDJwtVcInstance({
    signer: signer(alg, issuer.pairs[alg].privateKey), signAlg: alg, hasher, hashAlg: hash,
    saltGenerator: (n) => randomBytes(n).toString("base64url"), kbSigner: signer(key.alg, key.privateKey), kbSignAlg: key.alg,
  });
  const jwk = await exportJWK(own.publicKey);
  const issued = await vc(own).issue({ ...payload, cnf: await confirmations[cnf](jwk) }, { _sd: hide }, { header: { kid: alg, ...header } });
  const all = {};
  for (const [name, binding] of Object.entries(presented)) {
    const key = binding.by === "stranger" ? stranger : own;
    all[name] = await present(vc(key), issued, hash, key, binding);
  }
  return { issued, presented: all, jkt: Buffer.from(base64url.decode(await calculateJwkThumbprint(jwk))).toString("hex") };
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const made = {};
for (const wish of JSON.parse(Buffer.concat(chunks))) made[wish.name] = await make(wish);
console.log(JSON.stringify({ keys: issuer.keys, others: somebody.keys, made }));
