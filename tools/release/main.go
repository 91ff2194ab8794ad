package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: go run ./tools/release [flags] VERSION\n\nA version is v1.2.3, or v1.2.3-rc.1, which needs no section in CHANGELOG.md.")
		flags.PrintDefaults()
	}
	only := flags.String("platforms", strings.Join(platforms, ","), "what to build for, GOOS/GOARCH joined by commas")
	dist := flags.String("dist", "dist", "the folder to write into; an earlier release in it is removed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return flag.ErrHelp
	}
	r, err := begin(ctx, flags.Arg(0), *dist)
	if err != nil {
		return err
	}
	for platform := range strings.SplitSeq(*only, ",") {
		if err := r.make(ctx, platform); err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
		fmt.Fprintln(out, platform)
	}
	if err := sum(*dist); err != nil {
		return err
	}
	fmt.Fprintf(out, `%s of commit %s is in %s. Left to do, by whoever may:
  git tag -s %s %s && git push origin %s
  sign %s/SHA256SUMS and publish all of %s with the signature
`, r.version, r.commit, *dist, r.version, r.commit, r.version, *dist, *dist)
	return nil
}
