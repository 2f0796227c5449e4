package command

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// logFlags are the flags of what a server logs. Both servers have the same.
type logFlags struct {
	level, format string
	// former is the flag of an earlier version.
	former bool
}

// add adds the flags. Former is the name of the flag that an earlier version had instead of one of them.
func (f *logFlags) add(fs *pflag.FlagSet, former, instead string) {
	fs.StringVar(&f.level, "log-level", "info", "what is logged: debug, info, warn or error, and what is graver")
	fs.StringVar(&f.format, "log-format", "json", "json, or text for people")
	fs.BoolVar(&f.former, former, false, "the same as "+instead)
	if err := fs.MarkDeprecated(former, "use "+instead); err != nil {
		panic(err) // there is no such flag
	}
}

// start returns the log, and has the libraries use it.
func (f *logFlags) start(out io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, fmt.Errorf("--log-level %q is not debug, info, warn or error", f.level)
	}
	o := &slog.HandlerOptions{Level: level}
	var handler slog.Handler
	switch f.format {
	case "json":
		handler = slog.NewJSONHandler(out, o)
	case "text":
		handler = slog.NewTextHandler(out, o)
	default:
		return nil, fmt.Errorf("--log-format %q is not json or text", f.format)
	}
	ctrl.SetLogger(logr.FromSlogHandler(handler))
	klog.SetLogger(logr.FromSlogHandler(handler))
	return slog.New(handler), nil
}
