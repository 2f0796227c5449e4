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
	// maxAnswers bounds the memory of all long answers that are being written.
	maxAnswers = 32 << 20
	// longAnswer is the size of a long answer. Connections buffer shorter ones by themselves.
	longAnswer = 64 << 10
	// pieceTime is how long the client may take to read a piece of that size, and answerTime the whole answer.
	pieceTime, answerTime = 10 * time.Second, time.Minute
)

// reply writes a success. The request holds a place. An error means that nothing was written.
func (s *Server) reply(ctx context.Context, w http.ResponseWriter, r *http.Request, a *response) error {
	c := callOf(ctx)
	data, err := s.encode(ctx, c, a)
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
	return s.write(w, r, encoded{http.StatusOK, jsonType, headers, data})
}

// encode encodes the whole answer before it is written. So an answer is never half a success, and a slow client keeps
// only text in memory, not the objects.
func (s *Server) encode(ctx context.Context, c *call, a *response) ([]byte, error) {
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
		panic(fmt.Errorf("encoding an answer: %w", err)) // all bodies have types of ours
	}
	return out.Bytes()
}

// encoded is an answer as it is written.
type encoded struct {
	status    int
	mediaType string
	headers   http.Header
	data      []byte
}

// write writes an answer, a success or a failure, and counts its memory until it is written. An error means that
// nothing was written because there is no memory left.
func (s *Server) write(w http.ResponseWriter, r *http.Request, t encoded) error {
	sent := s.answers.begin(callOf(r.Context()).token.Fingerprint(),
		func() { _ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) })
	defer sent.release()
	if len(t.data) > longAnswer {
		var held bool
		if t.data, held = sent.hold(t.data); !held {
			return crowded()
		}
	}
	s.send(w, r, sent, t)
	return nil
}

// send writes piece by piece. It stops if the client does not read a piece in time.
func (s *Server) send(w http.ResponseWriter, r *http.Request, sent *share, t encoded) {
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
			return // others needed its memory; the connection ends because the answer is shorter than announced
		}
		if _, err := w.Write(piece); err != nil {
			return // the client is gone
		}
		data = data[len(piece):]
	}
}
