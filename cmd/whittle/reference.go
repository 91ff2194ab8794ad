package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/settings"
)

// referenceCommand writes the parts of the documentation that are made of the code. It is for whoever works on
// Whittle (tools/reference), so it is hidden.
func referenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reference DIR",
		Short:   "Write the reference of commands and settings",
		Long:    "Writes cli.md and configuration.md into the folder, from what the commands and the settings say of themselves.",
		Hidden:  true,
		Example: `  tools/reference`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for name, text := range references(cmd.Root()) {
				if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// references is the generated pages by file name.
func references(root *cobra.Command) map[string]string {
	return map[string]string{"cli.md": commandsPage(root), "configuration.md": settingsPage()}
}

const generated = "<!-- Made by tools/reference from the code; don't edit. -->\n\n"

func commandsPage(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(generated + "# Commands\n\n" + strings.TrimSpace(root.Long) + "\n\n")
	describe(&b, root)
	return b.String()
}

// describe writes the commands below one, in order.
func describe(b *strings.Builder, cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "help" {
			continue
		}
		if c.HasAvailableSubCommands() {
			describe(b, c)
			continue
		}
		c.InitDefaultHelpFlag()
		fmt.Fprintf(b, "## %s\n\n%s.\n\n```text\n%s\n```\n\n", c.CommandPath(), c.Short, c.UseLine())
		if c.Long != "" {
			fmt.Fprintf(b, "%s\n\n", strings.TrimSpace(c.Long))
		}
		if c.Example != "" {
			fmt.Fprintf(b, "```text\n%s\n```\n\n", unindented(c.Example))
		}
		describeFlags(b, c)
	}
}

func describeFlags(b *strings.Builder, c *cobra.Command) {
	rows := 0
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if rows++; rows == 1 {
			b.WriteString("| flag | what it says |\n| --- | --- |\n")
		}
		kind, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.TrimSpace("--"+f.Name+" "+kind), cell(usage))
	})
	if rows > 0 {
		b.WriteString("\n")
	}
}

func settingsPage() string {
	var b strings.Builder
	b.WriteString(generated + `# Settings

The server's static settings come from a file (` + "`" + settings.StandardFile + "`" + ` beside you, ` + "`--config`" + ` or ` + "`WHITTLE_CONFIG`" + `), from the environment and from
flags, of which the later win. In the file a dot in a name is a level of the mapping, a list is a list, and paths are
relative to the file; in variables and flags a list has commas. ` + "`whittle config check`" + ` says what holds and where it came
from. What isn't a setting is live: the policy, the clients' secrets and the keys.

| in the file | variable | flag of ` + "`serve`" + ` | value | default | what it is |
| --- | --- | --- | --- | --- | --- |
`)
	for _, s := range settings.Table() {
		fmt.Fprintf(&b, "| `%s` | `%s` | `--%s` | %s | %s | %s |\n", s.Path, s.Env, s.Flag, cell(s.Form), cell(s.Default), cell(s.Doc))
	}
	return b.String()
}

// cell is text as a cell of a table holds it.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(text)
}

// unindented is an example without the two spaces that help has before each line.
func unindented(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", "\n"), "  ")
}
