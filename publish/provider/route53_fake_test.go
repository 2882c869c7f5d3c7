package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"cnfd/publish"
)

// route53Fake answers as the API reference of version 2013-04-01 has it. It finds the
// signature of each request anew, from the request as it came.
type route53Fake struct {
	mu       sync.Mutex // guards what follows
	zones    []route53FakeZone
	sets     []route53FakeSet
	page     int // sets a page, so that one needs no 300 for a second
	mangling bool
}

type route53FakeZone struct {
	id, name string
	private  bool
}

type route53FakeSet struct {
	zone, name, kind, identifier string
	ttl                          int
	values                       []string
	aliasOf                      string
}

var fakeAWSKeys = map[string]string{"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAGUESTFODNN7GUEST": "Gu3stXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

const fakeAWSToken = "IQoJb3JpZ2luX2VjEXAMPLETOKEN//////////wEaCXVzLWVhc3QtMSJGMEQCIH0fh"

func newRoute53Fake() fake {
	f := &route53Fake{page: 2, zones: []route53FakeZone{
		{"Z00PARENT", "example.", false}, {"Z01SUFFIX", "dor.example.", false},
		{"Z02PRIVATE", "vendor.example.", true}, {"Z03PUBLIC", "vendor.example.", false},
		{"Z04AFTER", "zulu.example.", false},
	}}
	for _, z := range f.zones {
		f.sets = append(f.sets,
			route53FakeSet{zone: z.id, name: z.name, kind: "A", ttl: 300, values: []string{"192.0.2.1"}},
			route53FakeSet{zone: z.id, name: z.name, kind: "NS", ttl: 172800, values: []string{"ns-1." + z.name}},
			route53FakeSet{zone: z.id, name: z.name, kind: "SOA", ttl: 900, values: []string{"ns-1." + z.name + " awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}},
			route53FakeSet{zone: z.id, name: "jwk.cnf." + z.name, kind: "HTTPS", ttl: 300, values: []string{"0 elsewhere.example."}},
			route53FakeSet{zone: z.id, name: "jwk.cnf." + z.name, kind: "SSHFP", ttl: 300, values: []string{"1 1 00"}},
			route53FakeSet{zone: z.id, name: "jwk.cnf." + z.name, kind: "TXT", ttl: 300, values: []string{`"beside"`}},
		)
	}
	return f
}

func (f *route53Fake) credentials(_ string, c caller) []byte {
	id := map[caller]string{owner: "AKIAIOSFODNN7EXAMPLE", stranger: "AKIAIOSFODNN7NOBODY1", guest: "AKIAGUESTFODNN7GUEST"}[c]
	secret := fakeAWSKeys[id]
	if secret == "" {
		secret = "N0bodyXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	}
	return []byte("# of the console\n[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\naws_session_token = " + fakeAWSToken + "\n")
}

func (f *route53Fake) set(name string, ttl int, records ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets = slices.DeleteFunc(f.sets, func(s route53FakeSet) bool { return s.name == name && s.kind == "TLSA" })
	if len(records) > 0 {
		f.sets = append(f.sets, route53FakeSet{zone: "Z03PUBLIC", name: name, kind: "TLSA", ttl: ttl, values: records})
	}
}

func (f *route53Fake) alias(name, target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets = slices.DeleteFunc(f.sets, func(s route53FakeSet) bool { return s.name == name })
	f.sets = append(f.sets, route53FakeSet{zone: "Z03PUBLIC", name: name, kind: "CNAME", ttl: 300, values: []string{target}})
}

func (f *route53Fake) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, s := range f.sets {
		for _, v := range append([]string{s.aliasOf}, s.values...) {
			if v != "" {
				lines = append(lines, fmt.Sprintf("%s %s %d %s %s %q", s.zone, s.name, s.ttl, s.kind, s.identifier, v))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func (f *route53Fake) fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>%s</Code><Message>", code)
	_ = xml.EscapeText(w, []byte(message))
	_, _ = io.WriteString(w, "</Message></Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>")
}

// busy is a 400 here, and says for how long no more than the real one does.
func (f *route53Fake) busy(w http.ResponseWriter, _ string) {
	f.fail(w, http.StatusBadRequest, "Throttling", "Rate exceeded")
}

func (f *route53Fake) failed(w http.ResponseWriter) {
	f.fail(w, http.StatusInternalServerError, "InternalFailure", "We encountered an internal error. Please try again.")
}

func (f *route53Fake) writes(r *http.Request) bool { return r.Method == http.MethodPost }

func (f *route53Fake) mangle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mangling = true
}

var fakeAWSAuthorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/us-east-1/route53/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// signed finds fault with the signature, or returns who made it.
func (f *route53Fake) signed(r *http.Request, body []byte) (id, code, message string) {
	m := fakeAWSAuthorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return "", "IncompleteSignature", "Authorization header requires 'Credential' parameter."
	}
	secret, ok := fakeAWSKeys[m[1]]
	if !ok || r.Header.Get("X-Amz-Security-Token") != fakeAWSToken {
		return "", "InvalidClientTokenId", "The security token included in the request is invalid."
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", date)
	if err != nil || date[:8] != m[2] {
		return "", "IncompleteSignature", "Date must be in ISO-8601 'basic format'."
	}
	if d := noon().Sub(at); d > 5*time.Minute || d < -5*time.Minute {
		return "", "SignatureDoesNotMatch", fmt.Sprintf("Signature expired: %s is now earlier than %s", date, noon().Add(-5*time.Minute).Format("20060102T150405Z"))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", r.Method, r.URL.EscapedPath())
	pairs := strings.Split(r.URL.RawQuery, "&")
	sort.Strings(pairs)
	fmt.Fprintf(&b, "%s\n", strings.Join(pairs, "&"))
	must := map[string]bool{"host": true, "x-amz-date": true, "x-amz-security-token": true}
	if len(body) > 0 {
		must["content-type"] = true
	}
	for _, name := range strings.Split(m[3], ";") {
		v := r.Header.Get(name)
		if name == "host" {
			v = r.Host
		}
		fmt.Fprintf(&b, "%s:%s\n", name, v)
		delete(must, name)
	}
	fmt.Fprintf(&b, "\n%s\n%x", m[3], sha256.Sum256(body))
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		_, _ = io.WriteString(h, text)
		return h.Sum(nil)
	}
	key := mac(mac(mac(mac([]byte("AWS4"+secret), m[2]), "us-east-1"), "route53"), "aws4_request")
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s/us-east-1/route53/aws4_request\n%x", date, m[2], sha256.Sum256([]byte(b.String())))
	if len(must) > 0 || hex.EncodeToString(mac(key, text)) != m[4] {
		return "", "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. The Canonical String for this request should have been '" + b.String() + "'"
	}
	return m[1], "", ""
}

func (f *route53Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Date", noon().Format(http.TimeFormat))
	body, _ := io.ReadAll(r.Body)
	id, code, message := f.signed(r, body)
	if code != "" {
		f.fail(w, http.StatusForbidden, code, message)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/2013-04-01/")
	zone, hosted := strings.CutPrefix(path, "hostedzone/")
	switch {
	case ok && r.Method == http.MethodGet && path == "hostedzonesbyname":
		f.zonesByName(w, r.URL.Query())
	case ok && hosted && r.Method == http.MethodGet && strings.HasSuffix(zone, "/rrset"):
		f.list(w, strings.TrimSuffix(zone, "/rrset"), r.URL.Query())
	case ok && hosted && r.Method == http.MethodPost && strings.HasSuffix(zone, "/rrset/"):
		if id == "AKIAGUESTFODNN7GUEST" {
			f.fail(w, http.StatusForbidden, "AccessDenied", "User: arn:aws:iam::123456789012:user/guest is not authorized to perform: route53:ChangeResourceRecordSets")
			return
		}
		f.change(w, strings.TrimSuffix(zone, "/rrset/"), r, body)
	default:
		f.fail(w, http.StatusNotFound, "UnknownOperationException", "")
	}
}

// reversed is the order of names in every list.
func reversed(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

func (f *route53Fake) zonesByName(w http.ResponseWriter, q url.Values) {
	zones := slices.Clone(f.zones)
	slices.SortStableFunc(zones, func(a, b route53FakeZone) int { return strings.Compare(reversed(a.name)+a.id, reversed(b.name)+b.id) })
	from := slices.IndexFunc(zones, func(z route53FakeZone) bool {
		return reversed(z.name)+z.id >= reversed(q.Get("dnsname"))+q.Get("hostedzoneid")
	})
	if from < 0 {
		from = len(zones)
	}
	most, _ := strconv.Atoi(q.Get("maxitems"))
	if most < 1 || most > 100 {
		f.fail(w, http.StatusBadRequest, "InvalidInput", "maxitems")
		return
	}
	to := min(from+min(most, 1), len(zones)) // one a page, as fewer than asked for may come
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<ListHostedZonesByNameResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><HostedZones>")
	for _, z := range zones[from:to] {
		_, _ = fmt.Fprintf(w, "<HostedZone><Id>/hostedzone/%s</Id><Name>%s</Name><CallerReference>x</CallerReference><Config><PrivateZone>%v</PrivateZone></Config></HostedZone>", z.id, z.name, z.private)
	}
	_, _ = fmt.Fprintf(w, "</HostedZones><IsTruncated>%v</IsTruncated>", to < len(zones))
	if to < len(zones) {
		_, _ = fmt.Fprintf(w, "<NextDNSName>%s</NextDNSName><NextHostedZoneId>%s</NextHostedZoneId>", zones[to].name, zones[to].id)
	}
	_, _ = fmt.Fprintf(w, "<MaxItems>%d</MaxItems></ListHostedZonesByNameResponse>", most)
}

func (f *route53Fake) list(w http.ResponseWriter, zone string, q url.Values) {
	sets := slices.DeleteFunc(slices.Clone(f.sets), func(s route53FakeSet) bool { return s.zone != zone })
	if len(sets) == 0 {
		f.fail(w, http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: "+zone)
		return
	}
	key := func(s route53FakeSet) string {
		return reversed(s.name) + "\x00" + s.kind + "\x00" + s.identifier
	}
	slices.SortStableFunc(sets, func(a, b route53FakeSet) int { return strings.Compare(key(a), key(b)) })
	from := 0
	for from < len(sets) && key(sets[from]) < key(route53FakeSet{name: q.Get("name"), kind: q.Get("type"), identifier: q.Get("identifier")}) {
		from++
	}
	to := min(from+f.page, len(sets))
	text := func(s string) string { var b strings.Builder; _ = xml.EscapeText(&b, []byte(s)); return b.String() }
	_, _ = fmt.Fprint(w, "<?xml version=\"1.0\"?>\n<ListResourceRecordSetsResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ResourceRecordSets>")
	for _, s := range sets[from:to] {
		_, _ = fmt.Fprintf(w, "<ResourceRecordSet><Name>%s</Name><Type>%s</Type>", text(s.name), s.kind)
		if s.identifier != "" {
			_, _ = fmt.Fprintf(w, "<SetIdentifier>%s</SetIdentifier><Weight>1</Weight>", s.identifier)
		}
		if s.aliasOf != "" {
			_, _ = fmt.Fprintf(w, "<AliasTarget><HostedZoneId>Z03PUBLIC</HostedZoneId><DNSName>%s</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>", s.aliasOf)
			continue
		}
		_, _ = fmt.Fprintf(w, "<TTL>%d</TTL><ResourceRecords>", s.ttl)
		for _, v := range s.values {
			_, _ = fmt.Fprintf(w, "<ResourceRecord><Value>%s</Value></ResourceRecord>", text(v))
		}
		_, _ = fmt.Fprint(w, "</ResourceRecords></ResourceRecordSet>")
	}
	_, _ = fmt.Fprintf(w, "</ResourceRecordSets><IsTruncated>%v</IsTruncated>", to < len(sets))
	if to < len(sets) {
		_, _ = fmt.Fprintf(w, "<NextRecordName>%s</NextRecordName><NextRecordType>%s</NextRecordType>", sets[to].name, sets[to].kind)
		if id := sets[to].identifier; id != "" {
			_, _ = fmt.Fprintf(w, "<NextRecordIdentifier>%s</NextRecordIdentifier>", id)
		}
	}
	_, _ = fmt.Fprint(w, "<MaxItems>300</MaxItems></ListResourceRecordSetsResponse>")
}

func (f *route53Fake) change(w http.ResponseWriter, zone string, r *http.Request, body []byte) {
	var q struct {
		XMLName xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ChangeResourceRecordSetsRequest"`
		Changes []struct {
			Action string
			Set    struct {
				Name, Type, TTL string
				Values          []string `xml:"ResourceRecords>ResourceRecord>Value"`
			} `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}
	i := slices.IndexFunc(f.zones, func(z route53FakeZone) bool { return z.id == zone })
	switch err := xml.Unmarshal(body, &q); {
	case r.Header.Get("Content-Type") != "application/xml" || err != nil || len(q.Changes) == 0:
		f.fail(w, http.StatusBadRequest, "MalformedInput", "Unexpected end of input")
		return
	case i < 0:
		f.fail(w, http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: "+zone)
		return
	}
	sets, values, characters := slices.Clone(f.sets), 0, 0
	for _, c := range q.Changes {
		s := route53FakeSet{zone: zone, name: strings.TrimSuffix(c.Set.Name, ".") + ".", kind: c.Set.Type, values: c.Set.Values}
		at := fmt.Sprintf("[name='%s', type='%s']", s.name, s.kind)
		bad := func(format string, args ...any) {
			f.fail(w, http.StatusBadRequest, "InvalidChangeBatch", fmt.Sprintf("["+format+"]", args...))
		}
		ttl, err := strconv.Atoi(c.Set.TTL)
		if err != nil || ttl < 0 {
			f.fail(w, http.StatusBadRequest, "InvalidInput", "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]]")
			return
		}
		s.ttl = ttl
		for _, v := range s.values {
			values, characters = values+1, characters+len(v)
			if _, err := publish.ParseRecord(v); s.kind == "TLSA" && err != nil {
				bad("Invalid Resource Record: 'FATAL problem: InvalidTLSARData encountered with '%s''", v)
				return
			}
		}
		if strings.ContainsFunc(s.name, func(r rune) bool { return strings.ContainsRune("#*@ ", r) }) {
			bad("FATAL problem: UnsupportedCharacter (Value contains unsupported characters) encountered with '%s'", s.name)
			return
		}
		if name := f.zones[i].name; s.name != name && !strings.HasSuffix(s.name, "."+name) {
			bad("RRSet with DNS name %s is not permitted in zone %s", s.name, name)
			return
		}
		old := slices.IndexFunc(sets, func(o route53FakeSet) bool { return o.zone == zone && o.name == s.name && o.kind == s.kind })
		switch c.Action {
		case "DELETE":
			if old < 0 {
				bad("Tried to delete resource record set %s but it was not found", at)
				return
			}
			a, b := slices.Clone(sets[old].values), slices.Clone(s.values)
			slices.Sort(a)
			slices.Sort(b)
			if sets[old].ttl != s.ttl || !slices.Equal(a, b) {
				bad("Tried to delete resource record set %s but the values provided do not match the current values", at)
				return
			}
			sets = slices.Delete(slices.Clone(sets), old, old+1)
		case "CREATE":
			if old >= 0 {
				bad("Tried to create resource record set %s but it already exists", at)
				return
			}
			if slices.ContainsFunc(sets, func(o route53FakeSet) bool { return o.zone == zone && o.name == s.name && o.kind == "CNAME" }) {
				bad("RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone", s.kind, s.name)
				return
			}
			if f.mangling {
				last := len(s.values) - 1
				s.values[last] = s.values[last][:len(s.values[last])-2]
			}
			sets = append(sets, s)
		default:
			f.fail(w, http.StatusBadRequest, "InvalidInput", "Action")
			return
		}
	}
	if values > 1000 || characters > 32000 {
		f.fail(w, http.StatusBadRequest, "InvalidChangeBatch", "[Number of records or characters limit exceeded.]")
		return
	}
	f.sets = sets
	_, _ = fmt.Fprint(w, "<?xml version=\"1.0\"?>\n<ChangeResourceRecordSetsResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id><Status>PENDING</Status><SubmittedAt>2026-11-22T12:00:00.000Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>")
}
