package devissuer

import (
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

const identifier = "http://127.0.0.1:9400"

func made(t *testing.T) (*Issuer, string) {
	t.Helper()
	i, err := New(identifier)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), File)
	if err := i.Save(path); err != nil {
		t.Fatal(err)
	}
	return i, path
}

func get(i *Issuer, path string) string {
	w := httptest.NewRecorder()
	i.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	body, _ := io.ReadAll(w.Result().Body)
	return string(body)
}

func TestATokenVerifiesWithWhatIsPublished(t *testing.T) {
	first, path := made(t)
	i, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := i.Token(Claims{
		Subject: "ana", Groups: []string{"research"}, Audience: "whittle", Lifetime: time.Hour, Further: map[string]any{"amr": []string{"mfa"}},
	}, time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	published := get(first, "/jwks")
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(published), &set); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"iss":"http://127.0.0.1:9400"`, `"sub":"ana"`, `"groups":["research"]`, `"aud":"whittle"`, `"exp":1800003600`, `"iat":1800000000`, `"amr":["mfa"]`, `"jti":`,
	} {
		if !strings.Contains(string(payload), want) {
			t.Errorf("%s lacks %s", payload, want)
		}
	}
	if strings.Contains(published, `"d"`) {
		t.Error("the private key is published")
	}
}

func TestMetadataNamesTheIssuerAndItsKeys(t *testing.T) {
	i, _ := made(t)
	const want = `{"issuer":"http://127.0.0.1:9400","jwks_uri":"http://127.0.0.1:9400/jwks"}`
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if got := get(i, path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := get(i, "/token"); !strings.Contains(got, "404") {
		t.Errorf("elsewhere: %s", got)
	}
}

func TestOnlyThisMachineIsServed(t *testing.T) {
	for _, other := range []string{
		"", "http://0.0.0.0:9400", "http://10.0.0.1:9400", "http://[::]:9400", "http://[::ffff:127.0.0.1]:9400", "https://127.0.0.1:9400",
		"http://127.0.0.1", "http://127.0.0.1:0", "http://127.0.0.1:9400/", "http://id.example.com:9400", "http://localhost:9400", "http://a@127.0.0.1:9400",
	} {
		if _, err := New(other); err == nil {
			t.Errorf("%s was taken", other)
		}
		if _, err := (&Issuer{URL: other}).Listen(t.Context()); err == nil {
			t.Errorf("%s was listened on", other)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	on, err := (&Issuer{URL: "http://" + free.Addr().String()}).Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	on.Close()
}

func TestItsFileIsItsOwnersAlone(t *testing.T) {
	i, path := made(t)
	if err := i.Save(path); err == nil {
		t.Error("the file was replaced")
	}
	if runtime.GOOS == "windows" {
		return // it keeps that elsewhere
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	os.Chmod(path, 0o640)
	if _, err := Load(path); err == nil {
		t.Error("a file that others may read was taken")
	}
}

func TestABrokenFileIsNotQuoted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.json")
	for _, text := range []string{
		"", "{}", `{"issuer":"http://127.0.0.1:9400","key":{"kty":"EC","crv":"P-256","d":"s3cret"}}`,
		`{"issuer":"http://127.0.0.1:9400","key":{"kty":"oct","k":"s3cret`,
	} {
		os.WriteFile(path, []byte(text), 0o600)
		if _, err := Load(path); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTokensThatAreNotSigned(t *testing.T) {
	i, _ := made(t)
	good := Claims{Subject: "ana", Audience: "whittle", Lifetime: time.Hour}
	for name, change := range map[string]func(*Claims){
		"nobody":          func(c *Claims) { c.Subject = "" },
		"no time":         func(c *Claims) { c.Lifetime = 0 },
		"a week":          func(c *Claims) { c.Lifetime = 7 * 24 * time.Hour },
		"another issuer":  func(c *Claims) { c.Further = map[string]any{"iss": "https://id.example.com"} },
		"its own groups":  func(c *Claims) { c.Further = map[string]any{"groups": []string{"admin"}} },
		"its own subject": func(c *Claims) { c.Further = map[string]any{"sub": "root"} },
	} {
		c := good
		change(&c)
		if _, err := i.Token(c, time.Now()); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}
