package transport

import "testing"

// BenchmarkUDP is one exchange with a server on loopback, the server's work included.
func BenchmarkUDP(b *testing.B) {
	at := udpServer(b, func(q []byte) [][]byte { return [][]byte{reply(q)} })
	n, q := new(Net), query()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Exchange(b.Context(), at, "udp", q); err != nil {
			b.Fatal(err)
		}
	}
}
