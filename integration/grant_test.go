package integration

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// An oauthClient is oidc/client.mjs, which answers a line with a line.
type oauthClient struct {
	mu   sync.Mutex
	to   io.Writer
	from *bufio.Reader
}

func (n *town) newClient(t testing.TB) *oauthClient {
	t.Helper()
	certificates := map[string]map[string]string{}
	for _, holder := range []string{"alice", "mallory"} { // two certificates of one client
		key, cert := n.issue(t, "machine.example")
		certificates[holder] = map[string]string{"key": key, "cert": cert}
	}
	config, err := json.Marshal(map[string]any{
		"issuer": townIssuer, "ca": n.ca, "certificates": certificates,
		"addresses": map[string]string{"op.example": n.at(9), "api.example": n.at(10), "nginx.example": n.at(11), "gateway.example": n.at(12)},
	})
	if err != nil {
		t.Fatal(err)
	}
	path, log := filepath.Join(n.dir, "client.json"), filepath.Join(n.dir, "client.log")
	write(t, path, string(config))
	cmd := exec.Command("node", filepath.Join(oidc(t), "client.mjs"), path)
	stderr, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close() // it ends with its input
		cmd.Wait()
		if t.Failed() {
			t.Logf("the client:\n%s", tail(log, 20))
		}
	})
	return &oauthClient{to: stdin, from: bufio.NewReader(stdout)}
}

// ask asks the client to do something; answer is what it says of that.
func (c *oauthClient) ask(t testing.TB, question, answer any) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	line, err := json.Marshal(question)
	if err == nil {
		_, err = fmt.Fprintf(c.to, "%s\n", line)
	}
	if err == nil {
		line, err = c.from.ReadBytes('\n')
	}
	if err != nil {
		t.Fatalf("the client: %v", err)
	}
	var trouble struct{ Error, Cause string }
	if err := json.Unmarshal(line, &trouble); err != nil || trouble.Error != "" {
		t.Fatalf("the client: %v %s (%s)", err, trouble.Error, trouble.Cause)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		t.Fatal(err)
	}
}

// A grant is an access token, and what it was asked with.
type grant struct {
	Do       string `json:"do"`
	Flow     string `json:"flow"`          // code, device
	Binding  string `json:"binding"`       // dpop, mtls
	Holder   string `json:"holder"`        // of the key or the certificate
	Alg      string `json:"alg,omitempty"` // of the holder's key, where it is new
	User     string `json:"user"`
	Resource string `json:"resource"`
	Token    string `json:"-"`
	Named    string `json:"-"` // the SHA-256 of the key or the certificate, as the client's libraries have it
}

// owner is the name of the grant's record.
func (g grant) owner() string {
	return map[string]string{"dpop": "jkt.cnf.", "mtls": "x5t#s256.cnf."}[g.Binding] + townDomain
}

// grant has the client get an access token, for the town's user and resource where nothing else is said.
func (n *town) grant(t testing.TB, g grant) grant {
	t.Helper()
	g.Do = "grant"
	if g.User == "" {
		g.User = townUser
	}
	if g.Resource == "" {
		g.Resource = townResource
	}
	var got struct{ Token, Named string }
	n.client.ask(t, g, &got)
	g.Token, g.Named = got.Token, got.Named
	member := map[string]string{"dpop": "jkt", "mtls": "x5t#S256"}[g.Binding]
	claims := payload(t, g.Token)
	cnf, _ := claims["cnf"].(map[string]any)
	named, _ := hex.DecodeString(g.Named)
	if claims["sub"] != g.User || len(cnf) != 1 || cnf[member] != base64.RawURLEncoding.EncodeToString(named) {
		t.Fatalf("token of the %s flow: sub %v, cnf %v", g.Flow, claims["sub"], cnf)
	}
	return g
}

// payload reads a JWT without judging it.
func payload(t testing.TB, jwt string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %d parts", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}
