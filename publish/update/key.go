package update

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Key signs what is sent: a TSIG key (RFC 8945), or a private key for SIG(0) (RFC
// 2931). What is secret of it is not printed, whatever it is printed with. The zero
// Key is none.
type Key struct {
	// A function, into which package fmt does not look.
	secret func() *secret
}

// secret is one of the two.
type secret struct {
	tsig *tsig
	sig0 *sig0
}

func keyOf(s secret) Key { return Key{func() *secret { return &s }} }

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return k.secret == nil }

// Proves reports whether replies to what it signs are proven to come from who has the
// key too: TSIG's are (RFC 8945 §5.3), those of SIG(0) are not.
func (k Key) Proves() bool { return k.secret != nil && k.secret().tsig != nil }

func (k Key) isSIG0() bool { return k.secret != nil && k.secret().sig0 != nil }

// String describes the key for people, by its name and algorithm. It tells nothing
// that is secret.
func (k Key) String() string {
	if k.secret == nil {
		return "no key"
	}
	if s := k.secret(); s.tsig != nil {
		return fmt.Sprintf("TSIG key %s (%s)", s.tsig.name, strings.TrimSuffix(s.tsig.algorithm, "."))
	}
	public := k.secret().sig0.public
	return fmt.Sprintf("SIG(0) key %s (%s, tag %d)", public.Hdr.Name, dns.AlgorithmToString[public.Algorithm], public.KeyTag())
}

// sign packs a message, signed where there is a key. Questions are not signed with
// SIG(0): their replies would not be signed all the same, and servers bound how many
// such signatures they check.
func (k Key) sign(m *dns.Msg, q *asked, now func() time.Time) ([]byte, error) {
	switch {
	case k.secret == nil:
	case k.secret().tsig != nil:
		return k.secret().tsig.sign(m, q, now())
	case m.Opcode == dns.OpcodeUpdate:
		return k.secret().sig0.sign(m, now())
	}
	return m.Pack()
}

const (
	maxKeyFile = 64 << 10 // octets
	minSecret  = 16       // octets: what is shorter can be guessed
)

// ParseKey reads a TSIG key from a file as BIND's tsig-keygen, ddns-confgen and
// rndc-confgen write it, and `cnfd sandbox`:
//
//	key "name" { algorithm hmac-sha256; secret "…"; };
//
// with comments as in named.conf, and beside what those programs write else, which is
// passed over. One key must be there, of hmac-sha256, hmac-sha384 or hmac-sha512. An
// error names the line, and never what stands there.
func ParseKey(file []byte) (Key, error) {
	if len(file) > maxKeyFile {
		return Key{}, errors.New("key file: over 64 KiB")
	}
	if strings.Contains(string(file[:min(len(file), 512)]), "Private-key-format:") {
		return Key{}, errors.New("key file: it is the private half of a SIG(0) key: its .key file is wanted beside it")
	}
	l := lexer{rest: string(file), line: 1}
	var key *tsig
	for {
		word, ok, err := l.next()
		switch {
		case err != nil:
			return Key{}, err
		case !ok && key == nil:
			return Key{}, errors.New(`key file: no key in it; want key "name" { algorithm hmac-sha256; secret "…"; };`)
		case !ok:
			return keyOf(secret{tsig: key}), nil
		case word == ";":
		case word == "key" && key != nil:
			return Key{}, l.fault("a second key: give a file with one")
		case word == "key":
			key, err = l.key()
		case word == "options" || word == "server" || word == "update-policy":
			err = l.skip()
		case word == "nsupdate" && key != nil: // a hint for people with which ddns-confgen ends
			return keyOf(secret{tsig: key}), nil
		default:
			return Key{}, l.fault(`no key statement; want key "name" { algorithm hmac-sha256; secret "…"; };`)
		}
		if err != nil {
			return Key{}, err
		}
	}
}

// key reads a key statement behind its first word.
func (l *lexer) key() (*tsig, error) {
	k := new(tsig)
	name, err := l.word()
	if err != nil {
		return nil, err
	}
	var ok bool
	if k.name, ok = normal(name); !ok || k.name == "." {
		return nil, l.fault("key's name is no domain name")
	}
	if err = l.want("{"); err != nil {
		return nil, err
	}
	for {
		clause, err := l.word()
		switch {
		case err != nil:
			return nil, err
		case clause == "}" && k.algorithm == "":
			return nil, l.fault("key has no algorithm")
		case clause == "}" && k.secret == nil:
			return nil, l.fault("key has no secret")
		case clause == "}":
			return k, l.want(";")
		case clause == "algorithm" && k.algorithm == "":
			err = l.algorithm(k)
		case clause == "secret" && k.secret == nil:
			err = l.secret(k)
		default:
			return nil, l.fault("key: want one algorithm and one secret")
		}
		if err == nil {
			err = l.want(";")
		}
		if err != nil {
			return nil, err
		}
	}
}

func (l *lexer) algorithm(k *tsig) error {
	word, err := l.word()
	if err != nil {
		return err
	}
	k.algorithm = dns.Fqdn(strings.ToLower(word))
	if hashes[k.algorithm] == nil {
		return l.fault("key's algorithm is not taken: want hmac-sha256, hmac-sha384 or hmac-sha512, as `tsig-keygen -a hmac-sha256` makes it")
	}
	return nil
}

func (l *lexer) secret(k *tsig) error {
	word, err := l.word()
	if err != nil {
		return err
	}
	if k.secret, err = base64.StdEncoding.Strict().DecodeString(word); err != nil {
		return l.fault("key's secret is not base64")
	}
	if len(k.secret) < minSecret {
		return l.fault(fmt.Sprintf("key's secret has %d octets, want %d or more: make another with tsig-keygen", len(k.secret), minSecret))
	}
	return nil
}
