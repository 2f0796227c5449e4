package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// receivePack returns the request that moves main. git's own client asks the server for its references and capabilities
// first. That is not needed here: the caller knows where main has to be, and every git of the last ten years has the
// capabilities that this request uses.
func (r Remote) receivePack(ctx context.Context, old plumbing.Hash, b *built) (*http.Request, error) {
	content, err := b.pack()
	if err != nil {
		return nil, err
	}
	update := packp.NewReferenceUpdateRequest()
	_ = update.Capabilities.Set(capability.ReportStatus)
	_ = update.Capabilities.Set(capability.Sideband64k)
	_ = update.Capabilities.Set(capability.Agent, capability.DefaultAgent())
	update.Commands = []*packp.Command{{Name: reference, Old: old, New: b.commit}}
	update.Packfile = io.NopCloser(bytes.NewReader(content))
	var body bytes.Buffer
	if err := update.Encode(&body); err != nil {
		return nil, fmt.Errorf("encoding a push: %w", err)
	}
	const service = transport.ReceivePackServiceName
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/"+service, &body)
	if err != nil {
		return nil, fmt.Errorf("encoding a push: %w", err)
	}
	// net/http must not send it again: a push that came through would then lose the race against itself
	req.GetBody = nil
	req.Header.Set("User-Agent", capability.DefaultAgent())
	req.Header.Set("Content-Type", "application/x-"+service+"-request")
	req.Header.Set("Accept", "application/x-"+service+"-result")
	if !r.Token.IsZero() {
		req.SetBasicAuth(user, r.Token.Reveal())
	}
	return req, nil
}

// report reads the result of a push, and what the server says to the person who pushes.
func (x *exchange) report(res *http.Response) (report *packp.ReportStatus, said string, err error) {
	if x.status < 200 || x.status > 299 {
		return nil, "", errors.New(res.Status)
	}
	var heard remarks
	band := sideband.NewDemuxer(sideband.Sideband64k, res.Body)
	band.Progress = &heard
	report = packp.NewReportStatus()
	if err := report.Decode(band); err != nil {
		return nil, "", fmt.Errorf("reading what became of a push: %w", err)
	}
	// The server runs hooks until it has sent the whole answer, and may stop them when the client closes the
	// connection.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxRemarks))
	return report, heard.String(), nil
}

// remarks collects what a server says to the person who pushes.
type remarks struct{ bytes.Buffer }

const maxRemarks = 64 << 10

func (r *remarks) Write(p []byte) (int, error) {
	if room := maxRemarks - r.Len(); room > 0 {
		_, _ = r.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
