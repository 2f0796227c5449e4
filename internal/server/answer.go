package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxAnswers bounds what long answers take together until they are written.
	maxAnswers = 32 << 20
	// longAnswer is longer than what connections buffer by themselves.
	longAnswer = 64 << 10
	// pieceTime is how long a reader may take for a piece of that length, and answerTime for the whole.
	pieceTime, answerTime = 10 * time.Second, time.Minute
)

// reply writes a success, for whoever holds a place. An error says that nothing was written.
func (s *Server) reply(ctx context.Context, w http.ResponseWriter, r *http.Request, a *response) error {
	c := callOf(ctx)
	data, err := s.encoded(ctx, c, a)
	if err != nil {
		return err
	}
	headers := http.Header{}
	if a.etag != "" {
		headers.Set("ETag", a.etag)
	}
	for i, warning := range a.warnings {
		if i == maxWarnings {
			warning = fmt.Sprintf("MORE: %d warnings more are not told here; a list has all of them", len(a.warnings)-i)
		}
		headers.Add("Warning", fmt.Sprintf("299 - %q", printable(c.redact(warning), maxWarning)))
		if i == maxWarnings {
			break
		}
	}
	return s.write(w, r, text{http.StatusOK, jsonType, headers, data})
}

// encoded returns the answer as a whole, so that it is never half a success, and so that a slow reader holds text and no tree.
func (s *Server) encoded(ctx context.Context, c *call, a *response) ([]byte, error) {
	if a.long {
		leave, err := s.places.encode(ctx, c.token, c.product)
		if err != nil {
			return nil, crowded()
		}
		defer leave()
	}
	return encode(a.body), nil
}

func encode(body any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(fmt.Errorf("encoding an answer: %w", err)) // all bodies are types of ours
	}
	return out.Bytes()
}

// text is an answer that is encoded.
type text struct {
	status    int
	mediaType string
	headers   http.Header
	data      []byte
}

// write counts an answer until it is written, be it a success or a failure. An error says that nothing was written: there is no room for it.
func (s *Server) write(w http.ResponseWriter, r *http.Request, t text) error {
	sent := s.answers.begin(callOf(r.Context()).token.Fingerprint(), func() { _ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) })
	defer sent.release()
	if len(t.data) > longAnswer && !sent.grow(int64(len(t.data))) {
		return crowded()
	}
	s.send(w, r, sent, t)
	return nil
}

// send writes piece by piece. A reader that stops reading, or that is slower than a piece in its time, is given up.
func (s *Server) send(w http.ResponseWriter, r *http.Request, sent *share, t text) {
	for name, values := range t.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", t.mediaType)
	if r.Method == http.MethodHead {
		w.WriteHeader(t.status)
		return
	}
	data := t.data
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(t.status)
	end, connection := s.now().Add(answerTime), http.NewResponseController(w)
	for len(data) > 0 {
		piece := data[:min(len(data), longAnswer)]
		deadline := s.now().Add(pieceTime)
		if deadline.After(end) {
			deadline = end
		}
		if !sent.proceed(func() { _ = connection.SetWriteDeadline(deadline) }) {
			return // it gave way to others; the connection ends, because the answer is shorter than it says
		}
		if _, err := w.Write(piece); err != nil {
			return // nobody is left to tell
		}
		data = data[len(piece):]
	}
}
