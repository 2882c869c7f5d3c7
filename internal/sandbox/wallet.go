package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/veraison/go-cose"
)

// Wallet is what the holder of the confirmed key has, and what it shows at the moment
// of use: credentials of the samples' issuer for the vendor's domain, bound to its key.
type Wallet struct {
	// AccessToken names the key by its jkt, as a DPoP-bound one does (RFC 9449 §6.1).
	AccessToken []byte
	// BoundToken names the key and the Certificate (x5t#S256, RFC 8705 §3.1).
	BoundToken []byte
	// Certificate is self-signed with the key; OtherCertificate is somebody else's. Both are PEM.
	Certificate, OtherCertificate []byte

	now    func() time.Time
	holder *holder
	sdjwt  []byte // with its disclosures, to its last '~'
}

// Audience is whom the access tokens are for.
const Audience = "https://api.vendor.example"

// Wallet makes one. All that is in it is good for years.
func (n *Internet) Wallet() (*Wallet, error) {
	w := &Wallet{now: n.config.Now, holder: n.holder}
	var err error
	if w.Certificate, err = n.holder.certificate(w.now()); err != nil {
		return nil, err
	}
	if w.OtherCertificate, err = n.stranger.certificate(w.now()); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(w.Certificate)
	sum := sha256.Sum256(block.Bytes)
	claims := func(cnf string) string {
		return fmt.Sprintf(`{"iss":%q,"sub":"https://vendor.example","aud":%q,"client_id":"sandbox","exp":%d,"cnf":{%s}}`,
			Issuer, Audience, w.now().AddDate(10, 0, 0).Unix(), cnf)
	}
	const header = `{"alg":"ES256","typ":"at+jwt"}`
	if w.AccessToken, err = n.issuer.jws(header, claims(fmt.Sprintf(`"jkt":%q`, n.holder.jktText))); err != nil {
		return nil, err
	}
	if w.BoundToken, err = n.issuer.jws(header, claims(fmt.Sprintf(`"jwk":%s,"x5t#S256":%q`, n.holder.jwk, b64(sum[:])))); err != nil {
		return nil, err
	}
	if w.sdjwt, err = n.sdJWT(w.now()); err != nil {
		return nil, err
	}
	return w, nil
}

// sdJWT is an SD-JWT VC (RFC 9901) of which two claims are disclosed and one is not.
func (n *Internet) sdJWT(now time.Time) ([]byte, error) {
	var digests []string
	var disclosed []byte
	for i, claim := range [][2]string{{"role", "buyer"}, {"limit", "1000 EUR"}, {"name", "kept to the holder"}} {
		salt := make([]byte, 16)
		rand.Read(salt)
		disclosure := b64(fmt.Appendf(nil, "[%q,%q,%q]", b64(salt), claim[0], claim[1]))
		sum := sha256.Sum256([]byte(disclosure))
		digests = append(digests, b64(sum[:]))
		if i < 2 {
			disclosed = append(append(disclosed, disclosure...), '~')
		}
	}
	list, err := json.Marshal(digests)
	if err != nil {
		return nil, err
	}
	signed, err := n.issuer.jws(`{"alg":"ES256","typ":"dc+sd-jwt"}`, fmt.Sprintf(
		`{"iss":%q,"sub":"https://vendor.example","vct":"https://vendor.example/employee","exp":%d,"_sd_alg":"sha-256","_sd":%s,"cnf":{"jwk":%s}}`,
		Issuer, now.AddDate(10, 0, 0).Unix(), list, n.holder.jwk))
	if err != nil {
		return nil, err
	}
	return append(append(signed, '~'), disclosed...), nil
}

// Present is the wallet's SD-JWT with a key binding of this moment for an audience and
// a nonce (RFC 9901 §4.3).
func (w *Wallet) Present(audience, nonce string) ([]byte, error) {
	sum := sha256.Sum256(w.sdjwt)
	binding, err := w.holder.jws(`{"alg":"ES256","typ":"kb+jwt"}`, fmt.Sprintf(
		`{"iat":%d,"aud":%q,"nonce":%q,"sd_hash":%q}`, w.now().Unix(), audience, nonce, b64(sum[:])))
	return append(append([]byte(nil), w.sdjwt...), binding...), err
}

// Prove is a DPoP proof of this moment for a request with that token (RFC 9449 §4.2).
// Each is another.
func (w *Wallet) Prove(method, url string, token []byte) ([]byte, error) {
	sum := sha256.Sum256(token)
	return w.holder.jws(fmt.Sprintf(`{"alg":"ES256","typ":"dpop+jwt","jwk":%s}`, w.holder.jwk), fmt.Sprintf(
		`{"iat":%d,"jti":%q,"htm":%q,"htu":%q,"ath":%q}`, w.now().Unix(), rand.Text(), method, url, b64(sum[:])))
}

// IssuerKeys is the JWK Set of the Issuer.
func (n *Internet) IssuerKeys() []byte { return fmt.Appendf(nil, `{"keys":[%s]}`+"\n", n.issuer.jwk) }

// jws is a compact JWS with ES256 (RFC 7515, RFC 7518 §3.4): r and s side by side.
func (h *holder) jws(header, payload string) ([]byte, error) {
	out := []byte(b64([]byte(header)) + "." + b64([]byte(payload)))
	signer, err := cose.NewSigner(cose.AlgorithmES256, h.key)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(rand.Reader, out)
	if err != nil {
		return nil, err
	}
	return append(append(out, '.'), b64(signature)...), nil
}

// certificate is a self-signed one of the holder's key, in PEM.
func (h *holder) certificate(now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "vendor.example"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, h.key.Public(), h.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func b64(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }
