package settings

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whittle-sts/whittle/internal/seal"
)

// Setting is one row of the table.
type Setting struct {
	Path    string // in the file, as in tls.cert
	Env     string // WHITTLE_TLS_CERT
	Flag    string // tls-cert
	Form    string // what a value looks like
	Default string // the value, or in words what an absent one means
	Doc     string // one sentence or two
	List    bool   // the file has a list, environment and flags have commas
	IsBool  bool

	resolve func(file, value string) string // of a value that is relative to the file that says it; or nil

	read  func(*target, []string) error
	write func(*target) []string
}

// make fills in what follows from the path and the defaults.
func (s Setting) complete(words string) Setting {
	s.Env = "WHITTLE_" + strings.ToUpper(strings.ReplaceAll(s.Path, ".", "_"))
	s.Flag = strings.NewReplacer(".", "-", "_", "-").Replace(s.Path)
	s.Default = otherwise(strings.Join(s.write(standard()), ", "), words)
	return s
}

// flag gives the setting another flag than its path would.
func (s Setting) flag(name string) Setting {
	s.Flag = name
	return s
}

// one is a setting with a single value.
func one[T any](path, form, doc, words string, field func(*target) *T, parse func(string) (T, error), show func(T) string) Setting {
	return Setting{
		Path: path, Form: form, Doc: doc,
		read: func(t *target, values []string) error {
			value, err := parse(values[0])
			if err == nil {
				*field(t) = value
			}
			return err
		},
		write: func(t *target) []string { return []string{show(*field(t))} },
	}.complete(words)
}

func text(path string, field func(*target) *string, doc, words string) Setting {
	parse := func(s string) (string, error) { return s, nil }
	return one(path, "text", doc, words, field, parse, parseNothing)
}

func parseNothing(s string) string { return s }

func path(path string, field func(*target) *string, doc, words string) Setting {
	s := text(path, field, doc, words)
	s.Form, s.resolve = "path", beside
	return s
}

// source is where a key comes from.
func source(path string, field func(*target) *string, doc, words string) Setting {
	s := one(path, "path, env:NAME or command:PROGRAM ARGUMENTS", doc, words, field, func(s string) (string, error) {
		_, err := seal.ParseSource(s)
		return s, err
	}, parseNothing)
	s.resolve = func(file, value string) string {
		if from, err := seal.ParseSource(value); err == nil && from.File() != "" {
			return beside(file, from.File())
		}
		return value
	}
	return s
}

// secret is where a secret comes from that isn't a key-encryption key.
func secret(path string, field func(*target) *string, doc, words string) Setting {
	s := text(path, field, doc, words)
	s.Form = "path or env:NAME"
	s.resolve = func(file, value string) string {
		if strings.HasPrefix(value, "env:") {
			return value
		}
		return beside(file, strings.TrimPrefix(value, "file:"))
	}
	return s
}

func choice(path string, field func(*target) *string, doc string, options ...string) Setting {
	form := strings.Join(options[:len(options)-1], ", ") + " or " + options[len(options)-1]
	return one(path, form, doc, "", field, func(s string) (string, error) {
		if !slices.Contains(options, s) {
			return "", fmt.Errorf("%q must be %s", s, form)
		}
		return s, nil
	}, parseNothing)
}

func toggle(path string, field func(*target) *bool, doc string) Setting {
	s := one(path, "true or false", doc, "", field, func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, fmt.Errorf("%q must be true or false", s)
		}
		return s == "true", nil
	}, strconv.FormatBool)
	s.IsBool = true
	return s
}

func number(path string, field func(*target) *int, least, most int, doc string) Setting {
	form := fmt.Sprintf("%d to %d", least, most)
	return one(path, form, doc, "", field, func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%q must be a whole number, %s", s, form)
		}
		return n, nil
	}, strconv.Itoa)
}

func size(path string, field func(*target) *int, least, most int, doc string) Setting {
	form := fmt.Sprintf("%s to %s", showSize(least), showSize(most))
	return one(path, form, doc, "", field, func(s string) (int, error) {
		n, ok := parseSize(s)
		if !ok || n < least || n > most {
			return 0, fmt.Errorf("%q must be a size as in 64KiB or 4MiB, %s", s, form)
		}
		return n, nil
	}, showSize)
}

var units = []struct {
	name  string
	bytes int
}{{"MiB", 1 << 20}, {"KiB", 1 << 10}}

func showSize(n int) string {
	for _, u := range units {
		if n%u.bytes == 0 {
			return strconv.Itoa(n/u.bytes) + u.name
		}
	}
	return strconv.Itoa(n)
}

func parseSize(s string) (int, bool) {
	times := 1
	for _, u := range units {
		if digits, found := strings.CutSuffix(s, u.name); found {
			s, times = digits, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n) * times, err == nil && n >= 0
}

func span(path string, field func(*target) *time.Duration, least, most time.Duration, doc string) Setting {
	form := fmt.Sprintf("%s to %s", showSpan(least), showSpan(most))
	return one(path, form, doc, "", field, func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < least || d > most {
			return 0, fmt.Errorf("%q must be a time as in 500ms, 20s or 5m, %s", s, form)
		}
		return d, nil
	}, showSpan)
}

// forever is how long what nobody limits is kept.
const forever = "forever"

// days is a time in whole days, or for good.
func days(path string, field func(*target) *time.Duration, doc string) Setting {
	const day, most = 24 * time.Hour, 36500
	form := fmt.Sprintf("1d to %dd, or %s", most, forever)
	return one(path, form, doc, "", field, func(s string) (time.Duration, error) {
		if s == forever {
			return 0, nil
		}
		text, found := strings.CutSuffix(s, "d")
		n, err := strconv.Atoi(text)
		if !found || err != nil || n < 1 || n > most {
			return 0, fmt.Errorf("%q must be a number of days as in 400d, or %s", s, forever)
		}
		return time.Duration(n) * day, nil
	}, func(d time.Duration) string {
		if d == 0 {
			return forever
		}
		return fmt.Sprintf("%dd", d/day)
	})
}

// showSpan leaves out the parts that are zero: 5m, not 5m0s.
func showSpan(d time.Duration) string {
	s := d.String()
	if short, found := strings.CutSuffix(s, "m0s"); found {
		return short + "m"
	}
	return s
}

func list(path string, field func(*target) *[]string, doc string) Setting {
	return Setting{
		Path: path, Form: "list of texts", Doc: doc, List: true,
		read:  func(t *target, values []string) error { *field(t) = values; return nil },
		write: func(t *target) []string { return *field(t) },
	}.complete("")
}

type prefixes []netip.Prefix

func networks(path string, field func(*target) *prefixes, doc string) Setting {
	return Setting{
		Path: path, Form: "list of networks", Doc: doc, List: true,
		read: func(t *target, values []string) error {
			var out prefixes
			for _, v := range values {
				p, err := netip.ParsePrefix(v)
				if err != nil {
					return fmt.Errorf("%q must be a network, as in 10.1.0.0/16", v)
				}
				out = append(out, p)
			}
			*field(t) = out
			return nil
		},
		write: func(t *target) []string {
			var out []string
			for _, p := range *field(t) {
				out = append(out, p.String())
			}
			return out
		},
	}.complete("")
}
