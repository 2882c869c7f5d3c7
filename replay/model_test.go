package replay

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// FuzzMemory holds a Memory against a map that never forgets: a live proof that was
// taken is never first, and one that was never taken is, unless there is no room or the
// clock was further on before.
func FuzzMemory(f *testing.F) {
	f.Add([]byte{0x00, 0x01, 0x05, 0x00, 0x01, 0x05})
	f.Add([]byte{0x00, 0x01, 0x05, 0xf0, 0x20, 0x00, 0x00, 0x02, 0x05, 0xf1, 0x20, 0x00, 0x00, 0x01, 0x05})
	f.Add([]byte("\x00\x01\x01\x01\x01\x01\x02\x01\x01\x03\x01\x01\x04\x01\x01\x05\x01\x01\x06\x01\x01\x07\x01\x01\xf0\x09\x00\x00\x01\x01"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		const limit = 24 // 3 of each key
		m, now := memory(t, limit)
		latest := noon // that the clock has ever shown
		type proof struct {
			key byte
			jti string
		}
		ends := map[proof]time.Time{}
		for ; len(steps) >= 3; steps = steps[3:] {
			a, b, c := steps[0], steps[1], steps[2]
			if a >= 0xf0 { // the clock: on, or back
				step := time.Duration(int(b)<<2|int(c)&3) * time.Second / 4
				if a&1 == 1 {
					step = -step
				}
				if *now = now.Add(step); now.After(latest) {
					latest = *now
				}
				continue
			}
			p := proof{a & 15, fmt.Sprint(b & 31)}
			until := now.Add(time.Duration(c) * time.Second)
			live := func(of func(proof) bool) (n int) {
				for p, end := range ends {
					if of(p) && !now.After(end.Add(2*time.Second)) {
						n++
					}
				}
				return n
			}
			room := live(func(proof) bool { return true }) < limit && live(func(q proof) bool { return q.key == p.key }) < limit/8
			first, err := m.Take(context.Background(), key(t, p.key), []byte(p.jti), until)
			end, taken := ends[p]
			switch {
			case first && err != nil:
				t.Fatalf("first, and an error: %v", err)
			case first && taken && !now.After(end) && (until.Equal(end) || !latest.After(end)):
				// With the clock set back, another proof with the jti of one that was forgotten is another.
				t.Fatalf("%v is first again at %s, and lives until %s", p, now, end)
			case !first && err == nil && !taken:
				t.Fatalf("%v was never taken and is not first", p)
			case err != nil && room && until.After(latest):
				t.Fatalf("%v: %v, and there is room", p, err)
			}
			if first {
				ends[p] = until
			}
			if m.Len() > limit {
				t.Fatalf("%d are remembered, of %d at most", m.Len(), limit)
			}
		}
	})
}
