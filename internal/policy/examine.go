package policy

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"go.yaml.in/yaml/v4"
)

// place is where an expression stands in the document.
type place struct {
	*compiler
	node *yaml.Node
}

// column is that of the expression's first character in the node's line: where the node begins,
// or after its quote. It is 0 if the expression isn't written there as it is.
func (at place) column() int {
	line := []rune(at.problems.Line(at.node.Line))
	for _, column := range []int{at.node.Column, at.node.Column + 1} {
		if column-1 <= len(line) && strings.HasPrefix(string(line[column-1:]), at.node.Value) {
			return column
		}
	}
	return 0
}

// fail reports a problem at a line, from 1, and column, from 0, of the expression.
func (at place) fail(line, column int, format string, args ...any) {
	begins := at.column()
	if begins == 0 || line != 1 {
		at.compiler.fail(at.node, format, args...)
		return
	}
	at.problems.Add(at.node.Line, begins+column, format, args...)
}

func (at place) typed(checked *cel.Ast, what string, want []*cel.Type) bool {
	got := checked.OutputType()
	if got.Kind() == types.DynKind || slices.ContainsFunc(want, func(t *cel.Type) bool { return t.IsAssignableType(got) }) {
		return true
	}
	at.fail(1, 0, "%s must be a %s; this is a %s", what, cel.FormatCELType(want[0]), cel.FormatCELType(got))
	return false
}

// affordable estimates the cost of the expression for claims of the assumed size.
func (at place) affordable(env *cel.Env, checked *cel.Ast, what string) bool {
	estimate, err := env.EstimateCost(checked, sizes{})
	if err == nil && estimate.Max <= maxCost {
		return true
	}
	at.fail(1, 0, "%s: make it simpler; over lists of %d it may take %d steps, and %d is the most", what, assumedSize, estimate.Max, maxCost)
	return false
}

// bounded says whether the expression only compares with constants, and so takes no more steps whatever a token
// brings. Then nobody has to count while it is evaluated, which is most of what a comparison costs.
func bounded(checked *cel.Ast) bool {
	root := ast.NavigateAST(checked.NativeRep())
	if len(ast.MatchDescendants(root, ast.KindMatcher(ast.ComprehensionKind))) > 0 {
		return false
	}
	return !slices.ContainsFunc(ast.MatchDescendants(root, ast.KindMatcher(ast.CallKind)), func(n ast.NavigableExpr) bool {
		call := n.AsCall()
		switch call.FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Index:
			return false
		case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
			return !slices.ContainsFunc(call.Args(), func(arg ast.Expr) bool { return arg.Kind() == ast.LiteralKind })
		}
		return true
	})
}

type sizes struct{}

// EstimateSize assumes a size for all that isn't known from the expression itself.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if node.ComputedSize() != nil {
		return nil
	}
	return &cost.SizeEstimate{Min: 0, Max: assumedSize}
}

// EstimateCallCost leaves functions to CEL's own table.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// examine finds what the expression reads. It refuses what would turn absence into truth: a test
// whether something is there, a variable taken whole, and a group tested against. A token records
// only the groups and attributes that were read, so one that is missing proves nothing.
func (e *expression) examine(checked *cel.Ast, at place, what string) bool {
	tree := checked.NativeRep()
	fail := func(n ast.NavigableExpr, format string, args ...any) bool {
		where := tree.SourceInfo().GetStartLocation(n.ID())
		at.fail(where.Line(), where.Column(), what+": "+format, args...)
		return false
	}
	root := ast.NavigateAST(tree)
	for _, n := range ast.MatchDescendants(root, ast.KindMatcher(ast.SelectKind)) {
		if n.AsSelect().IsTestOnly() {
			return fail(n, "leave out has(); an expression has no value if anything that it names is absent")
		}
	}
	for _, n := range ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind)) {
		switch name := strings.TrimPrefix(n.AsIdent(), "."); name {
		case claimsVar, attributesVar:
			path := selections(n)
			if len(path) == 0 {
				return fail(n, `name what you read by a constant, as in %s.name or %s["name"]`, name, name)
			}
			e.paths = append(e.paths, path)
		case groupsVar:
			group, ok := groupTest(n)
			if !ok {
				return fail(n, `test groups only as "name" in %s, combined only with && and ||`, groupsVar)
			}
			e.groups = append(e.groups, group)
		}
	}
	return true
}

// selections is the constant path below a variable: b, c for a.b["c"].
func selections(n ast.NavigableExpr) (path []string) {
	for {
		parent, ok := n.Parent()
		if !ok {
			return path
		}
		switch parent.Kind() {
		case ast.SelectKind:
			path = append(path, parent.AsSelect().FieldName())
		case ast.CallKind:
			name, ok := constant(parent, operators.Index, 1)
			if !ok || parent.AsCall().Args()[0].ID() != n.ID() {
				return path
			}
			path = append(path, name)
		default:
			return path
		}
		n = parent
	}
}

// groupTest is the group of `"group" in groups`, if that is where n stands and nothing above it
// could turn false into true.
func groupTest(n ast.NavigableExpr) (group string, ok bool) {
	test, ok := n.Parent()
	if !ok {
		return "", false
	}
	if group, ok = constant(test, operators.In, 0); !ok {
		return "", false
	}
	for above, ok := test.Parent(); ok; above, ok = above.Parent() {
		if above.Kind() != ast.CallKind {
			return "", false
		}
		if f := above.AsCall().FunctionName(); f != operators.LogicalAnd && f != operators.LogicalOr {
			return "", false
		}
	}
	return group, true
}

// constant is the string that a call of the function has as its argument.
func constant(n ast.NavigableExpr, function string, arg int) (string, bool) {
	if n.Kind() != ast.CallKind || n.AsCall().FunctionName() != function || len(n.AsCall().Args()) != 2 {
		return "", false
	}
	literal := n.AsCall().Args()[arg]
	if literal.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := literal.AsLiteral().(types.String)
	return string(s), ok
}
