package main

import (
	"encoding/binary"
	"net/url"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func encode(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err) // messages of valid UTF-8 always encode
	}
	return b
}

func introspections(tokens []string) (out [][]byte) {
	for _, t := range tokens {
		out = append(out, encode(&whittlev1.IntrospectRequest{Token: t}))
	}
	return out
}

func inJSON(tokens []string) (out [][]byte) {
	for _, t := range tokens {
		b, err := protojson.Marshal(&whittlev1.IntrospectRequest{Token: t})
		if err != nil {
			panic(err) // as in encode
		}
		out = append(out, b)
	}
	return out
}

// framed are the messages as gRPC-Web sends them: behind a byte of flags and four of length.
func framed(messages [][]byte) (out [][]byte) {
	for _, m := range messages {
		out = append(out, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...))
	}
	return out
}

func inForms(tokens []string) (out [][]byte) {
	for _, t := range tokens {
		out = append(out, []byte(url.Values{"token": {t}, "token_type_hint": {"access_token"}}.Encode()))
	}
	return out
}

var ownForm = url.Values{"grant_type": {"client_credentials"}, "resource": {dataAPI}}

func exchangeForms(subjects []string) (out [][]byte) {
	for _, s := range subjects {
		out = append(out, []byte(url.Values{
			"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token":      {s},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
			"resource":           {dataAPI},
			"scope":              {strings.Join(scopes(), " ")},
		}.Encode()))
	}
	return out
}

// batches are so many tokens each, in as many different mixtures as fit.
func batches(tokens []string, size int) (out [][]byte) {
	for i := 0; i+size <= len(tokens); i += max(1, size/4) {
		out = append(out, encode(&whittlev1.BatchIntrospectRequest{Tokens: tokens[i : i+size]}))
	}
	return out
}

// mixture is n messages: of 20, 16 that were sent before, three of the fresh and one about a dead token.
func mixture(n int, seen, fresh, dead [][]byte) [][]byte {
	out := make([][]byte, 0, n)
	for i := range n {
		switch {
		case i%20 == 19:
			out = append(out, dead[i%len(dead)])
		case i%20 >= 16 && len(fresh) > 0:
			out, fresh = append(out, fresh[0]), fresh[1:]
		default:
			out = append(out, seen[i%len(seen)])
		}
	}
	return out
}

func exchanges(kind whittlev1.TokenType) func(subjects []string) [][]byte {
	return func(subjects []string) (out [][]byte) {
		for _, s := range subjects {
			out = append(out, encode(exchange(s, kind)))
		}
		return out
	}
}
