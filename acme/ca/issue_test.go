package ca

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cnfd/acme"
)

var allTypes = []acme.KeyType{acme.P256, acme.P384, acme.RSA, acme.Ed25519}

func TestIssueOfEveryType(t *testing.T) {
	for _, of := range allTypes {
		s := newScene(t, of)
		for _, leafType := range allTypes {
			t.Run(string(of)+" signs "+string(leafType), func(t *testing.T) {
				r := s.request("vendor.example", "*.vendor.example")
				r.Identifiers = append(r.Identifiers, acme.Identifier{Type: acme.TypeIP, Value: "192.0.2.7"}, acme.Identifier{Type: acme.TypeIP, Value: "2001:db8::7"})
				r.PublicKey = madeKey(t, leafType).Public()
				issued, leaf := s.issue(r)
				for n, chain := range issued.Chains {
					if err := s.chains(leaf, chain, s.now); err != nil {
						t.Errorf("chain %d: %v", n, err)
					}
				}
				if usage := leaf.KeyUsage; (usage&x509.KeyUsageKeyEncipherment != 0) != (leafType == acme.RSA) || usage&x509.KeyUsageDigitalSignature == 0 {
					t.Errorf("key usage %b", usage)
				}
			})
		}
	}
}

func TestIssued(t *testing.T) {
	s := newScene(t, acme.P256)
	r := s.request("vendor.example", "*.vendor.example")
	r.Identifiers = append(r.Identifiers, acme.Identifier{Type: acme.TypeIP, Value: "2001:db8::7"})
	r.Now = s.now.Add(999 * time.Millisecond)
	var serial string
	var tbs []byte
	issued, err := s.ca.Issue(context.Background(), r, func(n string, octets []byte) error {
		serial, tbs = n, octets
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(issued.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	issuer, id := s.cert(certFile(1)), s.ca.Issuers()[0]
	critical := map[string]bool{}
	for _, e := range leaf.Extensions {
		critical[e.Id.String()] = e.Critical
	}
	for claim, ok := range map[string]bool{
		"what was committed was signed":                     bytes.Equal(tbs, leaf.RawTBSCertificate),
		"the serial number is the one that was committed":   serial == issued.Serial && serial == hex.EncodeToString(leaf.SerialNumber.Bytes()),
		"it has 32 digits":                                  len(serial) == 32,
		"the issuer is named":                               issued.Issuer == id && len(id) == 16,
		"the subject is empty":                              bytes.Equal(leaf.RawSubject, []byte{0x30, 0}),
		"subjectAltName is critical":                        critical["2.5.29.17"],
		"names are those asked for, in their order":         slices.Equal(leaf.DNSNames, []string{"vendor.example", "*.vendor.example"}) && len(leaf.IPAddresses) == 1 && leaf.IPAddresses[0].Equal(net.ParseIP("2001:db8::7")),
		"it is of no CA, and says so critically":            leaf.BasicConstraintsValid && !leaf.IsCA && critical["2.5.29.19"],
		"key usage is critical":                             critical["2.5.29.15"] && leaf.KeyUsage == x509.KeyUsageDigitalSignature,
		"extended key usage is the profile's":               slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}),
		"it names its list":                                 slices.Equal(leaf.CRLDistributionPoints, []string{"http://ca.example/crl/" + id + ".crl"}),
		"it names its issuer's certificate":                 slices.Equal(leaf.IssuingCertificateURL, []string{"http://ca.example/ca/" + id + ".crt"}),
		"the authority key identifier is the issuer's":      bytes.Equal(leaf.AuthorityKeyId, issuer.SubjectKeyId),
		"there is a subject key identifier":                 len(leaf.SubjectKeyId) == 20,
		"it begins in the past by the backdate":             leaf.NotBefore.Equal(s.now.Add(-time.Hour)),
		"it lasts a life, both ends counted":                leaf.NotAfter.Equal(leaf.NotBefore.Add(168*time.Hour - time.Second)),
		"the default chain is the intermediate alone":       len(issued.Chains) == 1 && bytes.Equal(issued.Chains[0], certPEM(issuer.Raw)),
		"nothing is in it that a relying party cannot read": len(leaf.UnhandledCriticalExtensions) == 0,
	} {
		if !ok {
			t.Errorf("not so: %s", claim)
		}
	}
	if der, ok := s.ca.IssuerDER(id); !ok || !bytes.Equal(der, issuer.Raw) {
		t.Error("the issuer's certificate is not served by its id")
	}
	if _, ok := s.ca.IssuerDER("0000000000000000"); ok {
		t.Error("a certificate of nobody is served")
	}
}

// TestNothingSigned: each row is a request that is issued, with one thing changed.
func TestNothingSigned(t *testing.T) {
	broken := errors.New("the store is full")
	cases := []struct {
		claim     string
		change    func(*scene, *acme.Request) (context.Context, func(string, []byte) error)
		want      string
		kind      acme.Kind // "": no Problem
		committed bool      // commit was asked
	}{
		{claim: "the store cannot keep it", want: "the store is full", committed: true, change: func(*scene, *acme.Request) (context.Context, func(string, []byte) error) {
			return nil, func(string, []byte) error { return broken }
		}},
		{claim: "who asked has gone", want: "context canceled", change: func(*scene, *acme.Request) (context.Context, func(string, []byte) error) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ctx, nil
		}},
		{claim: "no chance is to be had", want: "serial number: no random octets", change: func(s *scene, _ *acme.Request) (context.Context, func(string, []byte) error) {
			s.ca.config.Rand = iotest.ErrReader(errors.New("no entropy"))
			return nil, nil
		}},
		{claim: "chance gives out halfway", want: "serial number: no random octets", change: func(s *scene, _ *acme.Request) (context.Context, func(string, []byte) error) {
			s.ca.config.Rand = bytes.NewReader(make([]byte, 15))
			return nil, nil
		}},
		{claim: "chance gives but zeros", want: "gives but zeros", change: func(s *scene, _ *acme.Request) (context.Context, func(string, []byte) error) {
			s.ca.config.Rand = zeros{}
			return nil, nil
		}},
		{claim: "a name breaks a rule", want: "e_rfc_dnsname_empty_label", kind: acme.RejectedIdentifier, change: change(func(r *acme.Request) { r.Identifiers = dns("vendor..example") })},
		{claim: "a label is too long", want: "e_rfc_dnsname_label_too_long", kind: acme.RejectedIdentifier, change: change(func(r *acme.Request) { r.Identifiers = dns(strings.Repeat("a", 64) + ".example") })},
		{claim: "a name is not ASCII", want: "IA5String", change: change(func(r *acme.Request) { r.Identifiers = dns("bücher.example") })},
		{claim: "a name stands there twice", want: "twice", kind: acme.RejectedIdentifier, change: change(func(r *acme.Request) { r.Identifiers = dns("vendor.example", "vendor.example") })},
		{claim: "an address is not in its one form", want: "one text form", kind: acme.RejectedIdentifier, change: change(func(r *acme.Request) {
			r.Identifiers = []acme.Identifier{{Type: acme.TypeIP, Value: "2001:db8:0::7"}}
		})},
		{claim: "an IPv4 address is dressed up as IPv6", want: "one text form", kind: acme.RejectedIdentifier, change: change(func(r *acme.Request) {
			r.Identifiers = []acme.Identifier{{Type: acme.TypeIP, Value: "::ffff:192.0.2.7"}}
		})},
		{claim: "an address is passed off as a name", want: "want a DNS name", kind: acme.RejectedIdentifier, change: change(func(r *acme.Request) { r.Identifiers = dns("192.0.2.7") })},
		{claim: "a name is not in lower case", want: "lower case", kind: acme.RejectedIdentifier, change: change(func(r *acme.Request) { r.Identifiers = dns("Vendor.example") })},
		{claim: "an identifier is of another type", want: "dns and ip", kind: acme.UnsupportedIdentifier, change: change(func(r *acme.Request) {
			r.Identifiers = []acme.Identifier{{Type: "email", Value: "a@vendor.example"}}
		})},
		{claim: "there is no identifier", want: "no identifier", kind: acme.Malformed, change: change(func(r *acme.Request) { r.Identifiers = nil })},
		{claim: "there is no key", want: "key: none", kind: acme.BadCSR, change: change(func(r *acme.Request) { r.PublicKey = nil })},
		{claim: "the profile takes no such key", want: "takes [rsa]", kind: acme.BadCSR, change: change(func(r *acme.Request) { r.Profile.KeyTypes = []acme.KeyType{acme.RSA} })},
		{claim: "the profile takes no key at all", want: "takes []", kind: acme.BadCSR, change: change(func(r *acme.Request) { r.Profile.KeyTypes = nil })},
		{claim: "the key can do nothing of what the profile is for", want: "take one of another type", kind: acme.BadCSR, change: change(func(r *acme.Request) { r.Profile.Usage = x509.KeyUsageKeyEncipherment })},
		{claim: "the profile would make a CA", want: "a key usage of CAs", change: change(func(r *acme.Request) { r.Profile.Usage |= x509.KeyUsageCertSign })},
		{claim: "the profile says nothing of what it is for", want: "good for everything", change: change(func(r *acme.Request) { r.Profile.ExtUsage = nil })},
		{claim: "the profile is for everything", want: "for nobody", change: change(func(r *acme.Request) { r.Profile.ExtUsage = append(r.Profile.ExtUsage, x509.ExtKeyUsageAny) })},
		{claim: "the profile would speak for the CA", want: "for nobody", change: change(func(r *acme.Request) { r.Profile.ExtUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })},
		{claim: "the profile has no life", want: "leaves nothing", change: change(func(r *acme.Request) { r.Profile.Life = 0 })},
		{claim: "there is no profile", want: "without a profile", change: change(func(r *acme.Request) { r.Profile = nil })},
		{claim: "there is no time", want: "without a profile or a time", change: change(func(r *acme.Request) { r.Now = time.Time{} })},
		{claim: "the intermediate has half an hour left", want: "rotate", change: func(s *scene, r *acme.Request) (context.Context, func(string, []byte) error) {
			r.Now = s.cert(certFile(1)).NotAfter.Add(-30 * time.Minute)
			return nil, nil
		}},
		{claim: "the clock was set back before the CA's beginning", want: "is the clock right", change: func(s *scene, r *acme.Request) (context.Context, func(string, []byte) error) {
			r.Now = s.now.Add(-2 * time.Hour)
			return nil, nil
		}},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, acme.P256)
			key, commits := s.spied(), 0
			s.issue(s.request("vendor.example"))
			if key.signed != 1 {
				t.Fatalf("unchanged, %d signatures", key.signed)
			}
			r := s.request("vendor.example")
			ctx, commit := c.change(s, r)
			if ctx == nil {
				ctx = context.Background()
			}
			if commit == nil {
				commit = kept
			}
			issued, err := s.ca.Issue(ctx, r, func(n string, tbs []byte) error {
				commits++
				return commit(n, tbs)
			})
			wants(t, err, c.want)
			var problem *acme.Problem
			if errors.As(err, &problem); (problem == nil) != (c.kind == "") || problem != nil && problem.Kind != c.kind {
				t.Errorf("%v: want kind %q", err, c.kind)
			}
			if issued != nil || key.signed != 1 || (commits == 1) != c.committed {
				t.Errorf("%v, %d signatures, %d commits", issued, key.signed, commits)
			}
			if c.committed && !errors.Is(err, broken) {
				t.Errorf("%v: not commit's own error", err)
			}
		})
	}
	t.Run("nobody keeps it", func(t *testing.T) {
		s := newScene(t, acme.P256)
		_, err := s.ca.Issue(context.Background(), s.request("vendor.example"), nil)
		wants(t, err, "nobody to keep")
	})
}

// change changes the request alone.
func change(f func(*acme.Request)) func(*scene, *acme.Request) (context.Context, func(string, []byte) error) {
	return func(_ *scene, r *acme.Request) (context.Context, func(string, []byte) error) {
		f(r)
		return nil, nil
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestKeyThatSpoils(t *testing.T) {
	cases := []struct {
		claim string
		flip  func(*spy)
		want  string
	}{
		{"it signs something else", func(s *spy) { s.lies = true }, "signature returned by signer is invalid"},
		{"it has an error after it has signed", func(s *spy) { s.fails = true }, "pulled out"},
	}
	for _, kind := range allTypes {
		s := newScene(t, kind)
		key := s.spied()
		for _, c := range cases {
			t.Run(string(kind)+": "+c.claim, func(t *testing.T) {
				key.lies, key.fails = false, false
				s.issue(s.request("vendor.example"))
				c.flip(key)
				issued, err := s.ca.Issue(context.Background(), s.request("vendor.example"), kept)
				wants(t, err, c.want, "is of no certificate")
				if issued != nil {
					t.Error("it was given out all the same")
				}
			})
		}
	}
}

// TestOtherOctets: whatever happens between commit and the signature, the key signs what was
// committed or nothing.
func TestOtherOctets(t *testing.T) {
	s := newScene(t, acme.P256)
	key, h := s.spied(), s.ca.present.Load()
	r := s.request("vendor.example")
	template, err := s.ca.template(r, h)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1 << 40)
	tbs, err := s.ca.rehearse(r, h, template)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sign(h.newest(), template, r.PublicKey, tbs); err != nil || key.signed != 1 {
		t.Fatalf("unchanged: %v, %d signatures", err, key.signed)
	}
	flips := map[string]func(*x509.Certificate){
		"another name":          func(c *x509.Certificate) { c.DNSNames = []string{"victim.example"} },
		"another serial number": func(c *x509.Certificate) { c.SerialNumber = big.NewInt(7) },
		"a second more":         func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(time.Second) },
	}
	for claim, flip := range flips {
		t.Run(claim, func(t *testing.T) {
			other := *template
			flip(&other)
			if _, err := sign(h.newest(), &other, r.PublicKey, tbs); !errors.Is(err, errOthers) || key.signed != 1 {
				t.Errorf("%v, %d signatures", err, key.signed)
			}
		})
	}
	if _, err := (&bound{key, tbs}).Sign(nil, make([]byte, 32), nil); !errors.Is(err, errOthers) || key.signed != 1 {
		t.Errorf("a digest is signed: %v", err)
	}
}

// TestDiffers: each row is a certificate as it was asked for, with one thing changed.
func TestDiffers(t *testing.T) {
	s := newScene(t, acme.P256)
	r := s.request("vendor.example")
	template, err := s.ca.template(r, s.ca.present.Load())
	if err != nil {
		t.Fatal(err)
	}
	_, leaf := s.issue(r)
	issuer := s.cert(certFile(1))
	template.SerialNumber = leaf.SerialNumber
	if what := differs(leaf, template, r.PublicKey, issuer); what != "" {
		t.Fatalf("unchanged: %s", what)
	}
	flips := []struct {
		want string
		flip func(*x509.Certificate)
	}{
		{"serial number", func(c *x509.Certificate) { c.SerialNumber = big.NewInt(7) }},
		{"public key", func(c *x509.Certificate) { c.PublicKey = madeKey(t, acme.P256).Public() }},
		{"public key", func(c *x509.Certificate) { c.PublicKey = nil }},
		{"names", func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "victim.example") }},
		{"names", func(c *x509.Certificate) { c.IPAddresses = []net.IP{{192, 0, 2, 7}} }},
		{"names", func(c *x509.Certificate) { c.EmailAddresses = []string{"a@vendor.example"} }},
		{"subject or issuer", func(c *x509.Certificate) { c.RawIssuer = s.cert(rootCertFile).RawSubject }},
		{"subject or issuer", func(c *x509.Certificate) { c.Subject.Names = issuer.Subject.Names }},
		{"validity", func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(time.Second) }},
		{"basic constraints", func(c *x509.Certificate) { c.IsCA = true }},
		{"basic constraints", func(c *x509.Certificate) { c.BasicConstraintsValid = false }},
		{"key usage", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }},
		{"key usage", func(c *x509.Certificate) { c.ExtKeyUsage = nil }},
		{"key identifiers", func(c *x509.Certificate) { c.AuthorityKeyId = nil }},
		{"URLs", func(c *x509.Certificate) { c.CRLDistributionPoints = nil }},
	}
	for _, f := range flips {
		got := *leaf
		f.flip(&got)
		if what := differs(&got, template, r.PublicKey, issuer); what != f.want {
			t.Errorf("%q, want %q", what, f.want)
		}
	}
}

// TestSerials: no two are alike, none is short, none negative.
func TestSerials(t *testing.T) {
	seen := map[string]bool{}
	for range 10000 {
		n, text, err := newSerial(rand.Reader)
		if err != nil || n.Sign() <= 0 || n.BitLen() <= 120 || len(text) != 32 || seen[text] {
			t.Fatalf("%v %q %v", n, text, err)
		}
		seen[text] = true
	}
	// A first octet of zero is thrown away, the next 16 are taken.
	octets := append(make([]byte, 16), bytes.Repeat([]byte{0xff}, 16)...)
	if _, text, err := newSerial(bytes.NewReader(octets)); err != nil || text != strings.Repeat("f", 32) {
		t.Errorf("%q %v", text, err)
	}
}
