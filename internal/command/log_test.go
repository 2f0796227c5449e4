package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestBothServersLogAsTheSameFlagsSay(t *testing.T) {
	for _, row := range []struct {
		flags      []string
		want, fail string
	}{
		{nil, `"level":"INFO","msg":"told"`, ""},
		{[]string{"--log-format=text"}, `level=INFO msg=told`, ""},
		{[]string{"--log-level=error"}, "", ""},
		{[]string{"--log-level=loud"}, "", `--log-level "loud" is not debug, info, warn or error`},
		{[]string{"--log-format=xml"}, "", `--log-format "xml" is not json or text`},
	} {
		t.Run(strings.Join(row.flags, " "), func(t *testing.T) {
			var f logFlags
			fs := pflag.NewFlagSet("server", pflag.ContinueOnError)
			f.add(fs, "log-debug", "--log-level=debug")
			if err := fs.Parse(row.flags); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			log, err := f.start(&out)
			switch {
			case row.fail != "":
				if err == nil || err.Error() != row.fail {
					t.Errorf("%v", err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			log.Info("told")
			if !strings.Contains(out.String(), row.want) || row.want == "" && out.Len() > 0 {
				t.Errorf("logged %q, want %q", &out, row.want)
			}
		})
	}
}
