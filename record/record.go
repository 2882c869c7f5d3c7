// Package record is the confirmation record: its name, its rdata, its
// comparison with a thumbprint.
//
// A subject's domain vouches for a key with
//
//	jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 80D55420…
//
// [Domain] finds the domain that a subject names, [Name] the owner of the
// record, and [Match] says whether what the DNS holds there names the key
// (draft-steele-spice-tlsa-cnf; docs/profile.md §1 and §3).
package record

import (
	"encoding/hex"
	"strconv"
	"strings"

	"cnfd/thumbprint"
)

// MaxRecords is how many records a set may have before comparing it costs too
// much (docs/profile.md §3).
const MaxRecords = 255

// private is the value of all three fields of a confirmation record: certificate
// usage, selector and matching type, reserved for private use (RFC 6698 §7.2-7.4).
const private = 255

// Comparison is what a record set says of a thumbprint. The zero value says
// nothing: no usable record, no match.
type Comparison struct {
	Usable  int  // records with 255 255 255 and data of the thumbprint's length
	Matches bool // one of them holds the thumbprint
	TooMany bool // more than MaxRecords: nothing was compared
}

// Match compares t with the TLSA records of a set, each in wire form (RFC 6698
// §2.1). A record of other fields or another length is unusable and skipped,
// never an error (RFC 6698 §4.1). The time taken does not depend on the octets.
// The zero Thumbprint finds nothing usable.
func Match(t thumbprint.Thumbprint, rdata [][]byte) Comparison {
	if len(rdata) > MaxRecords {
		return Comparison{TooMany: true}
	}
	var c Comparison
	if t.IsZero() {
		return c
	}
	size := t.Hash().Size()
	for _, r := range rdata {
		if len(r) != 3+size || r[0] != private || r[1] != private || r[2] != private {
			continue
		}
		c.Usable++
		equal := t.Equal(r[3:])
		c.Matches = c.Matches || equal
	}
	return c
}

// RDATA returns the record that names t, in wire form: 255 255 255 and the digest.
func RDATA(t thumbprint.Thumbprint) []byte {
	return t.AppendSum([]byte{private, private, private})
}

// Presentation returns the record that names t as a line of a zone file
// (RFC 6698 §2.2), with the TTL in seconds and the digest in upper-case hex.
// The owner is absolute: a missing trailing dot is added.
func Presentation(owner string, ttl uint32, t thumbprint.Thumbprint) string {
	if !strings.HasSuffix(owner, ".") {
		owner += "."
	}
	digest := strings.ToUpper(hex.EncodeToString(t.AppendSum(nil)))
	return owner + " " + strconv.FormatUint(uint64(ttl), 10) + " IN TLSA 255 255 255 " + digest
}
