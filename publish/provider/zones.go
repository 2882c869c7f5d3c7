package provider

import (
	"slices"
	"strings"
	"sync"

	"cnfd/publish"
)

// longest returns the longest of the zones that holds name; all with or without the
// trailing dot, in any case. ok is false where none does.
func longest(name string, zones []string) (zone string, ok bool) {
	name = "." + strings.ToLower(strings.TrimSuffix(name, "."))
	for _, z := range zones {
		bare := strings.ToLower(strings.TrimSuffix(z, "."))
		if bare != "" && strings.HasSuffix(name, "."+bare) && (!ok || len(bare) > len(strings.TrimSuffix(zone, "."))) {
			zone, ok = z, true
		}
	}
	return zone, ok
}

// noZone is the error where none of the provider's zones holds name.
func (a *api) noZone(name string) error {
	return &publish.Error{Kind: publish.WrongZone, Where: a.name, What: "no zone of the account holds " + name + ", or another one is configured", Do: "check that the zone is there and that the credentials may see it"}
}

// apexes are the names that a zone which holds name can have, from the longest on:
// those that are asked for one by one of a provider whose list is long. With a
// configured zone it is that alone, and none where it does not hold the name.
func apexes(name, configured string) []string {
	labels := strings.Split(strings.ToLower(strings.TrimSuffix(name, ".")), ".")
	var list []string
	for i := range len(labels) {
		list = append(list, strings.Join(labels[i:], "."))
	}
	if configured == "" {
		return list
	}
	zone := strings.ToLower(strings.TrimSuffix(configured, "."))
	if slices.Contains(list, zone) {
		return []string{zone}
	}
	return nil
}

// finder remembers which zone holds a name, since every look-up is several calls and
// providers count them (Route 53: five a second).
type finder struct {
	mu    sync.Mutex // guards zones
	zones map[string]string
}

// zone returns what find found for name, now or before.
func (f *finder) zone(name string, find func() (string, error)) (string, error) {
	f.mu.Lock()
	zone, ok := f.zones[name]
	f.mu.Unlock()
	if ok {
		return zone, nil
	}
	zone, err := find()
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.zones == nil {
		f.zones = map[string]string{}
	}
	f.zones[name] = zone
	return zone, nil
}

// moved reports whether a set is not what it was. The TTL counts here: what is written
// has the one that was read, and would take back somebody else's.
func moved(now, before publish.Set) bool {
	return !now.Same(before) || len(now.Records) > 0 && now.TTL != before.TTL
}

// changed is the error where a set is not any more what it was when it was read.
func (a *api) changed(name string) error {
	return &publish.Error{Kind: publish.Conflict, Where: a.name, What: "set at " + name + " is not what it was when it was read", Do: "somebody else writes it too: try again"}
}
