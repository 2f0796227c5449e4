package fakegitlab_test

import (
	"net"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// A client that gave up may have sent its request all the same: it arrives while the test that it belongs to closes the
// instance.
func TestCloseWhileRequestsArrive(t *testing.T) {
	for range 100 {
		server, err := fakegitlab.New(fakegitlab.Options{Dir: t.TempDir()})
		must(t, err)
		url, err := server.Start(t.Context())
		must(t, err)
		connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		must(t, err)
		_, err = connection.Write([]byte("GET /api/v4/version HTTP/1.1\r\nHost: gitlab\r\n\r\n"))
		must(t, err)
		must(t, server.Close())
		must(t, connection.Close())
	}
}
