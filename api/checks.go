package api

import (
	"strings"

	"cnfd/internal/strict"
	"cnfd/verifier"
)

// readChecks reads "check": ["signature", …]. One that is not known is an error: to
// pass over it would tell the caller that it was made.
func readChecks(s *strict.Scanner, q *verifier.Request) *problem {
	for a := s.Array(); a.Next(); {
		word := s.Text()
		if s.Err() != nil {
			break
		}
		if p := addCheck(q, string(word.Bytes())); p != nil {
			return p
		}
	}
	return nil // what is wrong with the array is the Scanner's to say
}

// addCheck adds the check of that name to those that are asked for.
func addCheck(q *verifier.Request, word string) *problem {
	check, err := verifier.ParseCheck(word)
	if err != nil {
		return &problem{malformed, "check: " + err.Error()}
	}
	q.Checks |= check
	return nil
}

// readCheckList reads the check of a query: names with commas between them.
func readCheckList(q *verifier.Request, list string) *problem {
	for _, word := range strings.Split(list, ",") {
		if p := addCheck(q, word); p != nil {
			return p
		}
	}
	return nil
}

// said reads what a caller expects of a token. An empty text would be as if it
// expected nothing.
func said(s *strict.Scanner, name string) (string, *problem) {
	text := string(s.Text().Bytes())
	if text == "" && s.Err() == nil {
		return "", emptyOption(name)
	}
	return text, nil
}

func emptyOption(name string) *problem {
	return &problem{malformed, name + ": empty: say what is expected, or leave it out"}
}

var dpopMembers = strict.NewNames("proof", "htm", "htu")

// readDPoP reads "dpop": {"proof", "htm", "htu"}. No proof is the holder's omission,
// and a verdict.
func readDPoP(s *strict.Scanner, d *verifier.DPoP) *problem {
	for o := s.Object(dpopMembers); ; {
		member, ok := o.Next()
		if !ok {
			return nil
		}
		switch member {
		case 0:
			d.Proof = s.Text().AppendTo(nil)
		case 1:
			d.Method = string(s.Text().Bytes())
		case 2:
			d.URL = string(s.Text().Bytes())
		default:
			return &problem{malformed, "dpop: a member that is not read here: proof, htm and htu are"}
		}
	}
}
