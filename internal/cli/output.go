package cli

import (
	"errors"
	"io"
	"io/fs"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// output is stdout. It remembers the first write that failed, so that a command that could not tell its result does not
// end as if it had.
type output struct {
	io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// failure says that the result could not be written, or returns nil.
func (o *output) failure() error {
	if o.err == nil {
		return nil
	}
	why := o.err
	var path *fs.PathError
	if errors.As(why, &path) {
		why = path.Err
	}
	return problem.New(problem.Unavailable, problem.ReasonOutputFailed,
		"the result could not be written to stdout (%v): what was done is done, so look before you repeat it", why).
		Because(o.err)
}
