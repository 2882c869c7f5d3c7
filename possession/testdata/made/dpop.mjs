// Makes dpop.json with jose 6.2.17: npm i jose@6.2.17 && node dpop.mjs > dpop.json
import { SignJWT, exportJWK, generateKeyPair, calculateJwkThumbprint } from 'jose';
import { createHash } from 'node:crypto';

const token = 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA', out = [];
for (const alg of ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512']) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const { kty, crv, x, y, n, e } = await exportJWK(publicKey);
  const jwk = { kty, crv, x, y, n, e };
  const proof = await new SignJWT({
    jti: 'jti-' + alg, htm: 'POST', htu: 'https://vendor.example/token', nonce: 'n-1',
    ath: createHash('sha256').update(token).digest('base64url'),
  }).setProtectedHeader({ alg, typ: 'dpop+jwt', jwk }).setIssuedAt(1795349000).sign(privateKey);
  out.push({ alg, jkt: await calculateJwkThumbprint(jwk), proof });
}
console.log(JSON.stringify({ token, proofs: out }, null, 1));
