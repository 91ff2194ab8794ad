package guard

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that Codec wraps
	"google.golang.org/grpc/mem"
)

// received is a message on its way in, with what was wrong with its bytes.
type received struct {
	message any
	err     error
}

// codec is gRPC's own, but for messages that can't be decoded: those grpc-go would answer by itself,
// with Internal and words of its parser. It leaves the error with the guard instead.
type codec struct{ encoding.CodecV2 }

// Codec is the codec that a gRPC server needs whose services come from [Guard.Service].
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2("proto")} }

// Unmarshal implements [encoding.CodecV2].
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*received)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	r.err = c.CodecV2.Unmarshal(data, r.message)
	return nil
}
