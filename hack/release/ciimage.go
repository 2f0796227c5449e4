package main

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ciImage writes the image for jobs of GitLab CI: the command line in an image that has a shell and git. Without such an
// image there is none: what we could put together ourselves would get no security updates.
func (r *release) ciImage(ctx context.Context) error {
	if r.ciBase == "" {
		r.say("NO IMAGE FOR CI: no base was given (make release CI_BASE=image@sha256:...)")
		return nil
	}
	base, err := name.ParseReference(r.ciBase)
	if err != nil {
		return fmt.Errorf("reading the name of the base: %w", err)
	}
	if _, pinned := base.(name.Digest); !pinned {
		r.say("%s is a tag: a later run may find another image there", r.ciBase)
	}
	var all []mutate.IndexAddendum
	for _, p := range r.served() {
		r.say("packing the image for CI for %s", p)
		image, err := r.ciImageOf(ctx, p, base)
		if err != nil {
			return err
		}
		all = append(all, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: p.oci()}})
	}
	_, err = r.publishImage("ci-image", all)
	return err
}

func (r *release) ciImageOf(ctx context.Context, p platform, base name.Reference) (v1.Image, error) {
	from, err := remote.Image(base, remote.WithContext(ctx), remote.WithPlatform(*p.oci()),
		remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return nil, fmt.Errorf("pulling %s for %s: %w", base, p, err)
	}
	kind, err := from.MediaType()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", base, err)
	}
	layerKind := types.OCILayer
	if kind == types.DockerManifestSchema2 {
		layerKind = types.DockerLayer
	}
	program, err := file("usr/local/bin/nautes", r.binary(p, "nautes"), 0o755)
	if err != nil {
		return nil, err
	}
	own, err := r.layer([]entry{program, {name: "usr/local/bin/" + plugin, mode: 0o777, link: "nautes"}}, layerKind)
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(from, r.addendum(own))
	if err != nil {
		return nil, fmt.Errorf("putting an image together: %w", err)
	}
	// GitLab runs its script with a shell: an entrypoint such as git would be in its way.
	return r.configured(image, p, func(c *v1.Config) { c.Entrypoint, c.Cmd = nil, []string{"sh"} })
}
