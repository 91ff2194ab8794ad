package token

import (
	"errors"
	"strings"
	"testing"
)

func TestOneSignatureHasOneSpelling(t *testing.T) {
	key := keyFor("ES256")
	good, _ := mint(t, ring(t, key), usual(t))
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	last := strings.IndexByte(alphabet, good[len(good)-1]) // of 86 characters the last has four unused bits

	for name, text := range map[string]string{
		"nothing":                   "",
		"a newline inside":          good[:20] + "\n" + good[20:],
		"a carriage return inside":  good[:20] + "\r" + good[20:],
		"a newline at the end":      good + "\n",
		"a space in front":          " " + good,
		"padding":                   good + "==",
		"the standard alphabet":     header + "." + payload + "." + "+" + signature[1:],
		"a bit in the unused ones":  good[:len(good)-1] + alphabet[last|1:last|1+1],
		"one part":                  header,
		"two parts":                 header + "." + payload,
		"four parts":                good + ".e30",
		"five parts, as JWE has":    header + ".e30.e30.e30.e30",
		"JSON serialisation":        `{"payload":"` + payload + `"}`,
		"no header":                 "." + payload + "." + signature,
		"no payload":                header + ".." + signature,
		"no signature":              header + "." + payload + ".",
		"more than 16 KiB":          header + "." + strings.Repeat("A", MaxToken) + "." + signature,
		"a byte above the alphabet": header + "." + payload + ".\xff" + signature[1:],
	} {
		if j, err := ParseJWS(text); !errors.Is(err, ErrMalformed) || j != nil {
			t.Errorf("%s: %v, %v", name, j, err)
		}
	}
	if _, err := ParseJWS(good); err != nil {
		t.Errorf("the token itself: %v", err)
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestTheLargestTokenIsRead(t *testing.T) {
	header := encode([]byte(`{"alg":"ES256","kid":"` + strings.Repeat("k", maxKeyID) + `"}`))
	text := header + ".eyB9."
	text += strings.Repeat("A", MaxToken-len(text))
	if _, err := ParseJWS(text); err != nil {
		t.Errorf("%d bytes with a kid of %d: %v", len(text), maxKeyID, err)
	}
	if _, err := ParseJWS(text + "AAAA"); !errors.Is(err, ErrMalformed) {
		t.Errorf("more: %v", err)
	}
}

func TestT36_MillionDots(t *testing.T) {
	for _, text := range []string{strings.Repeat(".", 1_000_000), strings.Repeat(".", MaxToken)} {
		allocated := testing.AllocsPerRun(10, func() {
			if _, err := ParseJWS(text); !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
		})
		if allocated > 5 { // the error
			t.Errorf("%d dots cost %v allocations", len(text), allocated)
		}
	}
}

func TestT38_CriticalHeaders(t *testing.T) {
	for name, header := range map[string]string{
		"an unknown one":           `{"alg":"ES256","crit":["x"],"x":1}`,
		"one that isn't there":     `{"alg":"ES256","crit":["x"]}`,
		"a standard one":           `{"alg":"ES256","crit":["exp"]}`,
		"none":                     `{"alg":"ES256","crit":[]}`,
		"no list":                  `{"alg":"ES256","crit":"x"}`,
		"null in the list":         `{"alg":"ES256","crit":[null]}`,
		"null":                     `{"alg":"ES256","crit":null}`,
		"an unencoded payload":     `{"alg":"ES256","b64":false,"crit":["b64"]}`,
		"b64 alone":                `{"alg":"ES256","b64":false}`,
		"b64 as it is anyway":      `{"alg":"ES256","b64":true}`,
		"a compressed payload":     `{"alg":"ES256","zip":"DEF"}`,
		"crit, written otherwise":  `{"alg":"ES256","\u0063rit":["x"]}`,
		"one in a nested deep one": `{"alg":"ES256","x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`,
	} {
		if _, err := ParseJWS(encode([]byte(header)) + ".e30.AAAA"); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeadersAreReadStrictly(t *testing.T) {
	for name, header := range map[string]string{
		"not JSON":                 `alg`,
		"an array":                 `["alg"]`,
		"null":                     `null`,
		"no alg":                   `{"typ":"JWT"}`,
		"alg in another case":      `{"ALG":"ES256"}`,
		"an empty alg":             `{"alg":""}`,
		"alg is a number":          `{"alg":1}`,
		"alg twice":                `{"alg":"ES256","alg":"none"}`,
		"kid is a number":          `{"alg":"ES256","kid":1}`,
		"kid is null":              `{"alg":"ES256","kid":null}`,
		"kid of 10 KB":             `{"alg":"ES256","kid":"` + strings.Repeat("k", 10_000) + `"}`,
		"typ is a list":            `{"alg":"ES256","typ":["at+jwt"]}`,
		"a byte order mark":        "\uFEFF" + `{"alg":"ES256"}`,
		"something behind":         `{"alg":"ES256"}{}`,
		"bytes that are not UTF-8": "{\"alg\":\"ES256\",\"x\":\"\xff\"}",
	} {
		if _, err := ParseJWS(encode([]byte(header)) + ".e30.AAAA"); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for typ, want := range map[string]string{
		"at+jwt": "at+jwt", "AT+JWT": "at+jwt", "application/at+jwt": "at+jwt", "Application/AT+jwt": "at+jwt", "JWT": "jwt",
		"text/at+jwt": "text/at+jwt",
	} {
		j, err := ParseJWS(encode([]byte(`{"alg":"ES256","kid":"../../x","typ":"`+typ+`"}`)) + ".e30.AAAA")
		if err != nil || j.Type() != want || j.KeyID() != "../../x" {
			t.Errorf("typ %q is %q: %v", typ, j.Type(), err)
		}
	}
}
