package decryption

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/fxamacker/cbor/v2"
	"github.com/pion/dtls/v3/pkg/crypto/ccm"
	"golang.org/x/crypto/chacha20poly1305"

	"cnfd/internal/strict"
)

// OpenCOSE decrypts a COSE_Encrypt0, with its tag (16) or bare, or a COSE_Encrypt
// (96 or bare) of one layer of recipients, without external data (RFC 9052 §5),
// and gives its plaintext. The error is a *thumbprint.Error for what is no such
// message or may not be opened with any key, its place inside of the message; any
// other error means that no key opens it. Nothing of the plaintext or of a key is
// in either.
func (k *Keys) OpenCOSE(message []byte) ([]byte, error) {
	m, err := readCOSE(message)
	if err != nil {
		return nil, err
	}
	tries := maxTries
	for i := range m.recipients {
		r := &m.recipients[i]
		for _, s := range k.fitting(&r.want, tries) {
			tries--
			if plaintext, err := m.open(r, s); err == nil {
				return plaintext, nil
			}
		}
	}
	return nil, errClosed
}

// coseMessage is a message that has been judged.
type coseMessage struct {
	context    string // of the Enc_structure: "Encrypt0" or "Encrypt"
	protected  []byte
	content    *coseContent
	iv         []byte
	ciphertext []byte // with its tag
	recipients []recipient
}

// open decrypts with one recipient's key (RFC 9052 §5.3).
func (m *coseMessage) open(r *recipient, s *secret) ([]byte, error) {
	cek, err := r.contentKey(m, s)
	if err != nil || len(cek) != m.content.key {
		return nil, errClosed
	}
	aead, err := m.content.aead(cek)
	if err != nil {
		return nil, errClosed
	}
	aad, err := cbor.Marshal([]any{m.context, m.protected, []byte{}}) // Enc_structure
	if err != nil {
		return nil, errClosed
	}
	return aead.Open(nil, m.iv, m.ciphertext, aad)
}

// coseContent is an algorithm of contents: the octets of key, nonce and tag.
type coseContent struct {
	id              int64
	name            string // in IANA's registry, and in a JWK's alg where JOSE has it
	key, nonce, tag int
}

// RFC 9053 §4.1 to §4.3.
var coseContents = [...]coseContent{
	{1, "A128GCM", 16, 12, 16}, {2, "A192GCM", 24, 12, 16}, {3, "A256GCM", 32, 12, 16},
	{10, "AES-CCM-16-64-128", 16, 13, 8}, {11, "AES-CCM-16-64-256", 32, 13, 8},
	{12, "AES-CCM-64-64-128", 16, 7, 8}, {13, "AES-CCM-64-64-256", 32, 7, 8},
	{30, "AES-CCM-16-128-128", 16, 13, 16}, {31, "AES-CCM-16-128-256", 32, 13, 16},
	{32, "AES-CCM-64-128-128", 16, 7, 16}, {33, "AES-CCM-64-128-256", 32, 7, 16},
	{chaCha, "ChaCha20/Poly1305", 32, 12, 16},
}

const chaCha = 24

func (c *coseContent) aead(key []byte) (cipher.AEAD, error) {
	switch {
	case c.id == chaCha:
		return chacha20poly1305.New(key)
	case c.id < 10:
		return newGCM(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return ccm.NewCCM(block, c.tag, c.nonce)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

const (
	tagEncrypt0 = 16
	tagEncrypt  = 96
)

// readCOSE reads a message and judges all that needs no key.
func readCOSE(message []byte) (*coseMessage, error) {
	if len(message) > maxMessage {
		return nil, malformed("", "over 64 KiB")
	}
	if err := strict.WellFormedCBOR(message, ""); err != nil {
		return nil, asError(err)
	}
	item, _, err := strict.FirstCBOR(message)
	if err != nil {
		return nil, asError(err)
	}
	parts := item
	if item.Major == strict.MajorTag {
		if parts, _, err = strict.FirstCBOR(item.Body); err != nil {
			return nil, asError(err)
		}
	}
	// What is inside of the tag holds no other.
	if err := strict.CheckCBOR(parts.Raw, ""); err != nil {
		return nil, asError(err)
	}
	encrypt := parts.Arg == 4
	if parts.Major != strict.MajorArray || !encrypt && parts.Arg != 3 ||
		item.Major == strict.MajorTag && !(item.Arg == tagEncrypt0 && !encrypt || item.Arg == tagEncrypt && encrypt) {
		return nil, malformed("", "neither a COSE_Encrypt0 (16) nor a COSE_Encrypt (96)")
	}
	m := &coseMessage{context: "Encrypt0"}
	if encrypt {
		m.context = "Encrypt"
	}
	return m, m.read(elements(parts))
}

// elements gives the items of an array that CheckCBOR has passed.
func elements(array strict.Item) []strict.Item {
	var items []strict.Item
	for rest := array.Body; len(rest) > 0; {
		item, after, err := strict.FirstCBOR(rest)
		if err != nil {
			return items
		}
		items, rest = append(items, item), after
	}
	return items
}

// read reads the elements of the message; what it asks of a key goes into the
// want of each recipient, of which a COSE_Encrypt0 has one that is not written.
func (m *coseMessage) read(parts []strict.Item) error {
	h, err := readHeaders("", parts[0], parts[1])
	if err != nil {
		return err
	}
	m.protected = h.protected
	for i := range coseContents {
		if h.isAlg(coseContents[i].id) {
			m.content = &coseContents[i]
		}
	}
	switch c := m.content; {
	case c == nil && !h.has(headerAlg):
		return malformed("", "no algorithm (1)")
	case c == nil:
		return refused("1", "not an algorithm that is known: AES-GCM, AES-CCM or ChaCha20/Poly1305")
	case !h.safeAlg: // RFC 9052 §3.1: authenticated where it can be, as here
		return malformed("1", "not among the protected headers")
	case h.has(headerPartialIV):
		return refused("6", "a Partial IV, and no key here has the rest of it: send the whole one (5)")
	}
	var ok bool
	if m.iv, ok = h.octets(headerIV); !ok || len(m.iv) != m.content.nonce {
		return malformed("5", "not an IV of the length that the algorithm has")
	}
	if m.ciphertext, ok = parts[2].Bytes(); !ok || len(m.ciphertext) < m.content.tag {
		return malformed("", "no ciphertext with a tag in it")
	}
	if len(parts) == 3 {
		r := recipient{kind: &coseRecipients[0]}
		r.want = want{kid: h.kid, shape: shapeOct, size: m.content.key, allows: []string{m.content.name, r.kind.name}}
		m.recipients = []recipient{r}
		return nil
	}
	return m.readRecipients(parts[3])
}
