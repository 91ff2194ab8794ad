package guard

import (
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/whittle-sts/whittle/internal/engine"
)

// newValidator compiles the rules of all request messages, so that a bad one shows at the start.
func newValidator(services []protoreflect.ServiceDescriptor) (protovalidate.Validator, error) {
	var messages []protoreflect.MessageDescriptor
	for _, s := range services {
		for i := range s.Methods().Len() {
			messages = append(messages, s.Methods().Get(i).Input())
		}
	}
	return protovalidate.New(
		protovalidate.WithMessageDescriptors(messages...),
		protovalidate.WithDisableLazy(),
		protovalidate.WithFailFast(),
	)
}

// validate checks a message's shape. The description names the field and says the rule that it broke, in
// the validator's words for that rule, and never the value.
func (g *Guard) validate(message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("guard: a message of type %T", message)
	}
	if holdsUnknown(m.ProtoReflect()) {
		return engine.Refuse(engine.InvalidRequest, "unknown_field", "the request holds a field that this version doesn't know")
	}
	err := g.validator.Validate(m)
	if err == nil {
		return nil
	}
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok || len(broken.Violations) == 0 {
		return err
	}
	v := broken.Violations[0].Proto
	field := protovalidate.FieldPathString(v.GetField())
	rule := v.GetMessage()
	if rule == "" {
		rule = "breaks the rule " + v.GetRuleId()
	}
	return engine.Refuse(codeOf(v.GetField().GetElements()[0].GetFieldName()), "shape", field+": "+rule)
}

// holdsUnknown says whether the message, or one in it, holds a field that the contract doesn't have.
// It may be a restriction of a later version: what can't be enforced must not be dropped. That no
// request has a map, the contract's tests say.
func holdsUnknown(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Message() == nil || !m.Has(f) {
			continue
		}
		if f.IsList() && anyHoldsUnknown(m.Get(f).List()) || !f.IsList() && holdsUnknown(m.Get(f).Message()) {
			return true
		}
	}
	return false
}

func anyHoldsUnknown(list protoreflect.List) bool {
	for i := range list.Len() {
		if holdsUnknown(list.Get(i).Message()) {
			return true
		}
	}
	return false
}

// codeOf is the OAuth code of a malformed field, the same that its form parameter gives: RFC 6749
// section 5.2 for scope, RFC 8707 section 2 for the targets.
func codeOf(field string) engine.Code {
	switch field {
	case "scope":
		return engine.InvalidScope
	case "resource", "audience":
		return engine.InvalidTarget
	default:
		return engine.InvalidRequest
	}
}
