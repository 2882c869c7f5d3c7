package provider

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"cnfd/publish"
)

// maxLooks bounds the looks at an action, one a second.
const maxLooks = 60

// hetznerAction is a reply to what changes something.
type hetznerAction struct {
	Action struct {
		ID     int64  `json:"id"`
		Status string `json:"status"` // running, success, error
		Error  *hetznerWords
	} `json:"action"`
}

// done waits until an action is. Whatever it ends with but an error of its own, the
// action goes on.
func (z hetznerZone) done(ctx context.Context, a hetznerAction) (err error) {
	defer func() {
		var e *publish.Error
		if errors.As(err, &e) && a.Action.Status != "error" {
			e.Maybe = true
		}
	}()
	for look := 0; ; look++ {
		switch a.Action.Status {
		case "success":
			return nil
		case "error":
			e := &publish.Error{Kind: publish.ServFail, Where: z.name, What: "action failed", Do: "see what is there, then try again"}
			if a.Action.Error != nil {
				e.What += ": " + z.quote(a.Action.Error.String())
			}
			return e
		case "running":
		default:
			return z.odd(errors.New("an action of no known status"))
		}
		if look == maxLooks {
			return &publish.Error{Kind: publish.Unreachable, Where: z.name, What: "action is still running", Do: "see what is there, then try again"}
		}
		if look > 0 {
			if err := z.wait(ctx, time.Second); err != nil {
				return z.stopped(err)
			}
		}
		var next hetznerAction
		if _, err := z.json(ctx, http.MethodGet, "/actions/"+strconv.FormatInt(a.Action.ID, 10), nil, &next); err != nil {
			return err
		}
		if next.Action.ID != a.Action.ID {
			return z.odd(errors.New("another action than was asked for"))
		}
		a = next
	}
}
