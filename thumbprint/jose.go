package thumbprint

import "cnfd/internal/strict"

// FromJOSE reduces the cnf claim of a JWT (RFC 7800): cnf is the JSON object
// itself. Of several members that name a key all must name the same one; the
// first in the order of the methods is the one used. A member that cannot be
// reduced, and one that is not known, is ignored beside one that can.
// The error is an *Error.
func FromJOSE(cnf []byte, o Options) (Confirmation, error) {
	var s strict.Scanner
	s.Reset(cnf, "cnf")
	c, err := ReadJOSE(&s, &o)
	if err != nil {
		return Confirmation{}, err
	}
	if err := s.Close(); err != nil {
		return Confirmation{}, malformed(err)
	}
	return c, nil
}

// ReadJOSE does what FromJOSE does with the value that comes next in s, so that
// a claim set is read in one pass. What is wrong in the document after that
// value is the caller's to find, by s.Close.
func ReadJOSE(s *strict.Scanner, o *Options) (Confirmation, error) {
	c := joseClaim{s: s, at: s.At()}
	if err := c.read(o); err != nil {
		return Confirmation{}, err
	}
	if err := c.digests(o); err != nil {
		return Confirmation{}, err
	}
	if err := c.open(o); err != nil {
		return Confirmation{}, err
	}
	if err := c.agree(); err != nil {
		return Confirmation{}, err
	}
	return c.reduce()
}

// The members of a cnf claim that are read. Those that are methods come first,
// in the order of the methods.
const (
	cnfJWK = iota
	cnfJKT
	cnfJWE
	cnfKID
	cnfX5T
	cnfTBH
	cnfMethods
	cnfJKU = iota - 1
	cnfOSC
	cnfSD // RFC 9901 §4.2.4.1: digests of members that are in disclosures
	cnfMembers
)

var cnfNames = strict.NewNames("jwk", "jkt", "jwe", "kid", "x5t#S256", "tbh", "jku", "osc", "_sd")

// joseClaim is a cnf claim being read.
type joseClaim struct {
	s      *strict.Scanner
	at     int
	places [cnfMembers]int // where the members' values are, 0 of one that is absent
	texts  [cnfMethods]strict.Text
	key    Key                    // that of jwk, or of jwe once it is opened
	named  [cnfMethods]Thumbprint // what each member names
}

func (c *joseClaim) read(o *Options) error {
	for object := c.s.Object(cnfNames); ; {
		m, ok := object.Next()
		if !ok {
			break
		}
		if m == strict.Other {
			continue
		}
		c.places[m] = c.s.At()
		switch m {
		case cnfJWK:
			if err := c.key.readJWK(c.s, admit{symmetric: o.Symmetric}); err != nil {
				return err
			}
		case cnfJKU, cnfOSC, cnfSD:
		default:
			c.texts[m] = c.s.Text()
		}
	}
	if err := c.s.Err(); err != nil {
		return malformed(err)
	}
	// Whoever reads the disclosures may find another key there.
	if at := c.places[cnfSD]; at != 0 {
		return &Error{NotReducible, c.s.Where(at), disclosed}
	}
	// RFC 7800 §3.1: a claim confirms one key, so that one member holds it.
	jwk, jwe, jku := c.places[cnfJWK] != 0, c.places[cnfJWE] != 0, c.places[cnfJKU] != 0
	switch {
	case jwk && jwe || jwk && jku || jwe && jku:
		return c.malformed(c.at, "more than one of jwk, jwe and jku")
	case jwe && !compactJWE(c.texts[cnfJWE].Bytes()):
		return c.malformed(c.places[cnfJWE], "not a JWE in compact serialization: five parts in base64url with dots between them")
	}
	return nil
}

// compactJWE reports whether text has the form of RFC 7516 §7.1, which is the one
// that RFC 7800 §3.3 allows, so that what cannot be a key is no reason to ask for
// one to decrypt it with.
func compactJWE(text []byte) bool {
	dots := 0
	for _, c := range text {
		if c == '.' {
			dots++
		} else if sextet[c] > 63 {
			return false
		}
	}
	return dots == 4
}

// digests finds what each member names.
func (c *joseClaim) digests(o *Options) error {
	c.named[cnfJWK] = c.key.jkt(SHA256)
	for _, d := range [...]struct {
		member int
		kind   Kind
		on     bool
	}{{cnfJKT, JWK, true}, {cnfX5T, Certificate, o.X5T}, {cnfTBH, TokenBinding, o.TBH}} {
		t := &c.texts[d.member]
		if !t.Present() || !d.on {
			continue
		}
		c.named[d.member] = parseDigest(d.kind, SHA256, t.Bytes())
		if c.named[d.member].IsZero() {
			return c.malformed(t.At(), "not the 32 octets of a sha-256 digest in base64url without padding")
		}
	}
	// RFC 9278: the one kind of kid that says which key it means. A ckt is of
	// another hash input, and names no JWK.
	if t := &c.texts[cnfKID]; t.Present() {
		if uri := parseURI(t.Bytes()); uri.kind == JWK {
			c.named[cnfKID] = uri
		}
	}
	return nil
}

// agree refuses a claim whose members name different keys. What names a
// certificate or a Token Binding cannot be compared with what names a key.
func (c *joseClaim) agree() error {
	key, jkt, kid := c.named[cnfJWK], c.named[cnfJKT], c.named[cnfKID]
	in := "jwk"
	if key.IsZero() {
		key, in = c.named[cnfJWE], "jwe"
	}
	if !key.IsZero() && !jkt.IsZero() && key != jkt {
		return c.malformed(c.places[cnfJKT], "not the thumbprint of the key in "+in)
	}
	switch {
	case kid.IsZero():
	case !key.IsZero() && c.key.jkt(kid.hash) != kid:
		return c.malformed(c.places[cnfKID], "not the thumbprint URI of the key in "+in)
	case !key.IsZero() || jkt.IsZero() || kid == jkt:
	case kid.hash != jkt.hash:
		return c.malformed(c.places[cnfKID], "made with "+kid.hash.String()+", so that nothing shows it to be the key of jkt: leave one of them out")
	default:
		return c.malformed(c.places[cnfKID], "not the thumbprint URI of the key of jkt")
	}
	return nil
}

func (c *joseClaim) reduce() (Confirmation, error) {
	encrypted := c.places[cnfJWE] != 0 && c.named[cnfJWE].IsZero()
	for m := range c.named {
		if c.named[m].IsZero() && (m != cnfJWE || !encrypted) {
			continue
		}
		method := MethodJWK + Method(m)
		if encrypted {
			return Confirmation{Method: method, Encrypted: true}, nil
		}
		return Confirmation{Method: method, Thumbprint: c.named[m]}, nil
	}
	for _, no := range notReducible {
		if at := c.places[no.member]; at != 0 {
			return Confirmation{}, &Error{NotReducible, c.s.Where(at), no.what}
		}
	}
	return Confirmation{}, &Error{NotReducible, c.s.Where(c.at), "no member that names a key: put the key in jwk, or its thumbprint in jkt"}
}

// notReducible says of each member that reduces to nothing what would work.
var notReducible = [...]struct {
	member int
	what   string
}{
	{cnfKID, "opaque: put the key in jwk, its thumbprint in jkt, or its thumbprint URI (" + jktURI + "sha-256:…) in kid"},
	{cnfX5T, "names a certificate and not a key: put the key in jwk or its thumbprint in jkt, or turn on record.x5t"},
	{cnfTBH, "names a Token Binding and not a key: put the key in jwk or its thumbprint in jkt, or turn on record.tbh"},
	{cnfJKU, "a key set elsewhere, which is never fetched: put the key in jwk, or its thumbprint in jkt"},
	{cnfOSC, "an OSCORE context and not a key: put the key in jwk, or its thumbprint in jkt"},
}

func (c *joseClaim) malformed(at int, what string) *Error {
	return &Error{Malformed, c.s.Where(at), what}
}
