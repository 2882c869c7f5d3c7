package integration

import (
	"fmt"
	"strings"
)

// lineShapes are about what is before the header, what is in it beside the framing, and what a body may stand behind.
var lineShapes = []shape{
	// Targets and versions.
	{"origin form", alive + "\r\n$NEXT", "200 next"},
	{"absolute form", "GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "200 next"},
	{"absolute form of another host", "GET http://b/healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "200 next|400"},
	{"absolute form with a user", "GET http://u@a/healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "200 next|400"},
	{"authority form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400|404 next"},
	{"authority form without a port", "GET a HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"asterisk form of another method", "GET * HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400|404 next"},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "200 next|404 next|405 next"},
	{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n$NEXT", "400|404 next|405 next"},
	{"CONNECT with a body", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 4\r\n\r\nGET $NEXT", "400|404 next|405 next"},
	{"CONNECT to a path", "CONNECT /healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400|405 next"},
	{"two spaces before the target", "GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"two spaces before the version", "GET /healthz  HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"a tab before the target", "GET\t/healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"a space in the target", "GET /health z HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"a NUL in the target", "GET /healthz\x00 HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"a bare CR in the target", "GET /healthz\rX HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"a line end in the target, escaped", "GET /healthz%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "404 next"},
	{"a path that leads elsewhere", "GET /v1/../healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "404 next"},
	{"a path with two slashes", "GET //healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "404 next"},
	{"a method of another case", "get /healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "405 next|400"},
	{"a method that is no token", "GE(T /healthz HTTP/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"HTTP/0.9", "GET /healthz\r\n\r\n$NEXT", "400"},
	{"HTTP/1.0", "GET /healthz HTTP/1.0\r\nHost: a\r\n\r\n$NEXT", "200"},
	{"HTTP/1.0 that is to be kept", "GET /healthz HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n$NEXT", "200|200 next"},
	{"HTTP/1.10", "GET /healthz HTTP/1.10\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"HTTP/2.0", "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n$NEXT", "505|400"},
	{"what HTTP/2 begins with", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$NEXT", "404|505|400"},
	{"a version in small letters", "GET /healthz http/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"another protocol", "GET /healthz HTTQ/1.1\r\nHost: a\r\n\r\n$NEXT", "400"},

	// Hosts.
	{"no Host", "GET /healthz HTTP/1.1\r\n\r\n$NEXT", "400"},
	{"an empty Host", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n$NEXT", "200 next|400"},
	{"two Hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n$NEXT", "400"},
	{"the same Host twice", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n$NEXT", "400"},
	{"a space in the Host", "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n$NEXT", "400"},
	{"a path in the Host", "GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n$NEXT", "400|200 next"},

	// What a connection is to become.
	{"Upgrade: h2c", alive + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n$NEXT", "200 next"},
	{"Upgrade: websocket", alive + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n$NEXT", "200 next"},
	{"Connection: close", posted("Connection: close\r\nContent-Length: $LEN\r\n", "$TOKEN$NEXT"), "confirmed"},
	{"Connection: keep-alive, close", posted("Connection: keep-alive, close\r\nContent-Length: $LEN\r\n", "$TOKEN$NEXT"), "confirmed"},
	{"a length that is said to be of this hop", posted("Connection: Content-Length\r\nContent-Length: $LEN\r\n", "$TOKEN$NEXT"), "confirmed next"},

	// Bodies where none is expected.
	{"GET with another request as its body", alive + within + "\r\n$NEXT$NEXT", "200 next"},
	{"HEAD with another request as its body", strings.Replace(alive, "GET", "HEAD", 1) + within + "\r\n$NEXT$NEXT", "200 next"},
	{"a path that is not there, with another request as its body", strings.Replace(alive, "healthz", "nowhere", 1) + within + "\r\n$NEXT$NEXT", "404 next"},
	{"a method that is not allowed, with another request as its body", strings.Replace(alive, "GET", "DELETE", 1) + within + "\r\n$NEXT$NEXT", "405 next"},
	{"a type that is not read, with another request as its body", "POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: text/html\r\n" + within + "\r\n$NEXT$NEXT", "415 next"},
	{"GET with a body that does not come", alive + "Content-Length: 1\r\n\r\n", "200"},
	{"GET in chunks", alive + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n$NEXT", "200|200 next"},
	{"TRACE", strings.Replace(alive, "GET", "TRACE", 1) + "\r\n$NEXT", "405 next"},
	{"more of a body than is read, whose end is another request", posted("Content-Length: 2000000\r\n", strings.Repeat("a", 1_999_000)+"$NEXT$NEXT"), "413"},

	// Expect.
	{"100-continue with a body that comes at once", posted("Expect: 100-continue\r\nContent-Length: $LEN\r\n", "$TOKEN$NEXT"), "100 confirmed next|confirmed next"},
	{"100-continue with nothing", posted("Expect: 100-continue\r\nContent-Length: $LEN\r\n", ""), "100 408"},
	{"100-continue with another request in the place of the body", posted("Expect: 100-continue\r\nContent-Length: $NEXTLEN\r\n", "$NEXT$NEXT"), "100 400 next|400 next"},
	{"100-continue of a body that is not asked for", "POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: text/html\r\nExpect: 100-continue\r\n" + within + "\r\n$NEXT$NEXT", "415|415 next"},
	{"100-continue without a body", alive + "Expect: 100-continue\r\n\r\n$NEXT", "200 next"},
	{"100-continue and chunks", posted("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "$HEX\r\n$TOKEN\r\n0\r\n\r\n$NEXT"), "100 confirmed|100 confirmed next|confirmed|confirmed next"},
	{"something else that is expected", posted("Expect: 200-ok\r\nContent-Length: $LEN\r\n", "$TOKEN$NEXT"), "417|417 next"},
	{"100-continue and something else", posted("Expect: 100-continue, b\r\nContent-Length: $LEN\r\n", "$TOKEN$NEXT"), "417|417 next|100 confirmed next"},

	// Batches, which are answered while they are read.
	{"a batch of its length", batched("Content-Length: "+fmt.Sprint(len(emptyItem))+"\r\n", emptyItem+"$NEXT"), "200 next"},
	{"a batch in chunks", batched("Transfer-Encoding: chunked\r\n", "3\r\n"+emptyItem+"\r\n0\r\n\r\n$NEXT"), "200|200 next"},
	{"CL.TE of a batch", batched("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n$NEXT"), "400|200"},
	{"TE.CL of a batch", batched("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "3\r\n"+emptyItem+"\r\n0\r\n\r\n$NEXT"), "400|200"},
	{"a batch in chunks of HTTP/1.0", strings.Replace(batched("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", "0\r\n\r\n$NEXT"), "1.1", "1.0", 1), "400|200"},
	{"two lengths of a batch", batched("Content-Length: 3\r\nContent-Length: 0\r\n", emptyItem+"$NEXT"), "400"},
}

// emptyItem is an item of a batch that holds nothing, and within says that the next request is a body.
const emptyItem = "{}\n"

const within = "Content-Length: $NEXTLEN\r\n"

// batched is a batch with fields of its own and whatever follows its header.
func batched(fields, rest string) string {
	return "POST /v1/verify/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n" + fields + "\r\n" + rest
}
