package dnssec

import "time"

// Terms are what a judgement is made under: the time, the bounds and the
// policy. They travel together so that no judge reads a clock or a setting.
type Terms struct {
	Now    time.Time // signatures are judged as of then
	Budget *Budget   // one per client question; nil is unbounded and for tests only
	// SHA1: algorithms 5 and 7 and digest type 1 prove something. By default
	// they are unknown ones, and what hangs on them is Insecure (RFC 9905 §2).
	SHA1 bool
}

// Bounds of the work that one client question may cause. Each names its enemy
// and where the figure comes from; validation never resets them.
const (
	MaxSends     = 64        // messages sent, a TCP exchange as one (CAMP, NXNSAttack; BIND and Unbound stop at 200, PowerDNS at 50)
	MaxBytes     = 128 << 10 // octets received (PowerDNS: 100 kB a query)
	MaxAliases   = 11        // CNAME and DNAME hops (Unbound and BIND: 11)
	MaxDepth     = 7         // name-server names that need name servers that need … (BIND: 7)
	MaxNSLookups = 10        // look-ups of name-server addresses (NXNSAttack; PowerDNS: 10)

	maxChecks      = 64  // signature checks (KeyTrap, CVE-2023-50387; PowerDNS: 30, Knot: 32 crypto operations)
	maxFailed      = 16  // of which may fail (BIND: 16 + 1)
	maxHashes      = 600 // names hashed for NSEC3 (CVE-2023-50868; PowerDNS: 600)
	maxSigsPerSet  = 8   // RRSIGs looked at in one RRset (Unbound: 8)
	maxKeysPerTag  = 4   // DNSKEYs that share a tag (PowerDNS: 2)
	maxDS          = 8   // DS records looked at in one set (PowerDNS: 8)
	maxNSEC3       = 8   // signed NSEC3 records looked at in one message (Knot: 8); past that another server is asked
	maxNSEC        = 16  // signed NSEC records looked at in one message: each is searched for among all its records
	maxTypes       = 64  // types looked at in an answer to ANY: each is searched for among all records
	maxTLSA        = 255 // records in a TLSA set: past that it is proven, and not handed out (docs/profile.md §3)
	maxIterations  = 50  // NSEC3 iterations; past that a proof is Insecure with EDE 27 (RFC 9276 §3.2; BIND, PowerDNS, Knot: 50)
	hardIterations = 150 // past that it is not even looked at (Unbound: 150)
	clockTolerance = 60 * time.Second
)

// Patience is how long a question is let be whose place others need, wherever
// questions wait for their answers (Unbound: jostle-timeout 200 ms).
const Patience = 200 * time.Millisecond

// Budget counts the work that one client question has caused. The zero value
// is a full budget. It belongs to one goroutine at a time.
type Budget struct {
	sends, bytes, nsLookups int
	checks, failed, hashes  int
	// Exhausted names the first bound that was reached; "" while none was.
	Exhausted string
}

func (b *Budget) spend(counter *int, n, limit int, what string) bool {
	if *counter+n > limit {
		if b.Exhausted == "" {
			b.Exhausted = what
		}
		return false
	}
	*counter += n
	return true
}

// Send reports whether one more message may be sent, and counts it.
func (b *Budget) Send() bool { return b.spend(&b.sends, 1, MaxSends, "64 messages sent") }

// Sent is how many messages were sent so far.
func (b *Budget) Sent() int { return b.sends }

// Receive reports whether n more octets may be read, and counts them.
func (b *Budget) Receive(n int) bool { return b.spend(&b.bytes, n, MaxBytes, "128 KiB received") }

// Heard reports whether anything was received at all.
func (b *Budget) Heard() bool { return b.bytes > 0 }

// LookupNS reports whether one more name-server address may be looked up, and counts it.
func (b *Budget) LookupNS() bool {
	return b.spend(&b.nsLookups, 1, MaxNSLookups, "10 look-ups of name servers")
}

// Trouble says which bound was reached.
func (b *Budget) Trouble() Trouble { return tooCostly(b.Exhausted) }

func tooCostly(bound string) Trouble {
	return Trouble{Code: 0, Text: "the question costs too much: " + bound, Budget: true}
}

func (b *Budget) check() bool {
	return b == nil || b.spend(&b.checks, 1, maxChecks, "64 signature checks")
}

func (b *Budget) fail() bool {
	return b == nil || b.spend(&b.failed, 1, maxFailed, "16 signature checks that failed")
}

func (b *Budget) hash(n int) bool {
	return b == nil || b.spend(&b.hashes, n, maxHashes, "600 NSEC3 hashes")
}

func (b *Budget) spent() bool { return b != nil && b.Exhausted != "" }
