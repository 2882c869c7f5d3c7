package issuers

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"strconv"
	"strings"

	"cnfd/signature"
	"cnfd/thumbprint"
	"cnfd/thumbprint/keyfile"
)

// readPEM reads public keys and certificates (RFC 7468). They have no name.
func readPEM(text []byte) ([]found, error) {
	var all []found
	for i := 0; ; i++ {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if len(all) == maxKeys {
			return nil, errTooMany
		}
		all = append(all, readBlock("pem["+strconv.Itoa(i)+"]", block))
	}
	if bytes.Contains(text, []byte("-----BEGIN ")) {
		all = append(all, found{place: "pem"}.because("a block that is not whole"))
	}
	return all, nil
}

// readBlock reads one block. What holds no key at all (parameters, a revocation
// list) is wrong too: nobody publishes it as a key.
func readBlock(at string, block *pem.Block) found {
	f := found{place: at}
	entries, err := keyfile.Parse(pem.EncodeToMemory(block))
	switch {
	case err != nil:
		what := err.Error()
		if e := (*thumbprint.Error)(nil); errors.As(err, &e) {
			what = e.What
		}
		return f.because(strings.TrimPrefix(what, "pem[0] "+block.Type+": "))
	case len(entries) != 1:
		return f.because("not one key")
	case entries[0].Private:
		f.key.Key, f.private = entries[0].Key, true
		return f.because(isPrivate)
	}
	f = f.judge(entries[0].Key, 0, false)
	if f.err == nil && onlyPSS(block) {
		f.key.Algorithms = []signature.Algorithm{signature.PS256, signature.PS384, signature.PS512}
	}
	return f
}

// onlyPSS reports whether an RSA key is for RSASSA-PSS and nothing else (RFC 4055
// §1.2: id-RSASSA-PSS).
func onlyPSS(block *pem.Block) bool {
	der := block.Bytes
	if c, err := x509.ParseCertificate(der); err == nil {
		der = c.RawSubjectPublicKeyInfo
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	_, err := asn1.Unmarshal(der, &info)
	return err == nil && info.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10})
}
