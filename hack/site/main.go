// Command site builds the documentation as a static site: `make docs`. The pages are the Markdown files of this
// repository, which read well on a git host too: links between them are rewritten here. The site loads nothing from
// other hosts, and works from a file system.
//
//	go run ./hack/site -version v1 dist-site     build the site
//	go run ./hack/site -translated docs/zh/...   note that these translations say what the English pages say now
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	version := flag.String("version", "", "version that the pages name")
	translated := flag.Bool("translated", false,
		"the arguments are translations: note in each that it says what its English page says now")
	flag.Parse()
	if err := run(*version, *translated, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "site: %v\n", err)
		os.Exit(1)
	}
}

func run(version string, translated bool, args []string) error {
	if translated {
		for _, path := range args {
			if err := noteTranslated(path); err != nil {
				return err
			}
		}
		return nil
	}
	if len(args) != 1 {
		return fmt.Errorf("name the directory to write to: make docs")
	}
	pages, err := load(".")
	if err != nil {
		return err
	}
	s, err := newSite(".", version, pages)
	if err != nil {
		return err
	}
	return s.write(args[0])
}
