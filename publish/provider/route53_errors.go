package provider

import (
	"encoding/xml"
	"net/http"
	"strings"

	"cnfd/publish"
)

// route53Fault is an error of the API, in either of its two shapes.
type route53Fault struct {
	XMLName  xml.Name
	Code     string   `xml:"Error>Code"`
	Message  string   `xml:"Error>Message"`
	Messages []string `xml:"Messages>Message"` // of an InvalidChangeBatch that is the whole reply
}

func route53Error(body []byte) route53Fault {
	var f route53Fault
	_ = xml.Unmarshal(body, &f) // what stands in the way may answer in HTML
	if f.Code == "" && f.XMLName.Local != "ErrorResponse" && len(f.Messages) > 0 {
		f.Code = f.XMLName.Local
	}
	return f
}

// String returns the code and the words.
func (f route53Fault) String() string {
	words := strings.Join(append([]string{f.Message}, f.Messages...), " ")
	return strings.Trim(f.Code+": "+strings.TrimSpace(words), ": ")
}

// judge tells by the code what the status does not.
func (z *route53) judge(p reply, err error) error {
	e, ok := err.(*publish.Error)
	if !ok || p.status < 400 || p.status >= 500 || e.Kind == publish.RateLimited {
		return err
	}
	switch f := route53Error(p.body); f.Code {
	case "InvalidChangeBatch":
		e.Kind, e.Do = publish.Conflict, "somebody else writes the same records: try again"
		if strings.Contains(f.String(), "FATAL problem") || strings.Contains(f.String(), "Invalid Resource Record") {
			e.Kind, e.Do = publish.Unsupported, "nothing was changed"
		}
	case "InvalidInput", "MalformedInput":
		e.Kind, e.Do = publish.Unsupported, "nothing was changed"
	case "InvalidClientTokenId", "UnrecognizedClientException", "MissingAuthenticationToken", "IncompleteSignature", "ExpiredToken":
		e.Kind, e.Do = publish.BadKey, "check the credentials"
	case "SignatureDoesNotMatch", "RequestExpired":
		e.Kind, e.Do = publish.BadKey, "check the secret access key"
		if f.Code == "RequestExpired" || strings.Contains(f.Message, "Signature expired") || strings.Contains(f.Message, "Signature not yet current") {
			e.Kind, e.Do = publish.BadTime, "set this machine's clock"
			e.Theirs, _ = http.ParseTime(p.header.Get("Date"))
		}
	}
	return err
}
