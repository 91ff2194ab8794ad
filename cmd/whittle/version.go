package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version and commit are stamped by tools/release. A build without them says what the Go tool knows.
var version, commit string

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is, and of which commit",
		Long:    `Says the version, the commit that it was built from, with which Go, and for what.`,
		Example: "  whittle version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), described())
			return err
		},
	}
}

// described is one line: the version, the commit if it is known, the Go release and the platform.
func described() string {
	what, from := release()
	return strings.Join(strings.Fields(fmt.Sprintf("whittle %s %s %s %s/%s",
		what, from, runtime.Version(), runtime.GOOS, runtime.GOARCH)), " ")
}

// release is what this build calls itself.
func release() (what, from string) {
	what, from = version, commit
	if info, ok := debug.ReadBuildInfo(); ok && what == "" {
		what = info.Main.Version // (devel), or what the Go tool made of the repository
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				from = s.Value
			}
		}
	}
	return what, from
}
