// An ACME client as the users of npm's acme-client write it, by its `auto`:
//
//     node client.mjs obtain '{"directory": "https://localhost:14000/dir", "account": "account.pem", "key": "key.pem",
//         "out": "chain.pem", "names": ["a.example"], "challenge": "http-01", "webroot": "/srv/challenges", "hook": "dns.sh"}'
//     node client.mjs account '{"directory": …, "account": "account.pem"}'
//     node client.mjs revoke '{"directory": …, "account": "account.pem", "cert": "chain.pem"}'
//
// Whose certificates it trusts is said by NODE_EXTRA_CA_CERTS. An account that the key does not have yet is made.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import acme from "acme-client";

const [verb, text] = process.argv.slice(2);
const o = JSON.parse(text);
const client = new acme.Client({ directoryUrl: o.directory, accountKey: readFileSync(o.account), backoffMin: 200, backoffMax: 2000 });

const answers = {
  "http-01": {
    present: (authz, challenge, answer) => writeFileSync(join(o.webroot, challenge.token), answer),
    remove: (authz, challenge) => rmSync(join(o.webroot, challenge.token)),
  },
  "dns-01": {
    present: (authz, challenge, answer) => execFileSync(o.hook, ["present", "_acme-challenge." + authz.identifier.value, answer]),
    remove: (authz, challenge, answer) => execFileSync(o.hook, ["cleanup", "_acme-challenge." + authz.identifier.value, answer]),
  },
};
const answer = (step) => async (authz, challenge, text) => {
  const how = answers[o.challenge];
  if (!how || challenge.type !== o.challenge) throw new Error(`no answer to ${challenge.type} of ${authz.identifier.value}`);
  how[step](authz, challenge, text);
};

if (verb === "obtain") {
  const [, csr] = await acme.crypto.createCsr({ commonName: o.names[0], altNames: o.names }, readFileSync(o.key));
  const chain = await client.auto({
    csr,
    email: "hostmaster@vendor.example",
    termsOfServiceAgreed: true,
    skipChallengeVerification: true, // it asks the system's resolver, which knows no name of the lab
    challengePriority: [o.challenge],
    challengeCreateFn: answer("present"),
    challengeRemoveFn: answer("remove"),
  });
  writeFileSync(o.out, chain);
} else if (verb === "revoke") {
  await client.createAccount({ termsOfServiceAgreed: true, contact: ["mailto:hostmaster@vendor.example"] });
  await client.revokeCertificate(readFileSync(o.cert), { reason: 5 });
} else if (verb === "account") {
  await client.createAccount({ termsOfServiceAgreed: true });
} else {
  throw new Error(`${verb}: no such verb`);
}
