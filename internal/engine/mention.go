package engine

import (
	"cmp"
	"context"
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
	found := make(map[string]PolicyMention)
	for version, newest := uint64(1), uint64(1); version <= newest; version++ {
		err := e.Store.View(ctx, func(r store.Reader) error {
			meta, err := r.Meta()
			if newest = meta.Policy; err != nil || newest < version {
				return err
			}
			record, err := r.Policy(version)
			if err != nil {
				return err
			}
			note := PolicyMention{First: version, Last: version, Text: record.Note}
			if mentioned(note.Text, subject) {
				found["\x00"+note.Text] = note.after(found["\x00"+note.Text])
			}
			number := 0
			for line := range strings.Lines(string(record.YAML)) {
				number++
				if !mentioned(line, subject) || len(found) >= maxMentions {
					continue
				}
				m := PolicyMention{First: version, Last: version, Line: number, Text: strings.TrimSpace(line)}
				found[m.Text] = m.after(found[m.Text])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]PolicyMention, 0, len(found))
	for _, m := range found {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b PolicyMention) int {
		return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	return out, nil
}

// after is the mention, of which an earlier version may have had the same.
func (m PolicyMention) after(earlier PolicyMention) PolicyMention {
	if earlier.First != 0 {
		m.First = earlier.First
	}
	return m
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
