// Reads wishes as JSON from standard input and writes {name: {token, thumbprint}}: JWTs and SD-JWTs whose
// cnf names a fresh key, and that key's RFC 7638 thumbprint in hexadecimal, both made by npm's jose. A cnf.jwe is
// encrypted for the verifier that has recipient.jwk, a key of these tests alone.
import { webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
globalThis.crypto ??= webcrypto; // Node 18, which Debian 12 has
const { CompactEncrypt, SignJWT, base64url, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } = await import("jose");
const { SDJwtInstance } = await import("@sd-jwt/core");
const { ES256, digest, generateSalt } = await import("@sd-jwt/crypto-nodejs");

const keys = {
  "P-256": () => generateKeyPair("ES256", { extractable: true }),
  "P-384": () => generateKeyPair("ES384", { extractable: true }),
  Ed25519: () => generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true }),
  RSA: () => generateKeyPair("RS256", { modulusLength: 2048, extractable: true }),
};
const issuer = await keys["P-256"]();
const signer = await ES256.getSigner(await exportJWK(issuer.privateKey));
const sdjwt = new SDJwtInstance({ signer, signAlg: "ES256", hasher: digest, hashAlg: "sha-256", saltGenerator: generateSalt });

const formats = {
  jwt: (claims) => new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ: "JWT" }).sign(issuer.privateKey),
  "sd-jwt": (claims) => sdjwt.issue({ ...claims, email: "holder@vendor.example" }, { _sd: ["email"] }),
};

const { d, ...recipient } = JSON.parse(await readFile("recipient.jwk"));
const encrypted = async (jwk) =>
  new CompactEncrypt(new TextEncoder().encode(JSON.stringify(jwk)))
    .setProtectedHeader({ alg: "ECDH-ES+A256KW", enc: "A256GCM", kid: recipient.kid })
    .encrypt(await importJWK(recipient, "ECDH-ES+A256KW"));

async function make({ format, key, method, subject, exp, nbf }) {
  const holder = await exportJWK((await keys[key]()).publicKey);
  const thumbprint = await calculateJwkThumbprint(holder, "sha256");
  const cnf = { jwk: { jwk: holder }, jkt: { jkt: thumbprint }, jwe: method === "jwe" && { jwe: await encrypted(holder) } }[method];
  const claims = { iss: "https://issuer.example", sub: subject, exp, nbf, cnf };
  return {
    token: await formats[format](claims),
    thumbprint: Buffer.from(base64url.decode(thumbprint)).toString("hex"),
  };
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const made = {};
for (const wish of JSON.parse(Buffer.concat(chunks))) made[wish.name] = await make(wish);
console.log(JSON.stringify(made));
