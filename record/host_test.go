package record

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

// agree holds the two ways of mapping a host against each other: where the
// short one takes a host, UTS 46 must make the very same of it.
func agree(t *testing.T, host []byte) {
	t.Helper()
	plain, ok := appendPlainHost(nil, host)
	if !ok {
		return
	}
	mapped, err := uts46.ToASCII(string(host))
	if err != nil || mapped != string(plain) {
		t.Errorf("host %q: plain %q, UTS 46 %q, %v", host, plain, mapped, err)
	}
}

func TestPlainHostsAreWhatUTS46MakesOfThem(t *testing.T) {
	// Every string of up to four of these: the cases of letters, digits, hyphens,
	// dots and xn-- in every place.
	alphabet := []byte("xXnN-.a0Z")
	var walk func(prefix []byte)
	walk = func(prefix []byte) {
		agree(t, prefix)
		if len(prefix) == 5 {
			return
		}
		for _, c := range alphabet {
			walk(append(prefix[:len(prefix):len(prefix)], c))
		}
	}
	walk(nil)
}

func TestEveryOtherASCIIOctetIsLeftToUTS46(t *testing.T) {
	for c := 0; c < 256; c++ {
		host := []byte{'a', byte(c), 'b'}
		_, ok := appendPlainHost(nil, host)
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' && c < 128
		if want := letter || '0' <= c && c <= '9' || c == '-' || c == '.'; ok != want {
			t.Errorf("octet %#x: taken %v, want %v", c, ok, want)
		}
	}
}

func FuzzPlainHost(f *testing.F) {
	for _, host := range []string{"vendor.example", "XN--53h.example", "a.xn--", "r3---sn.example", "-a.b-", "a..b", "xn-", "1.2.3.4"} {
		f.Add([]byte(host))
	}
	f.Fuzz(func(t *testing.T, host []byte) { agree(t, host) })
}

// FuzzSubject: whatever the subject, either there is an error and nothing, or a
// host name that is its own domain when asked again.
func FuzzSubject(f *testing.F) {
	for _, sub := range []string{
		"https://vendor.example/p?q#f", "https://faß.de:8443", "did:web:vendor.example%3A8443:a", "dns://192.0.2.1/a.example?type=A",
		"spiffe://vendor.example/x", "mailto:a@vendor.example?to=b", "acct:a%40b@vendor.example", "vendor.example", "coap+tcp://☕.example.",
		"https://[::1]", "https://0x7f.1", "https://a.xn--", "https://%E2%98%95%2eexample", "https:\\\\a", "https://１２７.1",
	} {
		f.Add([]byte(sub))
	}
	f.Fuzz(func(t *testing.T, sub []byte) {
		given := bytes.Clone(sub)
		out, err := AppendDomain([]byte("x"), sub, &allOn)
		if !bytes.Equal(sub, given) {
			t.Fatalf("%q was changed", given)
		}
		if err != nil {
			if string(out) != "x" {
				t.Fatalf("%q: an error and %q", sub, out)
			}
			if !utf8.ValidString(err.Error()) {
				t.Fatalf("%q: an error that is no text: %q", sub, err)
			}
			return
		}
		domain := string(out[1:])
		if broken := checkHost([]byte(domain)); broken != nil {
			t.Fatalf("%q: %q: %s", sub, domain, broken.what)
		}
		if endsInNumber([]byte(domain)) || neverSent([]byte(domain)) {
			t.Fatalf("%q: %q", sub, domain)
		}
		if again, err := Domain("https://"+domain, Subjects{}); err != nil || again != domain {
			t.Fatalf("%q: %q is not its own domain: %q, %v", sub, domain, again, err)
		}
	})
}
