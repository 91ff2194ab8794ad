// Package proto holds the contract. What is tested here is true of each message and rpc, also of
// those that are added later.
package proto_test

import (
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/whittle-sts/whittle/gen/whittle/v1" // registers the contract
)

// ours is the package of the contract.
const ours protoreflect.FullName = "whittle.v1"

func methods() []protoreflect.MethodDescriptor {
	var all []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage(ours, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			of := file.Services().Get(i).Methods()
			for j := range of.Len() {
				all = append(all, of.Get(j))
			}
		}
		return true
	})
	return all
}

// walk calls visit with each field of the message and of all messages of ours in it.
func walk(m protoreflect.MessageDescriptor, visit func(protoreflect.FieldDescriptor)) {
	seen := make(map[protoreflect.FullName]bool)
	var in func(protoreflect.MessageDescriptor)
	in = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] || m.ParentFile().Package() != ours {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			visit(f)
			if f.Message() != nil {
				in(f.Message())
			}
		}
	}
	in(m)
}

func redacted(f protoreflect.FieldDescriptor) bool {
	options, _ := f.Options().(*descriptorpb.FieldOptions)
	return options.GetDebugRedact()
}

// secret says whether the field's name is that of a token's or a secret's text.
func secret(f protoreflect.FieldDescriptor) bool {
	if f.FullName() == "whittle.v1.Selector.token" { // a token's id
		return false
	}
	name := string(f.Name())
	return f.Kind() == protoreflect.StringKind &&
		name != "page_token" && name != "next_page_token" &&
		(name == "tokens" || strings.HasSuffix(name, "token") || strings.HasSuffix(name, "secret"))
}

func TestTokensAndSecretsAreMarkedAsSuch(t *testing.T) {
	t.Parallel()
	marked := 0
	for _, m := range methods() {
		for _, message := range []protoreflect.MessageDescriptor{m.Input(), m.Output()} {
			walk(message, func(f protoreflect.FieldDescriptor) {
				if secret(f) != redacted(f) {
					t.Errorf("%s: secret %v, debug_redact %v", f.FullName(), secret(f), redacted(f))
				}
				if redacted(f) {
					marked++
				}
			})
		}
	}
	if marked == 0 {
		t.Error("no field is marked: the test sees nothing")
	}
}

// A Connect GET puts the request into the URL, which proxies log.
func TestNoTokenOrSecretCanComeInAURL(t *testing.T) {
	t.Parallel()
	for _, m := range methods() {
		options, _ := m.Options().(*descriptorpb.MethodOptions)
		if options.GetIdempotencyLevel() != descriptorpb.MethodOptions_NO_SIDE_EFFECTS {
			continue
		}
		walk(m.Input(), func(f protoreflect.FieldDescriptor) {
			if redacted(f) {
				t.Errorf("%s may be a GET, and its request holds %s", m.FullName(), f.FullName())
			}
		})
	}
}

// The server looks for unknown fields in messages of messages and in lists of them, and not in maps.
func TestNoRequestHoldsAMap(t *testing.T) {
	t.Parallel()
	for _, m := range methods() {
		walk(m.Input(), func(f protoreflect.FieldDescriptor) {
			if f.IsMap() {
				t.Errorf("%s", f.FullName())
			}
		})
	}
}

func TestEachInputHasALimit(t *testing.T) {
	t.Parallel()
	for _, m := range methods() {
		walk(m.Input(), func(f protoreflect.FieldDescriptor) {
			rules, err := protovalidate.ResolveFieldRules(f)
			if err != nil {
				t.Fatal(err)
			}
			if f.IsList() {
				if !rules.GetRepeated().HasMaxItems() {
					t.Errorf("%s: no max_items", f.FullName())
				}
				return // its elements: the engine, and the size of a message
			}
			if !bounded(f, rules) {
				t.Errorf("%s has no limit", f.FullName())
			}
		})
	}
}

func bounded(f protoreflect.FieldDescriptor, rules *validate.FieldRules) bool {
	switch f.Kind() {
	case protoreflect.StringKind:
		return rules.GetString().HasMaxBytes() || rules.GetString().HasLenBytes()
	case protoreflect.BytesKind:
		return rules.GetBytes().HasMaxLen()
	case protoreflect.EnumKind:
		return rules.GetEnum().GetDefinedOnly()
	case protoreflect.Int32Kind:
		return rules.GetInt32().HasLte() && rules.GetInt32().HasGte()
	default:
		return true
	}
}
