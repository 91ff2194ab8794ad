// Package tracing sends spans to an OpenTelemetry collector, if the standard environment variables name
// one. Without an endpoint nothing of it is installed and requests cost what they did.
package tracing

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// name is what spans say that made them.
const name = "github.com/whittle-sts/whittle"

// FromEnvironment is the tracer that OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
// asks for, nil if neither is set or OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER say no. All other
// variables are read by OpenTelemetry's SDK and mean what its documentation says: headers, certificates,
// OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES. The protocol is http/protobuf, the
// standard's default. stop sends what is left; it has to be called.
func FromEnvironment(ctx context.Context, version string) (tracer trace.Tracer, stop func(context.Context) error, err error) {
	stop = func(context.Context) error { return nil }
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return nil, stop, nil
	}
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || exporter == "none" {
		return nil, stop, nil
	}
	if exporter != "" && exporter != "otlp" {
		return nil, stop, fmt.Errorf("OTEL_TRACES_EXPORTER: %q isn't spoken here; otlp and none are", exporter)
	}
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		if p := os.Getenv(variable); p != "" && p != "http/protobuf" {
			return nil, stop, fmt.Errorf("%s: %q isn't spoken here; use http/protobuf, at a collector's port 4318", variable, p)
		}
	}
	client, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, stop, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "whittle"), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, stop, fmt.Errorf("traces: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(client), sdk.WithResource(about))
	return provider.Tracer(name, trace.WithInstrumentationVersion(version)), provider.Shutdown, nil
}
