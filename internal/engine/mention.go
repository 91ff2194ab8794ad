package engine

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/store"
)

// PolicyMention is a line of the policy that names a person: of a binding, a rule, a comment or a note.
type PolicyMention struct {
	First, Last uint64 // the versions, the oldest and the newest, that have the line
	Line        int    // where, in the newest of them; 0: its note
	Text        string
}

// mentions looks through all versions of the policy, whose text nobody encrypts: people write it for people. All lines
// are told, however many: who goes through some of them takes these for all.
func (e *Engine) mentions(ctx context.Context, subject string) ([]PolicyMention, error) {
	found := make(mentions)
	for version, newest := uint64(1), uint64(1); version <= newest; version++ {
		var record store.Policy
		err := e.store.View(ctx, func(r store.Reader) error {
			meta, err := r.Meta()
			if newest = meta.Policy; err != nil || newest < version {
				return err
			}
			record, err = r.Policy(version)
			record.YAML = bytes.Clone(record.YAML)
			return err
		})
		if err != nil {
			return nil, err
		}
		found.of(record, subject)
	}
	return slices.SortedFunc(maps.Values(found), func(a, b PolicyMention) int {
		return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	}), nil
}

// mentions is lines by what they say.
type mentions map[said]PolicyMention

// said tells the lines of one version apart that say the same.
type said struct {
	text string
	nth  int // such line of the version, from 1; 0: it is the note
}

// of adds those of one version, of which earlier ones were added.
func (found mentions) of(p store.Policy, subject string) {
	add := func(key said, line int) {
		m := PolicyMention{First: p.Version, Last: p.Version, Line: line, Text: key.text}
		if earlier, known := found[key]; known {
			m.First = earlier.First
		}
		found[key] = m
	}
	if mentioned(p.Note, subject) {
		add(said{text: p.Note}, 0)
	}
	means := make(map[int]bool) // the lines whose values have the subject, though the text may be written otherwise
	for line, value := range document.Scalars(p.YAML) {
		means[line] = means[line] || mentioned(value, subject)
	}
	number, times := 0, make(map[string]int)
	for line := range strings.Lines(string(p.YAML)) {
		number++
		text := strings.TrimSpace(line)
		if means[number] || mentioned(text, subject) {
			times[text]++
			add(said{text, times[text]}, number)
		}
	}
}

// mentioned says whether the text has the subject in it, and not just as a part of a longer word.
func mentioned(text, subject string) bool {
	for from := 0; ; {
		at := strings.Index(text[from:], subject)
		if at < 0 {
			return false
		}
		begin := from + at
		end := begin + len(subject)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !wordly(before) && !wordly(after) {
			return true
		}
		from = begin + 1
	}
}

func wordly(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-')
}
