package policy

import (
	"strings"
	"testing"
)

func TestASecretInADocumentIsFoundAndNotShown(t *testing.T) {
	secret := "ws_" + strings.Repeat("aB3", 15)
	source := "format: 1\nscopes: { data.read: {} }\n# of Ana, " + secret + "\nclients:\n  a: { auth: " + secret + " }\n"
	problems := Secrets([]byte(source), "policy.yaml")
	if problems == nil {
		t.Fatal("it isn't found")
	}
	list := problems.List()
	if len(list) != 2 || list[0].Line != 3 || list[0].Column != 11 || list[1].Line != 5 || list[1].Column != 14 {
		t.Errorf("%v", list)
	}
	if text := problems.Error(); strings.Contains(text, secret) || !strings.Contains(text, "# of Ana, (hidden)") {
		t.Errorf("it says %s", strings.ReplaceAll(text, secret, "THE SECRET"))
	}
	if problems := Secrets([]byte("format: 1\nscopes: { news_articles_of_all_regions: {} }\n"), "policy.yaml"); problems != nil {
		t.Errorf("%v", problems)
	}
}
