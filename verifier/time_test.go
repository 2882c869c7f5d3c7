package verifier

import (
	"strconv"
	"testing"
	"time"
)

func TestTokenTime(t *testing.T) {
	unix := now.Unix()
	for _, c := range []struct {
		claim    string
		exp, nbf int64
		flip     func(*scene)
		want     Reason
		check    Check
		until    int64 // zero: the DNS data's
	}{
		{"exp within the leeway", unix - 59, 0, nil, RecordMatches, Checked, unix - 59},
		{"exp past the leeway", unix - 61, 0, nil, Expired, Checked, 0},
		{"exp past, with a longer leeway", unix - 61, 0, func(s *scene) { s.config.Leeway = time.Hour }, RecordMatches, Checked, unix - 61},
		{"exp past, with no leeway", unix - 1, 0, func(s *scene) { s.config.Leeway = -1 }, Expired, Checked, 0},
		{"nbf within the leeway", 0, unix + 59, nil, RecordMatches, Checked, 0},
		{"nbf past the leeway", 0, unix + 61, nil, NotYetValid, Checked, 0},
		{"exp before the data ends", unix + 100, 0, nil, RecordMatches, Checked, unix + 100},
		{"exp after the data ends", unix + 1000, 0, nil, RecordMatches, Checked, 0},
		{"exp past and not to be judged", unix - 1000, 0, func(s *scene) { s.request.SkipTime = true }, RecordMatches, NotChecked, 0},
		{"nbf to come and not to be judged", 0, unix + 1000, func(s *scene) { s.request.SkipTime = true }, RecordMatches, NotChecked, 0},
		{"no time in the token", 0, 0, nil, RecordMatches, Checked, 0},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			if c.exp != 0 {
				s.with(`"exp":` + strconv.FormatInt(c.exp, 10))
			}
			if c.nbf != 0 {
				s.with(`"nbf":` + strconv.FormatInt(c.nbf, 10))
			}
			if c.flip != nil {
				c.flip(s)
			}
			v, err := s.ask(t)
			if err != nil || v.Reason != c.want || v.Time != c.check {
				t.Fatalf("%v, time %v, %v; want %v, time %v", v.Reason, v.Time, err, c.want, c.check)
			}
			want := now.Add(287 * time.Second)
			if c.until != 0 {
				want = time.Unix(c.until, 0)
			}
			if c.want == RecordMatches && !v.ValidUntil.Equal(want) {
				t.Errorf("valid until %v, want %v", v.ValidUntil, want)
			}
		})
	}
}
