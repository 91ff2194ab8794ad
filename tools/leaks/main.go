// Leaks looks for secrets in the output of a test run: `leaks LEDGER OUTPUT...`. The ledger has a secret a
// line, as internal/ledger writes it. A secret is found as it is, in base64 of either alphabet wherever it
// begins, in hex, escaped as in URLs and in JSON, and of a JWT the signature alone too. It fails if it
// finds one, and also if it would find nothing whatever was printed: if the ledger is short, or if the
// output has no line of a server's log.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// enough is how many secrets a run of all tests has at least.
const enough = 100

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "leaks:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) < 2 {
		return errors.New("name a ledger and at least one output")
	}
	file, err := os.Open(args[0]) //nolint:gosec // an argument names it
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	look := newSearch()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		look.add(lines.Text())
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if look.secrets < enough {
		return fmt.Errorf("the ledger has %d secrets; a whole run has at least %d", look.secrets, enough)
	}
	found, logged := 0, 0
	for _, name := range args[1:] {
		text, err := os.ReadFile(name) //nolint:gosec // an argument names it
		if err != nil {
			return err
		}
		logged += bytes.Count(text, []byte(`msg="request `))
		for _, f := range look.in(text) {
			found++
			fmt.Fprintf(out, "%s:%d: a secret of the ledger's line %d, %s\n", name, f.line, f.secret, f.form)
		}
	}
	if logged == 0 {
		return errors.New("no server's log is in the output; nothing can be said of it")
	}
	fmt.Fprintf(out, "%d secrets, %d lines of servers' logs, %d found\n", look.secrets, logged, found)
	if found > 0 {
		return errors.New("a secret was printed")
	}
	return nil
}
