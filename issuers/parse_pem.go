package issuers

import "cnfd/thumbprint/keyfile"

// readPEM reads public keys and certificates. They have no name, and say no
// algorithm.
func readPEM(text []byte) ([]found, error) {
	entries, err := keyfile.Parse(text)
	switch {
	case err != nil:
		return nil, err
	case len(entries) > maxKeys:
		return nil, errTooMany
	}
	all := make([]found, len(entries))
	for i, e := range entries {
		all[i].place = nth("pem", i)
		switch {
		case e.Err != nil:
			all[i].err = e.Err
		case e.Private:
			all[i].key.Key, all[i].private = e.Key, true
			all[i] = all[i].because(isPrivate)
		default:
			all[i] = all[i].judge(e.Key, 0, false)
		}
	}
	return all, nil
}
