package decryption

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"strconv"

	"github.com/fxamacker/cbor/v2"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// recipient is one to whom a message is sent.
type recipient struct {
	kind      *coseRecipient
	headers   *coseHeaders // nil in a COSE_Encrypt0
	key       []byte       // encrypted, where the kind wraps it
	ephemeral *ecdh.PublicKey
	want      want
}

// contentKey finds the content's key with a recipient's key that fits.
func (r *recipient) contentKey(m *coseMessage, s *secret) ([]byte, error) {
	switch {
	case r.kind.agreed:
		return r.agree(m, s.ecdh)
	case r.kind.kek != 0:
		return unwrap(s.oct, r.key)
	}
	return s.oct, nil
}

// coseRecipient is an algorithm by which the content's key comes to a recipient.
type coseRecipient struct {
	id     int64
	name   string
	kek    int // octets of the key that wraps the content's key; 0 where none does
	agreed bool
}

// RFC 9053 §6.1.1, §6.2.1, §6.3.1. The first is that of a COSE_Encrypt0 too.
var coseRecipients = [...]coseRecipient{
	{id: -6, name: "direct"},
	{id: -3, name: "A128KW", kek: 16},
	{id: -4, name: "A192KW", kek: 24},
	{id: -5, name: "A256KW", kek: 32},
	{id: -25, name: "ECDH-ES+HKDF-256", agreed: true},
}

// readRecipients reads the recipients of a COSE_Encrypt; those of an algorithm
// that is not known are left out, as long as there is another.
func (m *coseMessage) readRecipients(list strict.Item) error {
	const place = "recipients"
	if list.Major != strict.MajorArray || list.Arg == 0 {
		return malformed(place, "not an array of one or more")
	}
	for i, item := range elements(list) {
		where := place + "[" + strconv.Itoa(i) + "]"
		parts := elements(item)
		if item.Major != strict.MajorArray || len(parts) != 3 && len(parts) != 4 {
			return malformed(where, "not a recipient: protected headers, a map, a key")
		}
		if len(parts) == 4 {
			continue // recipients of its own: a layer more than is read
		}
		h, err := readHeaders(where, parts[0], parts[1])
		if err != nil {
			return err
		}
		r, err := m.readRecipient(where, h, parts[2])
		if err != nil {
			return err
		}
		if r == nil {
			continue
		}
		if r.kind.kek == 0 && list.Arg != 1 {
			return malformed(place, "more than one, of which one has the content's own key (RFC 9053 §6.1, §6.3)")
		}
		m.recipients = append(m.recipients, *r)
	}
	if len(m.recipients) == 0 {
		return refused(place, "of no algorithm that is known: direct, AES Key Wrap or ECDH-ES+HKDF-256, in one layer")
	}
	return nil
}

// readRecipient judges a recipient; nil where its algorithm is not known.
func (m *coseMessage) readRecipient(where string, h *coseHeaders, key strict.Item) (*recipient, error) {
	r := &recipient{headers: h}
	for i := range coseRecipients {
		if h.isAlg(coseRecipients[i].id) {
			r.kind = &coseRecipients[i]
		}
	}
	if r.kind == nil {
		return nil, nil
	}
	size := 0
	if r.kind.kek != 0 {
		size = m.content.key + wrapping
	}
	var ok bool
	if r.key, ok = key.Bytes(); len(r.key) != size || !ok && !(key.IsNull() && size == 0) {
		return nil, malformed(where, "an encrypted key of another length than its algorithms have")
	}
	// Neither has anything that would authenticate them (RFC 9053 §6.1.1, §6.2.1).
	if !r.kind.agreed && len(h.protected) != 0 {
		return nil, malformed(where, "protected headers, which its algorithm cannot protect")
	}
	r.want = want{kid: h.kid, shape: shapeOct, size: r.kind.kek, allows: []string{r.kind.name}}
	switch {
	case r.kind.agreed:
		return r, r.readEphemeral(where)
	case r.kind.kek == 0:
		r.want.size, r.want.allows = m.content.key, []string{r.kind.name, m.content.name}
	}
	return r, nil
}

func (r *recipient) readEphemeral(place string) error {
	item, ok := r.headers.members[headerEphemeral]
	if !ok {
		return malformed(place, "no ephemeral key (-1), which its algorithm needs")
	}
	where := join(place, "-1")
	k, err := thumbprint.ParseCOSEKey(item.Raw)
	if err != nil {
		return within(where, err)
	}
	if r.ephemeral, ok = agreementKey(k); !ok || k.Private() {
		return malformed(where, "not a public key on P-256, P-384, P-521 or X25519")
	}
	r.want.shape = shapeOf(r.ephemeral.Curve())
	if salt, ok := r.headers.members[headerSalt]; ok {
		if _, ok := salt.Bytes(); !ok {
			return malformed(join(place, "-20"), "a salt that is not a byte string")
		}
	}
	return nil
}

// agree derives the content's key (RFC 9053 §5.1, §6.3.1).
func (r *recipient) agree(m *coseMessage, private *ecdh.PrivateKey) ([]byte, error) {
	z, err := private.ECDH(r.ephemeral)
	if err != nil {
		return nil, err
	}
	info, err := r.context(m)
	if err != nil {
		return nil, err
	}
	salt, _ := r.headers.octets(headerSalt)
	return hkdf.Key(sha256.New, z, salt, string(info), m.content.key)
}

// context is the COSE_KDF_Context (RFC 9053 §5.2).
func (r *recipient) context(m *coseMessage) ([]byte, error) {
	var parties [6]any // null where a message does not say
	for i := range parties {
		if item, ok := r.headers.members[headerParty-int64(i)]; ok {
			parties[i] = cbor.RawMessage(item.Raw)
		}
	}
	return cbor.Marshal([]any{
		m.content.id, parties[:3], parties[3:],
		[]any{8 * m.content.key, r.headers.protected},
	})
}
