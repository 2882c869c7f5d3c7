package gate

import "cnfd/verifier"

// remedies are what the reader of a problem document can do about what is proven neither way: it is whoever runs an
// ACME client for the domain, who has no access to this server, its settings and its log.
var remedies = map[verifier.Reason]string{
	verifier.TooCostly: "Trim what the domain publishes there: the number of records, the keys and signatures of its zone, or the chain of aliases.",
	verifier.Unreachable: "Look whether every name server of the domain, and of each domain that it is an alias of, answers from outside your network, over UDP and TCP, then try again. " +
		"Where they all do, the network of this server is at fault: ask its operator.",
	verifier.Bogus:         "DNSSEC is broken there: repair the signatures of the domain's zone, or the DS record that its registrar has for it (`delv` shows where it breaks), then try again.",
	verifier.DelegatedName: "The name of the record is a zone of its own, which somebody else may hold: serve the record from the domain's own zone, without a delegation in between.",
	verifier.Insecure:      "Certificates need DNSSEC: sign the domain's zone, have your registrar publish its DS record, then try again.",
	verifier.Wildcard:      "A wildcard in the domain's zone has made this answer: publish the record at its exact name.",
	verifier.Indeterminate: "This server has no trust anchor for the domain, or its answers decide nothing: where the domain is signed up to the root, ask the operator of this server.",
}

// remedyOf is one for each reason: those that no look-up of a certificate has are the operator's to know.
func remedyOf(r verifier.Reason) string {
	if text, ok := remedies[r]; ok {
		return text
	}
	return "Ask the operator of this server."
}
