package config

import (
	"net/netip"
	"time"
)

// ACME is the section acme.
type ACME struct {
	// Address and port of the ACME server, HTTPS; "" turns it off. Its CA is made by cnfd acme init (docs/acme.md).
	Listen string `yaml:"listen" default:"\"\""`
	// Address and port that give out revocation lists, the root's too, and the CA's certificates by plain HTTP, and nothing else: certificates then name them there (RFC 5280 §8 warns of https for both), an intermediate where this is set when it is made. "": they are had at url alone.
	ListenPlain string `yaml:"listen_plain" default:"\"\""`
	// What clients reach the server by, as accounts and certificates will name it for good: https://ca.example:8256, without a path.
	URL string `yaml:"url" default:"\"\""`
	// PEM files of the server's own chain and its key. "": the CA issues the server a certificate for the host of url.
	TLS Pair `yaml:"tls"`
	// The absolute path of the directory with the CA's keys and the store: whoever reads it issues certificates. "": acme in state_dir, acme-testing where testing is true.
	Directory string `yaml:"directory" default:"\"\""`
	// The URL of terms of service that every account has to agree to, and that of a page about this server.
	Terms   string `yaml:"terms" default:"\"\""`
	Website string `yaml:"website" default:"\"\""`
	// An account that has agreed to other terms than these, or before cnfd kept to which, orders nothing until its client agrees to them: for new terms, at a new URL.
	TermsRequired bool `yaml:"terms_required" default:"false"`
	// The domain names that mean this server in CAA records: [ca.example]. Where a CAA set allows none of them, nothing is issued.
	CAAIdentities []string `yaml:"caa_identities" default:"[]"`
	// Accounts are made only with a key that cnfd acme external add has given out.
	ExternalAccounts bool `yaml:"external_accounts" default:"false"`
	// An order whose confirmation record is missing waits for it, for clients that know cnf-01; false: it is refused, and told which record to add.
	AwaitRecord bool `yaml:"await_record" default:"false"`
	// How long an order and its authorizations live, 1h to 24h.
	OrderLife time.Duration `yaml:"order_life" default:"24h"`
	// Names of one order, 1 to 100.
	MaxNames uint16 `yaml:"max_names" default:"100"`
	// Accounts that one IPv4 address, or one IPv6 /64, may make in an hour, and a /48 ten times as many: they are kept for good. One too many gets 429; an hour's worth may come at once. 0: any number. This machine itself may make any number, so that a proxy on it has to limit by itself.
	NewAccounts uint32 `yaml:"new_accounts" default:"100"`
	// Names that one account may order in an hour, whether the orders are refused or not: each costs look-ups. All accounts of one address together may order ten times as many, those of an IPv6 /48 a hundred times, those of this machine itself any number. A whole order may always come at once. 0: any number.
	NewOrders uint32 `yaml:"new_orders" default:"3000"`
	// The absolute path of a file with keys that are never certified, since others have the private ones: a line each, the SHA-256 of the SubjectPublicKeyInfo in hexadecimal. Read again when the daemon reloads, as are the files of tls.
	BlockedKeys string `yaml:"blocked_keys" default:"\"\""`
	// PEM files, by their absolute paths, of certificates above the intermediate other than root.pem, that clients may choose.
	AlternateChains []string `yaml:"alternate_chains" default:"[]"`
	// Private, loopback and other special addresses that http-01 and tls-alpn-01 may connect to: [10.0.0.0/8]. Public ones they always may.
	AllowNetworks []netip.Prefix `yaml:"allow_networks" default:"[]"`
	// Kinds of certificates, which clients choose by name; the first is for those that choose none. Empty: one, default, as its keys below say. [{name: server, usages: [server], life: 72h}]
	Profiles []Profile `yaml:"profiles" default:"[]"`
	// (testing) The ports that http-01 and tls-alpn-01 connect to.
	HTTPPort uint16 `yaml:"http_port" default:"80"`
	TLSPort  uint16 `yaml:"tls_port" default:"443"`
}

// Pair is a certificate and its key, such as acme.tls.
type Pair struct {
	Cert string `yaml:"cert" default:"\"\""`
	Key  string `yaml:"key" default:"\"\""`
}

// Profile is a kind of certificate.
type Profile struct {
	// Letters, digits, hyphens, dots and underscores.
	Name string `yaml:"name"`
	// What clients are told of it. "": what its other keys come to.
	Description string `yaml:"description" default:"\"\""`
	// The keys that the confirmation record must hold: account (that of the ACME account), csr (the certificate's own, known only at the end), both.
	Bind string `yaml:"bind" default:"account" values:"account,csr,both"`
	// What the record is good for. challenge: without it nothing is issued, and a challenge has to be met besides. record: it is enough, where the domain's own CAA set says so (validationmethods=ca-cnf-01) or cnfd acme grant.
	Grant string `yaml:"grant" default:"challenge" values:"challenge,record"`
	// Of grant: challenge: those that are offered.
	Methods []string `yaml:"methods" default:"[http-01, dns-01, tls-alpn-01]" values:"http-01,dns-01,tls-alpn-01"`
	// What can be certified: DNS names, IP addresses.
	Identifiers []string `yaml:"identifiers" default:"[dns, ip]" values:"dns,ip"`
	// Names such as *.vendor.example too.
	Wildcards bool `yaml:"wildcards" default:"true"`
	// The types of keys that are certified.
	KeyTypes []string `yaml:"key_types" default:"[rsa, p256, p384, ed25519]" values:"rsa,p256,p384,ed25519"`
	// What the certificates are for: TLS servers, TLS clients.
	Usages []string `yaml:"usages" default:"[server, client]" values:"server,client"`
	// How long they are good, 5m to 19800h (825 days): as long at most as a certificate outlives its record. An order may want less.
	Life time.Duration `yaml:"life" default:"168h"`
	// How far in the past they begin, for clients whose clock is late, 0s to 24h, at least a minute less than life: it is taken out of that, so that one of life 168h is good for 167h from now. Where it is not written it is no more than a tenth of life.
	Backdate time.Duration `yaml:"backdate" default:"1h"`
}
