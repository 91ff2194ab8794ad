package token

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

func TestT2_PowersComeFromTheGrantAlone(t *testing.T) {
	keys := ring(t, keyFor("ES256"))
	without := usual(t)
	without.Grant = narrow.Grant{}
	if _, _, _, err := NewMinter(us, rand.Reader).MintJWT(keys, without); !errors.Is(err, ErrGrant) {
		t.Errorf("a JWT without a grant: %v", err)
	}
	if _, _, _, err := NewMinter(us, rand.Reader).MintOpaque(without); !errors.Is(err, ErrGrant) {
		t.Errorf("an opaque token without a grant: %v", err)
	}

	boastful := usual(t)
	boastful.Evidence.Depth = 8
	boastful.Evidence.Reach = []ReachEntry{{"https://prod.example", []string{"admin"}}}
	text, _ := mint(t, keys, boastful)
	c, _, err := NewVerifier(us).VerifyJWT(keys, text)
	if err != nil {
		t.Fatal(err)
	}
	want := []ReachEntry{{"https://data.example", []string{"ai.training.list", "ai.training.read"}}}
	if c.Evidence.Depth != 3 || !same(c.Evidence.Reach, want) {
		t.Errorf("the draft's own powers were taken: %+v", c.Evidence)
	}
}

func TestLifetimesAreWholeSeconds(t *testing.T) {
	keys := ring(t, keyFor("ES256"))
	d := usual(t)
	d.IssuedAt = noon.Add(10*time.Minute - 1500*time.Millisecond) // 9:58.5 of ten minutes
	_, c := mint(t, keys, d)
	if !c.IssuedAt.Equal(noon.Add(598*time.Second)) || !c.Expires.Equal(noon.Add(600*time.Second)) {
		t.Errorf("%v to %v", c.IssuedAt, c.Expires)
	}
	for _, late := range []time.Duration{600 * time.Second, 601 * time.Second} {
		d.IssuedAt = noon.Add(late)
		if _, _, _, err := NewMinter(us, rand.Reader).MintJWT(keys, d); !errors.Is(err, narrow.ErrExpired) {
			t.Errorf("issued %v after the start of ten minutes: %v", late, err)
		}
	}
}

func TestAnExchangeOnlyTokenWorksNowhere(t *testing.T) {
	keys := ring(t, keyFor("ES256"))
	_, c := mint(t, keys, draft(granted(t, nil, []string{"https://data.example", "https://gpu.example"}, "a", "b")))
	if !c.ExchangeOnly() || !slices.Equal(c.Audience, []string{us}) || len(c.Evidence.Reach) != 2 || len(c.Scope) != 2 {
		t.Errorf("%+v", c)
	}
}

var update = flag.Bool("update", false, "write golden claims that are missing; those that are there never change")

// The claims on the wire are final: other versions of this program must read what this one wrote.
func TestGoldenClaims(t *testing.T) {
	several := draft(granted(t, []string{"https://data.example", "https://gpu.example"}, []string{"https://data.example", "https://gpu.example", "https://more.example"}, "a", "b"))
	client := draft(granted(t, nil, []string{"https://data.example"}, "a", "b"))
	client.Subject, client.Actor, client.Lineage = principal.Client("research-agent"), nil, nil
	client.Evidence = Evidence{Root: principal.Principal{ID: client.Subject}, Hops: []Hop{{Token: client.ID, Client: "research-agent", Rule: "task-token"}}}
	quoted := usual(t)
	quoted.Subject.Subject, quoted.Evidence.Label = `ana "<&>\`+"\u2028é", "\x00 é"
	for name, d := range map[string]Draft{"usual": usual(t), "several": several, "client": client, "quoted": quoted} {
		if name != "client" {
			d.Evidence.Limited = []ID{id(2)}
		}
		c, err := NewMinter(us, nil).claims(d)
		if err != nil {
			t.Fatal(err)
		}
		evidence, err := encodeEvidence(&c.Evidence, besideOf(c))
		if err != nil {
			t.Fatal(err)
		}
		got, err := appendClaims(nil, c, evidence)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "claims-"+name+".json")
		want, err := os.ReadFile(file)
		if os.IsNotExist(err) && *update {
			err, want = os.WriteFile(file, append(got, '\n'), 0o644), append(got, '\n')
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, bytes.TrimSuffix(want, []byte("\n"))) {
			t.Errorf("%s is now\n%s, not\n%s", name, got, want)
		}
		read, evidence, err := readClaims(got)
		if err == nil {
			read.Evidence, err = decodeEvidence(evidence, besideOf(read))
		}
		read.Actor, c.Actor = nil, nil
		if err != nil || !same(read, c) {
			t.Errorf("%s reads as\n%#v, not\n%#v: %v", name, read, c, err)
		}
	}
}

func TestWhatWouldBeReadOtherwiseIsNotMinted(t *testing.T) {
	keys := ring(t, keyFor("ES256"))
	for name, row := range map[string]struct {
		change func(*Draft)
		want   error
	}{
		"a client that looks like a user": {func(d *Draft) { d.Subject = principal.Client("corp:00u1ana") }, ErrClaims},
		"an issuer with a colon":          {func(d *Draft) { d.Subject.Issuer = "corp:lab" }, ErrClaims},
		"nobody":                          {func(d *Draft) { d.Subject = principal.ID{} }, ErrClaims},
		"nobody of an issuer":             {func(d *Draft) { d.Subject.Subject = "" }, ErrClaims},
		"no client":                       {func(d *Draft) { d.ClientID = "" }, ErrClaims},
		"nine actors": {func(d *Draft) {
			for d.Actor.Depth() <= principal.MaxActors {
				d.Actor = &principal.Actor{Sub: "agent", Act: d.Actor}
			}
		}, ErrEvidence},
	} {
		d := usual(t)
		row.change(&d)
		if _, _, _, err := NewMinter(us, rand.Reader).MintJWT(keys, d); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, _, err := NewMinter(us, rand.Reader).MintOpaque(d); !errors.Is(err, row.want) {
			t.Errorf("%s, opaque: %v", name, err)
		}
	}
}

// A server that verifies locally would never hear of a JWT's last use.
func TestUsesAreCountedOnlyOfOpaqueTokens(t *testing.T) {
	catalogue, err := scope.NewCatalogue([]string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	parent := narrow.Root(narrow.PairsOf(narrow.Pair{Resource: "https://data.example", Scopes: catalogue.All()}), noon.Add(time.Minute))
	wanted := parent
	wanted.Audience, wanted.Scopes, wanted.Uses = []string{"https://data.example"}, catalogue.All(), 3
	d := usual(t)
	if d.Grant, err = narrow.Narrow(parent, wanted, noon); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := NewMinter(us, rand.Reader).MintJWT(ring(t, keyFor("ES256")), d); !errors.Is(err, ErrGrant) {
		t.Errorf("as a JWT: %v", err)
	}
	inherited := usual(t)
	inherited.Evidence.Limited = inherited.Lineage[:1]
	if _, _, _, err := NewMinter(us, rand.Reader).MintJWT(ring(t, keyFor("ES256")), inherited); !errors.Is(err, ErrGrant) {
		t.Errorf("a JWT with a limited ancestor: %v", err)
	}
	if _, _, _, err := NewMinter(us, rand.Reader).MintOpaque(d); err != nil {
		t.Errorf("opaque: %v", err)
	}
}

func TestWhatJSONCannotSpellIsNotMinted(t *testing.T) {
	for name, change := range map[string]func(*Draft){
		"subject": func(d *Draft) { d.Subject.Subject = "\xff" },
		"client":  func(d *Draft) { d.ClientID = "\xff" },
		"actor":   func(d *Draft) { d.Actor = &principal.Actor{Sub: "a", Act: &principal.Actor{Sub: "\xff"}} },
		"audience": func(d *Draft) {
			d.Grant = granted(t, []string{"\xff"}, []string{"\xff"}, "a")
		},
		"attribute": func(d *Draft) { d.Evidence.Root.Attributes = map[string]any{"a": "\xff"} },
	} {
		d := usual(t)
		change(&d)
		if text, _, _, err := NewMinter(us, rand.Reader).MintJWT(ring(t, keyFor("ES256")), d); err == nil {
			t.Errorf("%s: minted %d characters", name, len(text.Reveal()))
		}
		if _, _, _, err := NewMinter(us, rand.Reader).MintOpaque(d); err == nil {
			t.Errorf("%s: minted an opaque token", name)
		}
	}
}

// A hundred scopes of 24 bytes at three resources, for a whole task.
func TestEvidenceOfABroadTaskTokenFits(t *testing.T) {
	keys := ring(t, keyFor("ES256"))
	var scopes, groups []string
	for i := range 100 {
		scopes = append(scopes, fmt.Sprintf("ai.training.dataset.r%03d", i))
	}
	for i := range 5 {
		groups = append(groups, fmt.Sprintf("group-with-a-name-%d", i))
	}
	d := draft(granted(t, nil, []string{"https://a.example", "https://b.example", "https://c.example"}, scopes...))
	d.Evidence.Root.Groups = groups
	text, c := mint(t, keys, d)
	evidence, err := encodeEvidence(&c.Evidence, besideOf(c))
	if err != nil || len(evidence) > 450 {
		t.Errorf("%d bytes of evidence: %v", len(evidence), err)
	}
	read, _, err := NewVerifier(us).VerifyJWT(keys, text)
	if err != nil || !same(read.Evidence.Reach, c.Evidence.Reach) || len(read.Evidence.Reach[2].Scopes) != 100 {
		t.Errorf("reach isn't what was granted: %v", err)
	}
	t.Logf("%d bytes of evidence, %d of token", len(evidence), len(text))
}

func TestEvidenceBeyondItsLimitIsRefused(t *testing.T) {
	keys := ring(t, keyFor("ES256"))
	d := usual(t)
	sealed := func(label int) error {
		d.Evidence.Label = strings.Repeat("x", label)
		_, _, _, err := NewMinter(us, rand.Reader).MintJWT(keys, d)
		return err
	}
	fits := 0
	for sealed(fits+1) == nil {
		fits++
	}
	c, err := NewMinter(us, nil).claims(d)
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := encodeEvidence(&c.Evidence, besideOf(c))
	const nonceAndTag = 12 + 16
	if err != nil || len(evidence) != MaxEvidence-nonceAndTag+1 || !errors.Is(sealed(fits+1), ErrEvidence) {
		t.Errorf("the first that is refused has %d bytes: %v", len(evidence), err)
	}
	if _, _, _, err := NewMinter(us, rand.Reader).MintOpaque(d); err != nil {
		t.Errorf("an opaque token has room for it: %v", err)
	}

	var scopes []string
	for i := range 1001 {
		scopes = append(scopes, fmt.Sprintf("s%04d", i))
	}
	d = draft(granted(t, []string{"https://a.example"}, []string{"https://a.example"}, scopes...))
	if _, _, _, err := NewMinter(us, rand.Reader).MintOpaque(d); !errors.Is(err, ErrEvidence) {
		t.Errorf("more scopes than anybody reads: %v", err)
	}
}

func TestATokenThatNobodyWouldTakeIsRefused(t *testing.T) {
	var scopes []string
	for i := range scope.MaxNames {
		scopes = append(scopes, fmt.Sprintf("ai.training.dataset.r%03d", i))
	}
	d := draft(granted(t, []string{"https://a.example"}, []string{"https://a.example"}, scopes...))
	if _, _, _, err := NewMinter(us, rand.Reader).MintJWT(ring(t, keyFor("ES256")), d); !errors.Is(err, ErrEvidence) {
		t.Errorf("a JWT of more than 16 KiB: %v", err)
	}
	if _, _, _, err := NewMinter(us, rand.Reader).MintOpaque(d); err != nil {
		t.Errorf("an opaque token may say as much: %v", err)
	}
}

func TestEvidenceOpensOnlyInItsOwnToken(t *testing.T) {
	key := keyFor("ES256")
	keys := ring(t, key)
	first, a := mint(t, keys, usual(t))
	d := usual(t)
	d.ID = id(8)
	d.Evidence.Hops = nil
	second, _ := mint(t, keys, d)
	claims := map[string]any{}
	for _, text := range []string{second, first} {
		j, err := ParseJWS(text)
		if err != nil {
			t.Fatal(err)
		}
		set, err := ParseClaims(j.Payload())
		if err != nil {
			t.Fatal(err)
		}
		claims["evidence"] = set["evidence"]
		_, _, err = NewVerifier(us).VerifyJWT(keys, resigned(t, key, first, nil, claims))
		if own := text == first; own != (err == nil) {
			t.Errorf("evidence of its own is %v: %v", own, err)
		}
	}
	for _, secret := range []string{"researchers", "weekly", a.Evidence.Bindings[0]} {
		raw, _ := strict.DecodeString(strings.Split(first, ".")[1])
		evidence, _ := strict.DecodeString(fmt.Sprint(claims["evidence"]))
		if bytes.Contains(raw, []byte(secret)) || bytes.Contains(evidence, []byte(secret)) {
			t.Errorf("%q can be read from the token", secret)
		}
	}
}
