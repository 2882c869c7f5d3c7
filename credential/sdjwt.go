package credential

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"strconv"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// resolve gives the claim set that an SD-JWT's disclosures make of its payload
// (RFC 9901 §7.1, step 3): what is disclosed stands where its digest is, so that
// the one reader of claim sets judges it all, a claim given twice or in another
// case among it. Digests of what is not disclosed stay, and nobody reads them.
// sent is what follows the first '~' up to and including the last. The claims
// are payload itself where nothing is disclosed.
func resolve(payload, sent []byte) (claims []byte, h thumbprint.Hash, err error) {
	var d disclosures
	if d.hash, err = readSDAlg(payload); err != nil {
		return nil, 0, err
	}
	if err := d.read(sent); err != nil {
		return nil, 0, err
	}
	claims, err = d.merge(payload, "claims", 0)
	if err != nil {
		return nil, 0, err
	}
	for i := range d.all {
		// RFC 9901 §7.1, step 5.
		if !d.all[i].used {
			return nil, 0, malformed(disclosureAt(i), "nothing in the token refers to it")
		}
	}
	return claims, d.hash, nil
}

// disclosures are those that came with an SD-JWT.
type disclosures struct {
	hash thumbprint.Hash
	all  []disclosure
	of   map[string]int  // by the digest in base64url
	met  map[string]bool // digests that the token has, matched or not
}

type disclosure struct {
	json []byte
	used bool
}

// read decodes the disclosures and hashes them as they were sent (RFC 9901
// §4.2.3).
func (d *disclosures) read(sent []byte) error {
	n := bytes.Count(sent, []byte{'~'})
	if n == 0 {
		return nil
	}
	d.all, d.of = make([]disclosure, 0, n), make(map[string]int, n)
	room := make([]byte, 0, strictBase64.DecodedLen(len(sent))) // of all of them
	for i := range n {
		text, after, _ := bytes.Cut(sent, []byte{'~'})
		sent = after
		json, err := decode(room[len(room):], text, "")
		if err != nil {
			return malformed(disclosureAt(i), notBase64)
		}
		room = room[:len(room)+len(json)]
		var digest [86]byte // of SHA-512
		key := strictBase64.AppendEncode(digest[:0], sum(d.hash, text))
		if _, twice := d.of[string(key)]; twice {
			return malformed(disclosureAt(i), "sent twice")
		}
		d.of[string(key)] = i
		d.all = append(d.all, disclosure{json: json[:len(json):len(json)]})
	}
	return nil
}

func disclosureAt(i int) string { return "disclosures[" + strconv.Itoa(i) + "]" }

// take gives the disclosure of a digest that the token has, -1 where it was not
// sent or the digest is a decoy's (RFC 9901 §4.2.5); false where the token has
// the digest twice (§7.1, step 4).
func (d *disclosures) take(digest []byte) (i int, once bool) {
	if d.met[string(digest)] {
		return -1, false
	}
	if d.met == nil {
		d.met = map[string]bool{}
	}
	d.met[string(digest)] = true
	i, sent := d.of[string(digest)]
	if !sent {
		return -1, true
	}
	d.all[i].used = true
	return i, true
}

const metTwice = "a digest that the token has elsewhere too"

// open reads a disclosure (RFC 9901 §4.2.1, §4.2.2): a salt, the name as it is
// written where it is one of a member, and a value.
func (d *disclosures) open(i int) (name, value []byte, err error) {
	var s strict.Scanner
	s.Reset(d.all[i].json, disclosureAt(i))
	var parts [3][]byte
	n := 0
	for a := s.Array(); a.Next(); n++ {
		if n == len(parts) {
			return nil, nil, malformed(disclosureAt(i), "more than a salt, a name and a value")
		}
		if n == 0 && s.Peek() != '"' {
			return nil, nil, malformed(disclosureAt(i), "its salt is not a string")
		}
		parts[n] = s.Raw()
	}
	if err := s.Close(); err != nil {
		return nil, nil, wrong("", err)
	}
	switch n {
	case 2:
		return nil, parts[1], nil
	case 3:
		return parts[1], parts[2], nil
	}
	return nil, nil, malformed(disclosureAt(i), "not a salt, a name and a value, nor a salt and a value")
}

// reserved are names that no disclosure may have: _sd and ... by RFC 9901 §7.1,
// step 3; _sd_alg since it says how what came before it was hashed (§4.1.1).
var reserved = [...]string{"_sd", "...", "_sd_alg"}

// member gives the text of a disclosed member, at a depth of the whole.
func (d *disclosures) member(i, depth int) ([]byte, error) {
	name, value, err := d.open(i)
	if err != nil {
		return nil, err
	}
	var s strict.Scanner
	s.Reset(name, disclosureAt(i))
	text := s.Text()
	if s.Close() != nil {
		return nil, malformed(disclosureAt(i), "not one of a member: a salt, a name in a string, and a value")
	}
	for _, r := range reserved {
		if text.Is(r) {
			return nil, malformed(disclosureAt(i), "discloses "+r+", which is no claim")
		}
	}
	if depth == 1 && text.Is("cnf") {
		// Whoever is not shown it takes the token for one without a key, and
		// RFC 9901 §9.7 has the issuer leave it open.
		return nil, malformed(disclosureAt(i), "discloses cnf: the issuer must leave it out of disclosures")
	}
	value, err = d.merge(value, disclosureAt(i), depth)
	if err != nil {
		return nil, err
	}
	return append(append(append(make([]byte, 0, len(name)+len(value)+1), name...), ':'), value...), nil
}

// element gives the text of a disclosed array element.
func (d *disclosures) element(i, depth int) ([]byte, error) {
	name, value, err := d.open(i)
	if err != nil {
		return nil, err
	}
	if name != nil {
		return nil, malformed(disclosureAt(i), "not one of an array element: a salt and a value")
	}
	return d.merge(value, disclosureAt(i), depth)
}

// sum is the digest of a disclosure, or of what sd_hash is of.
func sum(h thumbprint.Hash, octets []byte) []byte {
	switch h {
	case thumbprint.SHA384:
		s := sha512.Sum384(octets)
		return s[:]
	case thumbprint.SHA512:
		s := sha512.Sum512(octets)
		return s[:]
	}
	s := sha256.Sum256(octets)
	return s[:]
}

var sdAlgNames = strict.NewNames("_sd_alg")

// readSDAlg reads the hash of the digests (RFC 9901 §4.1.1), by default SHA-256.
func readSDAlg(payload []byte) (thumbprint.Hash, error) {
	var s strict.Scanner
	s.Reset(payload, "claims")
	h := thumbprint.SHA256
	for object := s.Object(sdAlgNames); ; {
		member, ok := object.Next()
		if !ok {
			break
		}
		if member != 0 {
			continue
		}
		var err error
		at := s.At()
		text := s.Text()
		if h, err = thumbprint.ParseHash(string(text.Bytes())); err != nil && s.Err() == nil {
			return 0, malformed(s.Where(at), "not a hash that is known: sha-256, sha-384 or sha-512")
		}
	}
	return h, wrongOrNil(s.Close())
}

func wrongOrNil(err error) error {
	if err == nil {
		return nil
	}
	return wrong("", err)
}
