// Package config is the daemon's one file: its keys, their defaults, and the
// strict reading of it. The struct below is the manual: its comments and
// default tags are what `cnfd config print` prints and docs/config.md shows.
package config

import (
	"net/netip"
	"time"
)

// Config is the configuration file. Every key is optional; an unknown key, a
// value of another type and a value that cannot work are errors with their
// line and column. A comment that begins with (testing) marks a key that is
// refused without testing: true.
type Config struct {
	// true allows the keys marked (testing), and every verdict then carries "testing": true.
	Testing bool `yaml:"testing" default:"false"`
	// Where the daemon keeps what must outlive it. An ordinary user's default is under $XDG_STATE_HOME.
	StateDir string `yaml:"state_dir" default:"/var/lib/cnfd"`
	// The HTTP API, on TCP and on a unix socket.
	API API `yaml:"api"`
	// How the DNS is asked and what is believed.
	Resolver Resolver `yaml:"resolver"`
	// A DNS listener, so that dig and other stubs can look over the daemon's shoulder.
	DNS DNS `yaml:"dns"`
	// What is remembered, and for how long at most.
	Cache Cache `yaml:"cache"`
	// Which subjects, beyond URLs with a host, did:web and dns:, name a domain.
	Subjects Subjects `yaml:"subjects"`
	// Which records are looked up and which of them may confirm.
	Record Record `yaml:"record"`
	// Checks that are made of every credential, whatever the caller asks for: signature, key_binding, dpop, mtls. A caller may ask for more, and cannot take one back. Without any, who asks for none must have made them all.
	Check []string `yaml:"check" default:"[]" values:"signature,key_binding,dpop,mtls"`
	// Whose signatures can be checked, and by which keys; the credentials of all others are signature_invalid where signatures are checked. [{issuer: https://issuer.example, keys: /etc/cnfd/issuer.jwks, check: [signature]}]
	Issuers []Issuer `yaml:"issuers" default:"[]"`
	// Answers for gateways, at /v1/authz (docs/gateways.md): 503 until issuers, authz.gateway and authz.subjects are set.
	Authz Authz `yaml:"authz"`
	// Files with the keys that open an encrypted cnf (jwe, Encrypted_COSE_Key), by their absolute paths: private or symmetric keys as JWK, JWK Set, PEM or COSE_Key. Read at the start; keep them from everybody else (chmod 600). Without any, what is encrypted is undecryptable.
	DecryptionKeys []string `yaml:"decryption_keys" default:"[]"`
	// Where and how cnfd publish writes records (docs/publish.md); the daemon has no use for it.
	Publish Publish `yaml:"publish"`
	// An ACME server that issues certificates only after the record matches (docs/acme.md).
	ACME ACME `yaml:"acme"`
	// What is written to the log, which is standard error; never a token or a key.
	Log Log `yaml:"log"`
	// GET /metrics, in the text format of Prometheus.
	Metrics Metrics `yaml:"metrics"`
	// What callers may take of the daemon. Over a limit they get 429 or 503 with Retry-After, and what is cached is answered still.
	Limits Limits `yaml:"limits"`
}

// Publish is the section publish.
type Publish struct {
	// The place that holds the zone: rfc2136 (dynamic updates), a provider or powerdns by its API, hook (a program); or what is printed instead: zone, nsupdate, generic, octodns. "": cnfd publish must be told by --to.
	To string `yaml:"to" default:"\"\"" values:",rfc2136,powerdns,cloudflare,route53,google,azure,desec,ovh,gandi,hetzner,hook,zone,nsupdate,generic,octodns"`
	// The absolute path of the file with what that place asks for (docs/publish.md says for each in what form); keep it from everybody else (chmod 600). "": the environment's CNFD_PUBLISH_CREDENTIALS holds the same text.
	Credentials string `yaml:"credentials" default:"\"\""`
	// Of rfc2136: the address of the primary, a port may follow it; "": the one that the zone's SOA names. Of the others: the base URL of the API; "": the provider's own.
	Server string `yaml:"server" default:"\"\""`
	// The zone that is written to; "": the one that holds the name.
	Zone string `yaml:"zone" default:"\"\""`
	// Of hook: the program, by its absolute path, and its arguments. It is given the change as JSON on standard input.
	Hook []string `yaml:"hook" default:"[]"`
	// Of hook: the program keeps its promise to end with 10 where the set is not what it is told, so that nobody's change of the same moment is lost. What does not is warned of at each call.
	HookGuarded bool `yaml:"hook_guarded" default:"false"`
	// Of rfc2136: sign by GSS-TSIG, with the Kerberos ticket of whoever calls: nsupdate -g sends the update.
	GSS bool `yaml:"gss" default:"false"`
	// The TTL of a set that is new, 1s to 24h: as long as that a revocation takes. A set that is there keeps its own.
	TTL time.Duration `yaml:"ttl" default:"5m"`
	// The longest to wait until every name server has the change and it is proven; 0s: not at all.
	Wait time.Duration `yaml:"wait" default:"10m"`
}

// Log is the section log.
type Log struct {
	// text: a line of words and values; json: an object a line.
	Format string `yaml:"format" default:"text" values:"text,json"`
	// The least that is worth a line: debug, info, warn, error. Decisions and evidence are of level info.
	Level string `yaml:"level" default:"info" values:"debug,info,warn,error"`
	// A line for each decision: id, outcome, reason, method, cached, security, checks, took (in seconds) and, on the unix socket, the caller's uid and pid.
	Decisions bool `yaml:"decisions" default:"false"`
	// What such a line says of whom the credential is about: none; hash: of the domain, keyed with log-key in state_dir; full: subject and domain. With full the ACME server logs the details of what it refuses, too.
	Subjects string `yaml:"subjects" default:"none" values:"none,hash,full"`
	// A line for each decision with the records and signatures of the DNS that it rests on, which name the domain: off, refuted (those that refute), all.
	Evidence string `yaml:"evidence" default:"off" values:"off,refuted,all"`
}

// Metrics is the section metrics.
type Metrics struct {
	// Who may read them: all (whoever reaches the API), unix (callers on the unix socket), off.
	Read string `yaml:"read" default:"all" values:"all,unix,off"`
}

// Limits is the section limits.
type Limits struct {
	// The body of a request, 1KiB to 64KiB; an item of a batch may in any case have 64 KiB.
	Body Size `yaml:"body" default:"64KiB"`
	// The request line and all headers together, 4KiB to 1MiB.
	Header Size `yaml:"header" default:"16KiB"`
	// The longest that a request may take to arrive, its headers half of it at most.
	ReadTimeout time.Duration `yaml:"read_timeout" default:"10s"`
	// How long a connection may stay open without a request.
	IdleTimeout time.Duration `yaml:"idle_timeout" default:"2m"`
	// Connections at once, on TCP and on the unix socket each; fewer where the machine allows the process fewer open files. One too many takes the place of the one that has asked nothing for the longest; where all have asked something in the last two seconds or so it gets 503.
	Connections uint32 `yaml:"connections" default:"12000"`
	// Questions at once that are not answered from the cache; one too many gets 503.
	Misses uint32 `yaml:"misses" default:"4096"`
	// Questions a second, of one caller, that are not answered from the cache: of an IPv4 address, an IPv6 /64, or a user on the unix socket. One too many gets 429; a second's worth may come at once. 0: any number.
	PeerMisses uint32 `yaml:"peer_misses" default:"0"`
}

// Issuer is one of those whose signatures can be checked.
type Issuer struct {
	// The iss of its credentials, octet for octet; what is said here is of those alone.
	Issuer string `yaml:"issuer"`
	// Its public keys: the absolute path of a file (JWK, JWK Set, PEM key or certificate, COSE_Key, COSE_KeySet), or an https URL of the same. Of a file some key must be good at the start; from then on the last good ones are kept.
	Keys string `yaml:"keys"`
	// Signature algorithms that are allowed, by their JOSE names, also of a CWT: [ES256, EdDSA]; empty: all that fit its keys.
	Algorithms []string `yaml:"algorithms" default:"[]"`
	// Values of typ that are allowed: [at+jwt, dc+sd-jwt]; "": a credential without typ; empty: those that a credential of the format has.
	Types []string `yaml:"types" default:"[]"`
	// Checks that are made of its credentials, whatever the caller asks for. A token that names another issuer is not held to them: what is wanted of all stands in check.
	Check []string `yaml:"check" default:"[]" values:"signature,key_binding,dpop,mtls"`
	// The audience that its credentials must be for, where the caller names none; "": any.
	Audience string `yaml:"audience" default:"\"\""`
	// Of a URL: PEM file of the authorities that may vouch for the server; "": those of the machine.
	CA string `yaml:"ca" default:"\"\""`
	// Of a URL: the server's addresses, so that its name is not looked up; the certificate must have the name all the same.
	Addresses []netip.Addr `yaml:"addresses" default:"[]"`
	// How often the daemon gets the keys anew, 10s or more: as long a key verifies that its issuer has withdrawn. A token that names an unknown key has them fetched at once, every 30s at most.
	Refresh time.Duration `yaml:"refresh" default:"1h"`
	// Of a URL: the longest that a fetch may take, 100ms to 30s.
	Timeout time.Duration `yaml:"timeout" default:"5s"`
}

// Authz is the section authz.
type Authz struct {
	// The gateway that asks: nginx, caddy, traefik or envoy. It fixes which headers carry the request and the client's certificate; the gateway must overwrite each of them. "": none.
	Gateway string `yaml:"gateway" default:"\"\"" values:",nginx,caddy,traefik,envoy"`
	// Whence its headers are believed, besides the unix socket. Nobody else may reach the gateway's side from there.
	Peers []netip.Prefix `yaml:"peers" default:"[]"`
	// The domains that may pass, each for itself alone: [vendor.example]; [any]: whoever publishes a record.
	Subjects []string `yaml:"subjects" default:"[]"`
	// The proofs of possession that are taken: dpop, mtls (with record.x5t where tokens name a certificate alone), key_binding. How a token is bound decides which it needs; one is always needed. The issuer's signature and the token's time are checked in any case.
	Possession []string `yaml:"possession" default:"[dpop]" values:"dpop,mtls,key_binding"`
	// Whom tokens, or their key bindings, must be for; "": what issuers[].audience says. Without either, a token that was given to another service passes here too.
	Audience string `yaml:"audience" default:"\"\""`
	// Of key_binding: the header in which the gateway hands on the nonce that it gave the client, whatever the client has sent by that name; no gateway does so by itself. "": key_binding is not taken.
	NonceHeader string `yaml:"nonce_header" default:"\"\""`
	// Of dpop: demand a nonce in each proof (RFC 9449 §9), which clients are told in DPoP-Nonce; the gateway must hand that header on to them. Daemons do not know each other's.
	DPoPNonce bool `yaml:"dpop_nonce" default:"false"`
	// The status of what is unproven: 403 or 503.
	Unproven uint16 `yaml:"unproven" default:"403"`
	// Let everything pass, say in Cnf-Observed what would have been, and count it: for a roll-out.
	Observe bool `yaml:"observe" default:"false"`
	// After this long a question is unproven (unreachable), 1ms to 10s; what is being looked up is there for the next one. Envoy waits for 200ms unless told otherwise.
	Deadline time.Duration `yaml:"deadline" default:"150ms"`
}

// API is the section api.
type API struct {
	// Address and port of the TCP socket; "" turns it off. Off loopback it needs tls, or allow_plain: true.
	Listen string `yaml:"listen" default:"127.0.0.1:8255"`
	// Allows plain HTTP on an address that other machines reach, for a proxy that adds TLS.
	AllowPlain bool `yaml:"allow_plain" default:"false"`
	// PEM files of the TCP socket: the chain and its key.
	TLS TLS `yaml:"tls"`
	// Path of the unix socket; "" turns it off. An ordinary user's default is $XDG_RUNTIME_DIR/cnfd.sock.
	Unix string `yaml:"unix" default:"/run/cnfd/cnfd.sock"`
	// The socket's permissions, in octal: 0660 or tighter.
	UnixMode Mode `yaml:"unix_mode" default:"\"0660\""`
	// The socket's owner and group, by name or number; "": those of the process. Only root, or a member of the group, can give it away.
	UnixOwner string `yaml:"unix_owner" default:"\"\""`
	UnixGroup string `yaml:"unix_group" default:"\"\""`
	// User ids that may use the unix socket (Linux). Empty: whoever may open it.
	AllowUIDs []uint32 `yaml:"allow_uids" default:"[]"`
	// Who may purge the cache: unix (callers on the unix socket), all, off.
	Purge string `yaml:"purge" default:"unix" values:"unix,all,off"`
}

// TLS is api.tls.
type TLS struct {
	Cert string `yaml:"cert" default:"\"\""`
	Key  string `yaml:"key" default:"\"\""`
	// The authorities' certificates: who shows none that one of them vouches for, for clients, is let in no further than the handshake. "": nobody has to show any.
	ClientCA string `yaml:"client_ca" default:"\"\""`
}

// Resolver is the section resolver.
type Resolver struct {
	// iterative: from the root down, by itself. forward: by the resolvers of forwarders; what they say is proven here all the same.
	Mode string `yaml:"mode" default:"iterative" values:"iterative,forward"`
	// Of mode: forward. udp://192.0.2.1, tcp://…, tls://dns.example@192.0.2.1 (the certificate must name dns.example), https://dns.example@192.0.2.1/dns-query; a port may follow the address. The name is never looked up. They must pass DNSSEC records on; what they keep in their own caches, cache.max_ttl does not bound. What stubs cover is not forwarded; root_hints and qname_minimisation have no say.
	Forwarders []Forwarder `yaml:"forwarders" default:"[]"`
	// PEM file of the authorities that may vouch for the certificates of tls:// and https:// forwarders; "": those of the machine.
	ForwarderCA string `yaml:"forwarder_ca" default:"\"\""`
	// Name servers of the root; empty: those built in. [{name: a.example., addresses: [192.0.2.1, "2001:db8::1"]}]
	RootHints []Hint `yaml:"root_hints" default:"[]"`
	// Zone-file lines, DS or DNSKEY, at any name; empty: the root key-signing keys that IANA publishes; [none]: none at all.
	TrustAnchors []string `yaml:"trust_anchors" default:"[]"`
	// Follow the changes of the anchors by RFC 5011, with their state in state_dir (docs/anchors.md); false: the anchors are those above and no others.
	TrustAnchorUpdates bool `yaml:"trust_anchor_updates" default:"true"`
	// Zones whose signatures are not looked at for a while (RFC 7646): nothing in or under them ever confirms or refutes. [{name: broken.example, until: 2026-11-24T12:00:00Z}], or a name alone. One ends at its time, a week after the start at the latest, and when the zone validates again.
	NegativeTrustAnchors []NegativeAnchor `yaml:"negative_trust_anchors" default:"[]"`
	// Zones with servers of their own. [{zone: corp.example., addresses: [192.0.2.53], trust_anchors: [...]}]
	Stubs []Stub `yaml:"stubs" default:"[]"`
	// Tell each server no more of the name than it needs (RFC 9156).
	QNAMEMinimisation bool `yaml:"qname_minimisation" default:"true"`
	// Signatures made with SHA-1: insecure (they prove nothing), or validate (RFC 9905).
	SHA1 string `yaml:"sha1" default:"insecure" values:"insecure,validate"`
	// Ask name servers that the DNS says are on loopback, private and link-local addresses.
	AllowLocalServers bool `yaml:"allow_local_servers" default:"false"`
	// Ask name servers by IPv4, by IPv6.
	IPv4 bool `yaml:"ipv4" default:"true"`
	IPv6 bool `yaml:"ipv6" default:"true"`
	// (testing) The port of authoritative servers.
	ServerPort uint16 `yaml:"server_port" default:"53"`
	// (testing) RFC 3339: judge everything as of then.
	ValidationTime string `yaml:"validation_time" default:"\"\""`
	// (testing) A file with signed seconds, added to the clock for validity and TTLs, read again every 100 ms.
	ClockOffsetFile string `yaml:"clock_offset_file" default:"\"\""`
}

// Hint is one root name server.
type Hint struct {
	Name      string       `yaml:"name"`
	Addresses []netip.Addr `yaml:"addresses"`
}

// NegativeAnchor is a zone whose signatures are not looked at; in the file also
// its name alone. Until is zero where none is written.
type NegativeAnchor struct {
	Name  string    `yaml:"name" alone:"true"`
	Until time.Time `yaml:"until"`
}

// Stub is a zone with servers of its own.
type Stub struct {
	Zone         string       `yaml:"zone"`
	Addresses    []netip.Addr `yaml:"addresses"`
	TrustAnchors []string     `yaml:"trust_anchors"`
}

// DNS is the section dns.
type DNS struct {
	// IP address and port, UDP and TCP; "" turns it off.
	Listen string `yaml:"listen" default:"\"\""`
	// Who may ask.
	Allow []netip.Prefix `yaml:"allow" default:"[127.0.0.0/8, \"::1/128\"]"`
	// Questions under way at once. Where there is no room the oldest gives way, once it has had 200 ms; else the new one gets SERVFAIL.
	MaxInFlight uint16 `yaml:"max_in_flight" default:"2048"`
	// The same for one client: an IPv4 address or an IPv6 /64. A loopback address, which all programs of the machine share, has half of all, 500 at most.
	MaxPerClient uint16 `yaml:"max_per_client" default:"100"`
	// TCP connections at once, and of one client; one too many is closed.
	MaxTCP          uint16 `yaml:"max_tcp" default:"1024"`
	MaxTCPPerClient uint16 `yaml:"max_tcp_per_client" default:"16"`
}

// Cache is the section cache.
type Cache struct {
	// Memory for DNS data: a number of bytes, or with KiB, MiB, GiB.
	MaxBytes Size `yaml:"max_bytes" default:"256MiB"`
	// The longest that a confirmation record is believed: a withdrawn record confirms no longer than this.
	MaxTTL time.Duration `yaml:"max_ttl" default:"300s"`
	// The longest that its absence, or trouble in asking, is believed.
	MaxNegativeTTL time.Duration `yaml:"max_negative_ttl" default:"60s"`
	// Ask anew for a record that somebody asks for in the last tenth of its life, so that the next one need not wait.
	Prefetch bool `yaml:"prefetch" default:"true"`
	// The same for confirmation records (type TLSA), which are otherwise looked up when somebody asks after their end.
	PrefetchConfirmations bool `yaml:"prefetch_confirmations" default:"false"`
	// On shutdown write down in state_dir what is proven, and at the start prove it anew from there; nothing lives longer by it (docs/cache.md).
	Snapshot bool `yaml:"snapshot" default:"true"`
}

// Subjects is the section subjects.
type Subjects struct {
	// mailto:a@vendor.example and acct:… by the domain after the @: it vouches for the mail domain, not for the user.
	Mailto bool `yaml:"mailto" default:"false"`
	Acct   bool `yaml:"acct" default:"false"`
	// spiffe://trust-domain/… by the trust domain.
	SPIFFE bool `yaml:"spiffe" default:"false"`
	// A host name alone.
	Bare bool `yaml:"bare" default:"false"`
	// credentialSubject.id and vc.credentialSubject.id, where there is no sub.
	CredentialSubject bool `yaml:"credential_subject" default:"false"`
}

// Record is the section record.
type Record struct {
	// The forms of the name that are looked up: dotted (jwk.cnf.vendor.example), underscore (_jwk_cnf.vendor.example).
	Forms []string `yaml:"forms" default:"[dotted]" values:"dotted,underscore"`
	// Look also at _did.<host>, as an old prototype published it.
	LegacyDID bool `yaml:"legacy_did" default:"false"`
	// Confirm x5t#S256 (it names a certificate, not a key) and tbh (an expired draft).
	X5T bool `yaml:"x5t" default:"false"`
	TBH bool `yaml:"tbh" default:"false"`
	// Confirm symmetric keys: their public hash lets anybody guess them offline.
	Symmetric bool `yaml:"symmetric" default:"false"`
	// Let an unsigned zone confirm: whoever can spoof DNS then decides. It never refutes.
	AllowInsecure bool `yaml:"allow_insecure" default:"false"`
	// Let a wildcard answer decide.
	AllowWildcard bool `yaml:"allow_wildcard" default:"false"`
	// Let a zone delegated between the domain and the record (cnf.vendor.example) decide.
	AllowDelegated bool `yaml:"allow_delegated" default:"false"`
}
