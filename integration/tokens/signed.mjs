// Reads wishes as JSON from standard input and writes {keys, others, made: {name: {token, thumbprint}}} as signed.py does:
// CWTs that npm's @auth0/cose signs, written in CBOR by npm's cbor-x.
import { createHash, webcrypto } from "node:crypto";
globalThis.crypto ??= webcrypto; // Node 18, which Debian 12 has
const { Algorithms, COSEKey, Headers, Mac0, MacAlgorithms, Sign, Sign1 } = await import("@auth0/cose");
const { Encoder, Tag } = await import("cbor-x");
const { base64url, exportJWK, generateKeyPair } = await import("jose");
const cbor = new Encoder({ tagUint8Array: false, useRecords: false, mapsAsObjects: false });

const names = { ES256: "ES256", ES384: "ES384", EdDSA: "EdDSA", PS256: "PS256", "another ES256": "ES256" };
const pair = (alg) => generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
const bytes = (text) => new Uint8Array(Buffer.from(text));

// The library knows no RSA keys, and takes a name for text, which COSE does not: those are written here.
function coseKey(jwk, alg, kid) {
  if (jwk.kty === "RSA") return new Map([[1, 3], [2, bytes(kid)], [3, Algorithms[alg]], [-1, base64url.decode(jwk.n)], [-2, base64url.decode(jwk.e)]]);
  const { kid: _, ...rest } = jwk;
  const key = cbor.decode(COSEKey.fromJWK(rest).encode());
  if (kid) key.set(2, bytes(kid));
  return key;
}

async function keySet() {
  const pairs = {}, cose = [], keys = [];
  for (const [kid, alg] of Object.entries(names)) {
    pairs[kid] = await pair(alg);
    const jwk = { ...(await exportJWK(pairs[kid].publicKey)), alg };
    cose.push(coseKey(jwk, alg, kid));
    keys.push({ ...jwk, kid });
  }
  return { pairs, keys: { jwks: { keys }, keyset: base64url.encode(cbor.encode(cose)) } };
}
const issuer = await keySet(), somebody = await keySet();
const secret = bytes(issuer.pairs.ES256.publicKey.export({ type: "spki", format: "pem" }));

const typ = ({ header }) => (header ? [[16, header.typ]] : []);
const named = (alg) => new Map([[Headers.KeyID, bytes(alg)]]);
const algorithm = (alg) => [Headers.Algorithm, Algorithms[alg]];

const shapes = {
  sign1: (wish, payload) => {
    const alg = wish.algs[0];
    return Sign1.sign(new Map([algorithm(alg), ...typ(wish)]), named(alg), payload, issuer.pairs[alg].privateKey);
  },
  mac0: (wish, payload) => Mac0.create(new Map([[Headers.Algorithm, MacAlgorithms.HS256]]), new Map(), payload, secret),
  sign: async (wish, payload) => {
    const signers = wish.algs.map((alg) => (
      { key: issuer.pairs[alg].privateKey, protectedHeaders: [algorithm(alg)], unprotectedHeaders: [...named(alg)] }));
    // The body protects something: where it does not, the library signs an empty map where RFC 9052 section 4.4 wants nothing.
    const signed = await Sign.sign(typ(wish), [], payload, signers);
    // Its encode writes what a signer protects as a map, which RFC 9052 section 4.1 wants as a byte string.
    const signatures = signed.signatures.map((s) => [s.encodedProtectedHeaders, s.unprotectedHeaders, s.signature]);
    return new Tag([signed.encodedProtectedHeaders, signed.unprotectedHeaders, payload, signatures], 98);
  },
};

async function make(wish) {
  const holder = coseKey(await exportJWK((await pair("ES256")).publicKey));
  const claims = new Map([[8, new Map([[1, holder]])]]);
  for (const [name, label] of Object.entries({ iss: 1, sub: 2, aud: 3, exp: 4 })) claims.set(label, wish.claims[name]);
  const message = await shapes[wish.shape](wish, cbor.encode(claims));
  const canonical = new Map([[1, 2], [-1, 1], [-2, holder.get(-2)], [-3, holder.get(-3)]]);
  return {
    token: base64url.encode(cbor.encode(wish.tagged ? new Tag(message, 61) : message)),
    thumbprint: createHash("sha256").update(cbor.encode(canonical)).digest("hex"),
  };
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const made = {};
for (const wish of JSON.parse(Buffer.concat(chunks))) made[wish.name] = await make(wish);
console.log(JSON.stringify({ keys: issuer.keys, others: somebody.keys, made }));
