package credential

import (
	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

var (
	cnfMember = strict.NewNames("cnf")
	x5tMember = strict.NewNames("x5t#S256")
)

// Certificate gives the certificate that the cnf claim of a JWT names
// (x5t#S256, RFC 8705 §3.1), alone or beside a key; the zero Thumbprint where it
// names none. It is there whether or not Options let it stand for the key. It
// reads the claim set again. A CWT has no such member.
func (c *Credential) Certificate() thumbprint.Thumbprint {
	if c.isCWT() {
		return thumbprint.Thumbprint{}
	}
	var s strict.Scanner
	s.Reset(c.claims, "claims")
	var named thumbprint.Thumbprint
	for claims := s.Object(cnfMember); ; {
		member, ok := claims.Next()
		if !ok {
			return named
		}
		if member != 0 {
			continue
		}
		for cnf := s.Object(x5tMember); ; {
			member, ok := cnf.Next()
			if !ok {
				break
			}
			if member == 0 {
				alone := append(append([]byte(`{"x5t#S256":`), s.Raw()...), '}')
				c, _ := thumbprint.FromJOSE(alone, thumbprint.Options{X5T: true})
				named = c.Thumbprint
			}
		}
	}
}
