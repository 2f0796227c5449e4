package cli

import (
	"context"
	"io"
)

// readerFunc is a Read.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// untilDone returns a reader that gives up waiting when ctx ends: reading a terminal cannot be stopped, but waiting for
// it can.
func untilDone(ctx context.Context, from io.Reader) io.Reader {
	type result struct {
		data []byte
		err  error
	}
	return readerFunc(func(p []byte) (int, error) {
		results := make(chan result, 1)
		buffer := make([]byte, len(p)) // p is the caller's again once this returns
		go func() {
			n, err := from.Read(buffer)
			results <- result{buffer[:n], err}
		}()
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case r := <-results:
			return copy(p, r.data), r.err
		}
	})
}
