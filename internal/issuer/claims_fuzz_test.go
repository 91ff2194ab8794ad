package issuer

import (
	"encoding/base64"
	"testing"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// FuzzClaims reads claims as if their signature had verified: whatever an issuer says, what is
// taken keeps the rules.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"sub":"ana","aud":"whittle","iat":1,"exp":2}`), false)
	f.Add([]byte(`{"sub":"ana","aud":["x","whittle"],"azp":"whittle","iat":1.5,"exp":2e9,"nbf":0,"jti":"j"}`), true)
	f.Add([]byte(`{"sub":"ana","aud":["whittle"],"iat":1,"exp":2,"act":{"sub":"a","iss":"b","act":{"sub":"c"}},"may_act":{"sub":"d"}}`), false)
	f.Add([]byte(`{"sub":"ana","aud":"whittle","iat":1,"exp":253402300799,"act":{"act":{"act":{"act":{"act":{"act":{"act":{"act":{"act":{}}}}}}}}}}`), false)
	by := &issuer{Config: Config{Name: "corp", URL: "https://id.example.com", Audiences: []string{"whittle"}, MayAct: true}}
	f.Fuzz(func(t *testing.T, payload []byte, isIDToken bool) {
		kind := JWT
		if isIDToken {
			kind = IDToken
		}
		claims, err := token.ParseClaims(payload)
		if err != nil {
			return
		}
		jws, err := token.ParseJWS("eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(payload) + ".AAAA")
		if err != nil {
			return // too long
		}
		out, err := by.read(jws, claims, kind)
		if err != nil {
			return
		}
		if !principal.Nameable(out.Subject) || !out.Expires.After(out.IssuedAt) || out.ID == (token.ID{}) {
			t.Errorf("%s: %+v", payload, out)
		}
		if out.Actor.Depth() > principal.MaxActors || (claims["act"] == nil) != (out.Actor == nil) {
			t.Errorf("%s: actor %+v", payload, out.Actor)
		}
		if (claims["may_act"] == nil) != (len(out.MayAct) == 0) || claims.Has("cnf") {
			t.Errorf("%s: may_act %v", payload, out.MayAct)
		}
	})
}
