package cli

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

// finding is one result of validate about an object or a file.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Kind    string `json:"kind,omitempty"`
	Name    string `json:"name,omitempty"`
	Rule    string `json:"rule"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	// Warning does not make the checkout invalid.
	Warning bool `json:"warning"`
}

// checked is an object that validate has checked.
type checked struct {
	File string `json:"file"`
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// findings are the result of validate.
type findings struct {
	Product  string    `json:"product"`
	Objects  []checked `json:"objects"`
	Findings []finding `json:"findings"`
	// Unchecked are the rules that could not be checked, by their reasons.
	Unchecked []string `json:"unchecked"`

	// asked says that the server has judged the checkout.
	asked bool
}

// sort orders findings by file and line. Findings of one line stay in the order of the rules.
func (f *findings) sort() {
	slices.SortStableFunc(f.Findings, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line)
	})
	slices.Sort(f.Unchecked)
	f.Unchecked = slices.Compact(f.Unchecked)
}

func (f *findings) count() (errors, warnings int) {
	for _, one := range f.Findings {
		if one.Warning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}

// writeText prints findings for a person.
func (f *findings) writeText(w io.Writer, st style) {
	for _, one := range f.Findings {
		severity := st.bad("error")
		if one.Warning {
			severity = st.warn("warning")
		}
		place := st.bold(clean(fmt.Sprintf("%s:%d", one.File, one.Line)))
		said := aboutObject(one.Kind, one.Name, one.Message) + violationLine(one.Rule, one.Field, one.Message)
		fmt.Fprintf(w, "%s: %s: %s\n", place, severity, said)
	}
	errors, warnings := f.count()
	fmt.Fprintf(w, "%d resources of %s: %s, %s\n", len(f.Objects), clean(f.Product), counted(errors, "error"),
		counted(warnings, "warning"))
	if len(f.Unchecked) > 0 {
		fmt.Fprintf(w, "Not checked in full, because %s: %s\n", f.whyUnchecked(), strings.Join(f.Unchecked, ", "))
	}
}

func (f *findings) whyUnchecked() string {
	if f.asked {
		return "the server could not ask the management cluster"
	}
	return "nobody was asked for clusters, git hosts and other products (see --server)"
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// quality is one entry of GitLab's Code Quality report.
type quality struct {
	Description string          `json:"description"`
	CheckName   string          `json:"check_name"`
	Fingerprint string          `json:"fingerprint"`
	Severity    string          `json:"severity"`
	Location    qualityLocation `json:"location"`
}

type qualityLocation struct {
	Path  string       `json:"path"`
	Lines qualityLines `json:"lines"`
}

type qualityLines struct {
	Begin int `json:"begin"`
}

// writeCodeQuality writes GitLab's Code Quality report. The fingerprint of a finding does not depend on its line, so
// that GitLab recognizes an old finding.
func (f *findings) writeCodeQuality(w io.Writer) error {
	report := make([]quality, 0, len(f.Findings))
	for _, one := range f.Findings {
		severity := "major"
		if one.Warning {
			severity = "minor"
		}
		sum := sha256.Sum256([]byte(strings.Join([]string{one.File, one.Kind, one.Name, one.Rule, one.Field,
			one.Message}, "\x00")))
		report = append(report, quality{
			Description: violationLine("", one.Field, one.Message), CheckName: one.Rule,
			Fingerprint: hex.EncodeToString(sum[:]), Severity: severity,
			Location: qualityLocation{Path: one.File, Lines: qualityLines{Begin: one.Line}},
		})
	}
	return writeJSON(w, report)
}

func writeJSON(w io.Writer, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

type junitSuites struct {
	XMLName xml.Name   `xml:"testsuites"`
	Suite   junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes one test for each object, one for each file with a finding about no object, and a skipped one for
// each rule that could not be checked.
func (f *findings) writeJUnit(w io.Writer) error {
	suite := junitSuite{Name: "nautes validate " + f.Product}
	for _, o := range f.Objects {
		suite.add(o.Kind, o.Name, o.File, f.about(o.Kind, o.Name, o.File))
	}
	var files []string
	for _, one := range f.Findings {
		if one.Name == "" && !slices.Contains(files, one.File) {
			files = append(files, one.File)
			suite.add("File", one.File, one.File, f.about("", "", one.File))
		}
	}
	for _, rule := range f.Unchecked {
		suite.Tests, suite.Skipped = suite.Tests+1, suite.Skipped+1
		suite.Cases = append(suite.Cases,
			junitCase{Class: "Rule", Name: rule, Skipped: &junitMessage{Message: f.whyUnchecked()}})
	}
	data, err := xml.MarshalIndent(junitSuites{Suite: suite}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, data)
	return err
}

func (f *findings) about(kind, name, file string) []finding {
	var out []finding
	for _, one := range f.Findings {
		if one.Kind == kind && one.Name == name && one.File == file {
			out = append(out, one)
		}
	}
	return out
}

func (s *junitSuite) add(class, name, file string, all []finding) {
	c := junitCase{Class: class, Name: name, File: file}
	var errors, warnings []string
	for _, one := range all {
		if one.Warning {
			warnings = append(warnings, violationLine(one.Rule, one.Field, one.Message))
		} else {
			errors = append(errors, violationLine(one.Rule, one.Field, one.Message))
		}
	}
	s.Tests++
	if len(errors) > 0 {
		s.Failures++
		c.Failure = &junitMessage{Message: errors[0], Text: strings.Join(errors, "\n")}
	}
	c.Out = strings.Join(warnings, "\n")
	s.Cases = append(s.Cases, c)
}
