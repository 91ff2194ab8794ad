package token

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestClaimsAreReadStrictly(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                  ``,
		"null":                     `null`,
		"an array":                 `["sub"]`,
		"a string":                 `"sub"`,
		"a member twice":           `{"sub":"a","sub":"b"}`,
		"twice, once escaped":      `{"sub":"a","\u0073ub":"b"}`,
		"twice at depth":           `{"act":{"sub":"a","sub":"b"}}`,
		"something behind":         `{"sub":"a"} {}`,
		"a comma behind":           `{"sub":"a",}`,
		"a byte order mark":        "\uFEFF{}",
		"not UTF-8":                "{\"sub\":\"\xc3\x28\"}",
		"half a surrogate pair":    `{"sub":"\ud800"}`,
		"17 deep":                  `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`,
		"10000 deep":               strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000),
		"10000 deep, never closed": strings.Repeat("[", 10000),
		"a float without end":      `{"exp":1e400}`,
		"more than 64 bits":        `{"id":9223372036854775808}`,
		"a leading zero":           `{"exp":01}`,
		"NaN":                      `{"exp":NaN}`,
	} {
		if c, err := ParseClaims([]byte(text)); !errors.Is(err, ErrClaims) || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	c, err := ParseClaims([]byte(`{"i":9007199254740993,"f":1.0,"o":{"l":[true,null,"\\\"[["]},"deep":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`))
	if err != nil {
		t.Fatal(err)
	}
	delete(c, "deep")
	want := map[string]any{"i": int64(9007199254740993), "f": 1.0, "o": map[string]any{"l": []any{true, nil, `\"[[`}}}
	if !same(map[string]any(c), want) {
		t.Errorf("%#v", c)
	}
}

func TestSixteenLevelsAreRead(t *testing.T) {
	for name, text := range map[string]string{
		"objects": strings.Repeat(`{"a":`, 15) + "{}" + strings.Repeat("}", 15),
		"arrays":  `{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + "}",
	} {
		if _, err := ParseClaims([]byte(text)); err != nil {
			t.Errorf("16 levels of %s: %v", name, err)
		}
		if _, err := ParseClaims([]byte(`{"a":` + text + "}")); !errors.Is(err, ErrClaims) {
			t.Errorf("17 levels of %s: %v", name, err)
		}
	}
}

func TestT37_NamesThatOnlyLookAlike(t *testing.T) {
	c, err := ParseClaims([]byte(`{"sub":"a","SUB":"b","ſub":"c","Sub":"d"}`))
	if err != nil {
		t.Fatal(err)
	}
	if sub, err := c.String("sub"); sub != "a" || err != nil {
		t.Errorf("sub is %q, %v", sub, err)
	}
	c, _ = ParseClaims([]byte(`{"SUB":"b","ſub":"c"}`))
	if c.Has("sub") {
		t.Error("another name passed for sub")
	}
}

func TestAClaimOfTheWrongTypeIsNeverAbsent(t *testing.T) {
	for _, value := range []string{`1`, `1.5`, `true`, `null`, `{}`, `[]`, `"x"`, `["x"]`, `[1]`, `["x",1]`, `[["x"]]`} {
		c, err := ParseClaims([]byte(`{"v":` + value + `}`))
		if err != nil {
			t.Fatal(err)
		}
		_, errString := c.String("v")
		_, errList := c.StringOrList("v")
		_, errDate := c.NumericDate("v")
		_, errObject := c.Object("v")
		_, errUint := c.Uint("v")
		for _, accessor := range []struct {
			name  string
			err   error
			takes []string
		}{
			{"String", errString, []string{`"x"`}}, {"StringOrList", errList, []string{`"x"`, `["x"]`, `[]`}},
			{"NumericDate", errDate, []string{`1`, `1.5`}}, {"Object", errObject, []string{`{}`}}, {"Uint", errUint, []string{`1`}},
		} {
			takes := strings.Contains(" "+strings.Join(accessor.takes, " ")+" ", " "+value+" ")
			if takes != (accessor.err == nil) || accessor.err != nil && !errors.Is(accessor.err, ErrClaims) {
				t.Errorf("%s of %s: %v", accessor.name, value, accessor.err)
			}
		}
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]time.Time{
		`0`:              time.Unix(0, 0),
		`1795435200`:     noon,
		`1.7954352e9`:    noon,
		`1795435200.5`:   noon.Add(time.Second / 2),
		`253402300799`:   time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		`253402300800`:   {},
		`-1`:             {},
		`-0.5`:           {},
		`1e300`:          {},
		`"1795435200"`:   {},
		`true`:           {},
		`null`:           {},
		`[1795435200]`:   {},
		`{"exp":1}`:      {},
		`9.3e18`:         {},
		`92233720368547`: {},
	} {
		c, err := ParseClaims([]byte(`{"exp":` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.NumericDate("exp")
		if !got.Equal(want) || (err == nil) == want.IsZero() {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
