package config

import "time"

// checkOperation judges log and limits.
func (r *reader) checkOperation(c *Config) {
	if c.Log.Evidence != "off" && c.Log.Level != "debug" && c.Log.Level != "info" {
		r.at("log.evidence", "it is of level info, and log.level: %s leaves it out", c.Log.Level)
	}
	if c.Log.Decisions && c.Log.Level != "debug" && c.Log.Level != "info" {
		r.at("log.decisions", "they are of level info, and log.level: %s leaves them out", c.Log.Level)
	}
	l := &c.Limits
	r.within("limits.body", l.Body, 1<<10, 64<<10)
	r.within("limits.header", l.Header, 4<<10, 1<<20)
	if l.ReadTimeout < time.Second {
		r.at("limits.read_timeout", "want a second or more")
	}
	if l.IdleTimeout < time.Second {
		r.at("limits.idle_timeout", "want a second or more")
	}
	if l.Connections == 0 {
		r.at("limits.connections", "want 1 or more")
	}
	if l.Misses == 0 {
		r.at("limits.misses", "want 1 or more: without any nothing is ever looked up")
	}
	for _, o := range [...]struct{ path, is string }{{"api.unix_owner", c.API.UnixOwner}, {"api.unix_group", c.API.UnixGroup}} {
		if c.API.Unix == "" && o.is != "" {
			r.at(o.path, "there is no socket to own: api.unix is \"\"")
		}
	}
}

func (r *reader) within(path string, is, least, most Size) {
	if is < least || is > most {
		r.at(path, "%s: want from %s to %s", is, least, most)
	}
}
