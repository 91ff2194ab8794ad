package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// mentionsOf is the policy's lines about the person, as an export and then an erasure tell them.
func (w *world) mentionsOf(subject string) map[string][]PolicyMention {
	w.t.Helper()
	out := make(map[string][]PolicyMention)
	items, err := w.exported(subject)
	w.check(err)
	for _, item := range items {
		if item.Mention != nil {
			out["an export"] = append(out["an export"], *item.Mention)
		}
	}
	done, err := w.ErasePerson(context.Background(), w.as("desk"), subject)
	w.check(err)
	out["an erasure"] = done.Mentions
	return out
}

// A policy binds whom it means, however the text writes the name.
func TestAPolicyMentionsWhomItMeans(t *testing.T) {
	t.Parallel()
	for name, subject := range map[string]string{
		"an escape":              `"an\u0061"`,
		"one over several lines": "\"an\\\n      a\"",
		"as it is":               `"ana"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.trade("agent", outside(w.ana(), "ai.training.read"))
			w.apply(strings.Replace(w.policy, "subject: nora", "subject: "+subject, 1))
			for by, told := range w.mentionsOf("corp:ana") {
				if len(told) != 1 || !strings.Contains(told[0].Text, "name: nights") || told[0].First != 2 || told[0].Last != 2 {
					t.Errorf("%s says %+v", by, told)
				}
				if line := strings.Split(w.policy, "\n")[told[0].Line-1]; strings.TrimSpace(line) != told[0].Text {
					t.Errorf("%s says %q of the line %q", by, told[0].Text, line)
				}
			}
		})
	}
}

// Whoever goes through the lines that are told has gone through all.
func TestAllMentionsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trade("agent", outside(w.ana(), "ai.training.read"))
	var remarks strings.Builder
	for i := range 1100 {
		fmt.Fprintf(&remarks, "# %d: ana\n", i)
	}
	remarks.WriteString("# ana\n# ana\n") // the same twice
	w.apply(remarks.String() + strings.Replace(w.policy, "subject: nora", "subject: ana", 1))
	w.apply(w.policy + "# more\n")
	for by, told := range w.mentionsOf("corp:ana") {
		if len(told) != 1103 || !strings.Contains(told[1102].Text, "name: nights") || told[0].First != 2 || told[0].Last != 3 {
			t.Errorf("%s says %d, the last of them %+v", by, len(told), told[len(told)-1])
		}
	}
}
