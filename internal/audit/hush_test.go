package audit

import (
	"reflect"
	"strings"
	"testing"
)

// What looks like a secret is in no part of an entry that callers or issuers choose, however deep, and the event that it was made
// of stays as it was.
func TestAnEntryHidesSecrets(t *testing.T) {
	secret := "ws_" + strings.Repeat("aB3", 15)
	event := func() Event {
		return Event{
			Detail: "no " + secret, Asked: &Asked{Resource: []string{"a", secret}, Audience: []string{secret}, Scope: []string{secret}},
			Removed: []Removal{{Scope: secret}}, Change: &Change{Note: secret}, Revoked: &Revoked{Reason: secret}, Used: &Used{UseID: secret},
			Uses: &Uses{Rows: []Usage{{Scope: secret}, {Action: secret}}},
			People: []Person{{Personal: Personal{Label: secret, Reason: secret, Attributes: map[string]any{
				"a": []any{map[string]any{secret: secret, "b": int64(1)}, true}, "c": "d",
			}}}},
		}
	}
	given := event()
	e := given
	e.People = append([]Person(nil), given.People...)
	e.hush()
	if text := dump(reflect.ValueOf(e)); strings.Contains(text, secret) || strings.Count(text, "(hidden)") != 14 || !strings.Contains(text, "no (hidden)") {
		t.Errorf("left: %s", strings.ReplaceAll(text, secret, "THE SECRET"))
	}
	if !reflect.DeepEqual(given, event()) {
		t.Error("what it was made of has changed")
	}
	plain := Event{Asked: &Asked{Scope: []string{"news_articles_of_all_regions"}}, Change: &Change{Note: "again"}}
	if got := testing.AllocsPerRun(100, plain.hush); got > 0 {
		t.Errorf("nothing is hidden with %v objects", got)
	}
}

// dump is all texts of a value, in any order.
func dump(v reflect.Value) string {
	var b strings.Builder
	switch v.Kind() {
	case reflect.String:
		b.WriteString(v.String() + "\n")
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			b.WriteString(dump(v.Elem()))
		}
	case reflect.Slice:
		for i := range v.Len() {
			b.WriteString(dump(v.Index(i)))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			b.WriteString(dump(key) + dump(v.MapIndex(key)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				b.WriteString(dump(v.Field(i)))
			}
		}
	default:
	}
	return b.String()
}
