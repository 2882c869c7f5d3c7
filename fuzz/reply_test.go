package fuzz

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"cnfd/verifier"
)

// FuzzReplies changes the replies of the servers on their way: the change is a
// list of edits that the fuzzer writes. The record of one key exists, so that
// key may not be refuted; no record of another does, so that one may not be
// confirmed, neither there nor under a domain that publishes nothing.
func FuzzReplies(f *testing.F) {
	vendor, stranger := newKey(f, "vendor"), newKey(f, "stranger")
	tree := newTree(f, vendor.records("vendor.example.")...)
	f.Add([]byte{})
	f.Add([]byte{4, 0, 3, 2, 3, 1})                     // another RCODE in the answer
	f.Add([]byte{4, 0, 7, 1, 0, 0})                     // no answer records
	f.Add([]byte{4, 0, 60, 3, 0xff, 0})                 // a bit of the record
	f.Add([]byte{2, 0, 80, 3, 1, 0})                    // a bit of the DS
	f.Add([]byte{4, 0, 90, 0, 0, 0, 3, 0, 90, 0, 0, 0}) // cut short
	f.Add([]byte{1, '1', 'z', '1', 3, 0xe8})            // a referral to a name that its server does not have
	f.Fuzz(func(t *testing.T, edits []byte) {
		house := tree.house(t, func(n int, reply []byte) []byte { return edit(edits, n, reply) })
		for _, q := range []struct {
			what   string
			claims []byte
			never  verifier.Outcome
		}{
			{"the published key", vendor.claims("https://vendor.example"), verifier.Refuted},
			{"another key", stranger.claims("https://vendor.example"), verifier.Confirmed},
			{"a domain without records", vendor.claims("https://empty.example"), verifier.Confirmed},
		} {
			v, err := house.Verify(context.Background(), &verifier.Request{Input: verifier.InputClaims, Bytes: q.claims})
			if err != nil {
				t.Fatalf("%s: %v", q.what, err)
			}
			if v.Outcome() == q.never {
				t.Fatalf("%s: %s", q.what, v.AppendJSON(nil, ""))
			}
			if len(edits) == 0 && v.Outcome() == verifier.Unproven {
				t.Fatalf("%s: unproven with nothing changed: %s", q.what, v.AppendJSON(nil, ""))
			}
		}
	})
}

// edit applies the edits meant for the n-th reply. An edit is six octets:
// which reply, where (2), what to do, and two octets to do it with.
func edit(edits []byte, n int, reply []byte) []byte {
	reply = bytes.Clone(reply)
	for ; len(edits) >= 6; edits = edits[6:] {
		if int(edits[0]) != n && edits[0] != 0xff || len(reply) < 13 {
			continue
		}
		at := int(binary.BigEndian.Uint16(edits[1:])) % len(reply)
		switch edits[3] % 6 {
		case 0:
			reply = reply[:at]
		case 1:
			reply[at] = edits[4]
		case 2:
			reply[3] = reply[3]&0xf0 | edits[4]&15
		case 3:
			reply[at] ^= edits[4] | 1
		case 4: // an octet more
			reply = append(reply[:at], append([]byte{edits[4]}, reply[at:]...)...)
		case 5: // a stretch of it somewhere else
			end := min(at+int(edits[4]), len(reply))
			copy(reply[int(edits[5])%len(reply):], reply[at:end])
		}
	}
	return reply
}
