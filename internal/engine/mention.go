package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/whittle-sts/whittle/store"
)

// PolicyMention is a line of the policy that names a person: of a binding, a rule, a comment or a note.
type PolicyMention struct {
	First, Last uint64 // the versions, the oldest and the newest, that have the line
	Line        int    // where, in the newest of them; 0: its note
	Text        string
}

// maxMentions is how many lines are told. A subject that is a common word is named in too many to help.
const maxMentions = 1000

// mentions looks through all versions of the policy, whose text nobody encrypts: people write it for people.
func (e *Engine) mentions(ctx context.Context, subject string) ([]PolicyMention, error) {
	found := make(mentions)
	for version, newest := uint64(1), uint64(1); version <= newest; version++ {
		err := e.store.View(ctx, func(r store.Reader) error {
			meta, err := r.Meta()
			if newest = meta.Policy; err != nil || newest < version {
				return err
			}
			record, err := r.Policy(version)
			if err == nil {
				found.of(record, subject)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b PolicyMention) int {
		return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	}), nil
}

// mentions is lines by their text, notes behind a zero byte.
type mentions map[string]PolicyMention

// of adds those of one version, of which earlier ones were added.
func (found mentions) of(p store.Policy, subject string) {
	add := func(key string, m PolicyMention) {
		earlier, known := found[key]
		if !mentioned(m.Text, subject) || !known && len(found) >= maxMentions {
			return
		}
		m.First, m.Last = p.Version, p.Version
		if known {
			m.First = earlier.First
		}
		found[key] = m
	}
	add("\x00"+p.Note, PolicyMention{Text: p.Note})
	number := 0
	for line := range strings.Lines(string(p.YAML)) {
		number++
		text := strings.TrimSpace(line)
		add(text, PolicyMention{Line: number, Text: text})
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
