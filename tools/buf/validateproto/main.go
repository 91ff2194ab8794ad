// Command validateproto prints buf/validate/validate.proto, the schema of the rules that the
// contract's fields carry. It prints the descriptor in protovalidate's own Go module, so that
// what buf reads can't differ from what the server enforces.
package main

import (
	"fmt"
	"os"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
)

func main() {
	printer := protoprint.Printer{Compact: true}
	if err := printer.PrintProtoFile(validate.File_buf_validate_validate_proto, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "validateproto:", err)
		os.Exit(1)
	}
}
