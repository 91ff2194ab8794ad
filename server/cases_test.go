package server_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/whittle-sts/whittle/server/servertest"
)

var wires = []struct {
	name string
	pick func(*servertest.World) servertest.Wire
}{
	{"grpc", (*servertest.World).GRPC},
	{"connect", func(w *servertest.World) servertest.Wire { return w.Connect("connect") }},
	{"connect-json", func(w *servertest.World) servertest.Wire {
		return w.Connect("connect-json", connecthttp.WithProtoJSON())
	}},
	{"grpcweb", func(w *servertest.World) servertest.Wire {
		return w.Connect("grpcweb", connecthttp.WithGRPCWeb())
	}},
	{"oauth", (*servertest.World).OAuth},
}

// Each story of test/scenarios goes the same way over each wire. With -v it prints what each wire
// answered to each case.
func TestEveryCaseOverEveryWire(t *testing.T) {
	files, err := filepath.Glob("../test/scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			var told [][]servertest.Told // by wire
			for _, wire := range wires {
				t.Run(wire.name, func(t *testing.T) {
					told = append(told, servertest.ReadScenario(t, file).Run(t, wire.pick))
				})
			}
			print(t, told)
		})
	}
}

// print shows a row for each step with each wire's answer, and fails for what wasn't expected.
func print(t *testing.T, told [][]servertest.Told) {
	t.Helper()
	var table strings.Builder
	for i, step := range told[0] {
		fmt.Fprintf(&table, "\n%-55s", step.Step)
		for j, wire := range wires {
			cell := told[j][i]
			fmt.Fprintf(&table, " %-16s", cell.Got)
			if cell.Problem != "" {
				t.Errorf("%s, %s: %s", wire.name, cell.Step, cell.Problem)
			}
			if cell.Got != step.Got {
				t.Errorf("%s, %s: %s, and over %s %s", wire.name, cell.Step, cell.Got, wires[0].name, step.Got)
			}
		}
	}
	t.Logf("%-54s %-16s %-16s %-16s %-16s %-16s%s", "", "grpc", "connect", "connect-json", "grpcweb", "oauth", table.String())
}
