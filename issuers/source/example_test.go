package source_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cnfd/issuers/source"
)

// The keys of a file are there from the start, and followed while Run runs.
func Example() {
	dir, err := os.MkdirTemp("", "issuers")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "issuer.jwks")
	const key = `{"kty":"OKP","crv":"Ed25519","kid":"2026","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	if err := os.WriteFile(file, []byte(key), 0o644); err != nil {
		panic(err)
	}
	keeper, err := source.New(source.Config{Now: time.Now, Sources: []source.Source{{Issuer: "https://issuer.example", File: file}}})
	if err != nil {
		panic(err)
	}
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { keeper.Run(ctx) })

	set, err := keeper.Keys(ctx, "https://issuer.example", false)
	for _, k := range set {
		fmt.Println(k.KID, k.Key.Algorithm(), err)
	}
	_, err = keeper.Keys(ctx, "https://other.example", false)
	fmt.Println(err)
	end()
	running.Wait()
	// Output:
	// 2026 OKP Ed25519 <nil>
	// issuer: not one whose keys are known here
}
