package fakegitlab

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// sink takes an answer that does not go to the client as it is.
type sink struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newSink() *sink { return &sink{header: http.Header{}} }

// Header implements http.ResponseWriter.
func (s *sink) Header() http.Header { return s.header }

// Write implements http.ResponseWriter.
func (s *sink) Write(b []byte) (int, error) { return s.body.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (s *sink) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
}

func (s *sink) code() int {
	if s.status == 0 {
		return http.StatusOK
	}
	return s.status
}

func halfOfList(body []byte) ([]byte, bool) {
	var items []json.RawMessage
	if json.Unmarshal(body, &items) != nil || items == nil {
		return nil, false
	}
	half, err := json.Marshal(items[:len(items)/2])
	return half, err == nil
}
