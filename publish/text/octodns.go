package text

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cnfd/publish"
)

// writeOctoDNS prints records as octoDNS' YamlProvider reads them. It wants the keys
// of every mapping in natural order (enforce_order), and takes text for text only
// where it is quoted: 12E4 would be a number.
func writeOctoDNS(b *bytes.Buffer, o Options, sets []set, zone name) error {
	fmt.Fprintf(b, "# For %syaml of octoDNS. Where the file has other records of a name, put this one into their list; its order is by name.\n", zone)
	if !o.BeforeKnown {
		b.WriteString("# What stands at these names was not looked at: keep the values that the file has, since octoDNS takes away what it has not.\n")
	}
	keys := map[string]set{}
	for _, s := range sets {
		key, ok := relative(s.owner, zone)
		if !ok {
			return unsaid(s.owner.String(), "octodns: name with octets that need escapes, which its files have not")
		}
		keys[key] = s
	}
	for _, key := range slices.SortedFunc(maps.Keys(keys), natural) {
		s := keys[key]
		switch {
		case s.None():
			fmt.Fprintf(b, "# '%s': nothing to do\n", key)
		case len(s.After.Records) == 0 && o.BeforeKnown:
			fmt.Fprintf(b, "# '%s': take its TLSA record out of the file: none is left\n", key)
		default:
			writeRemovals(b, o, key, s)
			if len(s.After.Records) > 0 {
				writeRecord(b, key, s.After)
			}
		}
	}
	return nil
}

// writeRemovals says which values go, where what stays is not known.
func writeRemovals(b *bytes.Buffer, o Options, key string, s set) {
	if o.BeforeKnown {
		return
	}
	for _, r := range s.Removed() {
		fmt.Fprintf(b, "# '%s': take this value out of its list, and the record where none is left:\n", key)
		writeValue(b, "# ", r)
	}
}

func writeRecord(b *bytes.Buffer, key string, s publish.Set) {
	fmt.Fprintf(b, "'%s':\n", key)
	if slices.ContainsFunc(s.Records, refused) {
		b.WriteString("  # octoDNS' own check knows the values of RFC 6698 alone and stops at 255; lenient makes that a warning.\n")
		b.WriteString("  octodns:\n    lenient: true\n")
	}
	fmt.Fprintf(b, "  ttl: %d\n  type: TLSA\n  values:\n", s.TTL/time.Second)
	for _, r := range s.Records {
		writeValue(b, "  ", r)
	}
}

func writeValue(b *bytes.Buffer, indent string, r publish.Record) {
	usage, selector, matching, association := r.Fields()
	fmt.Fprintf(b, "%s- certificate_association_data: '%s'\n", indent, strings.ToUpper(hex.EncodeToString(association)))
	fmt.Fprintf(b, "%[1]s  certificate_usage: %[2]d\n%[1]s  matching_type: %[3]d\n%[1]s  selector: %[4]d\n", indent, usage, matching, selector)
}

// refused reports whether octoDNS' own check stops at a record: it has an upper bound
// for each field (octodns.record.tlsa).
func refused(r publish.Record) bool {
	usage, selector, matching, _ := r.Fields()
	return usage > 3 || selector > 1 || matching > 2
}

// relative is the key of a name in the file of a zone: "" at the apex.
func relative(owner, zone name) (key string, ok bool) {
	labels := owner[:len(owner)-len(zone)]
	for _, label := range labels {
		// A number sign is no octet of a host name, but of x5t#s256.
		if strings.ContainsFunc(label, func(c rune) bool { return c > 127 || !plain(byte(c)) && c != '#' }) {
			return "", false
		}
	}
	return strings.Join(labels, "."), true
}

// natural is the order of octoDNS' files: digits that stand together are a number.
func natural(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		switch {
		case da == 0 && db == 0:
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
		case da == 0 || db == 0:
			// What begins with a number begins with no text before it.
			return cmp.Compare(db, da)
		default:
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), cmp.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
		}
	}
	return cmp.Compare(len(a), len(b))
}

// digits is how many digits text begins with.
func digits(text string) int {
	return len(text) - len(strings.TrimLeft(text, "0123456789"))
}
