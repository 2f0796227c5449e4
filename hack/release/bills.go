package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	"github.com/rs/zerolog"
)

// bills writes the bill of material of each program and platform, from what the linker wrote into the program itself.
func (r *release) bills(context.Context) error {
	for _, p := range r.platforms {
		if err := r.bill(p, "nautes"); err != nil {
			return err
		}
	}
	for _, p := range r.served() {
		if err := r.bill(p, "manager"); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) bill(p platform, program string) error {
	generator, err := bin.NewGenerator(r.binary(p, program), bin.WithIncludeStdlib(true),
		bin.WithVersionOverride(r.version), bin.WithLogger(zerolog.Nop()))
	if err != nil {
		return fmt.Errorf("reading what %s is made of: %w", program, err)
	}
	bom, err := generator.Generate()
	if err != nil {
		return fmt.Errorf("reading what %s is made of: %w", program, err)
	}
	bom.Metadata.Timestamp = r.time.Format(time.RFC3339)
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return fmt.Errorf("writing what %s is made of: %w", program, err)
	}
	return r.publish(strings.Join([]string{program, r.version, p.String()}, "_")+".cdx.json", out.Bytes())
}
