package integration

import "testing"

func TestLab(t *testing.T) {
	for i, c := range []struct {
		name  string
		kinds tiers
	}{
		{"BIND", tiers{bind{inline: true}, bind{inline: true}, bind{}}},
		{"Knot", tiers{knot{}, knot{}, knot{}}},
		{"NSD", tiers{nsd{}, nsd{}, nsd{}}},
		{"PowerDNS below NSD and Knot", tiers{nsd{}, knot{}, powerdns{narrow: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newInternet(t, i+1, c.kinds)
			for _, name := range subjects {
				t.Log(name, in.unbound(t, "jwk.cnf."+name, "TLSA"), in.unbound(t, "nothere."+name, "TLSA"))
			}
		})
	}
}
