package text_test

import (
	"fmt"
	"os"
	"time"

	"cnfd/publish"
	"cnfd/publish/text"
)

func ExampleWrite() {
	record, err := publish.ParseRecord("255 255 255 80D55420B982E8C5F4D3671C215987A9E8C9B657C5C87F466475FC95857264BD")
	if err != nil {
		fmt.Println(err)
		return
	}
	before := publish.Set{Name: "jwk.cnf.vendor.example."}
	change := publish.Change{Name: before.Name, Before: before, After: before.With(record, 5*time.Minute)}
	options := text.Options{Zone: "vendor.example.", BeforeKnown: true}
	if err := text.Write(os.Stdout, text.NSUpdate, options, []publish.Change{change}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ; For nsupdate -v -k KEYFILE, whose exit code is 0 only where every message was taken.
	// zone vendor.example.
	// prereq nxrrset jwk.cnf.vendor.example. IN CNAME
	// prereq nxrrset jwk.cnf.vendor.example. IN TLSA
	// update add jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 80D55420B982E8C5F4D3671C215987A9E8C9B657C5C87F466475FC95857264BD
	// send
}
