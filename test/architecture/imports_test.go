// Package architecture holds the rooms of the house to the code: imports point one way.
package architecture

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/whittle-sts/whittle/"

// rooms says what each room may import of ours. A room that isn't listed may import nothing, so a
// new one has to be thought about.
var rooms = map[string][]string{
	"internal/scope":             {},
	"internal/exact":             {}, // how values are written that are read again: in tokens and in the record
	"internal/lately":            {},
	"internal/hush":              {}, // what a token or a secret looks like, wherever a text is kept, logged or shown
	"internal/loopback":          {}, // what this host is called, wherever plain http is taken
	"internal/durable":           {}, // what every engine and every keeper of a file needs
	"internal/private":           {}, // what keeps a secret in a file needs
	"internal/seal":              {"internal/durable", "internal/private"},
	"internal/principal":         {"internal/hush", "internal/scope"},
	"internal/narrow":            {"internal/scope"},
	"internal/token":             {"internal/exact", "internal/scope", "internal/principal", "internal/narrow", "internal/seal"},
	"internal/issuer":            {"internal/lately", "internal/loopback", "internal/token", "internal/principal"},
	"internal/issuer/issuertest": {}, // plays an outsider: knows nothing of ours
	"internal/ledger":            {}, // only for tests and what they are made of
	"internal/document":          {},
	"internal/policy":            {"internal/document", "internal/hush", "internal/loopback", "internal/scope", "internal/principal", "internal/narrow"},
	"store":                      {},
	"store/storetest":            {"store"},
	"store/bolt":                 {"store", "internal/durable"},
	"store/sealed":               {"store", "internal/seal"},
	"store/anchored":             {"store", "internal/tree", "internal/durable"}, // it holds the log's root
	"internal/tree":              {},
	"internal/checkpoint":        {},
	"internal/audit":             {"store", "internal/exact", "internal/hush", "internal/seal", "internal/tree", "internal/checkpoint"},
	"internal/forward":           {"internal/audit", "internal/durable", "internal/loopback"},
	"internal/index":             {"internal/audit", "internal/seal", "internal/tree", "store"},
	"internal/witness":           {"internal/checkpoint", "internal/loopback", "internal/tree", "store"},
	"internal/verify":            {"internal/audit", "internal/checkpoint", "internal/durable", "internal/tree", "store"}, // alone: none of the log's secrets
	"internal/report":            {"internal/audit", "internal/policy"},                                                   // pure: entries in, figures out
	"internal/folder":            {"internal/audit", "internal/durable", "internal/index", "internal/seal", "store", "store/anchored", "store/bolt", "store/sealed"},
	"internal/reconcile":         {"internal/audit", "internal/token"}, // alone: none of the log's secrets
	"internal/live":              {"internal/policy", "internal/token", "internal/scope", "internal/principal", "store"},
	"internal/clientauth":        {"internal/principal", "internal/policy", "internal/token", "internal/issuer", "internal/live"},
	"internal/engine": {
		"internal/audit", "internal/checkpoint", "internal/clientauth", "internal/document", "internal/hush", "internal/issuer", "internal/lately", "internal/live", "internal/narrow",
		"internal/policy", "internal/principal", "internal/scope", "internal/token", "store",
	},
	"proto":                           {}, // only its test, of what it became
	"gen/whittle/v1":                  {},
	"gen/whittle/v1/whittlev1connect": {"gen/whittle/v1"},
	"internal/witness/witnesstest":    {}, // plays an outsider: knows nothing of ours
	"server/caller":                   {"internal/engine", "internal/clientauth", "internal/token"},
	"server/fault":                    {"gen/whittle/v1", "internal/engine", "internal/clientauth", "internal/policy"},
	"server/guard":                    {"server/caller", "server/fault", "internal/audit", "internal/engine", "internal/clientauth", "internal/policy"},
	"server/rpc": {
		"gen/whittle/v1", "gen/whittle/v1/whittlev1connect", "internal/engine", "internal/audit", "internal/live", "internal/policy",
		"internal/principal", "internal/token", "server/caller", "server/fault", "server/guard", "store",
	},
	"server/tiles": {"internal/audit", "internal/checkpoint", "internal/tree", "store"},
	"server/oauth": {
		"internal/engine", "internal/clientauth", "internal/token", "internal/scope", "internal/principal", "server/caller", "server/fault", "server/guard",
	},
	"server/tracing": {
		// nothing of ours
	},
	"server/servertest": {"*"}, // a whole server for tests
	"server":            {"*"}, // joins it all
	"cmd/whittle": {
		"server", "gen/whittle/v1", "gen/whittle/v1/whittlev1connect", "internal/policy", "internal/token", "internal/audit", "internal/durable", "internal/folder", "internal/hush", "internal/seal", "store",
		"internal/checkpoint", "internal/loopback", "internal/verify", "store/bolt", // what verifies a copy
		"internal/report", "internal/reconcile",
		"cmd/whittle/internal/demo", "cmd/whittle/internal/devissuer", "cmd/whittle/internal/exit", "cmd/whittle/internal/profile",
		"cmd/whittle/internal/remote", "cmd/whittle/internal/settings", "cmd/whittle/internal/show",
		"cmd/whittle/internal/starter", "server/tracing",
	},
	"cmd/whittle/internal/exit": {},
	"cmd/whittle/internal/show": {},
	"cmd/whittle/internal/remote": {
		"gen/whittle/v1", "gen/whittle/v1/whittlev1connect", "cmd/whittle/internal/exit", "cmd/whittle/internal/profile",
	},
	"cmd/whittle/internal/profile":   {"internal/document", "internal/durable", "internal/loopback", "internal/private", "internal/token"},
	"cmd/whittle/internal/devissuer": {"internal/private"}, // an outsider: knows nothing of ours but how a file is kept
	"cmd/whittle/internal/starter":   {"server", "internal/token", "cmd/whittle/internal/devissuer", "cmd/whittle/internal/profile"},
	"cmd/whittle/internal/settings": {
		"cmd/whittle/internal/exit", "internal/document", "internal/seal", "server", "server/guard",
	},
	"cmd/whittle/internal/demo": {
		"server", "gen/whittle/v1", "gen/whittle/v1/whittlev1connect", "internal/issuer/issuertest", "internal/checkpoint", "internal/verify",
	},
	"tools/leaks":       {},
	"examples/agent":    {}, // an outsider
	"examples/gateway":  {"gen/whittle/v1"},
	"test/architecture": {},
	"test/fault":        {}, // only its tests
	"test/process":      {}, // only its tests
	"test/readme":       {}, // only its tests
	"test/threats":      {}, // only its tests
	"test/serving":      {}, // only its tests
	"tools/release":     {}, // builds the command, imports nothing of it
	"test/scripts":      {}, // only its tests
}

// bans are imports of others that only some rooms may make.
var bans = []struct {
	path string
	only []string
	why  string
}{
	{"go.etcd.io/bbolt", []string{"store/bolt", "internal/index"}, "an engine's types stay in the engine, and the index's file is its own"},
	{"google.golang.org/grpc/codes", []string{"server/fault", "gen/whittle/v1"}, "errors are mapped once, in one table"},
	{"google.golang.org/grpc/status", []string{"server/fault", "server/servertest", "gen/whittle/v1"}, "errors are mapped once, in one table"},
	{"connectrpc.com/connect", nil, "this is Connect v2's house; v1 would be a second runtime with other rules"},
	{"log", nil, "rooms below the server don't log; the server logs with slog"},
	{"log/slog", []string{"server", "server/guard", "server/servertest", "cmd/whittle", "cmd/whittle/internal/settings", "internal/token", "internal/clientauth", "examples/gateway"}, "rooms below the server don't log"},
	{"cel.dev/cel-go/cel", []string{"internal/policy"}, "expressions are the policy's"},
	{"encoding/json", []string{"cmd/whittle/internal/demo", "test/architecture"}, "version 1 takes the last of two members and folds their case; use go-json-experiment"},
	{"math/rand", nil, "randomness is cryptographic and passed in"},
	{"math/rand/v2", nil, "randomness is cryptographic and passed in"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s is no room of the house: say in the table what it may import", room)
			continue
		}
		for _, imported := range p.Imports {
			of, ours := strings.CutPrefix(imported, module)
			if ours && !slices.Contains(allowed, of) && !slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s, which the table doesn't allow", room, of)
			}
		}
	}
}

func TestNobodyImportsWhatIsBanned(t *testing.T) {
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		for _, ban := range bans {
			if slices.Contains(p.Imports, ban.path) && !slices.Contains(ban.only, room) {
				t.Errorf("%s imports %s: %s", room, ban.path, ban.why)
			}
		}
		for _, vague := range []string{"util", "utils", "common", "helpers", "misc"} {
			if slices.Contains(strings.Split(room, "/"), vague) {
				t.Errorf("%s: a room has a noun for a name, not %q", room, vague)
			}
		}
	}
}

func TestConnectV1IsNotBuiltIn(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"cmd/whittle").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if slices.Contains(strings.Fields(string(out)), "connectrpc.com/connect") {
		t.Error("something brings Connect v1 in")
	}
}
