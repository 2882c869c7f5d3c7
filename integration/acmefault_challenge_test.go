package integration

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/crypto/acme"
)

// TestACMEEndedWhileValidating ends an ACME server, well or not, while it waits for a client's web server, and while it waits
// for a name server at finalize: whoever comes next takes it up, and no client has to do anything.
func TestACMEEndedWhileValidating(t *testing.T) {
	t.Parallel()
	f := newACMEFault(t, 177, bind{}, false, "")
	f.serve(t)
	c := f.clients(t, "vouched")[0]
	c.register(t)
	web := f.web(t, c)
	for _, end := range []struct {
		claim string
		ends  func()
	}{
		{"killed", f.kill},
		{"asked to end", func() { f.end(t) }},
	} {
		t.Run(end.claim+" while a challenge is validated", func(t *testing.T) {
			f.fulfils(t, c, web, func() {})
			asked, release := web.hold()
			f.fulfils(t, c, web, func() {
				<-asked
				end.ends()
				release()
				f.serve(t)
				f.later += 3 * time.Minute
				f.clock.set(t, f.later)
			})
		})
		t.Run(end.claim+" while a certificate is made", func(t *testing.T) {
			c.obtains(t)
			o := c.ready(t)
			f.leaf.process.signal(syscall.SIGSTOP)
			told := make(chan error, 1)
			go func() {
				_, err := c.finalizes(shortly(t), o)
				told <- err
			}()
			await(t, "an order that is being worked on", func() error { return f.processing(t, o, 1) })
			end.ends()
			f.leaf.process.signal(syscall.SIGCONT)
			<-told // whatever it is: a certificate, that nobody was there, or that it was ended
			f.serve(t)
			f.later += 3 * time.Minute
			f.clock.set(t, f.later)
			f.comesToItsEnd(t, c, o)
		})
	}
	audit(t, f.store(), c.received)
}

// comesToItsEnd waits until an order has its certificate: the client finalizes it where it is ready once more.
func (f *acmeFault) comesToItsEnd(t *testing.T, c *faultClient, o *acme.Order) {
	t.Helper()
	await(t, "an order that was left", func() error {
		now, err := c.GetOrder(shortly(t), o.URI)
		switch {
		case err != nil:
			return err
		case now.Status == acme.StatusReady:
			_, err = c.finalizes(shortly(t), o)
			return err
		case now.Status != acme.StatusValid:
			return fmt.Errorf("it is %s: %v", now.Status, now.Error)
		}
		_, err = c.FetchCert(shortly(t), now.CertURL, false)
		return err
	})
}

// fulfils has a client order under the profile that asks for a challenge besides, answer http-01 and wait for its certificate;
// meanwhile is called once it has said that it is ready.
func (f *acmeFault) fulfils(t *testing.T, c *faultClient, web *slowWeb, meanwhile func()) {
	t.Helper()
	o, err := c.AuthorizeOrder(shortly(t), acme.DomainIDs(c.name), acme.WithOrderIssuanceProfile("challenged"))
	if err != nil || o.Status != acme.StatusPending {
		t.Fatalf("%v, %v\n%s", o, err, c.said())
	}
	z, err := c.GetAuthorization(shortly(t), o.AuthzURLs[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, challenge := range z.Challenges {
		if challenge.Type != "http-01" {
			continue
		}
		answer, err := c.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			t.Fatal(err)
		}
		web.pass(challenge.Token, answer)
		if _, err := c.Accept(shortly(t), challenge); err != nil {
			t.Fatal(err)
		}
	}
	meanwhile()
	await(t, "the authorization", func() error { // while nobody is there a client asks again
		z, err := c.GetAuthorization(shortly(t), o.AuthzURLs[0])
		if err == nil && z.Status == acme.StatusInvalid {
			t.Fatalf("%v", z.Challenges[0].Error)
		}
		if err == nil && z.Status != acme.StatusValid {
			err = fmt.Errorf("it is %s", z.Status)
		}
		return err
	})
	await(t, "the certificate", func() error {
		_, err := c.finalizes(shortly(t), o)
		return err
	})
}

// A slowWeb is the web server of a name; while it holds, questions wait.
type slowWeb struct {
	lock  sync.Mutex // guards what follows
	files map[string]string
	asked chan struct{} // nil: it does not hold
	free  chan struct{}
}

// web gives a client's name an address of its own with a web server, and lets http-01 be enough, too.
func (f *acmeFault) web(t testing.TB, c *faultClient) *slowWeb {
	t.Helper()
	w, addr := &slowWeb{files: map[string]string{}}, f.internet.trust.net+"9"
	claim(t, addr)
	listener, err := net.Listen("tcp", addr+":80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	f.leaf.edit(t, f.zone, f.zone.set(c.name+".", dns.TypeA), records(t, c.name+". A "+addr, fmt.Sprintf(`%s. CAA 0 issue "%s; validationmethods=http-01"`, c.name, faultCA)))
	return w
}

func (w *slowWeb) pass(token, answer string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.files[token] = answer
}

// hold lets the next question wait until release is called; asked tells that there is one.
func (w *slowWeb) hold() (asked chan struct{}, release func()) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.asked, w.free = make(chan struct{}), make(chan struct{})
	free := w.free
	return w.asked, func() { close(free) }
}

func (w *slowWeb) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.lock.Lock()
	asked, free := w.asked, w.free
	w.asked = nil
	w.lock.Unlock()
	if asked != nil {
		close(asked)
		select {
		case <-free:
		case <-r.Context().Done():
			return
		}
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	text, there := w.files[strings.TrimPrefix(r.URL.Path, "/.well-known/acme-challenge/")]
	if !there {
		http.NotFound(out, r)
		return
	}
	io.WriteString(out, text)
}
