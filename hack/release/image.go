package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// nobody is the user of the servers, as in the Dockerfile.
const nobody = "65532:65532"

// images writes the images, and then what names the one of the servers by its digest.
func (r *release) images(ctx context.Context) error {
	digest, err := r.serverImage()
	if err != nil {
		return err
	}
	if err := r.ciImage(ctx); err != nil {
		return err
	}
	return r.manifests(digest)
}

// serverImage writes the image of both servers. It starts from nothing: the programs are static.
func (r *release) serverImage() (v1.Hash, error) {
	base, err := r.layer(baseFiles(), types.OCILayer)
	if err != nil {
		return v1.Hash{}, err
	}
	var all []mutate.IndexAddendum
	for _, p := range r.served() {
		r.say("packing the image of the servers for %s", p)
		image, err := r.serverImageOf(p, base)
		if err != nil {
			return v1.Hash{}, err
		}
		all = append(all, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: p.oci()}})
	}
	return r.publishImage("image", all)
}

func (r *release) serverImageOf(p platform, base v1.Layer) (v1.Image, error) {
	var programs []entry
	for _, name := range []string{"manager", "nautes"} {
		e, err := file(name, r.binary(p, name), 0o755)
		if err != nil {
			return nil, err
		}
		programs = append(programs, e)
	}
	own, err := r.layer(programs, types.OCILayer)
	if err != nil {
		return nil, err
	}
	scratch := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(scratch, r.addendum(base), r.addendum(own))
	if err != nil {
		return nil, fmt.Errorf("putting an image together: %w", err)
	}
	return r.configured(image, p, func(c *v1.Config) {
		c.Entrypoint, c.User, c.WorkingDir = []string{"/manager"}, nobody, "/"
		c.Env = []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}
	})
}

// configured sets the configuration of an image.
func (r *release) configured(image v1.Image, p platform, change func(*v1.Config)) (v1.Image, error) {
	former, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of an image: %w", err)
	}
	c := former.DeepCopy()
	c.OS, c.Architecture, c.Created = p.os, p.arch, v1.Time{Time: r.time}
	change(&c.Config)
	c.Config.Labels = map[string]string{
		"org.opencontainers.image.title":    "deployment-runtime",
		"org.opencontainers.image.version":  r.version,
		"org.opencontainers.image.revision": r.revision,
		"org.opencontainers.image.source":   "https://" + module,
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
	out, err := mutate.ConfigFile(image, c)
	if err != nil {
		return nil, fmt.Errorf("configuring an image: %w", err)
	}
	return out, nil
}

func (r *release) addendum(l v1.Layer) mutate.Addendum {
	return mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: r.time}, CreatedBy: "make release"}}
}

func (r *release) layer(entries []entry, kind types.MediaType) (v1.Layer, error) {
	content, err := tarOf(entries, r.time)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	l, err := tarball.LayerFromOpener(open, tarball.WithMediaType(kind), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("packing a layer: %w", err)
	}
	return l, nil
}

// baseFiles are what a static program needs: the certificates of the public authorities, and a name for its user.
func baseFiles() []entry {
	return []entry{
		{name: "etc/", mode: 0o755}, {name: "etc/ssl/", mode: 0o755}, {name: "etc/ssl/certs/", mode: 0o755},
		{name: "home/", mode: 0o755}, {name: "tmp/", mode: 0o1777},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: authorities()},
		{name: "etc/passwd", mode: 0o644, content: []byte("root:x:0:0:root:/:/sbin/nologin\n" +
			"nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n")},
		{name: "etc/group", mode: 0o644, content: []byte("root:x:0:\nnonroot:x:65532:\n")},
	}
}

// authorities are Mozilla's, without those that it trusts only within limits that this format cannot say.
func authorities() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return out.Bytes()
}

// publishImage writes an image for several platforms as an archive of an OCI layout.
func (r *release) publishImage(name string, all []mutate.IndexAddendum) (v1.Hash, error) {
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), all...)
	dir := filepath.Join(r.work, name)
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("writing an OCI layout: %w", err)
	}
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version})
	if err := path.AppendIndex(index, named); err != nil {
		return v1.Hash{}, fmt.Errorf("writing an OCI layout: %w", err)
	}
	entries, err := files("", dir)
	if err != nil {
		return v1.Hash{}, err
	}
	content, err := tarOf(entries, r.time)
	if err != nil {
		return v1.Hash{}, err
	}
	digest, err := index.Digest()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("counting the digest of an image: %w", err)
	}
	return digest, r.publish("deployment-runtime-"+name+"_"+r.version+".oci.tar", content)
}

func (p platform) oci() *v1.Platform { return &v1.Platform{OS: p.os, Architecture: p.arch} }
