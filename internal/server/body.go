package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const (
	// maxSave bounds the body of one save, maxBatch that of a batch, maxHook that of a webhook call. In bytes.
	maxSave  = 256 << 10
	maxBatch = 4 << 20
	maxHook  = 4 << 20
	// maxBodies bounds the memory of the bodies of all saves together. Batches and hooks together have as much again,
	// so that large bodies leave room for small ones.
	maxBodies = 64 << 20
	// firstPart is the beginning of a body that is not counted: its connection takes more memory than that.
	firstPart = 512
)

// checkBody checks the headers of a body before the body is read.
func checkBody(r *http.Request, limit int64) error {
	if err := checkMediaType(r.Header); err != nil {
		return err
	}
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	return nil
}

// readBody returns the body of a write, and a function that gives its memory back. Package wire checks its members. No
// message repeats what was sent.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int64) (data []byte,
	release func(), err error) {
	data, release, err = s.receive(w, r, limit)
	if err != nil {
		return nil, nil, err
	}
	if !utf8.Valid(data) {
		release()
		return nil, nil, badRequest("the body is not UTF-8: send JSON in UTF-8")
	}
	return data, release, nil
}

func checkMediaType(h http.Header) error {
	wrong := problem.New(problem.Invalid, problem.ReasonUnsupportedMediaType,
		"send the body as JSON, with the header Content-Type: application/json")
	encoded := slices.ContainsFunc(h.Values("Content-Encoding"),
		func(e string) bool { return e != "" && !strings.EqualFold(e, "identity") })
	if encoded {
		return problem.New(problem.Invalid, problem.ReasonUnsupportedMediaType,
			"send the body as it is, without Content-Encoding")
	}
	text := h.Get("Content-Type")
	switch {
	case len(h.Values("Content-Type")) > 1:
		return wrong
	case text == "":
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(text)
	if err != nil {
		return wrong
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return wrong
	}
	if mediaType == "application/json" || strings.HasSuffix(mediaType, "+json") {
		return nil
	}
	return wrong
}

// receive reads a body and counts its memory as it arrives.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, limit int64) (data []byte, release func(), err error) {
	if r.ContentLength > limit {
		return nil, nil, tooLarge(limit)
	}
	room := s.saves
	if limit > maxSave {
		room = s.batches
	}
	mine := room.begin(callOf(r.Context()).token.Fingerprint(),
		func() { _ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) })
	data, err = mine.fill(http.MaxBytesReader(w, r.Body, limit), limit)
	if !mine.keep() {
		// the body was not read to its end, so the connection cannot be used again
		w.Header().Set("Connection", "close")
		err = crowded()
	}
	if err != nil {
		mine.release()
		return nil, nil, err
	}
	return data, mine.release, nil
}

// fill reads to the end. It takes memory in steps that double.
func (s *share) fill(body io.Reader, limit int64) ([]byte, error) {
	data := make([]byte, 0, firstPart)
	for {
		if len(data) == cap(data) {
			larger := min(2*int64(cap(data)), limit+1)
			if !s.grow(larger - s.bytes) {
				return nil, crowded()
			}
			data = append(make([]byte, 0, larger), data...)
		}
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		var over *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF):
			return data, nil
		case errors.As(err, &over):
			return nil, tooLarge(limit)
		case err != nil:
			return nil, badRequest("the body broke off before its end").Because(err)
		}
	}
}

func tooLarge(limit int64) error {
	return problem.New(problem.Invalid, problem.ReasonTooLarge,
		"the body is larger than %d KiB; send less at once", limit>>10)
}

func crowded() error {
	return problem.New(problem.RateLimited, problem.ReasonTooManyRequests,
		"the server holds as many bodies as it can; try again in a moment").RetryAfter(time.Second)
}

func badRequest(format string, args ...any) *problem.Problem {
	return problem.New(problem.Invalid, problem.ReasonBadRequest, format, args...)
}

// shown returns the name of a parameter for a message, unless it does not look like a name: it may be a secret.
func shown(name string) string {
	const longest = 40
	if len(name) > longest || strings.ContainsFunc(name, func(c rune) bool { return !isWord(c) }) {
		return "(a name of " + strconv.Itoa(len(name)) + " bytes)"
	}
	return name
}

func isWord(c rune) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
