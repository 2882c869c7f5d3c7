// Package integration proves cnfd against things that this project did not write: zones signed and served
// by BIND, Knot, NSD with ldns and PowerDNS, tokens made by other people's libraries, and the opinions of
// Unbound, delv and drill. It holds tests only; docs in each file say what a lab is made of.
//
// The tests run the real cnfd binary in a network namespace of their own, where the servers have port 53 of
// loopback addresses. What is missing on the machine is named by the skipped test; with CI=true nothing may be skipped.
package integration
