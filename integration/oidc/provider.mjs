// An authorization server: npm's oidc-provider with its own login and consent pages, on https. Its one argument is a
// file of JSON: where it listens and with what, and the names of the keys that it signs with, the newest first; a key
// that is not yet in `keys` is made and kept there. Access tokens are JWTs (RFC 9068) bound to the client's DPoP key
// (RFC 9449) or certificate (RFC 8705), for the resource that is asked for; their algorithm is the resource's path.
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { exportJWK, generateKeyPair } from "jose";
import Provider, { errors } from "oidc-provider";

const asked = JSON.parse(await readFile(process.argv[2]));

// signingKey is the private JWK of a name such as "first.ES256".
async function signingKey(name) {
  const path = `${asked.keys}/${name}.jwk`;
  try {
    return JSON.parse(await readFile(path));
  } catch {
    const alg = name.split(".").pop();
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...(await exportJWK(privateKey)), kid: name, alg, use: "sig" };
    await writeFile(path, JSON.stringify(jwk), { mode: 0o600 });
    return jwk;
  }
}

const grants = ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"];
const common = { grant_types: grants, redirect_uris: ["https://client.example/back"], response_types: ["code"] };
const peer = (ctx) => ctx.req.socket.getPeerX509Certificate();

const provider = new Provider(asked.issuer, {
  jwks: { keys: await Promise.all(asked.signers.map(signingKey)) },
  clients: [
    { ...common, client_id: "app", token_endpoint_auth_method: "none", dpop_bound_access_tokens: true },
    {
      ...common,
      client_id: "machine",
      token_endpoint_auth_method: "tls_client_auth",
      tls_client_auth_san_dns: "machine.example",
      tls_client_certificate_bound_access_tokens: true,
    },
  ],
  clientAuthMethods: ["none", "tls_client_auth"],
  clientDefaults: { id_token_signed_response_alg: "ES256" },
  enabledJWA: { dPoPSigningAlgValues: ["ES256", "ES384", "ES512", "PS256", "RS256", "EdDSA", "Ed25519"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }), // whoever logs in is the subject
  cookies: { keys: ["of these tests alone"] },
  ttl: { AccessToken: () => asked.lifetime },
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    dPoP: { enabled: true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      getCertificate: peer,
      certificateAuthorized: (ctx) => ctx.req.socket.authorized,
      certificateSubjectMatches: (ctx, property, value) =>
        property === "tls_client_auth_san_dns" && peer(ctx).subjectAltName === `DNS:${value}`,
    },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_, resource) {
        const { origin, pathname } = new URL(resource);
        if (origin !== asked.resource) throw new errors.InvalidTarget();
        return { scope: "read", audience: resource, accessTokenFormat: "jwt", jwt: { sign: { alg: pathname.slice(1) || "ES256" } } };
      },
    },
  },
});
provider.on("server_error", (_, error) => console.error(error));

const tls = Object.fromEntries(await Promise.all(["key", "cert", "ca"].map(async (name) => [name, await readFile(asked[name])])));
createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, provider.callback()).listen(443, asked.address);
