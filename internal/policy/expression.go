package policy

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/principal"
)

// Limits on an expression. The cost is CEL's own measure, of about one for each step; the
// estimate takes anything that a token brings to have the assumed size, and evaluation stops at
// the limit whatever the size is.
const (
	maxExpression = 1 << 10
	maxCost       = 10_000
	assumedSize   = 64
)

// The variables of expressions. Each name is one variable to CEL, so a misspelt one is found.
const (
	claimsVar     = "claims"
	issuerVar     = "principal.issuer"
	subjectVar    = "principal.subject"
	groupsVar     = "principal.groups"
	attributesVar = "principal.attributes"
)

// expression is a compiled CEL expression that has a value only if all it names is there.
type expression struct {
	program cel.Program
	paths   [][]string // what it names below its root: claims, or principal.attributes
	groups  []string   // the groups that it tests for
}

// expressions compiles CEL: the standard functions only, so no clock, no network, no JWTs.
type expressions struct {
	claims, principal *cel.Env
	made              map[string]*expression // many bindings share one condition
}

func newExpressions() (*expressions, error) {
	base, err := cel.NewEnv(
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(32),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateComprehensionNestingLimit(2)),
	)
	if err != nil {
		return nil, err
	}
	object := cel.MapType(cel.StringType, cel.DynType)
	e := &expressions{made: map[string]*expression{}}
	if e.claims, err = base.Extend(cel.Variable(claimsVar, object)); err != nil {
		return nil, err
	}
	e.principal, err = base.Extend(
		cel.Variable(issuerVar, cel.StringType),
		cel.Variable(subjectVar, cel.StringType),
		cel.Variable(groupsVar, cel.ListType(cel.StringType)),
		cel.Variable(attributesVar, object),
	)
	return e, err
}

// expression compiles an expression that must have one of the types; nil if there is none or it
// can't be compiled.
func (c *compiler) expression(n *yaml.Node, what string, env *cel.Env, want ...*cel.Type) *expression {
	text := c.text(n, what)
	if text == "" {
		return nil
	}
	key := strings.Join([]string{what, text}, "\x00")
	if made, ok := c.expressions.made[key]; ok {
		return made
	}
	if len(text) > maxExpression {
		c.fail(n, "%s has %d bytes; write an expression of at most %d", what, len(text), maxExpression)
		return nil
	}
	at := place{c, n}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			at.fail(e.Location.Line(), e.Location.Column(), "%s: %s", what, firstLine(e.Message))
		}
		return nil
	}
	e := &expression{}
	if !e.examine(checked, at, what) || !at.typed(checked, what, want) || !at.affordable(env, checked, what) {
		return nil
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if !bounded(checked) {
		options = append(options, cel.CostLimit(maxCost))
	}
	var err error
	if e.program, err = env.Program(checked, options...); err != nil {
		c.fail(n, "%s: %v", what, err)
		return nil
	}
	c.expressions.made[key] = e
	return e
}

// firstLine drops what CEL's parser adds about the tokens that it would have liked.
func firstLine(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	message, _, _ = strings.Cut(message, " expecting {")
	return message
}

// value evaluates the expression. Whatever goes wrong, a claim of the wrong type or a cost beyond
// the limit, it has no value then.
func (e *expression) value(root map[string]any, vars cel.Activation) (ref.Val, bool) {
	for _, path := range e.paths {
		if !present(root, path) {
			return nil, false
		}
	}
	v, _, err := e.program.Eval(vars)
	return v, err == nil
}

// holds says whether the expression is exactly true of the principal.
func (e *expression) holds(p *principal.Principal) bool {
	v, ok := e.value(p.Attributes, principalVars{p})
	return ok && v == types.True
}

// present says whether there is a value at the path. A null is none.
func present(root map[string]any, path []string) bool {
	var at any = root
	for _, name := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return false
		}
		if at = object[name]; at == nil {
			return false
		}
	}
	return true
}

// principalVars gives a principal to an expression.
type principalVars struct{ of *principal.Principal }

// ResolveName is one of the variables.
func (v principalVars) ResolveName(name string) (any, bool) {
	switch name {
	case issuerVar:
		return v.of.Issuer, true
	case subjectVar:
		return v.of.Subject, true
	case groupsVar:
		return v.of.Groups, true
	case attributesVar:
		return v.of.Attributes, true
	}
	return nil, false
}

// Parent is none: there are no other variables.
func (principalVars) Parent() cel.Activation { return nil }

// claimsVars gives a token's claims to an expression.
type claimsVars map[string]any

// ResolveName is the one variable.
func (v claimsVars) ResolveName(name string) (any, bool) {
	return map[string]any(v), name == claimsVar
}

// Parent is none: there are no other variables.
func (claimsVars) Parent() cel.Activation { return nil }
