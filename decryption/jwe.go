package decryption

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// OpenJWE decrypts a JWE in compact serialization (RFC 7516 §7.1) and gives its
// plaintext. The error is a *thumbprint.Error for what is no JWE or may not be
// opened with any key, its place inside of the message; any other error means
// that no key opens it. Nothing of the plaintext or of a key is in either.
func (k *Keys) OpenJWE(compact []byte) ([]byte, error) {
	m, err := readJWE(compact)
	if err != nil {
		return nil, err
	}
	for _, s := range k.fitting(&m.want, maxTries) {
		if plaintext, err := m.open(s); err == nil {
			return plaintext, nil
		}
	}
	return nil, errClosed
}

// jwe is a JWE whose header has been judged.
type jwe struct {
	header     []byte // as it is sent: the additional authenticated data
	key        []byte // encrypted, empty where the algorithm has none
	iv         []byte
	ciphertext []byte // with its tag
	alg        *jweKeyAlgorithm
	enc        *jweContentAlgorithm
	agreement
	want want
}

// open decrypts with one key (RFC 7516 §5.2).
func (m *jwe) open(s *secret) ([]byte, error) {
	cek, err := m.alg.contentKey(m, s)
	if err != nil || len(cek) != m.enc.key {
		return nil, errClosed
	}
	aead, err := m.enc.aead(cek)
	if err != nil {
		return nil, errClosed
	}
	return aead.Open(nil, m.iv, m.ciphertext, m.header)
}

// jweContentAlgorithm is a value of enc (RFC 7518 §5.1): the octets of key, IV
// and tag.
type jweContentAlgorithm struct {
	name         string
	key, iv, tag int
	cbc          bool
}

var jweContentAlgorithms = [...]jweContentAlgorithm{
	{"A128CBC-HS256", 32, 16, 16, true},
	{"A256CBC-HS512", 64, 16, 32, true},
	{"A128GCM", 16, 12, 16, false},
	{"A256GCM", 32, 12, 16, false},
}

func (a *jweContentAlgorithm) aead(key []byte) (cipher.AEAD, error) {
	if a.cbc {
		return josecipher.NewCBCHMAC(key, aes.NewCipher)
	}
	return newGCM(key)
}

// readJWE reads the five parts and judges all that needs no key.
func readJWE(compact []byte) (*jwe, error) {
	if len(compact) > maxMessage {
		return nil, malformed("", "over 64 KiB")
	}
	parts := bytes.SplitN(compact, []byte("."), 6)
	var octets [5][]byte
	ok := len(parts) == len(octets)
	for i := 0; ok && i < len(octets); i++ {
		octets[i], ok = decode(parts[i])
	}
	if !ok {
		return nil, malformed("", "not a JWE in compact serialization: five parts in base64url with dots between them")
	}
	m := &jwe{header: parts[0], key: octets[1], iv: octets[2], ciphertext: append(octets[3], octets[4]...)}
	if err := m.readHeader(octets[0]); err != nil {
		return nil, err
	}
	if err := m.alg.judgeKey(m); err != nil {
		return nil, err
	}
	switch {
	case len(m.iv) != m.enc.iv:
		return nil, malformed("", "an initialization vector of another length than its enc has")
	case len(octets[4]) != m.enc.tag:
		return nil, malformed("", "an authentication tag of another length than its enc has")
	case m.enc.cbc && (len(octets[3]) == 0 || len(octets[3])%aes.BlockSize != 0):
		return nil, malformed("", "a ciphertext that is not whole blocks, as its enc makes them")
	}
	return m, nil
}

// decode reads base64url without padding and with no bits to spare (RFC 7515
// §2), so that octets have one text.
func decode(text []byte) ([]byte, bool) {
	if bytes.ContainsAny(text, "\r\n") { // which package base64 passes over
		return nil, false
	}
	octets, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	return octets, err == nil
}

// The members of a header that are read. Those that name keys elsewhere (jku,
// jwk, x5u, x5c) are not: nothing is fetched, and the keys are ours.
const (
	headAlg = iota
	headEnc
	headKID
	headAPU
	headAPV
	headTexts
	headZip = iota - 1
	headCrit
	headEPK
)

var headMembers = strict.NewNames("alg", "enc", "kid", "apu", "apv", "zip", "crit", "epk")

// readHeader reads the header and judges it; what it asks of a key goes into
// m.want.
func (m *jwe) readHeader(header []byte) error {
	var s strict.Scanner
	s.Reset(header, "header")
	var texts [headTexts]strict.Text
	zip, crit, epk, epkAt := 0, 0, []byte(nil), 0
	for o := s.Object(headMembers); ; {
		member, ok := o.Next()
		if !ok {
			break
		}
		switch member {
		case strict.Other:
		case headZip:
			zip = s.At()
		case headCrit:
			crit = s.At()
		case headEPK:
			epkAt = s.At()
			epk = s.Raw()
		default:
			texts[member] = s.Text()
		}
	}
	if err := s.Close(); err != nil {
		return asError(err)
	}
	switch {
	case zip != 0:
		return refused("header.zip", "compressed before it was encrypted, which tells of the plaintext (RFC 8725 §3.6): leave zip out")
	case crit != 0:
		return refused("header.crit", "asks for extensions, of which none is known (RFC 7516 §4.1.13)")
	}
	if err := m.readAlgorithms(&texts[headAlg], &texts[headEnc]); err != nil {
		return err
	}
	if kid := &texts[headKID]; kid.Present() {
		m.want.kid = kid.Bytes()
	}
	if !m.alg.agreed {
		return nil
	}
	for i, place := range []string{"header.apu", "header.apv"} {
		octets, ok := decode(texts[headAPU+i].Bytes())
		if !ok {
			return malformed(place, "not base64url")
		}
		m.party[i] = octets
	}
	return m.readEphemeral(epk, epkAt != 0)
}

func (m *jwe) readEphemeral(epk []byte, there bool) error {
	if !there {
		return malformed("header", "epk is missing, which its alg needs")
	}
	k, err := thumbprint.ParseJWK(epk)
	if err != nil {
		return within("header.epk", err)
	}
	var ok bool
	if m.ephemeral, ok = agreementKey(k); !ok || k.Private() {
		return malformed("header.epk", "not a public key on P-256, P-384, P-521 or X25519")
	}
	m.want.shape = shapeOf(m.ephemeral.Curve())
	return nil
}

// readAlgorithms finds alg and enc among those that are known.
func (m *jwe) readAlgorithms(alg, enc *strict.Text) error {
	for i := range refusedAlgorithms {
		if r := &refusedAlgorithms[i]; alg.Is(r.name) {
			return refused("header.alg", r.why)
		}
	}
	for i := range jweKeyAlgorithms {
		if alg.Is(jweKeyAlgorithms[i].name) {
			m.alg = &jweKeyAlgorithms[i]
		}
	}
	for i := range jweContentAlgorithms {
		if enc.Is(jweContentAlgorithms[i].name) {
			m.enc = &jweContentAlgorithms[i]
		}
	}
	switch {
	case !alg.Present():
		return malformed("header", "alg is missing")
	case !enc.Present():
		return malformed("header", "enc is missing")
	case m.alg == nil:
		return refused("header.alg", "not an algorithm that is known: RSA-OAEP, RSA-OAEP-256, ECDH-ES (alone or with A128KW or A256KW), A128KW, A256KW or dir")
	case m.enc == nil:
		return refused("header.enc", "not an algorithm that is known: A128CBC-HS256, A256CBC-HS512, A128GCM or A256GCM")
	}
	m.want.shape, m.want.size, m.want.allows = m.alg.shape, m.alg.kek, []string{m.alg.name}
	if m.alg.shape == shapeOct && m.alg.kek == 0 { // dir
		m.want.size, m.want.allows = m.enc.key, []string{m.alg.name, m.enc.name}
	}
	return nil
}

const passwords = "PBES2, under a password that can be guessed, at a cost that the sender sets (RFC 7518 §8.8): use RSA-OAEP-256 or ECDH-ES"

// refusedAlgorithms are those that a person may ask for and may not have.
var refusedAlgorithms = [...]struct{ name, why string }{
	{"RSA1_5", "RSA1_5, whose padding gives the plaintext away to who asks often enough (RFC 8725 §3.2): use RSA-OAEP-256"},
	{"PBES2-HS256+A128KW", passwords},
	{"PBES2-HS384+A192KW", passwords},
	{"PBES2-HS512+A256KW", passwords},
}
