package integration

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/internal/testneeds"
)

// nginx starts one as https://nginx.example in front of the town's resource: it takes the authority's clients alone, and
// hands their certificate on as its documentation has it.
func (n *town) nginx(t testing.TB) {
	t.Helper()
	program := testneeds.Binary(t, "nginx", "nginx")
	dir := filepath.Join(n.dir, "nginx")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	claim(t, n.at(11))
	key, cert := n.issue(t, "nginx.example")
	conf := filepath.Join(dir, "nginx.conf")
	write(t, conf, nginxHead(dir, "master_process off", "user root")+fmt.Sprintf(`	server {
		listen %[2]s:443 ssl;
		ssl_certificate %[3]s;
		ssl_certificate_key %[4]s;
		ssl_client_certificate %[5]s;
		ssl_verify_client on;
		location / {
			proxy_pass http://%[6]s:8080;
			proxy_set_header Host $host;
			proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
		}
	}
}
`, dir, n.at(11), cert, key, n.ca, n.at(10)))
	start(t, filepath.Join(dir, "log"), program, "-e", "stderr", "-p", dir, "-c", conf)
	await(t, "nginx", func() error {
		conn, err := net.Dial("tcp", n.at(11)+":443")
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// handed is the ways in which gateways hand a PEM certificate on.
var handed = map[string]func(pem string) string{
	"nginx's form": escaped,
	"PEM":          func(pem string) string { return pem },
	"Envoy's XFCC": func(pem string) string {
		return fmt.Sprintf(`By=spiffe://api.example;Hash=%s;Cert="%s";Subject="CN=machine.example";URI=;DNS=machine.example`, fingerprint(pem), escaped(pem))
	},
	"Envoy's XFCC with the hash alone": func(pem string) string { return "Hash=" + fingerprint(pem) },
	"RFC 9440":                         func(pem string) string { return ":" + base64.StdEncoding.EncodeToString(der(pem)) + ":" },
}

// escaped is how nginx ($ssl_client_escaped_cert) and Envoy (Cert) write PEM.
func escaped(pem string) string {
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(pem)
}

func der(text string) []byte {
	block, _ := pem.Decode([]byte(text))
	return block.Bytes
}

func fingerprint(pem string) string {
	sum := sha256.Sum256(der(pem))
	return hex.EncodeToString(sum[:])
}

// nginxHead begins a configuration of nginx that keeps all it has in a directory and stays in the foreground, up to what is
// in http. main are directives before that.
func nginxHead(dir string, main ...string) string {
	return fmt.Sprintf(`daemon off;
%[2]s;
pid %[1]s/pid;
error_log stderr info;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
`, dir, strings.Join(main, ";\n"))
}
