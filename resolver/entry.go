package resolver

import (
	"strings"
	"time"
	"unsafe"

	"cnfd/cache"
	"cnfd/dnssec"
)

// entry is a cached value: what is known of a question, of a zone cut, or of
// what a zone denies.
type entry struct {
	answer  *dnssec.Answer
	cut     *cut
	denials *dnssec.Denials
	each    *dnssec.Each // on its way to those who asked; never kept
}

// kept is an answer as the cache holds it: in as few places as can be, since
// each that a hot look-up must visit is a wait for memory.
type kept struct {
	entry
	own  dnssec.Answer
	data [1][]byte
}

// keptAnswer makes the entry of an answer whose cache key is key. The name and
// the zone point into the key, which the cache keeps itself where it is long.
func keptAnswer(key string, a *dnssec.Answer) *entry {
	k := &kept{own: *a}
	if name := key[3:]; name == a.Name {
		k.own.Name = name
	}
	if strings.HasSuffix(k.own.Name, a.Zone) {
		k.own.Zone = k.own.Name[len(k.own.Name)-len(a.Zone):]
	}
	if len(a.Data) == 1 {
		k.data[0] = a.Data[0]
		k.own.Data = k.data[:]
	}
	k.answer = &k.own
	return &k.entry
}

// keep puts an answer into the cache, unless somebody has learnt something since it was
// begun: what was withdrawn meanwhile must not come back.
func (r *Resolver) keep(key string, a *dnssec.Answer) {
	if known, ok := r.cache.PeekString(key, time.Time{}); ok && known.answer.Fetched.After(a.Fetched) {
		return
	}
	r.cache.Put(key, cache.Entry[*entry]{Value: keptAnswer(key, a), Size: answerSize(a), Until: a.Until, Since: a.Fetched})
	r.forgetAliases(a)
}

// answerSize is the octets that a kept answer takes in memory, its key apart.
func answerSize(a *dnssec.Answer) int {
	n := int(unsafe.Sizeof(kept{})) + len(a.Trouble.Text) + len(a.AnswerSection) + len(a.AuthoritySection)
	if len(a.Data) > 1 {
		n += 24 * len(a.Data)
	}
	return n + allocation
}

// allocation is what the allocator rounds up by, on average, for the pieces.
const allocation = 64
