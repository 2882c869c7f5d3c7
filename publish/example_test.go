package publish

import (
	"context"
	"fmt"
	"time"
)

// A record is put beside somebody else's. The place and the world are a memory here;
// outside of tests they are a target, of publish/update say, and a *resolver.Resolver.
func ExamplePublisher_Publish() {
	scene := newScene(theirs)
	p, err := New(Config{Target: Target{Name: "the place", Zone: scene.place}, World: scene, Now: time.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := p.Publish(context.Background(), []Entry{{
		Name: "jwk.cnf.vendor.example.", Domain: "vendor.example", Method: "jwk", Form: "dotted", Record: ours,
	}})
	fmt.Println(report.Proven(), err)
	for _, line := range report.Sets[0].Change.Diff() {
		fmt.Println(line)
	}
	// Output:
	// true <nil>
	// + jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 0101010101010101010101010101010101010101010101010101010101010101
	//   jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 0202020202020202020202020202020202020202020202020202020202020202
}
