package publish

// What is what a Finding says: one word from birth, with its Level and what to do. The
// zero value is Indeterminate: nothing is known.
type What uint8

const (
	Indeterminate     What = iota // nothing was learnt of the name, or nothing proves it either way
	NotReached                    // no server of the zone could be asked
	ServersNotAsked               // one look-up answered, and what each server says is not known
	Overridden                    // this configuration keeps signatures from being looked for
	Insecure                      // the zone is not signed
	Bogus                         // what should prove it does not hold
	ServersDiffer                 // name servers do not all say the same
	TooCostly                     // verifiers give up before they know
	KeyNotPublished               // a key that was given is not there
	NothingPublished              // no key was given, and nothing is there that could be one
	SignatureEndsSoon             // a signature ends within CheckConfig.Within
	UnusableRecord                // verifiers skip a record
	TTLTooLong                    // caches may believe a record longer than CheckConfig.Revocation
	DelegatedName                 // the name lies in a zone below the subject's domain
	FromWildcard                  // a wildcard answers in the name's place
	OtherKeys                     // records of keys that were not given
	ServerSkipped                 // this machine has no way to one of the servers' addresses
)

var whats = [...]struct {
	word  string
	level Level
	do    string
}{
	Indeterminate:   {"indeterminate", LevelUnknown, "see what cnfd resolve says of the name, and whether resolver.trust_anchors covers it"},
	NotReached:      {"unreachable", LevelUnknown, "see whether this machine reaches the zone's name servers on port 53, over UDP and TCP; at local addresses they are asked only with resolver.allow_local_servers"},
	ServersNotAsked: {"servers_not_asked", LevelUnknown, "where questions go to forwarders, set resolver.mode: iterative, so that the servers can be compared"},
	Overridden:      {"overridden", LevelUnknown, "take the name out of resolver.negative_trust_anchors"},

	Insecure:         {"insecure", LevelCritical, "sign the zone with DNSSEC, and have its DS at the parent"},
	Bogus:            {"bogus", LevelCritical, "see which link is broken with cnfd resolve, and sign the zone anew or correct its DS at the parent"},
	ServersDiffer:    {"servers_differ", LevelCritical, "wait until every server has the change; where it does not come, see why it is not transferred"},
	TooCostly:        {"too_costly", LevelCritical, "have fewer records at the name, and fewer keys, aliases and servers on the way to it"},
	KeyNotPublished:  {"key_not_published", LevelCritical, "publish it with cnfd publish add, or take it off the check if it was revoked"},
	NothingPublished: {"nothing_published", LevelCritical, "publish a key with cnfd publish add"},

	SignatureEndsSoon: {"signature_ends_soon", LevelWarning, "see why the zone is not signed anew"},
	UnusableRecord:    {"unusable_record", LevelWarning, "remove it: it vouches for no key"},
	TTLTooLong:        {"ttl_too_long", LevelWarning, "give the set a shorter TTL before a key has to be revoked"},
	DelegatedName:     {"delegated", LevelWarning, "take the delegation away, or use the underscore form"},
	FromWildcard:      {"wildcard", LevelWarning, "publish the record at the name itself, and take the wildcard away: it vouches for other names too"},

	OtherKeys:     {"other_keys", LevelOK, "nothing, if they are the domain's; remove those that nobody knows"},
	ServerSkipped: {"server_skipped", LevelOK, "ask from a machine that has such addresses too"},
}

// What helps where it is known better than a What alone says.
const (
	atAnchor = "see this machine's clock, or resolver.trust_anchors: what does not hold is not the zone's own, but where all proof begins"
	atLame   = "have the zone's name servers serve it, or correct the NS records at its parent: servers were heard, and do not have it (a lame delegation)"
)

// String returns the word that --json shows.
func (w What) String() string { return whats[w.known()].word }

// Level is how bad it is.
func (w What) Level() Level { return whats[w.known()].level }

// Do says what helps, for people.
func (w What) Do() string { return whats[w.known()].do }

func (w What) known() What {
	if int(w) < len(whats) {
		return w
	}
	return Indeterminate
}
