package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
	"github.com/whittle-sts/whittle/server/fault"
	"github.com/whittle-sts/whittle/server/guard"
)

// Wire answers the OAuth endpoints.
type Wire struct {
	engine *engine.Engine
	guard  *guard.Guard
	bodies bodies
	grants map[string]grant
}

// New makes the wire, which takes bodies of so many bytes.
func New(e *engine.Engine, g *guard.Guard, body int) *Wire {
	w := &Wire{engine: e, guard: g, bodies: bodies{most: body, unknown: unknownForms(body)}}
	w.grants = map[string]grant{exchangeGrant: w.exchange, clientCredentialsGrant: w.clientCredentials}
	return w
}

// Register puts the endpoints on mux, below the issuer's path; public wraps those that scripts of
// other origins may read.
func (w *Wire) Register(mux *http.ServeMux, public func(http.Handler) http.Handler) error {
	issuer, err := url.Parse(w.engine.Issuer())
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	below := strings.TrimSuffix(issuer.EscapedPath(), "/")
	mux.Handle(below+guard.TokenPath, w.endpoint(guard.TokenPath, w.token))
	mux.Handle(below+guard.IntrospectPath, w.endpoint(guard.IntrospectPath, w.introspect))
	mux.Handle(below+guard.RevokePath, w.endpoint(guard.RevokePath, w.revoke))
	mux.Handle(below+jwksPath, public(readOnly(w.jwks)))
	return w.registerMetadata(mux, below, public)
}

// serve answers one decoded request of an authenticated client; the caller is in the context. A nil
// answer is an empty body.
type serve func(ctx context.Context, f form) (answer any, err error)

// endpoint is an OAuth endpoint: a form is posted, JSON comes back, and nobody may keep it.
func (w *Wire) endpoint(path string, serve serve) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			notAllowed(rw, http.MethodPost)
			return
		}
		in := &posted{bodies: &w.bodies, rw: rw, request: r}
		var answer any
		request := guard.Request{
			Method: path, Wire: guard.OAuth, Remote: guard.Peer(r.RemoteAddr), Trace: r.Header.Get(guard.Traceparent),
			Visit: guard.VisitOf(r.Context()), Envelope: in,
		}
		err := w.guard.Do(r.Context(), request, func(ctx context.Context) (err error) {
			if err := in.complete(caller.Of(ctx).ID); err != nil {
				return err
			}
			answer, err = serve(ctx, in.form)
			return err
		})
		if err != nil {
			fault.HTTP(rw, err)
			return
		}
		write(rw, answer)
	})
}

// posted is what came to an endpoint.
type posted struct {
	bodies  *bodies
	rw      http.ResponseWriter
	request *http.Request

	form form // its values are nil until it is read
}

// Tell implements [guard.Envelope].
func (in *posted) Tell(id string) { in.rw.Header().Set(guard.RequestID, id) }

// Credentials takes the client's credentials off the request. Only if the headers have none it reads the form for them: a stranger's
// bytes are not kept before anybody asked who it is, but for what all strangers together may have.
func (in *posted) Credentials() (c clientauth.Credentials, err error) {
	headers := in.request.Header.Values
	if caller.InHeader(headers) {
		return caller.FromHeaders(headers)
	}
	if in.form, err = in.bodies.readUnknown(in.rw, in.request); err != nil {
		return clientauth.Credentials{}, err
	}
	return caller.FromForm(in.form)
}

// complete reads the form of a client that is known by its headers. What is malformed is a refusal of that client, on the record,
// and not a stranger's failure.
func (in *posted) complete(client string) (err error) {
	if in.form.values != nil {
		return nil
	}
	if in.form, err = in.bodies.read(in.rw, in.request); err != nil {
		return err
	}
	return caller.Beside(in.form, client)
}

// Values of headers, under their names as net/http spells them; nobody changes them.
var isJSON, noStore, noCache = []string{"application/json"}, []string{"no-store"}, []string{"no-cache"}

// write answers 200 (RFC 6749 section 5.1).
func write(w http.ResponseWriter, answer any) {
	body, err := textual(answer)
	if err != nil {
		fault.HTTP(w, err)
		return
	}
	h := w.Header()
	if len(body) > 0 {
		h["Content-Type"] = isJSON
	}
	h["Cache-Control"], h["Pragma"] = noStore, noCache
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // whoever can't be written to is gone
}

// encoded is an answer that is JSON already.
type encoded []byte

// textual is the answer as JSON; nothing for a nil answer.
func textual(answer any) ([]byte, error) {
	switch answer := answer.(type) {
	case nil:
		return nil, nil
	case encoded:
		return answer, nil
	default:
		return json.Marshal(answer)
	}
}

// readOnly is a document that anybody may read.
func readOnly(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			notAllowed(w, "GET, HEAD")
			return
		}
		serve(w, r)
	})
}

func notAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	fault.HTTP(w, fault.ErrMethod)
}
