package update_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"cnfd/internal/sandbox"
	"cnfd/publish"
	"cnfd/publish/update"
)

// A record joins what stands at a name, in the zone of a small Internet on loopback.
func ExampleNew() {
	internet, err := sandbox.Start(sandbox.Config{Now: time.Now})
	if err != nil {
		log.Fatal(err)
	}
	defer internet.Close()
	keyName, algorithm, secret := internet.TSIG()
	file := fmt.Sprintf("key %q { algorithm %s; secret %q; };", keyName, algorithm, secret)

	key, err := update.ParseKey([]byte(file))
	if err != nil {
		log.Fatal(err)
	}
	target, err := update.New(update.Config{Server: primaryOf(internet, "leaving.example."), Key: key, Now: time.Now})
	if err != nil {
		log.Fatal(err)
	}
	record, err := publish.ParseRecord("255 255 255 80D55420B98633C5F4DA599C2159872A78EB2657E15D87F4662F1D5A1C97196B")
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	before, err := target.Zone.Read(ctx, "1.8.leaving.example.")
	if err != nil {
		log.Fatal(err)
	}
	change := publish.Change{Name: before.Name, Before: before, After: before.With(record, time.Minute)}
	if err := target.Zone.Write(ctx, change); err != nil {
		log.Fatal(err)
	}
	after, err := target.Zone.Read(ctx, before.Name)
	fmt.Println(after.Has(record), len(after.Records)-len(before.Records), err)
	// Output: true 1 <nil>
}

func primaryOf(internet *sandbox.Internet, zone string) string {
	for _, z := range internet.Zones() {
		if z.Name == zone {
			return z.Servers[0].String()
		}
	}
	return ""
}
