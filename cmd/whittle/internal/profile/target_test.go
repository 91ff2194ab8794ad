package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/token"
)

// TestACredentialGoesOnlyWhereItBelongs has two profiles: `default` of ops at :1, `anon` of nobody at :2.
func TestACredentialGoesOnlyWhereItBelongs(t *testing.T) {
	const one, two, three = "http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"
	for name, c := range map[string]struct {
		flags Flags
		env   string
		want  string // url client:secret
		err   string
	}{
		"the default profile":                         {want: one + " ops:P"},
		"a named one":                                 {flags: Flags{Profile: "anon"}, want: two + " :"},
		"named by the environment":                    {env: "PROFILE=anon", want: two + " :"},
		"the flag beats the environment":              {flags: Flags{Profile: "default"}, env: "PROFILE=anon", want: one + " ops:P"},
		"one that isn't there":                        {flags: Flags{Profile: "gone"}, err: `no profile "gone"`},
		"the profile's credential stays at home":      {flags: Flags{URL: three}, want: three + " :"},
		"also from the environment's URL":             {env: "URL=" + three, want: three + " :"},
		"a slash is no other server":                  {flags: Flags{URL: one + "/"}, want: one + " ops:P"},
		"two servers named":                           {flags: Flags{URL: three, Profile: "default"}, err: "leave out one"},
		"a named profile is all that counts":          {flags: Flags{Profile: "default"}, env: "URL=" + three + " CLIENT_ID=x CLIENT_SECRET=E", want: one + " ops:P"},
		"a profile of nobody takes the environment's": {flags: Flags{Profile: "anon"}, env: "CLIENT_ID=x CLIENT_SECRET=E", want: two + " x:E"},
		"the environment's own":                       {env: "URL=" + three + " CLIENT_ID=x CLIENT_SECRET=E", want: three + " x:E"},
		"to another client's profile":                 {env: "CLIENT_ID=x CLIENT_SECRET=E", err: `of client "x", and profile "default"`},
		"nor if the environment names the profile":    {env: "PROFILE=default CLIENT_ID=x CLIENT_SECRET=E", err: `of client "x", and profile "default"`},
		"to the same client's":                        {env: "CLIENT_ID=ops CLIENT_SECRET=E", want: one + " ops:E"},
		"asked to by --url":                           {flags: Flags{URL: one}, env: "CLIENT_ID=x CLIENT_SECRET=E", want: one + " x:E"},
		"half of one":                                 {env: "URL=" + three + " CLIENT_ID=x", err: "without WHITTLE_CLIENT_SECRET"},
		"half of one never takes the profile's half":  {env: "CLIENT_ID=ops", err: "without WHITTLE_CLIENT_SECRET"},
		"the other half, beside a profile":            {env: "CLIENT_SECRET=E", err: "without WHITTLE_CLIENT_ID"},
		"the other half":                              {env: "URL=" + one + " CLIENT_SECRET=E", err: "without WHITTLE_CLIENT_ID"},
		"twice":                                       {env: "URL=" + one + " CLIENT_ID=x CLIENT_SECRET=E CLIENT_SECRET_FILE=f", err: "unset one"},
		"from a file":                                 {env: "URL=" + one + " CLIENT_ID=x CLIENT_SECRET_FILE=FILE", want: one + " x:F"},
		"in the clear to another machine":             {flags: Flags{URL: "http://10.0.0.1"}, err: "unencrypted"},
		"asked to":                                    {flags: Flags{URL: "http://10.0.0.1", Plaintext: true}, want: "http://10.0.0.1 :"},
	} {
		t.Run(name, func(t *testing.T) {
			d := scratch(t)
			ops := Profile{URL: one, Client: "ops", Secret: token.NewSecret("P")}
			if d.Save(Default, ops) != nil || d.Save("anon", Profile{URL: two + "/"}) != nil {
				t.Fatal("not saved")
			}
			file := filepath.Join(t.TempDir(), "secret")
			os.WriteFile(file, []byte("F\n"), 0o600)
			for _, name := range []string{"URL", "PROFILE", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE"} {
				t.Setenv("WHITTLE_"+name, "")
			}
			for _, set := range strings.Fields(strings.Replace(c.env, "FILE=FILE", "FILE="+file, 1)) {
				name, value, _ := strings.Cut(set, "=")
				t.Setenv("WHITTLE_"+name, value)
			}
			at, err := d.Resolve(c.flags)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if got := at.URL + " " + at.Client + ":" + at.Secret.Reveal(); err != nil || got != c.want {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
			if at.From == "" {
				t.Error("it doesn't say where the credential is from")
			}
		})
	}
}

func TestWithoutAProfileTheServerIsHere(t *testing.T) {
	for _, name := range []string{"URL", "PROFILE", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE"} {
		t.Setenv("WHITTLE_"+name, "")
	}
	for _, d := range []Dir{scratch(t), ""} {
		at, err := d.Resolve(Flags{})
		if err != nil || at.URL != "http://127.0.0.1:8080" || at.Client != "" || !strings.Contains(at.From, "WHITTLE_CLIENT_ID") {
			t.Errorf("%+v, %v", at, err)
		}
		if _, err := d.Resolve(Flags{Profile: "x"}); err == nil {
			t.Error("found a profile that isn't there")
		}
	}
}
