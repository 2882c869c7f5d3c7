package record

import (
	"errors"
	"strings"
	"testing"
)

var allOn = Subjects{Mailto: true, Acct: true, SPIFFE: true, Bare: true}

func TestDomainOfEverySubjectThatNamesOne(t *testing.T) {
	long := strings.Repeat("a.", 126) + "b" // 253 octets
	label63 := strings.Repeat("a", 63)
	for _, c := range []struct{ claim, sub, want string }{
		{"https names its host", "https://vendor.example", "vendor.example"},
		{"http names its host", "http://vendor.example/", "vendor.example"},
		{"wss names its host", "wss://vendor.example/s", "vendor.example"},
		{"ws names its host", "ws://vendor.example/s", "vendor.example"},
		{"coap names its host", "coap://vendor.example", "vendor.example"},
		{"coaps names its host", "coaps://jwt.vc", "jwt.vc"},
		{"coap+tcp names its host", "coap+tcp://vendor.example", "vendor.example"},
		{"coaps+tcp names its host", "coaps+tcp://vendor.example", "vendor.example"},
		{"coap+ws names its host", "coap+ws://vendor.example", "vendor.example"},
		{"coaps+ws names its host", "coaps+ws://vendor.example", "vendor.example"},
		{"a scheme's case does not matter", "HTTPS://vendor.example", "vendor.example"},
		{"a host's case does not matter", "https://VENDOR.Example", "vendor.example"},
		{"the exact host, no parent", "https://a.b.c.vendor.example", "a.b.c.vendor.example"},
		{"a name of one label is a name", "https://vendor", "vendor"},

		{"a port is ignored", "https://vendor.example:8443/x", "vendor.example"},
		{"an empty port is ignored", "https://vendor.example:/x", "vendor.example"},
		{"a path is ignored", "https://vendor.example/a/b:c@d", "vendor.example"},
		{"a query is ignored", "https://vendor.example?a=b@c", "vendor.example"},
		{"a fragment is ignored", "https://vendor.example#a@b", "vendor.example"},
		{"a path beyond ASCII is ignored", "https://vendor.example/é", "vendor.example"},
		{"a trailing dot is dropped", "https://vendor.example./x", "vendor.example"},

		{"did:web names its first segment", "did:web:vendor.example", "vendor.example"},
		{"did:web's port is dropped", "did:web:vendor.example%3A8443", "vendor.example"},
		{"did:web's port is dropped, in lower-case hex", "did:web:vendor.example%3a8443:user", "vendor.example"},
		{"did:web's path is ignored", "did:web:vendor.example:user:alice", "vendor.example"},
		{"a DID URL's path, query and fragment are ignored", "did:web:vendor.example/p?q#key-1", "vendor.example"},
		{"a DID URL's fragment is ignored", "did:web:vendor.example#key-1", "vendor.example"},
		{"did:web is percent-decoded", "did:web:%E2%98%95.example", "xn--53h.example"},
		{"the scheme did is of either case", "DID:web:vendor.example", "vendor.example"},

		{"dns names its dnsname", "dns:vendor.example", "vendor.example"},
		{"dns's authority names a server", "dns://192.168.1.1/ftp.vendor.example?type=A", "ftp.vendor.example"},
		{"dns's authority may be an IPv6 address with a port", "dns://[::1]:53/vendor.example", "vendor.example"},
		{"dns's authority may be empty", "dns:///vendor.example", "vendor.example"},
		{"dns's query is ignored", "dns:vendor.example.?clAsS=IN;tYpE=A", "vendor.example"},

		{"spiffe names its trust domain", "spiffe://vendor.example/ns/prod/sa/a", "vendor.example"},
		{"mailto names the mail domain", "mailto:alice@vendor.example", "vendor.example"},
		{"mailto's header fields are ignored", "mailto:alice@vendor.example?subject=hi&body=a@b", "vendor.example"},
		{"mailto's domain is percent-decoded", "mailto:alice@%E2%98%95.example", "xn--53h.example"},
		{"acct names its host", "acct:alice@vendor.example", "vendor.example"},
		{"acct may have an encoded @ (RFC 7565 §4)", "acct:juliet%40capulet.example@shoppingsite.example", "shoppingsite.example"},
		{"a bare host names itself", "vendor.example", "vendor.example"},
		{"a bare host beyond ASCII names itself", "☕.example", "xn--53h.example"},

		{"the draft's coffee", "https://☕.example", "xn--53h.example"},
		{"the draft's coffee, encoded already", "https://xn--53h.example", "xn--53h.example"},
		{"an encoded label of either case", "https://XN--53H.example", "xn--53h.example"},
		{"non-transitional: ß stays", "https://faß.de", "xn--fa-hia.de"},
		{"mapped: a capital Ü is a small one", "https://BÜCHER.example", "xn--bcher-kva.example"},
		{"mapped: a decomposed ü is composed", "https://bu\u0308cher.example", "xn--bcher-kva.example"},
		{"mapped: full-width letters", "https://ｖｅｎｄｏｒ.example", "vendor.example"},
		{"an ideographic full stop is a dot", "https://vendor。example", "vendor.example"},
		{"an ideographic full stop at the end is dropped", "https://vendor.example。", "vendor.example"},
		{"a full-width full stop at the end is dropped", "https://vendor.example．", "vendor.example"},
		{"a half-width ideographic full stop at the end is dropped", "https://vendor.example｡", "vendor.example"},
		{"a full-width full stop is a dot", "https://vendor．example", "vendor.example"},
		{"a half-width ideographic full stop is a dot", "https://vendor｡example", "vendor.example"},
		{"a soft hyphen is nothing", "https://ven\u00addor.example", "vendor.example"},
		{"a joiner where the script allows it stays", "https://\u0915\u094d\u200d\u0937.example", "xn--11b2ezcw70k.example"},
		{"hyphens in the third and fourth place", "https://r3---sn.example", "r3---sn.example"},
		{"a percent-encoded host is decoded, then mapped", "https://%E2%98%95.example", "xn--53h.example"},
		{"percent-encoded ASCII is decoded", "https://%76endor%2Eexample", "vendor.example"},
		{"right-to-left", "https://\u05d0\u05d1.example", "xn--4dbc.example"},

		{"a label of digits that is not the last", "https://123.example", "123.example"},
		{"a last label that only begins with digits", "https://vendor.1a", "vendor.1a"},
		{"253 octets", "https://" + long, long},
		{"a label of 63 octets", "https://" + label63 + ".example", label63 + ".example"},
		{"example is an ordinary name", "https://example", "example"},
		{"test is an ordinary name", "https://a.test", "a.test"},
		{"mylocalhost is no localhost", "https://mylocalhost", "mylocalhost"},
		{"local as another label", "https://local.example", "local.example"},
		{"arpa is an ordinary name", "https://a.in-addr.arpa", "a.in-addr.arpa"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := Domain(c.sub, allOn)
			if err != nil || got != c.want {
				t.Errorf("Domain(%q) = %q, %v; want %q", c.sub, got, err, c.want)
			}
		})
	}
}

func TestNoDomain(t *testing.T) {
	long := strings.Repeat("a.", 126) + "bc" // 254 octets
	for _, c := range []struct {
		claim, sub string
		want       *rule
	}{
		{"no subject", "", emptySubject},
		{"urn", "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", otherScheme},
		{"another scheme", "ftp://vendor.example", otherScheme},
		{"a host and a port look like a scheme", "vendor.example:443", otherScheme},
		{"another DID method", "did:key:z6MkhaXgBZD", otherDID},
		{"a DID method is in lower case", "did:WEB:vendor.example", otherDID},
		{"a longer DID method", "did:webvh:abc:vendor.example", otherDID},
		{"a string", "alice", bareNoDot},
		{"a string with a slash", "vendor.example/alice", noScheme},
		{"an address without a scheme", "alice@vendor.example", noScheme},
		{"no scheme before the colon", "☕:x", noScheme},
		{"a scheme that begins with a digit", "1https://vendor.example", noScheme},
		{"an empty scheme", "://vendor.example", noScheme},
		{"a network-path reference", "//vendor.example:443/", noScheme},

		{"https without slashes", "https:vendor.example", noSlashes},
		{"https with one slash", "https:/vendor.example", noSlashes},
		{"a backslash for a slash", `https:\\vendor.example`, badOctet},
		{"a backslash after the host", `https://vendor.example\@other.example`, badOctet},
		{"a backslash in the path", `https://vendor.example/\`, badOctet},
		{"a leading space", " https://vendor.example", badOctet},
		{"a trailing newline", "https://vendor.example\n", badOctet},
		{"a tab in the host", "https://ven\tdor.example", badOctet},
		{"a NUL", "https://vendor.example\x00.evil.example", badOctet},
		{"a DEL", "https://vendor.example/\x7f", badOctet},
		{"a C1 control", "https://vendor.example/\u0090", badOctet},
		{"a next-line control", "https://vendor.example/\u0085", badOctet},
		{"a line separator", "https://vendor.example/\u2028", badOctet},
		{"an ideographic space", "https://vendor\u3000.example", badOctet},
		{"invalid UTF-8", "https://vendor.example/\xff", badOctet},

		{"a user", "https://alice@vendor.example", userinfo},
		{"a user and a password", "https://alice:secret@vendor.example", userinfo},
		{"an empty user", "https://@vendor.example", userinfo},
		{"a user in did:web", "did:web:alice%40vendor.example", userinfo},
		{"a user in dns's authority", "dns://alice@ns.example/vendor.example", userinfo},
		{"a user in spiffe", "spiffe://alice@vendor.example/x", userinfo},

		{"a port of letters", "https://vendor.example:https", badPort},
		{"a signed port", "https://vendor.example:+1", badPort},
		{"two ports", "https://vendor.example:1:2", badPort},
		{"a port over 65535", "https://vendor.example:65536", badPort},
		{"a port that overflows", "https://vendor.example:99999999999999999999", badPort},
		{"a port of letters in did:web", "did:web:vendor.example%3Ax", badPort},
		{"a port in spiffe", "spiffe://vendor.example:8443/x", spiffeDomain},
		{"percent-encoding in spiffe", "spiffe://%76endor.example/x", spiffeDomain},
		{"beyond ASCII in spiffe", "spiffe://☕.example/x", spiffeDomain},
		{"spiffe without slashes", "spiffe:vendor.example", noSlashes},

		{"an empty host", "https://", emptyHost},
		{"an empty host before a path", "https:///vendor.example", emptyHost},
		{"an empty host before a port", "https://:443", emptyHost},
		{"an empty first segment", "did:web:", emptyHost},
		{"an empty first segment before a path", "did:web::alice", emptyHost},
		{"an empty trust domain", "spiffe:///x", emptyHost},
		{"the root", "https://.", emptyHost},
		{"the root of dns", "dns:.", emptyHost},
		{"dns without a name", "dns:", dnsNoName},
		{"dns with a server only", "dns://vendor.example", dnsNoName},
		{"dns with a server and no name", "dns://vendor.example/", dnsNoName},
		{"dns with a query only", "dns:?type=A", dnsNoName},

		{"mailto without an address", "mailto:", oneAddress},
		{"mailto without a local part", "mailto:@vendor.example", oneAddress},
		{"mailto without a domain", "mailto:alice", oneAddress},
		{"mailto with an empty domain", "mailto:alice@", emptyHost},
		{"mailto with two addresses", "mailto:alice@vendor.example,bob@other.example", oneAddress},
		{"mailto with a list before the @", "mailto:alice,bob@vendor.example", oneAddress},
		{"mailto with an encoded comma", "mailto:alice%2Cbob@vendor.example", oneAddress},
		{"mailto with an encoded @", "mailto:alice%40other.example@vendor.example", oneAddress},
		{"mailto with a to field", "mailto:alice@vendor.example?to=bob@other.example", oneAddress},
		{"mailto with a later, encoded to field", "mailto:alice@vendor.example?subject=x&T%6F=bob@other.example", oneAddress},
		{"mailto with a cc field", "mailto:alice@vendor.example?CC=bob@other.example", oneAddress},
		{"mailto with to alone", "mailto:?to=alice@vendor.example", oneAddress},
		{"mailto with the @ in a field", "mailto:a?b@vendor.example", oneAddress},
		{"mailto with an address literal", "mailto:alice@[192.0.2.1]", badIDNA},
		{"acct without a user", "acct:@vendor.example", oneAddress},
		{"acct with two hosts", "acct:alice@a.example@b.example", oneAddress},

		{"an IPv4 address", "https://192.0.2.1", ipLiteral},
		{"an IPv4 address with a trailing dot", "https://1.2.3.4.", ipLiteral},
		{"an IPv4 address in hex", "https://0x7f.1", ipLiteral},
		{"an IPv4 address in hex at the end", "https://127.0.0.0x1", ipLiteral},
		{"an empty hex number", "https://vendor.0x", ipLiteral},
		{"an IPv4 address of two parts", "https://127.1", ipLiteral},
		{"an IPv4 address of one part", "https://2130706433", ipLiteral},
		{"an IPv4 address in octal", "https://0177.0.0.01", ipLiteral},
		{"an IPv4 address in full-width digits", "https://１２７.０.０.１", ipLiteral},
		{"an IPv4 address in circled digits", "https://①②⑦.1", ipLiteral},
		{"an IPv4 address percent-encoded", "https://%31%32%37.1", ipLiteral},
		{"an IPv4 address between ideographic stops", "https://127。0。0。1", ipLiteral},
		{"a name with a number at the end", "https://vendor.example.1", ipLiteral},
		{"an IPv6 address", "https://[::1]", ipLiteral},
		{"an IPv6 address with a port", "https://[2001:db8::1]:443/", ipLiteral},
		{"an IPv6 address with a zone", "https://[fe80::1%25eth0]", ipLiteral},
		{"an IPv6 address in did:web", "did:web:%5B::1%5D", ipLiteral},
		{"an IPv4 address in dns", "dns:192.0.2.1", ipLiteral},
		{"an IPv4 address in bare form", "192.0.2.1", ipLiteral},
		{"a future address", "https://[v1.a:b]", ipLiteral},

		{"an empty label", "https://a..b", emptyLabel},
		{"an empty first label", "https://.vendor.example", emptyLabel},
		{"two trailing dots", "https://vendor.example..", emptyLabel},
		{"two trailing dots of two kinds", "https://vendor.example.。", emptyLabel},
		{"a last label that decodes to nothing", "https://vendor.xn--", emptyLabel},
		{"a label that decodes to nothing", "https://a.xn--.example", emptyLabel},
		{"a label of ignored characters only", "https://a.\u00ad.example", emptyLabel},
		{"a label over 63 octets", "https://" + strings.Repeat("a", 64) + ".example", labelTooLong},
		{"a label over 63 octets once encoded", "https://" + strings.Repeat("ü", 60) + ".example", labelTooLong},
		{"254 octets", "https://" + long, nameTooLong},
		{"a long host, before any work is done on it", "https://" + strings.Repeat("☕é", 12000) + ".example", nameTooLong},
		{"an underscore", "https://_dmarc.vendor.example", badIDNA},
		{"an underscore in an encoded name", "https://a_☕.example", badIDNA},
		{"an encoded slash", "https://vendor.example%2F.other.example", badIDNA},
		{"an encoded @", "https://alice%40vendor.example", badIDNA},
		{"an encoded percent sign", "https://vendor%2541.example", badIDNA},
		{"an encoded space", "https://vendor%20.example", badPercent},
		{"an encoded NUL", "https://vendor.example%00", badPercent},
		{"encoded octets that are no UTF-8", "https://%ff.example", badPercent},
		{"a broken percent-encoding", "https://vendor%2.example", badPercent},
		{"a percent sign at the end", "https://vendor%", badPercent},
		{"a slash in dns's name", "dns:vendor.example/x", badIDNA},
		{"other ASCII", "https://vendor!.example", badIDNA},
		{"a leading hyphen", "https://-vendor.example", badHyphen},
		{"a trailing hyphen", "https://vendor-.example", badHyphen},
		{"a trailing hyphen at the end", "https://vendor.example-", badHyphen},
		{"a label that decodes to ASCII", "https://xn--vendor-.example", badIDNA},
		{"a label that does not decode", "https://xn--a.example", badIDNA},
		{"a label that decodes to what UTS 46 would map", "https://xn--bcher-6pa.example", badIDNA},
		{"a disallowed character", "https://a\u2260\ufffd.example", badIDNA},
		{"a joiner where no script allows it", "https://a\u200db.example", badIDNA},
		{"a combining mark first", "https://\u0308a.example", badIDNA},
		{"mixed directions", "https://a\u05d0.example", badIDNA},
		{"mixed directions that only the mapping brings about", "https://a\u2135b.example", badIDNA},
		{"mixed directions in an encoded label", "https://xn--ab-vld.example", badIDNA},
		{"an encoded label beyond ASCII, of another's name", "https://xn--fa\u00df-.de", badIDNA},
		{"an encoded label beyond ASCII, in capitals", "https://XN--\u03a3--.example", badIDNA},
		{"an encoded label beyond ASCII, once it is mapped", "https://a\u3002\uff58\u00adN--fa\u00df-.de", badIDNA},
		{"an encoded label beyond ASCII, percent-encoded", "https://xn--fa%C3%9F-.de", badIDNA},

		{"localhost", "https://localhost:8443", specialUse},
		{"under localhost", "https://a.localhost", specialUse},
		{"LOCALHOST with a dot", "https://LOCALHOST.", specialUse},
		{"local", "https://printer.local", specialUse},
		{"onion", "http://a.onion", specialUse},
		{"invalid", "https://a.invalid", specialUse},
		{"alt", "https://a.alt", specialUse},
		{"home.arpa", "https://nas.home.arpa", specialUse},
		{"internal", "https://a.internal", specialUse},
		{"internal in full width", "https://a.ｉｎｔｅｒｎａｌ", specialUse},
		{"did:web of localhost", "did:web:localhost%3A8443", specialUse},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := Domain(c.sub, allOn)
			var refused *NotDerivable
			if !errors.As(err, &refused) || got != "" {
				t.Fatalf("Domain(%q) = %q, %v; want nothing and a *NotDerivable", c.sub, got, err)
			}
			if remedy, _, _ := strings.Cut(refused.Remedy, "; for a certificate"); refused.Rule != c.want.what || remedy != c.want.remedy {
				t.Errorf("Domain(%q): %v; want the rule %q", c.sub, err, c.want.what)
			}
		})
	}
}

// TestAnAddressNamesItsCertificatesRecord: what the remedy names is a subject, of the reverse name.
func TestAnAddressNamesItsCertificatesRecord(t *testing.T) {
	const six = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
	for sub, want := range map[string]string{
		"https://10.9.0.80": "80.0.9.10.in-addr.arpa", "https://192.0.2.1:8443/x": "1.2.0.192.in-addr.arpa", "192.0.2.1": "1.2.0.192.in-addr.arpa",
		"https://[2001:db8::1]": six, "https://[2001:db8::1]:443/": six, "https://[::ffff:192.0.2.1]": "1.2.0.192.in-addr.arpa",
		"https://0x7f.1": "", "https://127.1": "", "https://vendor.example.1": "", "https://[fe80::1%25eth0]": "", "https://[v1.a:b]": "", "dns://10.9.0.80/192.0.2.1": "", "https://-vendor.example": "",
	} {
		_, err := Domain(sub, allOn)
		var refused *NotDerivable
		if !errors.As(err, &refused) {
			t.Fatalf("%s: %v", sub, err)
		}
		_, subject, told := strings.Cut(refused.Remedy, "; for a certificate of this address: ")
		if told != (want != "") {
			t.Errorf("%s: %q", sub, refused.Remedy)
		} else if got, err := Domain(subject, Subjects{}); told && (err != nil || got != want) {
			t.Errorf("%s: %q is of %q, %v, want %q", sub, subject, got, err, want)
		}
	}
}

func TestWhatIsNotTurnedOnIsRefusedAndSaysHow(t *testing.T) {
	for _, c := range []struct {
		sub  string
		want *rule
		on   Subjects
	}{
		{"mailto:alice@vendor.example", mailtoOff, Subjects{Mailto: true}},
		{"acct:alice@vendor.example", acctOff, Subjects{Acct: true}},
		{"spiffe://vendor.example/x", spiffeOff, Subjects{SPIFFE: true}},
		{"vendor.example", bareOff, Subjects{Bare: true}},
	} {
		t.Run(c.sub, func(t *testing.T) {
			_, err := Domain(c.sub, Subjects{})
			var refused *NotDerivable
			if !errors.As(err, &refused) || refused.Rule != c.want.what {
				t.Errorf("off: %v; want %q", err, c.want.what)
			}
			if got, err := Domain(c.sub, c.on); err != nil || got != "vendor.example" {
				t.Errorf("on: %q, %v", got, err)
			}
		})
	}
}

func TestLocalDomainsMayBeSpecialUseNames(t *testing.T) {
	local := Subjects{Local: []string{"Corp.Internal.", "localhost", ".", ""}}
	for sub, want := range map[string]string{
		"https://corp.internal":   "corp.internal",
		"https://a.corp.internal": "a.corp.internal",
		"https://localhost:1":     "localhost",
	} {
		if got, err := Domain(sub, local); err != nil || got != want {
			t.Errorf("Domain(%q) = %q, %v", sub, got, err)
		}
	}
	for _, sub := range []string{"https://internal", "https://other.internal", "https://notcorp.internal", "https://a.onion"} {
		if got, err := Domain(sub, local); err == nil {
			t.Errorf("Domain(%q) = %q, want an error", sub, got)
		}
	}
}

func TestErrorsShowNeitherPasswordsNorAddressesNorWholeNovels(t *testing.T) {
	for _, sub := range []string{"https://alice:secret@vendor.example", "mailto:alice.secret@vendor.example", "did:web:secret%40vendor.example",
		"https://alice:secret\uff20vendor.example", "did:jwk:secret", "DID:JWK:secret", "data:application/jwk+json,secret"} {
		if _, err := Domain(sub, Subjects{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Domain(%q): %v", sub, err)
		}
	}
	_, err := Domain("urn:\u202e"+strings.Repeat("x", 60000), Subjects{})
	if err == nil || len(err.Error()) > 300 || strings.ContainsRune(err.Error(), '\u202e') {
		t.Errorf("a long subject gives an error of %d octets", len(err.Error()))
	}
}

func TestAfterAnErrorNothingIsAppended(t *testing.T) {
	dst := []byte("before")
	for _, sub := range []string{"https://a..b", "https://☕..example", "https://a.localhost", "urn:x", "https://xn--a.example"} {
		if out, err := AppendDomain(dst, []byte(sub), nil); err == nil || string(out) != "before" {
			t.Errorf("AppendDomain(%q) = %q, %v", sub, out, err)
		}
	}
	if out, err := AppendDomain(dst, []byte("https://vendor.example"), nil); err != nil || string(out) != "beforevendor.example" {
		t.Errorf("AppendDomain = %q, %v", out, err)
	}
}

func TestPlainHostsCostNoAllocation(t *testing.T) {
	var buf [256]byte
	s := &Subjects{Local: []string{"corp.internal"}}
	for _, sub := range []string{"https://Vendor.Example:8443/x", "did:web:vendor.example:alice", "https://a.corp.internal"} {
		b := []byte(sub)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := AppendDomain(buf[:0], b, s); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("AppendDomain(%q): %v allocations", sub, n)
		}
	}
}

func BenchmarkAppendDomain(b *testing.B) {
	var buf [256]byte
	sub, s := []byte("https://vendor.example/products/1"), &Subjects{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendDomain(buf[:0], sub, s); err != nil {
			b.Fatal(err)
		}
	}
}
