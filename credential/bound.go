package credential

import (
	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

var jktMember = strict.NewNames("jkt")

// DPoPBound reports whether the cnf claim of a JWT has a jkt, alone or beside another
// member: then it is good only with a DPoP proof (RFC 9449 §6.1, §7.2). It reads the
// claim set again. Of a CWT it is whether the jkt (323) is what confirms it.
func (c *Credential) DPoPBound() bool {
	if c.isCWT() {
		return c.Confirmation.Method == thumbprint.MethodCOSEJKT
	}
	var s strict.Scanner
	s.Reset(c.claims, "claims")
	bound := false
	for claims := s.Object(cnfMember); ; {
		member, ok := claims.Next()
		if !ok {
			return bound || s.Err() != nil
		}
		if member != 0 {
			continue
		}
		for cnf := s.Object(jktMember); ; {
			member, ok := cnf.Next()
			if !ok {
				break
			}
			bound = bound || member == 0
		}
	}
}
