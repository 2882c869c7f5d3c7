// Makes jose.json: a JWK Set and the tokens that its keys signed, by an implementation that is not this one.
//
//   npm install --no-save jose@6.2.17
//   node jose.mjs > jose.json
//
// The tests read jose.json and need neither node nor the network. The keys differ with every run.
import * as jose from "jose";
import { createHmac } from "node:crypto";

const holder = await jose.exportJWK((await jose.generateKeyPair("ES256", { extractable: true })).publicKey);
const claims = { iss: "https://issuer.example", sub: "https://vendor.example", exp: 1895348000, cnf: { jwk: holder } };
const out = { jwks: { keys: [] }, pem: {}, tokens: [], confused: [], embedded: {} };
const pairs = {};
for (const alg of ["ES256", "ES384", "ES512", "Ed25519", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]) {
  const pair = (pairs[alg] = await jose.generateKeyPair(alg, { extractable: true, modulusLength: 2048 }));
  const kid = `${alg} 2026`;
  out.jwks.keys.push({ kid, alg, use: "sig", ...(await jose.exportJWK(pair.publicKey)) });
  out.pem[alg] = await jose.exportSPKI(pair.publicKey);
  const sign = (header) => new jose.SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(pair.privateKey);
  out.tokens.push({ alg, kid, named: await sign({ kid, typ: "at+jwt" }), nameless: await sign({}) });
}
// What stands in the set for something else.
out.jwks.keys.push({ kid: "enc", use: "enc", ...(await jose.exportJWK((await jose.generateKeyPair("ECDH-ES", { extractable: true })).publicKey)) });

// HS256 with what is public as its secret (RFC 8725 §2.1): the PEM as it stands, without its last line end, its DER, the JWK.
const b64 = (text) => Buffer.from(text).toString("base64url");
for (const alg of ["RS256", "ES256"]) {
  const pem = out.pem[alg].endsWith("\n") ? out.pem[alg] : out.pem[alg] + "\n";
  const der = Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64");
  for (const secret of [pem, pem.trimEnd(), der, JSON.stringify(await jose.exportJWK(pairs[alg].publicKey))]) {
    for (const [hmac, hash] of [["HS256", "sha256"], ["HS384", "sha384"], ["HS512", "sha512"]]) {
      const input = `${b64(JSON.stringify({ alg: hmac, kid: `${alg} 2026` }))}.${b64(JSON.stringify(claims))}`;
      out.confused.push(`${input}.${createHmac(hash, secret).update(input).digest("base64url")}`);
    }
  }
}

// A stranger's token that brings its own key (RFC 8725 §3.10).
const stranger = await jose.generateKeyPair("ES256", { extractable: true });
const jwk = await jose.exportJWK(stranger.publicKey);
for (const [name, header] of Object.entries({
  jwk: { jwk }, "jwk by the issuer's name": { jwk, kid: "ES256 2026" },
  jku: { jku: "https://stranger.example/jwks", kid: "ES256 2026" }, x5u: { x5u: "https://stranger.example/cert.pem" },
  x5c: { x5c: [Buffer.from(await jose.exportSPKI(stranger.publicKey)).toString("base64")] },
})) {
  out.embedded[name] = await new jose.SignJWT(claims).setProtectedHeader({ alg: "ES256", ...header }).sign(stranger.privateKey);
}
console.log(JSON.stringify(out, null, 1));
