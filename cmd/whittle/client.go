package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func clientCommand() *cobra.Command {
	return group("client", "Look after the clients' secrets",
		`The policy declares the clients; these commands look after their secrets. A client may have several, so that
they can be rotated without a failed request. Needs client.manage.`,
		clientList(), clientShow(),
		group("secret", "Make, rotate and end the secrets of a client",
			`A secret is shown once, when it is made: alone on standard output, or in a file with --to. Its id, which is no
secret, names it later.`,
			secretCreate(), secretRotate(), secretDisable(), secretEnable(), secretDelete()))
}

func clientList() *cobra.Command {
	return asking(&cobra.Command{
		Use:     "list",
		Short:   "List the clients of the policy",
		Long:    "Lists the clients of the policy in force: how many secrets each can use, when one was last used, and what it may do.",
		Example: "  whittle client list\n  whittle client list --json | jq -r 'select(.secrets == []) | .id'",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		clients, err := pages(0, func(page string) ([]*whittlev1.Client, string, error) {
			res, err := c.server.Clients().ListClients(c.ctx, &whittlev1.ListClientsRequest{PageToken: page})
			return res.GetClients(), res.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return show.List(c.Printer, []string{"client", "secrets", "last used", "may", "ceiling"}, clients, func(cl *whittlev1.Client) []string {
			usable, last := 0, ""
			for _, s := range cl.GetSecrets() {
				if s.GetUsable() {
					usable++
				}
				last = max(last, show.Time(s.GetLastUsed())) // as text they are in order
			}
			state := strconv.Itoa(usable)
			if cl.GetBlocked() {
				state += ", blocked"
			}
			return []string{cl.GetId(), state, last, strings.Join(cl.GetMay(), " "), strings.Join(cl.GetCeiling(), " ")}
		})
	})
}

func clientShow() *cobra.Command {
	return asking(&cobra.Command{
		Use:               "show CLIENT",
		Short:             "Show a client and its secrets",
		Long:              "Shows what the policy says of a client, and what is known of its secrets: when each was made, used and ends.",
		Example:           "  whittle client show research-agent",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completing(clientIDs),
	}, func(c *call) error {
		res, err := c.server.Clients().ListClients(c.ctx, &whittlev1.ListClientsRequest{Client: c.args[0]})
		if err != nil {
			return err
		}
		if len(res.GetClients()) == 0 {
			return exit.With(exit.No, fmt.Errorf("the policy in force has no client %q", c.args[0]))
		}
		cl := res.GetClients()[0]
		if c.JSON {
			return c.Object(cl)
		}
		blocked := ""
		if cl.GetBlocked() {
			blocked = "yes: it can't authenticate and gets no tokens (whittle revocation unblock client " + cl.GetId() + ")"
		}
		err = c.Facts([]show.Fact{
			{Name: "client", Value: cl.GetId()},
			{Name: "ceiling", Value: strings.Join(cl.GetCeiling(), " ")},
			{Name: "may", Value: strings.Join(cl.GetMay(), " ")},
			{Name: "serves", Value: strings.Join(cl.GetServes(), " ")},
			{Name: "blocked", Value: blocked},
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(c.Out)
		return c.secrets(cl.GetSecrets())
	})
}

// secrets lists what is known of a client's secrets.
func (c *call) secrets(secrets []*whittlev1.ClientSecret) error {
	return show.List(c.Printer, []string{"secret", "state", "made", "last used", "ends"}, secrets, func(s *whittlev1.ClientSecret) []string {
		state := "ended"
		switch {
		case s.GetUsable():
			state = "usable"
		case s.GetDisabled():
			state = "disabled"
		}
		return []string{s.GetId(), state, show.Time(s.GetCreated()), show.Time(s.GetLastUsed()), show.Time(s.GetExpires())}
	})
}
