package strict

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

var testNames = NewNames("sub", "cnf", "kid", "x5t#S256", "exp", "is", "b64_longer_than_eight")

// readDoc takes sub, cnf.kid and exp out of a document as a caller would.
func readDoc(doc string) (sub, kid string, exp Number, err error) {
	var s Scanner
	s.Reset([]byte(doc), "claims")
	for o := s.Object(testNames); ; {
		m, ok := o.Next()
		if !ok {
			break
		}
		switch m {
		case 0:
			sub = string(s.Text().Bytes())
		case 1:
			for c := s.Object(testNames); ; {
				m, ok := c.Next()
				if !ok {
					break
				}
				if m == 2 {
					kid = string(s.Text().Bytes())
				}
			}
		case 4:
			exp = s.Number()
		}
	}
	err = s.Close()
	return
}

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	return b.String()
}

func TestScannerRefuses(t *testing.T) {
	for _, c := range []struct{ claim, doc, want string }{
		{"an empty document", ``, "claims: ends too early"},
		{"white space alone", ` `, "claims: ends too early"},
		{"an array for an object", `[]`, "claims: not an object"},
		{"a number for a string", `{"sub":1}`, "claims.sub: not a string"},
		{"null for a string", `{"sub":null}`, "claims.sub: not a string"},
		{"a string for a number", `{"exp":"1"}`, "claims.exp: not a number"},
		{"a string for an object", `{"cnf":"x"}`, "claims.cnf: not an object"},
		{"a second sub", `{"sub":"a","sub":"a"}`, "claims.sub: given twice"},
		{"a second sub, escaped", `{"sub":"a","\u0073ub":"b"}`, `claims.sub: given twice`},
		{"a second sub, escaped first", `{"s\u0075b":"a","sub":"b"}`, `claims.sub: given twice`},
		{"a second sub, both escaped", `{"s\u0075b":"a","su\u0062":"b"}`, `claims.sub: given twice`},
		{"a second member that nobody reads", `{"a":1,"b":2,"a":3}`, "claims.a: given twice"},
		{"a second empty name", `{"":1,"":2}`, `claims."": given twice`},
		{"a second long name", `{"a_name_of_many_octets":1,"a_name_of_many_octets":2}`, "claims.a_name_of_many_octets: given twice"},
		{"a second long name, escaped", `{"a_name_of_many_octets":1,"a_name_of_many\u005foctets":2}`, "claims.a_name_of_many_octets: given twice"},
		{"a duplicate in a part that nobody reads", `{"vc":[{"a":{"b":1,"c":2,"b":3}}]}`, "claims.vc[0].a.b: given twice"},
		{"a duplicate at the far end of a large object", `{` + members(1000) + `"m0":1}`, "claims.m0: given twice"},
		{"a duplicate at the near end of a large object", `{"a":1,"a":2,` + members(1000) + `"z":1}`, "claims.a: given twice"},
		{"a duplicate where the fixed stack ends", `{` + members(20) + `"o":{` + members(20) + `"o":{` + members(20) + `"m3":1}}}`, "claims.o.o.m3: given twice"},
		{"a duplicate after a large object within", `{"a":1,"o":{` + members(100) + `"x":1},"a":2}`, "claims.a: given twice"},
		{"Sub for sub", `{"Sub":"a"}`, "claims.Sub: differs only in case from sub"},
		{"SUB beside sub", `{"sub":"a","SUB":"b"}`, "claims.SUB: differs only in case from sub"},
		{"a long name in another case", `{"B64_longer_than_eight":1}`, "claims.B64_longer_than_eight: differs only in case from b64_longer_than_eight"},
		{"x5t#s256 for x5t#S256", `{"x5t#s256":1}`, "claims.x5t#s256: differs only in case from x5t#S256"},
		{"an escaped Sub", `{"\u0053ub":"a"}`, `claims.Sub: differs only in case from sub`},
		{"the Kelvin sign for k", `{"cnf":{"` + "\u212a" + `id":"a"}}`, "claims.cnf.???id: differs only in case from kid"},
		{"an escaped Kelvin sign", `{"\u212aid":"a"}`, `claims.???id: differs only in case from kid`},
		{"a long s", `{"` + "\u017f" + `ub":"a"}`, "claims.??ub: differs only in case from sub"},
		{"a long s in a long name", `{"x5t#` + "\u017f" + `256":"a"}`, "claims.x5t#??256: differs only in case from x5t#S256"},
		{"a dotless i", `{"k` + "\u0131" + `d":"a"}`, "claims.k??d: differs only in case from kid"},
		{"a dotted capital i", `{"` + "\u0130" + `s":"a"}`, "claims.??s: differs only in case from is"},
		{"a string that is not UTF-8", "{\"sub\":\"\xff\"}", "claims.sub: not UTF-8"},
		{"a name that is not UTF-8", "{\"\xc3(\":1}", "claims.?(: not UTF-8"},
		{"an overlong encoding", "{\"sub\":\"\xc0\xaf\"}", "claims.sub: not UTF-8"},
		{"a surrogate in UTF-8", "{\"sub\":\"\xed\xa0\x80\"}", "claims.sub: not UTF-8"},
		{"a string that nobody reads and is not UTF-8", "{\"a\":[\"\x80\"]}", "claims.a[0]: not UTF-8"},
		{"a lone high surrogate", `{"sub":"\ud83d"}`, "claims.sub: not a valid escape in a string"},
		{"a lone low surrogate", `{"sub":"\ude00"}`, "claims.sub: not a valid escape in a string"},
		{"surrogates the wrong way round", `{"sub":"\ude00\ud83d"}`, "claims.sub: not a valid escape in a string"},
		{"a high surrogate before a letter", `{"sub":"\ud83dx"}`, "claims.sub: not a valid escape in a string"},
		{"an unknown escape", `{"sub":"\x41"}`, "claims.sub: not a valid escape in a string"},
		{"a short escape", `{"sub":"\u00"}`, "claims.sub: not a valid escape in a string"},
		{"a signed escape", `{"sub":"\u+041"}`, "claims.sub: not a valid escape in a string"},
		{"an escape at the end", `{"sub":"\`, "claims.sub: not a valid escape in a string"},
		{"a control character", "{\"sub\":\"a\nb\"}", "claims.sub: control character in a string"},
		{"a NUL", "{\"sub\":\"abcdefghij\x00\"}", "claims.sub: control character in a string"},
		{"a string without an end", `{"sub":"abc`, "claims.sub: string not closed"},
		{"trailing data", `{"sub":"a"} x`, "claims: trailing data"},
		{"a second document", `{}{}`, "claims: trailing data"},
		{"a NUL at the end", "{}\x00", "claims: trailing data"},
		{"a byte order mark", "\ufeff{}", "claims: not an object"},
		{"a form feed as white space", "{\f}", "claims: not a member name"},
		{"a no-break space as white space", "{\u00a0}", "claims: not a member name"},
		{"a trailing comma in an object", `{"a":1,}`, "claims: not a member name"},
		{"a trailing comma in an array", `{"a":[1,]}`, "claims.a[1]: not JSON"},
		{"two commas", `{"a":[1,,2]}`, "claims.a[1]: not JSON"},
		{"a missing comma", `{"a":1 "b":2}`, "claims.a: no comma or closing bracket after a value"},
		{"a missing colon", `{"a" 1}`, "claims.a: no colon after a member name"},
		{"a missing value", `{"a":}`, "claims.a: not JSON"},
		{"a name without quotes", `{a:1}`, "claims: not a member name"},
		{"single quotes", `{'a':1}`, "claims: not a member name"},
		{"a comment", `{/**/}`, "claims: not a member name"},
		{"brackets that do not match", `{"a":[1}`, "claims.a[0]: no comma or closing bracket after a value"},
		{"an object without an end", `{"a":1`, "claims.a: no comma or closing bracket after a value"},
		{"an array without an end", `{"a":[`, "claims.a[0]: ends too early"},
		{"NaN", `{"a":NaN}`, "claims.a: not JSON"},
		{"True", `{"a":True}`, "claims.a: not JSON"},
		{"truex", `{"a":truex}`, "claims.a: no comma or closing bracket after a value"},
		{"tru", `{"a":tru`, "claims.a: not JSON"},
		{"a leading zero", `{"a":01}`, "claims.a: number with a leading zero"},
		{"a leading zero after a minus", `{"a":-01}`, "claims.a: number with a leading zero"},
		{"a leading plus", `{"a":+1}`, "claims.a: not JSON"},
		{"a leading point", `{"a":.5}`, "claims.a: not JSON"},
		{"a trailing point", `{"a":5.}`, "claims.a: not a number"},
		{"a bare minus", `{"a":-}`, "claims.a: not a number"},
		{"a bare exponent", `{"a":1e}`, "claims.a: not a number"},
		{"a signed bare exponent", `{"a":1e+}`, "claims.a: not a number"},
		{"hexadecimal", `{"a":0x10}`, "claims.a: no comma or closing bracket after a value"},
		{"a number that does not fit", `{"a":1e309}`, "claims.a: number does not fit"},
		{"a number of many digits that does not fit", `{"a":` + strings.Repeat("9", 400) + `}`, "claims.a: number does not fit"},
		{"33 levels", `{"a":` + nested(32) + `}`, "claims.a" + strings.Repeat("[0]", 31) + ": nested too deep"},
		{"a thousand levels", strings.Repeat("{\"a\":", 1000), "claims" + strings.Repeat(".a", 32) + ": nested too deep"},
		{"a name too long to print", `{"` + strings.Repeat("n", 1000) + `":}`, "claims." + strings.Repeat("n", 40) + "…: not JSON"},
		{"a name with a line end", `{"a\nb":}`, "claims.a?b: not JSON"},
		{"the place, past strings with brackets", `{"a":"}]{[\",","b":["\\",{"c":"]","d":x}]}`, "claims.b[1].d: not JSON"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			_, _, _, err := readDoc(c.doc)
			var e *Error
			if !errors.As(err, &e) || e.Error() != c.want {
				t.Errorf("%.100s: %v, want %s", c.doc, err, c.want)
			}
			if _, skipped := passOver(c.doc); skipped == nil && !strings.Contains(c.want, "case") && !strings.Contains(c.want, "not a string") &&
				!strings.Contains(c.want, "not an object") && !strings.Contains(c.want, "cnf") && !strings.Contains(c.want, "exp: not a number") {
				t.Errorf("%.100s: skipped without an error", c.doc)
			}
		})
	}
}

func passOver(doc string) (raw []byte, err error) {
	var s Scanner
	s.Reset([]byte(doc), "doc")
	raw = s.Raw()
	return raw, s.Close()
}

func TestScannerReads(t *testing.T) {
	for _, c := range []struct{ claim, doc, sub, kid, exp string }{
		{"an empty object", ` { } `, "", "", ""},
		{"members in any order", `{"exp":1e9,"cnf":{"jwk":{},"kid":"k"},"sub":"s"}`, "s", "k", "1e9"},
		{"an escaped name", `{"\u0073ub":"a"}`, "a", "", ""},
		{"a name escaped throughout", `{"\u0063\u006e\u0066":{"\u006bid":"k"}}`, "", "k", ""},
		{"every escape", `{"sub":"\"\\\/\b\f\n\r\tA\u00e9\u20AC\ud83d\ude00\u0000"}`, "\"\\/\b\f\n\r\tAé€😀\x00", "", ""},
		{"UTF-8", `{"sub":"é€😀` + "\u2028" + `"}`, "é€😀\u2028", "", ""},
		{"the replacement character itself", `{"sub":"` + "\ufffd" + `\ufffd"}`, "\ufffd\ufffd", "", ""},
		{"white space everywhere", "\t{\r\n\"sub\" : \"a\" , \"exp\"\n:\n1 }\n", "a", "", "1"},
		{"names that fold to no known one", `{"subs":1,"su":2,"zub":3,"_sub":4,"x5t":5,"ſubs":6,"kıdd":7}`, "", "", ""},
		{"the same name at two levels", `{"sub":"a","cnf":{"sub":"b","o":{"sub":"c"}}}`, "a", "", ""},
		{"the same name first within and then beside", `{"cnf":{"a":1,"sub":"b","o":{"c":1}},"a":2,"c":3,"sub":"a"}`, "a", "", ""},
		{"the same name first within a large object and then beside", `{"o":{` + members(100) + `"sub":1},"m1":1,"sub":"a"}`, "a", "", ""},
		{"the same name in elements of an array", `{"a":[{"b":1},{"b":1},{"b":{"b":1}}]}`, "", "", ""},
		{"long names that differ in the middle alone", `{"abcdefgh_1_ijklmnop":1,"abcdefgh_2_ijklmnop":2}`, "", "", ""},
		{"a case of a name that nobody reads", `{"iss":1,"Iss":2,"ISS":3}`, "", "", ""},
		{"many members", `{` + members(1000) + `"sub":"a"}`, "a", "", ""},
		{"many members at many levels", strings.Repeat(`{`+members(30)+`"o":`, 30) + `{}` + strings.Repeat(`}`, 30), "", "", ""},
		{"32 levels", `{"a":` + nested(31) + `}`, "", "", ""},
		{"the greatest float", `{"a":1.7976931348623157e308}`, "", "", ""},
		{"a number that vanishes", `{"a":1e-9999,"b":-0,"c":0e99999999999999999999}`, "", "", ""},
		{"literals", `{"a":[true,false,null]}`, "", "", ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			sub, kid, exp, err := readDoc(c.doc)
			if err != nil || sub != c.sub || kid != c.kid || string(exp) != c.exp {
				t.Errorf("%.100s: %q %q %q %v", c.doc, sub, kid, exp, err)
			}
			if !json.Valid([]byte(c.doc)) {
				t.Errorf("%.100s: encoding/json refuses it", c.doc)
			}
			if raw, err := passOver(c.doc); err != nil || string(raw) != strings.Trim(c.doc, " \t\r\n") {
				t.Errorf("%.100s: skipped: %.100q %v", c.doc, raw, err)
			}
		})
	}
}

func TestNumberRounds(t *testing.T) {
	const no = math.MinInt64 + 7 // stands for: does not fit
	for _, c := range []struct {
		n           Number
		floor, ceil int64
	}{
		{Number("0"), 0, 0},
		{Number("-0"), 0, 0},
		{Number("1"), 1, 1},
		{Number("1.0"), 1, 1},
		{Number("1.5"), 1, 2},
		{Number("-1.5"), -2, -1},
		{Number("-0.1"), -1, 0},
		{Number("0.9999999999999999999999999"), 0, 1},
		{Number("1e0"), 1, 1},
		{Number("1.5e1"), 15, 15},
		{Number("15E-1"), 1, 2},
		{Number("12345e-10"), 0, 1},
		{Number("1361398824"), 1361398824, 1361398824},
		{Number("1.361398824e9"), 1361398824, 1361398824},
		{Number("1361398824.5"), 1361398824, 1361398825},
		{Number("9223372036854775807"), math.MaxInt64, math.MaxInt64},
		{Number("9223372036854775808"), no, no},
		{Number("9223372036854775807.5"), math.MaxInt64, no},
		{Number("-9223372036854775808"), math.MinInt64, math.MinInt64},
		{Number("-9223372036854775809"), no, no},
		{Number("-9223372036854775808.5"), no, math.MinInt64},
		{Number("18446744073709551617"), no, no},
		{Number("1e19"), no, no},
		{Number("1e300"), no, no},
		{Number("0e99999999999999999999"), 0, 0},
		{Number("1e-99999999999999999999"), 0, 1},
		{Number("100000000000000000000000e-20"), 1000, 1000},
		{Number("000"), 0, 0},
		{nil, no, no},
	} {
		for _, r := range []struct {
			name  string
			round func() (int64, bool)
			want  int64
		}{{"floor", c.n.Floor, c.floor}, {"ceil", c.n.Ceil, c.ceil}} {
			got, ok := r.round()
			if ok != (r.want != no) || ok && got != r.want {
				t.Errorf("%s of %s: %d %t", r.name, c.n, got, ok)
			}
		}
	}
}

func TestScannerIsNotMisread(t *testing.T) {
	t.Run("an object left open", func(t *testing.T) {
		var s Scanner
		s.Reset([]byte(`{"a":{"sub":"x"},"sub":"y"}`), "doc")
		o := s.Object(testNames)
		o.Next()
		inner := s.Object(testNames)
		inner.Next()
		if _, ok := o.Next(); ok || s.Close() == nil {
			t.Error("the inner object's members were taken for the outer one's")
		}
	})
	t.Run("a document left half read", func(t *testing.T) {
		var s Scanner
		s.Reset([]byte(`{"a":1}`), "doc")
		o := s.Object(nil)
		o.Next()
		if s.Close() == nil {
			t.Error("no error")
		}
	})
	t.Run("a value read twice", func(t *testing.T) {
		var s Scanner
		s.Reset([]byte(`{"sub":"x"}`), "doc")
		o := s.Object(testNames)
		o.Next()
		s.Text()
		if text := s.Text(); text.Present() || s.Close() == nil {
			t.Error("no error")
		}
	})
	t.Run("the zero Scanner", func(t *testing.T) {
		var s Scanner
		if s.Close() == nil {
			t.Error("no error")
		}
	})
	t.Run("Is on the zero Text", func(t *testing.T) {
		if (Text{}).Is("") {
			t.Error("no string is equal to the empty one")
		}
	})
}

func TestNamesRefuseMistakes(t *testing.T) {
	for _, names := range [][]string{{"a", "A"}, {"a", "a"}, {"é"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q: no panic", names)
				}
			}()
			NewNames(names...)
		}()
	}
}

const claims = `{"iss":"https://iss.example","sub":"https://vendor.example","iat":1361398824,"exp":1361398824,"jti":"0123456789abcdef","vct":"https://credentials.example/identity_credential","_sd_alg":"sha-256","_sd":["CrQe7S5kqBAHt-nMYXgc6bdt2SH5aTY1sU_M-PgkjPI","JzYjH4svliH0R3PyEMfeZu6Jt69u5qehZo7F7EPYlSE"],"cnf":{"kid":"k","jwk":{"kty":"EC","crv":"P-256","x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA","alg":"ES256"}},"address":{"country":"DE","locality":"Berlin"}}`

func readClaims(doc []byte) error {
	var s Scanner
	s.Reset(doc, "claims")
	for o := s.Object(testNames); ; {
		m, ok := o.Next()
		if !ok {
			break
		}
		switch m {
		case 0:
			s.Text()
		case 4:
			s.Number()
		}
	}
	return s.Close()
}

func TestScannerDoesNotAllocate(t *testing.T) {
	doc := []byte(claims)
	if n := testing.AllocsPerRun(100, func() {
		if err := readClaims(doc); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkScanner(b *testing.B) {
	doc := []byte(claims)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if err := readClaims(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScannerManyMembers(b *testing.B) {
	doc := []byte(`{` + members(5000) + `"z":1}`)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if err := readClaims(doc); err != nil {
			b.Fatal(err)
		}
	}
}
