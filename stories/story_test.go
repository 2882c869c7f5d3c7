package stories

import (
	"net/netip"
	"time"

	"cnfd/internal/sandbox/zone"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// story is one file.
type story struct {
	file     string
	title    string
	settings settings
	zones    []*zoneText
	ranges   []*span
	steps    []*step // in ascending order of their numbers
}

// zoneText is a zone as it is written, or a change to one.
type zoneText struct {
	where
	apex      string
	servers   []netip.Addr
	signing   *signing // nil: not said
	records   []dns.RR
	removals  []dns.RR_Header // name and type
	delegated []string        // zones below that are delegated anew, as they are now
}

// signing is how a zone is signed.
type signing struct {
	unsigned bool
	policy   zone.Policy // without keys
	key      keySpec
	noDS     bool // the zone above gets no DS
}

// keySpec is what a zone's key follows from, with the zone's name.
type keySpec struct {
	algorithm uint8
	seed      string
	sha1      bool // the DS's digest
}

// span is what some servers say during some steps.
type span struct {
	from, to  int
	addresses []netip.Addr
	entries   []*entry
}

// entry is one message, and what it is compared with or made into.
type entry struct {
	where
	match   map[string]bool
	ede     []uint16 // any of them; with anyEDE any at all
	anyEDE  bool
	network string // "udp", "tcp", or "" for both

	honest, silent, copyQuery bool
	strip, flip               []uint16
	sleep                     time.Duration

	said bool // there is a REPLY line
	do   bool
	msg  *dns.Msg
}

// step is one thing that happens, or is looked at.
type step struct {
	where
	number int
	kind   string

	elapse time.Duration // TIME_PASSES
	entry  *entry        // QUERY, CHECK_ANSWER
	zone   *zoneText     // CHANGE

	request verifier.Request // VERIFY, PRECHECK
	again   bool
	times   int

	killed bool // RESTART: without a snapshot

	want want // CHECK_VERDICT

	sent   int // CHECK_SENT
	atMost bool
}

// want is what a verdict must be.
type want struct {
	reason verifier.Reason
	ede    int // -1: not looked at
	says   []string
	detail []string
	cached string // "yes", "no", or "" for either
}

// where is a place in a file.
type where struct {
	file string
	line int
}
