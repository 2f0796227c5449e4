package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const (
	// maxSave bounds the body of one save, maxBatch that of a batch, maxHook what a git host may send. In bytes.
	maxSave  = 256 << 10
	maxBatch = 4 << 20
	maxHook  = 4 << 20
	// maxBodies bounds what all bodies together take.
	maxBodies = 128 << 20
)

// readBody returns the body of a write. Its members are wire's business; no message repeats what was sent.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if err := checkMediaType(r.Header); err != nil {
		return nil, err
	}
	data, err := readAll(w, r, limit)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return nil, badRequest("the body is not UTF-8: send JSON in UTF-8")
	}
	return data, nil
}

func checkMediaType(h http.Header) error {
	wrong := problem.New(problem.Invalid, reasonUnsupportedMediaType, "send the body as JSON, with the header Content-Type: application/json")
	if encoding := h.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return problem.New(problem.Invalid, reasonUnsupportedMediaType, "send the body as it is, without Content-Encoding")
	}
	text := h.Get("Content-Type")
	if text == "" {
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

func readAll(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	tooLarge := problem.New(problem.Invalid, reasonTooLarge, "the body is larger than %d KiB; send less at once", limit>>10)
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case err != nil:
		return nil, badRequest("the body broke off before its end").Because(err)
	}
	return data, nil
}

func badRequest(format string, args ...any) *problem.Problem {
	return problem.New(problem.Invalid, reasonBadRequest, format, args...)
}

// shown returns the name of a parameter for a message, unless it looks like something else: a secret may have slipped in.
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
