// Package weakkey decides whether a public key is one that others can know the
// private key of.
package weakkey

// Blocklist is a set of keys whose private keys are known. A nil Blocklist is empty.
type Blocklist struct{ sums map[[32]byte]struct{} }
