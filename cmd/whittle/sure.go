package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
)

var errNotAsked = exit.With(exit.Usage, errors.New("nothing was changed: say --yes to do it without being asked"))

// sure asks, if there is somebody to ask. Only a plain yes is one.
func sure(cmd *cobra.Command, question string) bool {
	if !interactive(os.Stdin) {
		return false
	}
	fmt.Fprint(cmd.ErrOrStderr(), question+" (yes/no) ")
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n') // a terminal gives one line at a time
	return strings.TrimSpace(answer) == "yes"
}
