package oauth

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/fault"
)

func post(target, kind, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

const formType = "application/x-www-form-urlencoded"

func TestWhatIsReadAsAForm(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *http.Request
		want engine.Code
	}{
		{"a form", post("/", formType, "a=1&b=2"), ""},
		{"an empty form", post("/", formType, ""), ""},
		{"a charset beside the type", post("/", formType+"; charset=UTF-8", "a=1"), ""},
		{"resource and audience repeated", post("/", formType, "resource=a&resource=b&audience=c&audience=d"), ""},
		{"names of other cases are other names", post("/", formType, "token=a&TOKEN=b"), ""},
		{"a repeated parameter", post("/", formType, "token=a&token=b"), engine.InvalidRequest},
		{"a repeated parameter with equal values", post("/", formType, "token=a&token=a"), engine.InvalidRequest},
		{"a repeated scope", post("/", formType, "scope=a&scope=b"), engine.InvalidRequest},
		{"a repeated parameter whose second is empty", post("/", formType, "token=a&token="), engine.InvalidRequest},
		{"a repeated parameter that nobody knows", post("/", formType, "foo=a&foo=a"), engine.InvalidRequest},
		{"an escaped name is the same name", post("/", formType, "token=a&%74oken=b"), engine.InvalidRequest},
		{"parameters in the query string", post("/?token=a", formType, "b=1"), engine.InvalidRequest},
		{"JSON", post("/", "application/json", `{"a":1}`), engine.InvalidRequest},
		{"no type", post("/", "", "a=1"), engine.InvalidRequest},
		{"a semicolon", post("/", formType, "a=1;b=2"), engine.InvalidRequest},
		{"a bad escape", post("/", formType, "a=%zz"), engine.InvalidRequest},
		{"bytes that aren't UTF-8", post("/", formType, "a=%ff"), engine.InvalidRequest},
		{"a million parameters", post("/", formType, strings.Repeat("&", 256<<10-1)), engine.InvalidRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			reader := bodies{most: 256 << 10}
			_, err := reader.read(httptest.NewRecorder(), c.r)
			if (err == nil) != (c.want == "") || err != nil && engine.Fault(err).Code != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestABodyBeyondTheLimitIsTooLarge(t *testing.T) {
	body := "a=" + strings.Repeat("x", 256<<10)
	reader := bodies{most: 256 << 10}
	if _, err := reader.read(httptest.NewRecorder(), post("/", formType, body)); !errors.Is(err, fault.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestT31_NamesAreCaseSensitive(t *testing.T) {
	f, err := parseForm("SUBJECT_TOKEN=evil&subject_token=good&%C5%BFcope=evil")
	if err != nil || f.Get("subject_token") != "good" || f.Get("scope") != "" {
		t.Errorf("got %q, %q, %v", f.Get("subject_token"), f.Get("scope"), err)
	}
}

func TestParametersWithoutAValueCountAsAbsent(t *testing.T) {
	f, err := parseForm("scope=&resource=&resource=urn:x&lifetime=&look=")
	if err != nil {
		t.Fatal(err)
	}
	if names, err := f.scope(); names != nil || err != nil {
		t.Errorf("scope %v, %v", names, err)
	}
	if got := f.all("resource"); !slices.Equal(got, []string{"urn:x"}) {
		t.Errorf("resource %v", got)
	}
	if d, err := f.lifetime(); d != 0 || err != nil {
		t.Errorf("lifetime %v, %v", d, err)
	}
	if look, err := f.flag("look"); look || err != nil {
		t.Errorf("look %v, %v", look, err)
	}
}

func TestLifetimeIsAPositiveNumberOfSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{"1": time.Second, "0600": 10 * time.Minute, "999999999": 999999999 * time.Second} {
		f, _ := parseForm("lifetime=" + text)
		if got, err := f.lifetime(); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1", "1.5", "1e3", "9999999999", "ten", "%2B5", "1%20"} {
		f, _ := parseForm("lifetime=" + text)
		if got, err := f.lifetime(); err == nil || engine.Fault(err).Code != engine.InvalidRequest {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func TestScopeIsNamesBetweenSingleSpaces(t *testing.T) {
	for _, text := range []string{"a++b", "+a", "a+", "a%09b", "a%22b", "a%5Cb"} {
		f, _ := parseForm("scope=" + text)
		if names, err := f.scope(); err == nil || engine.Fault(err).Code != engine.InvalidScope {
			t.Errorf("%s: %v, %v", text, names, err)
		}
	}
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "a=1", "a=1&a=2", "resource=a&resource=b", "a=%zz", "a;b", "scope=a+b&lifetime=10", "%74oken=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		want, wrong := url.ParseQuery(body)
		if got, err := valuesOf(body); strings.Count(body, "&") < maxParameters && (err == nil) != (wrong == nil) || err == nil && !maps.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("read as %q, %v, not as %q, %v", got, err, want, wrong)
		}
		form, err := parseForm(body)
		if err != nil {
			if engine.Fault(err).Code != engine.InvalidRequest {
				t.Fatalf("%v", err)
			}
			return
		}
		for name, list := range form.values {
			if len(list) > 1 && name != "resource" && name != "audience" {
				t.Fatalf("%q was taken %d times", name, len(list))
			}
		}
		if d, err := form.lifetime(); err == nil && d < 0 {
			t.Fatalf("lifetime %v", d)
		}
		_, _ = form.scope()
	})
}

func TestABufferIsUsedAgainWithoutWhatWasInIt(t *testing.T) {
	reader := bodies{most: 256 << 10}
	long := strings.Repeat("a", 3000)
	first, err := reader.read(httptest.NewRecorder(), post("/", formType, "client_secret=secret&token="+long))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 100_000, 10} {
		f, err := reader.read(httptest.NewRecorder(), post("/", formType, "token="+strings.Repeat("b", size)))
		if err != nil || f.Get("client_secret") != "" || f.Get("token") != strings.Repeat("b", size) {
			t.Fatalf("%d bytes: %v, %v", size, f.values, err)
		}
	}
	if first.Get("client_secret") != "secret" || first.Get("token") != long {
		t.Error("a form changed when the next one was read")
	}
	used := bytes.NewBufferString("client_secret=secret")
	text := used.Bytes()
	reader.give(used)
	if !bytes.Equal(text, make([]byte, len(text))) {
		t.Errorf("left in the buffer: %q", text)
	}
}
