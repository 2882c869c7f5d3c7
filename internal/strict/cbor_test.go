package strict_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"cnfd/internal/strict"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckCBOR(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"an integer passes", "01", ""},
		{"a nested map passes", "a1 01 a2 01 02 20 41 00", ""},
		{"nothing at all", "", "cbor: empty"},
		{"trailing bytes", "01 01", "cbor: 1 bytes of extraneous data starting at index 1"},
		{"cut short", "42 00", "cbor: cut short"},
		{"a duplicate key", "a2 01 02 01 03", "cbor.1: given twice"},
		{"one integer in two encodings", "a2 01 02 1801 03", "cbor.1: given twice"},
		{"one negative integer in two encodings", "a2 20 02 3900 00 03", "cbor.-1: given twice"},
		{"one text in two encodings", "a2 6161 02 780161 03", "cbor.a: given twice"},
		{"a duplicate key further in", "a1 08 a1 01 a2 20 02 20 03", "cbor.8.1.-1: given twice"},
		{"a duplicate key inside an array", "a1 08 81 a2 20 02 20 03", "cbor.8.-1: given twice"},
		{"integer and text of one digit are two keys", "a2 01 02 6131 03", ""},
		{"an octet string key", "a1 4101 02", "cbor: a map key that is neither an integer nor text"},
		{"a floating-point key", "a1 f94000 02", "cbor: a map key that is neither an integer nor text"},
		{"a simple key", "a1 f83b 02", "cbor: a map key that is neither an integer nor text"},
		{"an indefinite map", "bf 01 02 ff", "cbor: indefinite-length map isn't allowed"},
		{"an indefinite array", "9f 01 ff", "cbor: indefinite-length array isn't allowed"},
		{"an indefinite byte string", "5f 4101 ff", "cbor: indefinite-length byte string isn't allowed"},
		{"an indefinite text", "7f 6161 ff", "cbor: indefinite-length UTF-8 text string isn't allowed"},
		{"a tag", "c0 60", "cbor: CBOR tag isn't allowed"},
		{"a bignum", "c2 4102", "cbor: CBOR tag isn't allowed"},
		{"text that is not UTF-8", "a1 01 62c328", "cbor.1: text that is not UTF-8"},
		{"a surrogate in UTF-8", "63 eda080", "cbor: text that is not UTF-8"},
		{"a text key that is not UTF-8", "a1 61ff 01", "cbor: a map key that is neither an integer nor text"},
		{"a reserved length", "1c", "cbor: invalid additional information 28 for type positive integer"},
		{"16 levels", strings.Repeat("81", 16) + "01", ""},
		{"17 levels", strings.Repeat("81", 17) + "01", "cbor: exceeded max nested level 16"},
		{"256 elements", "990100" + strings.Repeat("01", 256), ""},
		{"257 elements", "990101" + strings.Repeat("01", 257), "cbor: exceeded max number of elements 256 for CBOR array"},
		{"a length of 2^63", "5b8000000000000000", "cbor: byte string length 9223372036854775808 is too large, causing integer overflow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := strict.CheckCBOR(unhex(t, c.in), "cbor"); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWellFormedCBOR(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     bool
	}{
		{"tags pass", "a1 01 c1 fb41d452d9e20ccccd", true},
		{"indefinite lengths pass", "bf 01 5f 4101 4102 ff ff", true},
		{"invalid UTF-8 passes", "61ff", true},
		{"NaN passes", "f97e00", true},
		{"17 levels", strings.Repeat("81", 17) + "01", false},
		{"257 pairs without an end", "bf" + strings.Repeat("0101", 257) + "ff", false},
		{"a break of its own", "ff", false},
		{"a map that ends after a key", "bf 01 ff", false},
		{"two items", "0101", false},
		{"a tag of nothing", "c1", false},
		{"an ill-formed simple value", "f801", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := strict.WellFormedCBOR(unhex(t, c.in), "cbor"); (err == nil) != c.want {
				t.Errorf("got %v, want well-formed %v", err, c.want)
			}
		})
	}
}

func TestItemFloat(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     float64
		ok       bool
	}{
		{"half", "f93e00", 1.5, true},
		{"single", "fa3fc00000", 1.5, true},
		{"double", "fb3ff8000000000000", 1.5, true},
		{"infinity", "f97c00", math.Inf(1), true},
		{"an integer", "01", 0, false},
		{"true", "f5", 0, false},
		{"null", "f6", 0, false},
		{"a simple value of two octets", "f8ff", 0, false},
		{"text", "6131", 0, false},
		{"a tagged time", "c100", 0, false},
		{"a bignum", "c24101", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			item, _, err := strict.FirstCBOR(unhex(t, c.in))
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := item.Float(); got != c.want || ok != c.ok {
				t.Errorf("got %v, %v", got, ok)
			}
		})
	}
}

func TestItemInt(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"17", 23, true},
		{"1b0000000000000017", 23, true},
		{"20", -1, true},
		{"1b7fffffffffffffff", 1<<63 - 1, true},
		{"1b8000000000000000", 0, false},
		{"3b7fffffffffffffff", -1 << 63, true},
		{"3bffffffffffffffff", 0, false},
		{"f5", 0, false},
		{"61 31", 0, false},
	} {
		item, _, err := strict.FirstCBOR(unhex(t, c.in))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := item.Int(); got != c.want || ok != c.ok {
			t.Errorf("%s: got %d, %v", c.in, got, ok)
		}
	}
	if _, ok := (strict.Item{}).Int(); ok {
		t.Error("the zero Item is an integer")
	}
}

func FuzzCBOR(f *testing.F) {
	for _, s := range []string{
		"a201021801 03", "bf01 5f4101ff ff", "a1 08 a1 01 a4 01 02 20 01 21 4100 22 f5",
		"c1 fb41d452d9e20ccccd", "9f 9f ff ff", "a3 01 02 20 03 6161 04", "f97e00", "5b8000000000000000",
		"bb8000000000000000", "d9d9f7 a1 f83b 80", "a2 3bad30303030303030 30 30 30",
	} {
		f.Add(unhex(f, s))
	}
	strictly, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		UTF8: cbor.UTF8RejectInvalid, MaxNestedLevels: 16, MaxArrayElements: 256, MaxMapPairs: 256,
		IntDec: cbor.IntDecConvertNone,
	}.DecMode()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := strict.CheckCBOR(b, "cbor")
		var malformed *strict.Error
		if err != nil && !errors.As(err, &malformed) {
			t.Fatalf("error of another type: %v", err)
		}
		var v any
		oracle := strictly.Unmarshal(b, &v)
		// It has no Go type for a key below an int64, which is distinct all the same.
		if err == nil && oracle != nil && !strings.Contains(oracle.Error(), "big.Int") {
			t.Errorf("%x: passes here, the library says %v", b, oracle)
		}
		if err != nil && oracle == nil && !strings.Contains(err.Error(), "map key") {
			t.Errorf("%x: passes in the library, here %v", b, err)
		}
		wellFormed := strict.WellFormedCBOR(b, "cbor") == nil
		if err == nil && !wellFormed {
			t.Errorf("%x: strict and yet not well-formed", b)
		}
		item, rest, err := strict.FirstCBOR(b)
		if wellFormed && (err != nil || len(rest) != 0 || !bytes.Equal(item.Raw, b)) {
			t.Errorf("%x: well-formed, yet cut to %x: %v", b, item.Raw, err)
		}
		entries := item.Entries()
		pairs := 0
		for entries.Next() {
			pairs++
			_ = entries.Key.Label()
		}
		if wellFormed && (entries.Err() != nil || !item.Indefinite && item.Major == strict.MajorMap && pairs != int(item.Arg)) {
			t.Errorf("%x: %d pairs walked: %v", b, pairs, entries.Err())
		}
		_ = item.DistinctKeys("cbor")
	})
}

func BenchmarkCheckCBOR(b *testing.B) {
	cnf := unhex(b, "a101a401022001215820d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13225820f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120")
	b.ReportAllocs()
	for b.Loop() {
		if err := strict.CheckCBOR(cnf, "cbor"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckCBORHostile is the worst that 64 KiB can hold: maps of 256 keys.
func BenchmarkCheckCBORHostile(b *testing.B) {
	var m []byte
	m = append(m, 0xb9, 0x01, 0x00)
	for i := 0; i < 256; i++ {
		m = append(m, 0x19, byte(1+i>>8), byte(i), 0x00)
	}
	all := []byte{0x98, 63}
	for range 63 {
		all = append(all, m...)
	}
	b.SetBytes(int64(len(all)))
	for b.Loop() {
		if err := strict.CheckCBOR(all, "cbor"); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleCheckCBOR() {
	fmt.Println(strict.CheckCBOR([]byte{0xa1, 0x08, 0xa2, 0x01, 0x00, 0x18, 0x01, 0x00}, "claims"))
	// Output: claims.8.1: given twice
}
