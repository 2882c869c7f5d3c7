// A client of the authorization server: npm's openid-client, which makes the DPoP proofs (RFC 9449) and has the client
// certificates (RFC 8705). Its one argument is a file of JSON. Then it reads a question in JSON from every line of standard
// input and answers it in one: `grant` gets an access token, `call` asks a resource with one. Keys and certificates
// belong to holders, known by name; a holder's DPoP key is made when its name is first heard.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import * as oauth from "openid-client";
import { Agent, fetch as over } from "undici";
import { visit } from "./browser.mjs";

const known = JSON.parse(readFileSync(process.argv[2]));
const ca = readFileSync(known.ca);
const lookup = (host, options, done) => {
  const address = known.addresses[host];
  if (!address) return done(new Error(`${host} is not known here`));
  options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
};

// fetchAs is fetch with a holder's certificate, or without any.
const agents = {};
const fetchAs = (holder) => {
  const identity = holder && { key: readFileSync(known.certificates[holder].key), cert: readFileSync(known.certificates[holder].cert) };
  const dispatcher = (agents[holder ?? ""] ??= new Agent({ connect: { ca, lookup, ...identity } }));
  return (url, options) => over(url, { ...options, dispatcher });
};

const clients = { dpop: ["app", oauth.None()], mtls: ["machine", oauth.TlsClientAuth()] };
const configurations = {};
const configure = (binding, holder) =>
  (configurations[[binding, holder]] ??= oauth.discovery(new URL(known.issuer), clients[binding][0], undefined, clients[binding][1], {
    [oauth.customFetch]: fetchAs(binding === "mtls" && holder),
  }));

const pairs = {};
async function proving({ binding, holder, alg = "ES256" }) {
  if (binding !== "dpop") return undefined;
  return oauth.getDPoPHandle(await configure(binding, holder), await (pairs[holder] ??= oauth.randomDPoPKeyPair(alg)));
}

const flows = {
  async code(config, { user, resource }, DPoP) {
    const pkceCodeVerifier = oauth.randomPKCECodeVerifier(), expectedState = oauth.randomState();
    const to = oauth.buildAuthorizationUrl(config, {
      redirect_uri: "https://client.example/back", scope: "openid read", resource, state: expectedState,
      code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: "S256",
    });
    const back = await visit(fetchAs(), to.href, user, "https://client.example/back");
    return oauth.authorizationCodeGrant(config, new URL(back), { pkceCodeVerifier, expectedState }, { resource }, { DPoP });
  },
  async device(config, { user, resource }, DPoP) {
    const told = await oauth.initiateDeviceAuthorization(config, { scope: "openid read", resource });
    await visit(fetchAs(), told.verification_uri_complete, user);
    return oauth.pollDeviceAuthorizationGrant(config, { ...told, interval: 0.1 }, { resource }, { DPoP });
  },
};

const does = {
  // What comes back is the token and the SHA-256 that its cnf should name, in hexadecimal.
  async grant(q) {
    const DPoP = await proving(q);
    const { access_token: token } = await flows[q.flow](await configure(q.binding, q.holder), q, DPoP);
    const named = DPoP
      ? Buffer.from(await DPoP.calculateThumbprint(), "base64url").toString("hex")
      : new X509Certificate(readFileSync(known.certificates[q.holder].cert)).fingerprint256.replaceAll(":", "").toLowerCase();
    return { token, named };
  },
  async call(q) {
    const config = await configure(q.binding, q.holder);
    const response = await oauth.fetchProtectedResource(config, q.token, new URL(q.url), q.method, undefined, undefined, { DPoP: await proving(q) });
    return { status: response.status };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const q = JSON.parse(line);
    answer = await does[q.do](q);
  } catch (error) {
    answer = { error: String(error?.stack ?? error), cause: String(error?.cause?.error_description ?? error?.cause?.message ?? "") };
  }
  console.log(JSON.stringify(answer));
}
process.exit();
