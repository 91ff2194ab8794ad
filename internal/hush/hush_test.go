package hush

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// made is secrets as they are made, of each kind.
func made() []string {
	url, std := base64.RawURLEncoding.EncodeToString, base64.StdEncoding.EncodeToString
	out := []string{"wt_" + url(random(36)), "ws_" + url(random(32)), "whsec_" + std(random(24)), "whsec_" + std(random(64))}
	for _, header := range []string{
		`{"alg":"none"}`, `{"alg":"ES256","kid":"` + url(random(9)) + `","typ":"at+jwt"}`, `{"typ":"JWT",` + "\r\n" + ` "alg":"HS256"}`,
		`{ "alg": "ES256" }`, "{\n\t\"alg\":\"RS256\"\n}\n", `{"alg":"RS256","x5c":["` + std(random(1500)) + `"]}`, `{"alg":"dir","enc":"A128GCM"}`,
	} {
		head, body, tail := url([]byte(header)), url([]byte(`{"sub":"ana"}`)), url(random(64))
		out = append(out, head+"."+body+"."+tail, head+"."+body+".", head+"."+body, head+".."+body+"."+tail+"."+tail) // the last: JWE (RFC 7516)
	}
	return out
}

func TestSecretsAreHiddenWhereverTheyStand(t *testing.T) {
	for range 2000 {
		for _, secret := range made() {
			for _, c := range []struct{ before, behind string }{
				{"", ""},
				{"x ", " y"},
				{"https://user:", "@data.example.com/a.b"},
				{"https://data.example.com/?token%3D", "&x=y"},
				{"https://data.example.com/my_", "?x"},
				{"corp:", ""},
				{`"`, `"`},
				{"é", "é"},
				{"a.b.c/", ", and more"},
			} {
				got := Text(c.before + secret + c.behind)
				if got != c.before+Hidden+c.behind || !Found(c.before+secret+c.behind) {
					t.Fatalf("%.12s…, behind %q, before %q: %q", secret, c.before, c.behind, strings.ReplaceAll(got, secret, "THE SECRET"))
				}
			}
			if got := Text(secret + " " + secret); got != Hidden+" "+Hidden {
				t.Fatalf("twice: %q", got)
			}
		}
		if testing.Short() {
			break
		}
	}
}

func TestNamesStay(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "ws_", "wt_", "whsec_", "eyJ", "eyJ.", "eyJ.x.y", "x.y.z",
		"news_articles_of_all_regions",
		"news_articles_of_all_regions_and_of_the_world_as_a_whole_in_one_list",
		"views_Aggregated",
		"keyJobs.list.all", "monkeyJungleAdventures.read.write", "moneyJournalEntriesOf2019.list", "newspaperArticlesOf2020.read.all",
		"urn:ietf:params:oauth:token-type:access_token",
		"https://data.example.com/v1/news_articles?since=2024-01-01",
		"repo:example/models:production", "ai.training.read",
		"06h2jyq4rw82ymepyeda4ym", "eLhF_Hqq8nqjGVaZY88UCE1CszIEFgoH5bSi1j6Tz-k",
		strings.Repeat("ey", 500) + ".x", strings.Repeat("e.y.J.", 500),
	} {
		if got := Text(name); got != name || Found(name) {
			t.Errorf("%q became %q", name, got)
		}
	}
}

// A name of random words, and a random id, is hardly ever taken for a token.
func TestChanceHidesNothing(t *testing.T) {
	for range 20_000 {
		text := base64.RawURLEncoding.EncodeToString(random(32)) + "." + base64.RawURLEncoding.EncodeToString(random(32))
		if Found(text) {
			t.Errorf("%q is taken for a token", text)
		}
	}
}

func TestTextsIsTheSameListIfNothingIsHidden(t *testing.T) {
	list := []string{"ai.training.read", "https://data.example.com"}
	if got := Texts(list); &got[0] != &list[0] || Texts(nil) != nil {
		t.Error("it was copied")
	}
	with := append(slices.Clone(list), made()[0])
	if got := Texts(with); !slices.Equal(got, append(slices.Clone(list), Hidden)) || with[2] == Hidden {
		t.Errorf("%q", got)
	}
}

// A text without a secret costs no memory, however long it is.
func TestNothingHiddenCostsNoMemory(t *testing.T) {
	for _, text := range []string{"ai.training.read", "https://data.example.com/v1/news_articles?since=2024-01-01", strings.Repeat("eyJ", 300) + "." + strings.Repeat("news_", 300)} {
		if n := testing.AllocsPerRun(100, func() { _ = Text(text) }); n > 0 {
			t.Errorf("%.20s: %v objects", text, n)
		}
	}
}

func BenchmarkText(b *testing.B) {
	for _, text := range []string{"ai.training.read", "https://data.example.com/v1/records", "https://data.example.com/v1/news_articles_of_all_regions/2024"} {
		b.Run(fmt.Sprint(len(text)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = Text(text)
			}
		})
	}
}
