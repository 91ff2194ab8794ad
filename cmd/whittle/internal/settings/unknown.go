package settings

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/whittle-sts/whittle/internal/document"
)

// prefix is how the names of all our variables begin.
const prefix = "WHITTLE_"

// others are the variables that aren't settings of the server: other commands read them, and tests.
var others = []string{
	"WHITTLE_CONFIG", "WHITTLE_CONFIG_DIR", "WHITTLE_URL", "WHITTLE_PROFILE", "WHITTLE_CLIENT_ID",
	"WHITTLE_CLIENT_SECRET", "WHITTLE_CLIENT_SECRET_FILE", "WHITTLE_DEV_ISSUER",
}

// forTests is how the variables begin that only tests read.
const forTests = "WHITTLE_TEST_"

// serviceLink is a variable that Kubernetes gives every container for each service of its namespace, of which one may
// well be called whittle.
var serviceLink = regexp.MustCompile(`^WHITTLE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknown refuses what looks like a setting and is none: a limit that is misspelt is no limit. A variable that a
// setting names is the operator's, whatever it is called.
func unknown(env map[string]string, t *target) error {
	known := slices.Clone(others)
	for _, s := range Table() {
		known = append(known, s.Env)
		for _, value := range s.write(t) {
			if name, isVariable := strings.CutPrefix(value, "env:"); isVariable {
				known = append(known, name)
			}
		}
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !strings.HasPrefix(name, prefix) || strings.HasPrefix(name, forTests) ||
			slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		problems = append(problems, fmt.Errorf("%s: there is no such setting%s", name, document.Instead(name, known)))
	}
	return errors.Join(problems...)
}
