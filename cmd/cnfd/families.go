package main

import (
	"net/http"
	"runtime"
	"sync/atomic"

	"cnfd/dnssec"
	"cnfd/metrics"
)

// counting counts the requests that are under way, in all and of each guest.
type counting struct {
	http.Handler
	now atomic.Int64
}

// ServeHTTP answers a request.
func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.now.Add(1)
	defer c.now.Add(-1)
	if p := peerOf(r.Context()); p != nil && p.guest != nil {
		p.guest.busy.Add(1)
		defer p.guest.busy.Add(-1)
	}
	closeAfter(w, r)
	c.Handler.ServeHTTP(w, r)
}

// families are what the daemon's parts count, for GET /metrics.
func (d *daemon) families() []metrics.Family {
	one := func(name, help string, kind metrics.Kind, read func() float64) metrics.Family {
		return metrics.Family{Name: name, Help: help, Kind: kind, Read: func() []metrics.Sample { return metrics.One(read()) }}
	}
	e, began := d.engine, float64(d.clock.Now().UnixMilli())/1000
	all := []metrics.Family{
		{Name: "cnfd_build_info", Help: "The version; the value is always 1.", Read: func() []metrics.Sample {
			return []metrics.Sample{{Labels: []string{"version", version(), "go", runtime.Version()}, Value: 1}}
		}},
		one("cnfd_start_time_seconds", "When the daemon began, in seconds since 1970.", metrics.Gauge, func() float64 { return began }),
		one("cnfd_requests_in_flight", "HTTP requests under way; a batch is one.", metrics.Gauge, func() float64 { return float64(d.requests.now.Load()) }),
		one("cnfd_misses_in_flight", "Questions under way that the cache does not answer.", metrics.Gauge, func() float64 { return float64(e.source.misses.Load()) }),
		{Name: "cnfd_turned_away_total", Help: "What was refused by limits: caller, misses (limits.peer_misses, limits.misses), connections; idle: connections that nothing was asked over and that made room for others; certificate: callers whom api.tls.client_ca kept out.", Kind: metrics.Counter, Read: func() []metrics.Sample {
			return []metrics.Sample{
				{Labels: []string{"limit", "caller"}, Value: float64(e.source.turned[turnedByCaller].Load())},
				{Labels: []string{"limit", "misses"}, Value: float64(e.source.turned[turnedByAll].Load())},
				{Labels: []string{"limit", "connections"}, Value: d.atDoors(func(o *door) int64 { return o.refused.Load() })},
				{Labels: []string{"limit", "idle"}, Value: d.atDoors(func(o *door) int64 { return o.lounge.left.Load() })},
				{Labels: []string{"limit", "certificate"}, Value: float64(d.live.keptOut.all.Load())},
			}
		}},
		one("cnfd_connections", "Open connections of callers.", metrics.Gauge, func() float64 {
			return d.atDoors(func(o *door) int64 { return o.inside.Load() })
		}),
		{Name: "cnfd_validations_total", Help: "Answers of the DNS that were looked up and judged, by what they came to.", Kind: metrics.Counter, Read: func() (all []metrics.Sample) {
			for i := range e.source.judged {
				all = append(all, metrics.Sample{Labels: []string{"security", dnssec.Security(i).String()}, Value: float64(e.source.judged[i].Load())})
			}
			return all
		}},
		one("cnfd_proofs", "DPoP proofs that are remembered, so that none is taken twice.", metrics.Gauge, func() float64 { return float64(e.proofs.Len()) }),
		{Name: "cnfd_issuer_key_fetches_total", Help: "Fetches and readings of issuers' keys, by result.", Kind: metrics.Counter, Read: func() []metrics.Sample {
			s := d.live.Load().engine.keys.Stats()
			return []metrics.Sample{{Labels: []string{"result", "ok"}, Value: float64(s.Loaded)}, {Labels: []string{"result", "failed"}, Value: float64(s.Failed)}}
		}},
	}
	all = append(all, gatewayFamily(e.gateways))
	return append(append(all, d.cacheFamilies()...), e.upstream.families()...)
}

func (d *daemon) cacheFamilies() []metrics.Family {
	stats := d.engine.resolver.Stats
	one := func(name, help string, kind metrics.Kind, read func() float64) metrics.Family {
		return metrics.Family{Name: name, Help: help, Kind: kind, Read: func() []metrics.Sample { return metrics.One(read()) }}
	}
	return []metrics.Family{
		one("cnfd_cache_entries", "Entries of the cache: answers, zones, denials.", metrics.Gauge, func() float64 { return float64(stats().Cache.Entries) }),
		one("cnfd_cache_bytes", "Octets of the cache.", metrics.Gauge, func() float64 { return float64(stats().Cache.Bytes) }),
		one("cnfd_cache_hits_total", "Values given from the cache; one question may take several.", metrics.Counter, func() float64 { return float64(stats().Cache.Hits) }),
		one("cnfd_cache_misses_total", "Questions to the cache that had to be looked up.", metrics.Counter, func() float64 { return float64(stats().Cache.Misses) }),
		one("cnfd_cache_evictions_total", "Entries that gave way to others for want of room.", metrics.Counter, func() float64 { return float64(stats().Cache.Evictions) }),
		one("cnfd_cache_expired_total", "Entries that were dropped at the end of their life.", metrics.Counter, func() float64 { return float64(stats().Cache.Expired) }),
		one("cnfd_cache_prefetches_total", "Answers that were asked for anew ahead of their end.", metrics.Counter, func() float64 { return float64(stats().Renewed) }),
	}
}

func (d *daemon) atDoors(read func(*door) int64) (sum float64) {
	for _, o := range d.doors {
		sum += float64(read(o))
	}
	return sum
}
