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
	sent := s.answers.begin(c.token.Fingerprint(), func() { _ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) })
	defer sent.release()
	if len(data) > longAnswer && !sent.grow(int64(len(data))) {
		return crowded()
	}
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	for i, warning := range a.warnings {
		if i == maxWarnings {
			warning = fmt.Sprintf("MORE: %d warnings more are not told here; a list has all of them", len(a.warnings)-i)
		}
		w.Header().Add("Warning", fmt.Sprintf("299 - %q", printable(c.redact(warning), maxWarning)))
		if i == maxWarnings {
			break
		}
	}
	s.send(w, r, sent, text{http.StatusOK, jsonType, data})
	return nil
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

// write answers with JSON that is short.
func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, mediaType string, body any) {
	s.send(w, r, nil, text{status, mediaType, encode(body)})
}

// text is an answer that is encoded.
type text struct {
	status    int
	mediaType string
	data      []byte
}

// send writes piece by piece. A reader that stops reading, or that is slower than a piece in its time, is given up.
func (s *Server) send(w http.ResponseWriter, r *http.Request, sent *share, t text) {
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
		if sent != nil && !sent.proceed(func() { _ = connection.SetWriteDeadline(deadline) }) {
			return // it gave way to others; the connection ends, because the answer is shorter than it says
		}
		if _, err := w.Write(piece); err != nil {
			return // nobody is left to tell
		}
		data = data[len(piece):]
	}
}
