package verifier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/credential"
	"cnfd/dnssec"
	"cnfd/record"
)

// again asks v the same several times, the last of them about claims that are known.
func again(t *testing.T, v *Verifier, q *Request) []string {
	t.Helper()
	var said []string
	for range 5 {
		d, err := v.Verify(t.Context(), q)
		said = append(said, fmt.Sprintf("%s %v", d.AppendJSON(nil, ""), err))
	}
	return said
}

// TestKnownClaimsAreJudgedAsOthers: the fifth verdict on a credential is the first, whatever
// is wrong with it.
func TestKnownClaimsAreJudgedAsOthers(t *testing.T) {
	for _, c := range flips {
		t.Run(c.claim, func(t *testing.T) {
			for _, input := range []Input{InputClaims, InputJWT, InputToken} {
				s := newScene()
				c.flip(s)
				s.request.Input, s.request.Bytes = input, []byte(s.claims)
				if input != InputClaims {
					s.request.Bytes = []byte(compact(s.claims))
				}
				v, err := New(s.config)
				if err != nil {
					t.Fatal(err)
				}
				said := again(t, v, &s.request)
				if said[4] != said[0] || !strings.Contains(said[4], `"reason":"`+c.want.String()+`"`) {
					t.Errorf("%s\nat first %s", said[4], said[0])
				}
				if c.want == RecordMatches && v.recalled(s.claims) == nil {
					t.Error("the claims are not known")
				}
			}
		})
	}
}

// recalled is what is known of a claim set.
func (v *Verifier) recalled(claims string) *knownClaims {
	c := v.credential.Memory.Recall([]byte(claims), claims[0] != '{')
	if c == nil {
		return nil
	}
	is, _ := c.Memo.(*knownClaims)
	return is
}

// TestKnownAreVeryOctets: claims that are known confirm; what differs in one octet, or in what
// is around them, is read and judged for what it is.
func TestKnownAreVeryOctets(t *testing.T) {
	s := newScene()
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		claim  string
		input  Input
		before string
		after  string
		want   string
	}{
		{"another key", InputClaims, claims, strings.Replace(claims, jwk, strings.Replace(jwk, `"P-256","x":"18wH`, `"P-256","x":"28wH`, 1), 1), "a point on the curve"},
		{"another subject", InputClaims, claims, strings.Replace(claims, "vendor.", "wendor.", 1), "record_absent"},
		{"a member twice", InputClaims, claims, `{"sub":"https://other.example",` + claims[1:], "twice"},
		{"an end in the past", InputClaims, claims, `{"exp":1,` + claims[1:], "expired"},
		{"something behind them", InputClaims, claims, claims + "x", "claims"},
		{"space behind them", InputClaims, claims, claims + " ", "record_matches"},
		{"in a token", InputClaims, claims, claims, "record_matches"},
		{"in a token, then another signature", InputJWT, compact(claims), strings.TrimSuffix(compact(claims), "A") + "Q", "record_matches"},
		{"in a token, then one without a signature", InputJWT, compact(claims), compact(claims)[:strings.LastIndexByte(compact(claims), '.')+1], "signature"},
		{"in a token, then one that nobody signs", InputJWT, compact(claims), b64(`{"alg":"none"}`) + compact(claims)[strings.IndexByte(compact(claims), '.'):], "alg"},
		{"in a CWT", InputCWT, string(cwtClaims), string(cwtClaims), "record_matches"},
		{"in a CWT, then another subject", InputCWT, string(cwtClaims), strings.Replace(string(cwtClaims), "vendor.", "wendor.", 1), "record_absent"},
		{"in a CWT, then as the claims of a JWT", InputCWT, string(cwtClaims), "", "claims: not an object"},
		{"in a signed CWT, then bare", InputCWT, sign1(cwtClaims), string(cwtClaims), "record_matches"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			sum := sha256.Sum256(coseKey)
			s.source.answers["1.8.vendor.example."] = present("1.8.vendor.example.", append([]byte{255, 255, 255}, sum[:]...))
			for _, said := range again(t, v, &Request{Input: tc.input, Bytes: []byte(tc.before)}) {
				if !strings.Contains(said, "record_matches") {
					t.Fatal(said)
				}
			}
			if tc.after == "" { // the octets of the other kind
				for _, q := range []*Request{
					{Input: InputClaims, Bytes: []byte(tc.before)},
					{Input: InputJWT, Bytes: []byte(compact(tc.before))},
					{Input: InputToken, Bytes: []byte(compact(tc.before))},
				} {
					for _, said := range again(t, v, q) {
						if !strings.Contains(said, tc.want) {
							t.Errorf("%s, want %s", said, tc.want)
						}
					}
				}
				return
			}
			for _, said := range again(t, v, &Request{Input: tc.input, Bytes: []byte(tc.after)}) {
				if !strings.Contains(said, tc.want) {
					t.Errorf("%s, want %s", said, tc.want)
				}
			}
		})
	}
}

// TestKnownAreOfNow: claims that are known are judged by the time, the DNS and the caller's wishes of now.
func TestKnownAreOfNow(t *testing.T) {
	s := newScene()
	s.with(fmt.Sprintf(`"exp":%d`, now.Unix()+3600))
	at := now
	s.config.Now = func() time.Time { return at }
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	q := &Request{Input: InputJWT, Bytes: []byte(compact(s.claims))}
	ask := func(want string) {
		t.Helper()
		for _, said := range again(t, v, q) {
			if !strings.Contains(said, `"reason":"`+want+`"`) {
				t.Fatalf("%s, want %s", said, want)
			}
		}
	}
	ask("record_matches")
	s.answer.Data = [][]byte{theirs}
	ask("record_differs")
	s.answer.Data = [][]byte{ours}
	at = now.Add(2 * time.Hour)
	ask("expired")
	q.SkipTime = true
	ask("record_matches")
	q.Checks = CheckSignature
	ask("signature_invalid")
}

// TestKnownIsBounded: what comes once, and what is long, is not remembered, and there is room
// for so many and no more.
func TestKnownIsBounded(t *testing.T) {
	s := newScene()
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	read := func(claims string, times int) {
		t.Helper()
		for range times {
			if _, err := credential.ParseClaims([]byte(claims), &v.credential); err != nil {
				t.Fatal(err)
			}
		}
	}
	long := strings.TrimSuffix(claims, "}") + `,"x":"` + strings.Repeat("x", knownOctets-len(claims)-len(`,"x":""`)) + `"}`
	for _, tc := range []struct {
		claim  string
		claims string
		times  int
		want   bool
	}{
		{"once", claims, 1, false}, {"twice", claims, 1, false}, {"three times", claims, 1, true}, {"long", long, 3, true}, {"too long", long[:len(long)-1] + " }", 4, false},
	} {
		if read(tc.claims, tc.times); (v.recalled(tc.claims) != nil) != tc.want {
			t.Errorf("%s: known is %v", tc.claim, !tc.want)
		}
	}
	for i := range 4 * knownPlaces {
		read(fmt.Sprintf(`{"jti":"%d",%s`, i, claims[1:]), 4)
	}
	k, n := v.credential.Memory.(*known), 0
	for i := range k.places {
		if is := k.places[i].is.Load(); is != nil {
			n++
			if cap(is.octets) > knownOctets {
				t.Errorf("%d octets are kept", cap(is.octets))
			}
		}
	}
	if n < knownPlaces/2 || len(k.places) != knownPlaces {
		t.Errorf("%d are known, in %d places", n, len(k.places))
	}
}

// TestKnownByMany asks about the same and about different claims at once.
func TestKnownByMany(t *testing.T) {
	s := newScene()
	s.source.quiet = true
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 500 {
				octets := fmt.Sprintf(`{"jti":"%d",%s`, (i+g)%7, claims[1:])
				if d, err := v.Verify(t.Context(), &Request{Input: InputClaims, Bytes: []byte(octets)}); err != nil || d.Reason != RecordMatches {
					t.Errorf("%v %v", d.Reason, err)
				}
			}
		})
	}
	all.Wait()
}

// TestWhatIsKnownIsWhatIsRead: a Credential out of the memory is the one that reading gives.
func TestWhatIsKnownIsWhatIsRead(t *testing.T) {
	config := Config{Source: &source{}, Now: func() time.Time { return now }, Forms: []record.Form{record.Dotted, record.Underscore}}
	v, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, octets := range [][]byte{
		[]byte(claims), cwtClaims, []byte(`{"iss":"\u0061","sub":"https:\/\/vendor.example","exp":1.5,"nbf":-1.5,"_sd":[],"aud":["a"],"cnf":` + cnf + `}`),
		[]byte(strings.Replace(claims, cnf, encryptedCnf, 1)), []byte(strings.Replace(claims, "https:", "nothing:", 1)),
	} {
		read := func() credential.Credential {
			c, err := credential.ParseClaims(octets, &v.credential)
			if octets[0] != '{' {
				c, err = credential.ParseCWT(octets, &v.credential)
			}
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		fresh := read()
		read()
		read()
		known := read()
		if known.Memo == nil || fresh.Memo != nil {
			t.Fatalf("%s: known %v, fresh %v", octets, known.Memo, fresh.Memo)
		}
		known.Memo = nil
		if !reflect.DeepEqual(known, fresh) {
			t.Errorf("%s:\n%+v, read as\n%+v", octets, known, fresh)
		}
		octets[0] ^= 1 // the caller's own
		if is := v.recalled(string(append([]byte{octets[0] ^ 1}, octets[1:]...))); is == nil || bytes.Equal(is.octets, octets) {
			t.Error("what is known changes with the caller's octets")
		}
		octets[0] ^= 1
	}
}

// TestOfOnePlaceEachIsItself: claims that share a place are told apart.
func TestOfOnePlaceEachIsItself(t *testing.T) {
	s := newScene()
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	of := func(i int) string { return strings.Replace(claims, "vendor.", fmt.Sprintf("v%d.", i), 1) }
	for i := range 3 * knownPlaces {
		for range knownAfter + 1 {
			c, err := credential.ParseClaims([]byte(of(i)), &v.credential)
			if want := fmt.Sprintf("https://v%d.example", i); err != nil || string(c.Subject) != want {
				t.Fatalf("%s %v, want %s", c.Subject, err, want)
			}
		}
	}
}

// TestKnownInEveryForm: claims that are known are looked up in each form of the verifier.
func TestKnownInEveryForm(t *testing.T) {
	for _, form := range []record.Form{record.Dotted, record.Underscore} {
		s := newScene()
		s.config.Forms = []record.Form{record.Dotted, record.Underscore}
		v, err := New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		clear(s.source.answers)
		name := map[record.Form]string{record.Dotted: "jwk.cnf.vendor.example.", record.Underscore: "_jwk_cnf.vendor.example."}[form]
		s.source.answers[name] = present(name, ours)
		for i, said := range again(t, v, &Request{Input: InputClaims, Bytes: []byte(claims)}) {
			if !strings.Contains(said, "record_matches") || !strings.Contains(said, `"name":"`+name) {
				t.Errorf("%d: %s", i, said)
			}
		}
	}
}

// waiting is a Source that is waited for once, and has the rest at hand.
type waiting struct {
	clock *time.Time
	asked []dnssec.Question
}

func (s *waiting) Lookup(_ context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	s.asked = append(s.asked, q)
	if len(s.asked) > 1 {
		return present(q.Name.String(), ours), true, nil
	}
	*s.clock = s.clock.Add(7 * time.Second)
	return &dnssec.Answer{Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoName, Zone: zone, Fetched: *s.clock, Until: s.clock.Add(time.Minute)}, false, nil
}

// TestNowIsNotThen: what is asked after a wait is asked as of after it.
func TestNowIsNotThen(t *testing.T) {
	at := now
	s := &waiting{clock: &at}
	v, err := New(Config{Source: s, Now: func() time.Time { return at }, Forms: []record.Form{record.Dotted, record.Underscore}})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := v.Verify(t.Context(), &Request{Input: InputClaims, Bytes: []byte(claims), Now: at}); err != nil || d.Reason != RecordMatches || len(s.asked) != 2 {
		t.Fatalf("%v %v, asked %v", d.Reason, err, s.asked)
	}
	if first, second := s.asked[0].Now, s.asked[1].Now; !first.Equal(now) || !second.IsZero() {
		t.Errorf("asked as of %v and %v", first, second)
	}
}

// TestNowIsNotBeforeAWait: what is asked after the issuer's keys were is asked as of then.
func TestNowIsNotBeforeAWait(t *testing.T) {
	h := newHeld(t)
	v, q := h.verifier(), h.present()
	q.Now, q.Checks, q.Audience = now, 0, ""
	for _, checks := range []Checks{0, CheckSignature} {
		h.source.asked = nil
		q.Checks = checks
		if d, err := v.Verify(t.Context(), q); err != nil || d.Reason != RecordMatches {
			t.Fatal(d.Reason, err)
		}
		if h.source.asked[0].Now.IsZero() != (checks != 0) {
			t.Errorf("%v: asked as of %v", checks, h.source.asked[0].Now)
		}
	}
}

// TestAColdRequestIsReadTwiceAndNotKnown: what was asked of the cache in vain and then of the
// network is one request.
func TestAColdRequestIsReadTwiceAndNotKnown(t *testing.T) {
	s := newScene()
	s.config.Cached = nowhere{}
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	q := &Request{Input: InputClaims, Bytes: []byte(claims)}
	for i := range 2 {
		if _, ok := v.VerifyCached(t.Context(), q); ok {
			t.Fatal("there is no cache")
		}
		if d, err := v.Verify(t.Context(), q); err != nil || d.Reason != RecordMatches {
			t.Fatal(d.Reason, err)
		}
		if known := v.recalled(claims) != nil; known != (i > 0) {
			t.Errorf("after %d requests: known is %v", i+1, known)
		}
	}
}

type nowhere struct{}

func (nowhere) LookupCached(context.Context, dnssec.Question) (*dnssec.Answer, bool) {
	return nil, false
}
