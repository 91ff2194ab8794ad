package readme

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is what a reader has around a part of a Go program: what it imports, and what it was given.
const program = `package page

import (
	"context"
	"encoding/base64"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func part(ctx context.Context, conn *grpc.ClientConn, secret, person string) (any, error) {
//line %s:%d
%s	return res, err
}
`

// TestEveryPartOfAProgramCompiles vets the pages' Go.
func TestEveryPartOfAProgramCompiles(t *testing.T) {
	all, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, p := range all {
		for _, b := range p.golang {
			found++
			file := filepath.Join(t.TempDir(), "page.go")
			if err := os.WriteFile(file, fmt.Appendf(nil, program, p.name, b.line+1, b.commands), 0o600); err != nil {
				t.Fatal(err)
			}
			vet := exec.Command("go", "vet", file)
			vet.Dir = root
			if out, err := vet.CombinedOutput(); err != nil {
				t.Errorf("%s:%d: %v\n%s", p.name, b.line, err, out)
			}
		}
	}
	if found == 0 {
		t.Error("no page has any Go: then this test has nothing to do")
	}
}
