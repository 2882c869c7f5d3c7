package verifier

import (
	"strconv"
	"time"
	"unicode/utf8"

	"cnfd/thumbprint"
)

// AppendJSON appends the verdict as the HTTP API has it, with the request's id
// where there is one. It is the one encoder: daemon and command print the same.
// Seconds are whole, rounded down, so that no data is said to live longer than it does.
func (v *Verdict) AppendJSON(dst []byte, id string) []byte {
	dst = append(dst, `{"outcome":"`...)
	dst = append(dst, v.Outcome().String()...)
	dst = append(dst, `","reason":"`...)
	dst = append(dst, v.Reason.String()...)
	dst = append(dst, '"')
	if v.Detail != "" {
		dst = append(dst, `,"detail":`...)
		dst = appendString(dst, v.Detail)
	}
	dst = append(dst, `,"subject":`...)
	dst = appendString(dst, v.Subject)
	dst = append(dst, `,"domain":`...)
	dst = appendString(dst, v.Domain)
	dst = append(dst, `,"method":`...)
	dst = appendString(dst, v.Method.String())
	if !v.Thumbprint.IsZero() {
		dst = v.appendThumbprint(dst)
	}
	if v.Asked {
		dst = v.Record.appendJSON(dst)
		dst = v.DNS.appendJSON(dst)
	}
	dst = v.appendChecks(dst)
	dst = append(dst, `,"time":"`...)
	dst = append(dst, v.Time.String()...)
	dst = append(dst, '"')
	if !v.ValidUntil.IsZero() {
		dst = append(dst, `,"valid_until":"`...)
		dst = v.ValidUntil.UTC().AppendFormat(dst, time.RFC3339)
		dst = append(dst, '"')
	}
	if v.Testing {
		dst = append(dst, `,"testing":true`...)
	}
	if id != "" {
		dst = append(dst, `,"id":`...)
		dst = appendString(dst, id)
	}
	return append(dst, '}')
}

// noChecks are the states of the checks where none was asked for, as nearly always.
var noChecks = (&Verdict{}).appendEachCheck(nil)

func (v *Verdict) appendChecks(dst []byte) []byte {
	if v.Signature|v.KeyBinding|v.DPoP|v.MTLS == NotChecked {
		return append(dst, noChecks...)
	}
	return v.appendEachCheck(dst)
}

func (v *Verdict) appendEachCheck(dst []byte) []byte {
	for _, c := range [...]struct {
		member string
		is     Check
	}{{`,"signature":"`, v.Signature}, {`,"key_binding":"`, v.KeyBinding}, {`,"dpop":"`, v.DPoP}, {`,"mtls":"`, v.MTLS}} {
		dst = append(append(dst, c.member...), c.is.String()...)
		dst = append(dst, '"')
	}
	return dst
}

func (v *Verdict) appendThumbprint(dst []byte) []byte {
	if k := v.known; k != nil && k.credential.Confirmation.Thumbprint == v.Thumbprint {
		return append(dst, k.thumbprint...)
	}
	return appendThumbprint(dst, v.Thumbprint)
}

func appendThumbprint(dst []byte, t thumbprint.Thumbprint) []byte {
	dst = append(dst, `,"thumbprint":{"hash":"`...)
	dst = append(dst, t.Hash().String()...)
	dst = append(dst, `","hex":"`...)
	dst = t.AppendHex(dst)
	dst = append(dst, '"')
	// A certificate's digest has no thumbprint URI.
	const member = `,"uri":"`
	if with := t.AppendURI(append(dst, member...)); len(with) > len(dst)+len(member) {
		dst = append(with, '"')
	}
	return append(dst, '}')
}

func (r *Record) appendJSON(dst []byte) []byte {
	dst = append(dst, `,"record":{"name":`...)
	dst = appendString(dst, r.Name)
	dst = append(dst, `,"form":"`...)
	dst = append(dst, r.Form.String()...)
	dst = append(dst, `","usable":`...)
	dst = strconv.AppendInt(dst, int64(r.Usable), 10)
	dst = append(dst, `,"ttl":`...)
	dst = appendSeconds(dst, r.TTL)
	return append(dst, '}')
}

func (d *DNS) appendJSON(dst []byte) []byte {
	dst = append(dst, `,"dns":{"security":"`...)
	dst = append(dst, d.Security.String()...)
	dst = append(dst, `","cached":`...)
	dst = strconv.AppendBool(dst, d.Cached)
	dst = append(dst, `,"age":`...)
	dst = appendSeconds(dst, d.Age)
	if d.Trouble.Code != 0 || d.Trouble.Text != "" {
		dst = append(dst, `,"ede":{"code":`...)
		dst = strconv.AppendUint(dst, uint64(d.Trouble.Code), 10)
		dst = append(dst, `,"text":`...)
		dst = appendString(dst, d.Trouble.Text)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

func appendSeconds(dst []byte, d time.Duration) []byte {
	return strconv.AppendInt(dst, int64(max(d, 0)/time.Second), 10)
}

// appendString appends text as a JSON string (RFC 8259 §7) that is also safe
// inside HTML and JavaScript: a subject is whatever an issuer wrote. Invalid
// UTF-8 becomes U+FFFD.
func appendString[T ~string | ~[]byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	from := 0 // what is appended as it stands begins here
	for i := 0; i < len(text); {
		if asItIs[text[i]] {
			i++
			continue
		}
		dst = append(dst, text[from:i]...)
		n := 1
		if c := text[i]; c < utf8.RuneSelf {
			dst = appendASCII(dst, c)
		} else {
			var sequence [utf8.UTFMax]byte
			var r rune
			r, n = utf8.DecodeRune(sequence[:copy(sequence[:], text[i:])])
			switch {
			case r == utf8.RuneError && n == 1:
				dst = append(dst, `\ufffd`...)
			case r == '\u2028' || r == '\u2029':
				dst = append(dst, `\u202`...)
				dst = append(dst, "89"[r-'\u2028'])
			default:
				dst = append(dst, text[i:i+n]...)
			}
		}
		i += n
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}

// asItIs says which octets stand for themselves in a string.
var asItIs = func() (t [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return t
}()

// appendASCII appends an octet that does not stand for itself.
func appendASCII(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	if c == '"' || c == '\\' {
		return append(dst, '\\', c)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
