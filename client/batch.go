package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
)

// VerifyBatch asks the same of any number of credentials over one connection, and
// yields an answer for each in their order, as they come: a verdict, or the *Problem or
// the error of that item alone. items is read in another goroutine, ahead of the
// answers by some thousand at the most; a caller that stops early waits for the item
// that items is about to give. Where the connection fails, or the daemon ends it, the
// last error says so, is no *Problem of the items after it, and none of those was answered.
//
// A daemon waits 10 s for the next item, and takes 64 KiB an item.
func (c *Client) VerifyBatch(ctx context.Context, items iter.Seq[Request]) iter.Seq2[Verdict, error] {
	return func(yield func(Verdict, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		out, in := io.Pipe()
		sent := make(chan sentItem, maxAhead)
		written := make(chan struct{})
		go func() {
			defer close(written)
			defer close(sent)
			in.CloseWithError(writeItems(ctx, in, sent, items))
		}()
		defer func() {
			cancel()
			out.CloseWithError(context.Canceled)
			<-written
		}()
		r, err := c.send(ctx, "/v1/verify/batch", nil, "application/x-ndjson", "application/x-ndjson", out)
		if err != nil {
			yield(Verdict{}, err)
			return
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			doc, _ := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
			yield(Verdict{}, fmt.Errorf("the batch was refused: %w", readProblem(r, doc)))
			return
		}
		readAnswers(r.Body, sent, yield)
	}
}

// maxAhead is how many items are sent before the answer to the first is read.
const maxAhead = 4 << 10

// sentItem is one that is waiting for its answer, or was wrong before it was sent.
type sentItem struct {
	checks []Check
	err    error
}

func writeItems(ctx context.Context, to io.Writer, sent chan<- sentItem, items iter.Seq[Request]) (err error) {
	var line []byte
	for q := range items {
		var wrong error
		line, wrong = q.appendJSON(line[:0])
		select {
		case sent <- sentItem{q.Checks, wrong}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if wrong != nil {
			continue
		}
		if _, err = to.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// readAnswers gives each item that was sent its answer.
func readAnswers(from io.Reader, sent <-chan sentItem, yield func(Verdict, error) bool) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), maxAnswer)
	n := 0
	for item := range sent {
		if item.err != nil {
			if !yield(Verdict{}, item.err) {
				return
			}
			continue
		}
		if !lines.Scan() {
			err := lines.Err()
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			yield(Verdict{}, fmt.Errorf("the batch broke off after %d answers: %w", n, err))
			return
		}
		n++
		v, err := readAnswer(lines.Bytes())
		if err == nil {
			err = v.holds(item.checks)
		}
		if err != nil {
			v = Verdict{}
		}
		if !yield(v, err) {
			return
		}
	}
	if lines.Scan() {
		yield(Verdict{}, errors.New("the batch has more answers than items"))
	} else if err := lines.Err(); err != nil {
		yield(Verdict{}, fmt.Errorf("the end of the batch: %w", err))
	}
}

// readAnswer reads a verdict or a problem. What is both is neither.
func readAnswer(line []byte) (Verdict, error) {
	var p Problem
	var o struct{ Outcome *string }
	if json.Unmarshal(line, &p) == nil && p.Type != "" {
		if json.Unmarshal(line, &o) == nil && o.Outcome == nil {
			return Verdict{}, &p
		}
		return Verdict{}, errors.New("the answer is not a verdict")
	}
	return readVerdict(append([]byte(nil), line...))
}
