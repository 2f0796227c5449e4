package change

import (
	"fmt"
	"strings"
)

// done is an operation that changed something.
type done struct {
	deleted    bool
	kind, name string
}

func (d done) String() string {
	verb := "Save"
	if d.deleted {
		verb = "Delete"
	}
	return fmt.Sprintf("%s %s %s", verb, d.kind, d.name)
}

// commitMessage returns the message: the git history is the audit log that people read.
func commitMessage(what []done, product string, c Caller, skipCheck bool) string {
	var b strings.Builder
	b.WriteString(oneLine(subject(what)) + "\n\n")
	if len(what) > 1 {
		for _, d := range what {
			b.WriteString("- " + oneLine(d.String()) + "\n")
		}
		b.WriteString("\n")
	}
	trailer := func(name, value string) {
		if value = oneLine(value); value != "" {
			b.WriteString("Nautes-" + name + ": " + value + "\n")
		}
	}
	for _, d := range what {
		trailer("Kind", d.kind)
		trailer("Name", d.name)
	}
	trailer("Product", product)
	trailer("Request-Id", c.RequestID)
	trailer("Client", c.Client)
	if skipCheck {
		trailer("Skip-Check", "true")
	}
	return b.String()
}

func subject(what []done) string {
	if len(what) == 1 {
		return what[0].String()
	}
	saved := 0
	for _, d := range what {
		if !d.deleted {
			saved++
		}
	}
	switch saved {
	case len(what):
		return fmt.Sprintf("Save %d objects", saved)
	case 0:
		return fmt.Sprintf("Delete %d objects", len(what))
	}
	return fmt.Sprintf("Save %d and delete %d objects", saved, len(what)-saved)
}
