package main

import "strings"

// addresses is where a daemon listens; "" where it does not.
type addresses struct {
	API  string // http://127.0.0.1:8255 or https://…
	Unix string // the socket's path
	DNS  string // 127.0.0.1:53

	ACME, ACMEPlain string // https://127.0.0.1:8256, http://…
}

// String lists what listens where, for the line that says the daemon is there.
func (a addresses) String() string {
	var list []string
	if a.API != "" {
		list = append(list, a.API)
	}
	if a.Unix != "" {
		list = append(list, "unix:"+a.Unix)
	}
	if a.DNS != "" {
		list = append(list, "dns:"+a.DNS)
	}
	if a.ACME != "" {
		list = append(list, "acme:"+a.ACME)
	}
	if a.ACMEPlain != "" {
		list = append(list, "acme-plain:"+a.ACMEPlain)
	}
	return strings.Join(list, " ")
}
