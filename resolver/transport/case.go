package transport

// scramble gives each letter of a name in wire form a case by chance, one bit of
// bits a letter: a forger must guess them too (draft-vixie-dnsext-dns0x20).
// Lengths of labels are under 64, so that they are no letters.
func scramble(name, bits []byte) {
	n := 0
	for i, b := range name {
		if lower := b | 0x20; lower >= 'a' && lower <= 'z' {
			name[i] = b&^0x20 | bits[n/8]>>(n%8)&1<<5
			n++
		}
	}
}

// sameButCase compares two questions in wire form of which b is well formed: the
// letters of the name may differ in case, its type and class in nothing.
func sameButCase(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	name := len(b) - 4
	for i := range b {
		if a[i] == b[i] {
			continue
		}
		lower := b[i] | 0x20
		if i >= name || a[i]^b[i] != 0x20 || lower < 'a' || lower > 'z' {
			return false
		}
	}
	return true
}
