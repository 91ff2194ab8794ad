package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// The scenarios of testdata are drawings. Each line, or part of a line between semicolons, is one step:
//
//	ana -> task by agent for ai.training.read      an outside token, named after its subject, is exchanged
//	task -> read by agent at data for ...          so is a token of ours; `as x` brings an actor token
//	refused read -> x by stranger: no_rule         it fails, for that reason
//	alive task read                                they can be used, or traded on
//	dead child                                     they can be neither
//	scope read: ai.training.read                   what introspection says of it
//	use deploy                                     one counted use, which must succeed
//	revoke token|task|actor|key of x               by what the named token has
//	revoke client|subject|group|issuer|key x       by name; `block` and `unblock` likewise
//	revoke x by agent                              as RFC 7009 has it
//	policy `a` becomes `b`                         edits the policy; `policy restored` undoes all edits
//	new ana                                        her next token is another one
//	pass 5m, housekeeping, restart
type drawing struct {
	*world
	original string
	tokens   map[string]token.Secret
	order    []string // tokens of ours in the order of their making
	steps    []string // so far
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for scenario := range strings.SplitSeq(string(text), "\n# ") {
			name, steps, _ := strings.Cut(strings.TrimPrefix(scenario, "# "), "\n")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := &drawing{world: newWorld(t), tokens: map[string]token.Secret{}}
				d.original = d.policy
				d.play(steps)
			})
		}
	}
}

// play does the steps; text after `--` is for the reader.
func (d *drawing) play(steps string) {
	for line := range strings.Lines(steps) {
		line, _, _ = strings.Cut(line, "--")
		for step := range strings.SplitSeq(line, ";") {
			if step = strings.TrimSpace(step); step == "" {
				continue
			}
			d.steps = append(d.steps, step)
			if err := d.step(step); err != nil {
				d.t.Fatalf("%s: %v\n%s", step, err, d)
			}
		}
	}
}

func (d *drawing) step(step string) error {
	words := strings.Fields(step)
	switch verb := words[0]; {
	case verb == "refused":
		return d.refused(strings.TrimPrefix(step, "refused "))
	case slices.Contains(words, "->"):
		return d.exchange(words)
	case verb == "alive", verb == "dead":
		return d.expect(words[1:], verb == "alive")
	case verb == "scope":
		return d.scope(step)
	case verb == "use":
		return d.use(words[1])
	case verb == "revoke" && len(words) == 4 && words[2] == "by":
		return d.RevokeToken(context.Background(), d.as(words[3]), d.tokens[words[1]])
	case verb == "revoke", verb == "block", verb == "unblock":
		return d.administer(verb, words[1:])
	case verb == "policy":
		return d.edit(step)
	case verb == "new":
		delete(d.tokens, words[1])
		return nil
	case verb == "pass":
		length, err := time.ParseDuration(words[1])
		d.clock.pass(length)
		return err
	case verb == "housekeeping":
		return d.KeepOnce(context.Background())
	case verb == "restart":
		d.restart()
		return nil
	}
	return fmt.Errorf("there is no such step")
}

func (d *drawing) expect(names []string, alive bool) error {
	for _, name := range names {
		text, known := d.tokens[name]
		if !known {
			return fmt.Errorf("there is no token %s", name)
		}
		if state := d.state(text); (state == "alive") != alive {
			return fmt.Errorf("%s is %s", name, state)
		}
	}
	return nil
}

// state says whether a token is good for anything, and if not, why.
func (d *drawing) state(text token.Secret) string {
	ctx, view, now := context.Background(), d.image.View(), d.Engine.clock.Now()
	v, err := d.verifyOwn(ctx, view, text)
	if err != nil {
		return err.Error()
	}
	claims := v.Claims
	if err := d.alive(v, now); err != nil {
		return err.Error()
	}
	if left, err := d.usesLeft(ctx, claims); err != nil || left == 0 {
		return "used up"
	}
	if claims.ExchangeOnly() {
		if (&verified{Claims: claims}).reachNow(view.Policy, now).IsEmpty() {
			return "suspended"
		}
		return "alive"
	}
	// What introspection says must agree; the token is looked at without using it.
	if in, err := d.Introspect(ctx, d.as("watcher"), IntrospectRequest{Token: text, Look: true}); err != nil || !in.Active {
		return "suspended"
	}
	return "alive"
}

func (d *drawing) scope(step string) error {
	name, want, _ := strings.Cut(strings.TrimPrefix(step, "scope "), ": ")
	in, err := d.Introspect(context.Background(), d.as("watcher"), IntrospectRequest{Token: d.tokens[name], Look: true})
	if err == nil && strings.Join(in.Scope, ",") != want {
		err = fmt.Errorf("it is %q", strings.Join(in.Scope, ","))
	}
	return err
}

func (d *drawing) use(name string) error {
	in, err := d.Introspect(context.Background(), d.as("model-gateway"), IntrospectRequest{Token: d.tokens[name]})
	if err == nil && !in.Active {
		err = fmt.Errorf("%s can't be used", name)
	}
	return err
}

// administer does `revoke`, `block` and `unblock` by selector.
func (d *drawing) administer(verb string, words []string) (err error) {
	s := live.Selector{Kind: live.Kind(words[0]), Value: words[len(words)-1]}
	if words[1] == "of" || words[0] == "token" || words[0] == "task" {
		if s, err = d.selector(words[0], words[len(words)-1]); err != nil {
			return err
		}
	}
	if verb == "unblock" {
		_, err = d.Unblock(context.Background(), d.as("ops"), s)
		return err
	}
	_, err = d.Revoke(context.Background(), d.as("ops"), RevokeRequest{Selector: s, Block: verb == "block", Reason: "a scenario"})
	return err
}

// selector names what the token has.
func (d *drawing) selector(kind, name string) (live.Selector, error) {
	text := d.tokens[name]
	if slices.Contains(outsiders, name) {
		out, err := d.outside.Verify(context.Background(), text.Reveal(), 0)
		if err != nil {
			return live.Selector{}, err
		}
		if kind == "key" {
			return live.OfKey(outsideKey(out)), nil
		}
		return live.OfToken(out.ID), nil
	}
	claims, key := d.claims(text)
	switch kind {
	case "token":
		return live.OfToken(claims.ID), nil
	case "task":
		return live.OfTask(claims.Task), nil
	case "actor":
		return live.OfSubject(claims.Evidence.Actors[0]), nil
	case "key":
		return live.OfKey(key), nil
	}
	return live.Selector{}, fmt.Errorf("a token has no %s", kind)
}

func (d *drawing) edit(step string) error {
	if step == "policy restored" {
		d.apply(d.original)
		return nil
	}
	parts := strings.Split(step, "`")
	if len(parts) != 5 || !strings.Contains(d.policy, parts[1]) {
		return fmt.Errorf("nothing in the policy to edit")
	}
	d.apply(strings.Replace(d.policy, parts[1], parts[3], 1))
	return nil
}

// String draws where the scenario stands: the steps, then the tokens as a tree.
func (d *drawing) String() string {
	text := "steps:\n  " + strings.Join(d.steps, "\n  ") + "\ntokens:\n"
	for _, name := range d.order {
		line := "  "
		if claims, err := d.verifyOwn(context.Background(), d.image.View(), d.tokens[name]); err == nil {
			line += strings.Repeat("  ", len(claims.Evidence.Hops)-1) +
				fmt.Sprintf("-> %s (%s: %s)", name, claims.ClientID, strings.Join(claims.Scope, " "))
		} else {
			line += "-> " + name
		}
		text += line + " " + d.state(d.tokens[name]) + "\n"
	}
	return text
}
