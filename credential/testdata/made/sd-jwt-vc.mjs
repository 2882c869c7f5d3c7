// Makes sd-jwt-vc.json with @sd-jwt/sd-jwt-vc 0.17.1: npm i @sd-jwt/sd-jwt-vc@0.17.1 && node sd-jwt-vc.mjs > sd-jwt-vc.json
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import { createHash, generateKeyPairSync, sign, randomBytes } from 'node:crypto';

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = k => k.export({ format: 'jwk' });
const signer = key => async data => sign('sha256', Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
const hasher = (data, alg) => createHash(alg.replace('-', '')).update(typeof data === 'string' ? data : Buffer.from(data)).digest();
const issuer = pair(), holder = pair();
const out = { issuer: jwk(issuer.publicKey), holder: jwk(holder.publicKey), tokens: [] };

async function make(name, hashAlg, claims, frame, show, kb) {
  const vc = new SDJwtVcInstance({
    signer: signer(issuer.privateKey), signAlg: 'ES256', hasher, hashAlg, saltGenerator: n => randomBytes(n).toString('base64url'),
    kbSigner: signer(holder.privateKey), kbSignAlg: 'ES256',
  });
  const issued = await vc.issue({
    iss: 'https://issuer.example', vct: 'https://issuer.example/device', iat: 1795348000, exp: 1895348000,
    cnf: { jwk: jwk(holder.publicKey) }, ...claims,
  }, frame);
  const presented = await vc.present(issued, show, kb ? { kb: { payload: { iat: 1795349000, aud: 'https://verifier.example', nonce: 'n-0S6_WzA2Mj' } } } : undefined);
  out.tokens.push({ name, issued, presented });
}

const sub = 'https://vendor.example';
await make('sub in the clear', 'sha-256', { sub, model: 'X' }, { _sd: ['model'] }, { model: true }, true);
await make('sub disclosed', 'sha-256', { sub, model: 'X' }, { _sd: ['sub', 'model'] }, { sub: true }, true);
await make('sub withheld', 'sha-256', { sub, model: 'X' }, { _sd: ['sub', 'model'] }, { model: true }, true);
await make('sub disclosed, sha-384', 'sha-384', { sub }, { _sd: ['sub'] }, { sub: true }, true);
await make('sub disclosed, sha-512', 'sha-512', { sub }, { _sd: ['sub'] }, { sub: true }, true);
await make('sub disclosed, decoys', 'sha-256', { sub }, { _sd: ['sub'], _sd_decoy: 5 }, { sub: true }, true);
await make('nested and recursive', 'sha-256', { sub, site: { city: 'Kyiv', rooms: ['a', 'b', 'c'] } },
  { _sd: ['sub', 'site'], site: { _sd: ['city', 'rooms'], rooms: { _sd: [0, 2] } } },
  { sub: true, site: { rooms: { 0: true } } }, true);
await make('no key binding', 'sha-256', { sub }, { _sd: ['sub'] }, { sub: true }, false);
console.log(JSON.stringify(out, null, 1));
