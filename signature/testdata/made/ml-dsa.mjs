// Makes ml-dsa.json with @noble/post-quantum 0.7.1: npm i @noble/post-quantum@0.7.1 && node ml-dsa.mjs > ml-dsa.json
import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
const hex = b => Buffer.from(b).toString('hex');
const out = [];
for (const [alg, lib] of [['ML-DSA-44', ml_dsa44], ['ML-DSA-65', ml_dsa65], ['ML-DSA-87', ml_dsa87]]) {
  const { publicKey, secretKey } = lib.keygen(new Uint8Array(32).fill(7));
  const msg = new TextEncoder().encode('jwk.cnf.vendor.example');
  out.push({
    alg, pub: hex(publicKey), msg: hex(msg),
    sig: hex(lib.sign(msg, secretKey)),
    sigInContext: hex(lib.sign(msg, secretKey, { context: new Uint8Array([1]) })),
  });
}
console.log(JSON.stringify(out));
