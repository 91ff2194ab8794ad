package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	"github.com/whittle-sts/whittle/internal/hush"
)

func profileCommand() *cobra.Command {
	return group("profile", "Keep where servers are and who asks them",
		`A profile is a file for its owner's eyes alone that says where a server is, which client asks, and that
client's secret. The profile "default" is used when none is named. WHITTLE_CONFIG_DIR moves their folder.`,
		profileAdd(), profileList(), profileRemove())
}

func profileAdd() *cobra.Command {
	var p profile.Profile
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a profile, with the secret from standard input",
		Long: `Makes a profile. The secret is read from standard input, or stays in the file that --secret-file names.
A profile that has the name already stays: remove it first.`,
		Example: `  whittle client secret create ops-console | whittle profile add ops --url https://sts.example.com --client ops-console
  whittle profile add ops --url https://sts.example.com --client ops-console --secret-file /run/secrets/ops`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := absolute(&p); err != nil {
				return err
			}
			if p.Client != "" && p.SecretFile == "" {
				if p.Secret, err = (&hidden{what: "secret"}).read(cmd); err != nil {
					return err
				}
			}
			dir, err := profile.Open()
			if err != nil {
				return exit.With(exit.Usage, err)
			}
			if err := dir.Save(args[0], p); err != nil {
				return exit.With(exit.Usage, err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), dir.Path(args[0]))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.URL, "url", "", "the server's HTTP address")
	f.StringVar(&p.Client, "client", "", "the client that asks; without it the environment says who")
	f.StringVar(&p.SecretFile, "secret-file", "", "the file that holds the client's secret")
	f.StringVar(&p.CAFile, "ca-file", "", "PEM certificates to trust instead of the system's")
	f.BoolVar(&p.Plaintext, "plaintext", false, "ask another machine over plain http")
	_ = cmd.MarkFlagRequired("url") // it is there
	return cmd
}

// absolute makes the names of the profile's files good in every folder. The secret itself is no name.
func absolute(p *profile.Profile) (err error) {
	if hush.Found(p.SecretFile) {
		return exit.With(exit.Usage, fmt.Errorf("--secret-file %s is no file", p.SecretFile))
	}
	for _, file := range []*string{&p.SecretFile, &p.CAFile} {
		if *file == "" {
			continue
		}
		if *file, err = filepath.Abs(*file); err != nil {
			return err
		}
	}
	return nil
}

func profileList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the profiles, without their secrets",
		Long:    "Lists the profiles: their servers and clients. A profile that can't be used says why.",
		Example: "  whittle profile list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := profile.Open()
			if err != nil {
				return exit.With(exit.Usage, err)
			}
			names, err := dir.List()
			if err != nil {
				return err
			}
			var rows [][]string
			for _, name := range names {
				p, err := dir.Load(name)
				if err != nil {
					p = profile.Profile{URL: err.Error()}
				}
				rows = append(rows, []string{name, p.Client, p.URL})
			}
			return show.Printer{Out: cmd.OutOrStdout()}.Table([]string{"name", "client", "server"}, rows)
		},
	}
}

func profileRemove() *cobra.Command {
	return &cobra.Command{
		Use:               "remove NAME",
		Short:             "Delete a profile",
		Long:              "Deletes a profile. Its secret stays good at the server: `whittle client secret delete` ends it there.",
		Example:           "  whittle profile remove ops",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := profile.Open()
			if err == nil {
				err = dir.Remove(args[0])
			}
			return exit.With(exit.No, err)
		},
	}
}
