package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/ledger"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

// careless is a policy whose client "all" may do everything, so that whatever it sends gets as far as it can.
const careless = `format: 1
scopes: { data.read: {}, data.audited: { audit: every_use }, data.once: { max_uses: 100 } }
roles: { reader: ["data.*"] }
issuers: { corp: { url: "${corp}", audiences: [whittle], attributes: { note: claims.note } } }
bindings:
  - { name: people, role: reader, to: { issuer: corp }, when: principal.attributes.note != "" }
  - { name: itself, role: reader, to: { client: all } }
clients:
  all: { auth: client_secret, ceiling: ["data.*"], may: [policy.read, policy.apply, client.manage, key.manage, revoke.any, audit.read, state.backup, privacy.manage, token.look] }
  spare: { auth: client_secret }
resources: { "https://data.example.com": { aliases: [data], accepts: ["data.*"], served_by: [all] } }
rules:
  - { name: for people, clients: [all], subject: { issuer: corp }, resources: ["https://data.example.com"], partly_refused: narrow, max_lifetime: 24h }
  - { name: for itself, clients: [all], subject: { client: all }, resources: ["https://data.example.com"], max_lifetime: 24h }
`

// careful is a server under the careless policy, whose clock goes on with each call: of one reason a minute, the
// record has the first few refusals only, and the log ten a second.
type careful struct {
	browser

	config  server.Config
	clock   atomic.Int64
	log     *lines
	answers *lines // the texts of errors, with the headers of what OAuth answers
	secrets map[string]string
}

func startCareful(t *testing.T) *careful {
	t.Helper()
	c := &careful{log: new(lines), answers: new(lines), secrets: make(map[string]string)}
	now := func() time.Time { return time.Now().Add(time.Duration(c.clock.Load())) }
	c.browser = browser{servertest.Start(t, servertest.Options{Policy: careless, Now: now, Edit: func(config *server.Config) {
		config.Logger = slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		config.LogSample = 1
		config.Forward = server.Forward{File: filepath.Join(t.TempDir(), "audit.jsonl")}
		c.config = *config
	}}), t}
	return c
}

func (c *careful) tick() { c.clock.Add(int64(15 * time.Second)) }

func (c *careful) context() context.Context {
	c.tick()
	return c.As(context.Background(), c.Client("all"))
}

func (c *careful) rita() string {
	return c.Token("corp", "rita", map[string]any{"note": "a", "jti": unique()})
}

// token is a live token of the careless server.
func (c *careful) token(scope string) string {
	c.tick()
	got, err := c.GRPC().Exchange(context.Background(), c.Client("all"), c.exchange(scope))
	if err != nil {
		c.t.Fatal(err)
	}
	return got.GetAccessToken()
}

func (c *careful) exchange(scope ...string) *whittlev1.ExchangeRequest {
	return &whittlev1.ExchangeRequest{
		SubjectToken: c.rita(), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: scope,
		Resource: []string{"https://data.example.com"}, Audience: []string{"data"}, TaskLabel: "nightly", Lifetime: durationpb.New(20 * time.Hour),
	}
}

// alive is a secret of each kind, fresh: what was asked before may have ended the last ones.
func (c *careful) alive() map[string]string {
	made := map[string]string{
		"a JWT of ours": c.token("data.read"), "an opaque token": c.token("data.once"), "a JWT of another issuer": c.rita(), "a client's secret": c.Client("spare").Secret,
	}
	for kind, text := range made {
		if c.secrets[text] = kind; strings.IndexByte(text, '.') < 0 {
			c.secrets[text[:len("ws_")+20]] = "the beginning of " + kind
		}
		if head, rest, ok := strings.Cut(text, "."); ok && len(head) > 8 {
			payload, signature, _ := strings.Cut(rest, ".")
			c.secrets[payload], c.secrets[signature] = "the payload of "+kind, "the signature of "+kind
		}
	}
	return made
}

// guises is a secret as it may stand where something else belongs.
func guises(field, secret string) []string {
	switch field {
	case "resource":
		return []string{secret, "https://data.example.com/?token%3D" + secret, "https://user:" + secret + "@data.example.com/", "urn:" + strings.Repeat("x", 480) + ":" + secret}
	case "audience", "task_label", "reason", "note":
		return []string{secret, "Bearer " + secret, strings.Repeat("x", 470) + "=" + secret}
	case "subject", "group":
		return []string{secret, "corp:" + secret}
	case "key", "id":
		return []string{secret, "corp/" + secret}
	case "yaml":
		return []string{
			secret, "# " + secret, strings.Replace(careless, "clients:\n", "clients:\n  "+secret+": { auth: client_secret }\n", 1),
			strings.Replace(careless, "name: people", "name: "+secret, 1), "format: 1\nscopes: { " + secret + ": {}, " + secret + ": {} }\n", careless + "\n# " + secret + "\n",
		}
	default:
		return []string{secret}
	}
}

// asks is what each method that takes a text is asked with, so that it does what it is for. One that is missing here
// fails the test.
func (c *careful) asks() map[string][]proto.Message {
	by := func(s *whittlev1.Selector) *whittlev1.RevokeRequest {
		return &whittlev1.RevokeRequest{Selector: s, Block: true, Reason: "a drill"}
	}
	issuer := &whittlev1.Selector{By: &whittlev1.Selector_Issuer{Issuer: "elsewhere"}}
	filter := &whittlev1.EntryFilter{Client: "all"}
	itself := &whittlev1.ClientCredentialsRequest{Resource: []string{"https://data.example.com"}, Audience: []string{"data"}, Scope: []string{"data.read"}}
	look := func(scope string) *whittlev1.IntrospectRequest {
		return &whittlev1.IntrospectRequest{Token: c.token(scope), UseScope: scope, UseAction: "read", UseId: unique()}
	}
	return map[string][]proto.Message{
		"Exchange":          {c.exchange("data.read")},
		"ClientCredentials": {itself},
		"Introspect":        {look("data.read"), look("data.audited"), look("data.once")},
		"BatchIntrospect": {&whittlev1.BatchIntrospectRequest{
			Tokens: []string{c.token("data.read"), c.token("data.audited")},
			Uses:   []*whittlev1.TokenUse{{Scope: "data.read"}, {Scope: "data.audited"}},
		}},
		"RevokeToken": {&whittlev1.RevokeTokenRequest{Token: c.token("data.read")}},
		"Revoke": {
			by(issuer), by(&whittlev1.Selector{By: &whittlev1.Selector_Subject{Subject: "corp:drill"}}),
			by(&whittlev1.Selector{By: &whittlev1.Selector_Client{Client: "elsewhere"}}),
		},
		"Unblock":        {&whittlev1.UnblockRequest{Selector: issuer}},
		"ValidatePolicy": {&whittlev1.ValidatePolicyRequest{Yaml: c.Fill(careless)}},
		"ApplyPolicy":    {&whittlev1.ApplyPolicyRequest{Yaml: c.Fill(careless), Note: "again"}},
		"ListPolicies":   {&whittlev1.ListPoliciesRequest{}},
		"DiffPolicy":     {&whittlev1.DiffPolicyRequest{To: &whittlev1.DiffPolicyRequest_Yaml{Yaml: c.Fill(careless)}}},
		"RollbackPolicy": {&whittlev1.RollbackPolicyRequest{Version: 1, Note: "back"}},
		"CreateSecret":   {&whittlev1.CreateSecretRequest{Client: "spare"}},
		"RotateSecret":   {&whittlev1.RotateSecretRequest{Client: "spare"}},
		"ListClients":    {&whittlev1.ListClientsRequest{Client: "spare"}},
		"DisableSecret":  {&whittlev1.DisableSecretRequest{Client: "spare"}},
		"EnableSecret":   {&whittlev1.EnableSecretRequest{Client: "spare"}},
		"DeleteSecret":   {&whittlev1.DeleteSecretRequest{Client: "spare", Id: "none"}},
		"RetireKey":      {&whittlev1.RetireKeyRequest{Id: "none"}},
		"RevokeKey":      {&whittlev1.RevokeKeyRequest{Id: c.kid(), Reason: "a drill"}},
		"ListEntries":    {&whittlev1.ListEntriesRequest{Filter: filter}},
		"FollowEntries":  {&whittlev1.FollowEntriesRequest{Filter: filter, From: new(uint64)}},
		"Explain":        {&whittlev1.ExplainRequest{Decision: "none"}},
		"Backup":         {&whittlev1.BackupRequest{Note: "before the drill"}},
		"ErasePerson":    {&whittlev1.ErasePersonRequest{Subject: "corp:drill"}},
		"ExportPerson":   {&whittlev1.ExportPersonRequest{Subject: "corp:rita"}},
	}
}

// kid is a key that signs.
func (c *careful) kid() string {
	got, err := whittlev1.NewKeyServiceClient(c.Conn).ListKeys(c.context(), &whittlev1.ListKeysRequest{})
	if err != nil || len(got.GetKeys()) == 0 {
		c.t.Fatal(err)
	}
	return got.GetKeys()[0].GetId()
}

// current has a change of the policy expect the version that is in force.
func (c *careful) current(request proto.Message) {
	got, err := whittlev1.NewPolicyServiceClient(c.Conn).GetPolicy(c.context(), &whittlev1.GetPolicyRequest{})
	if err != nil {
		c.t.Fatal(err)
	}
	switch m := request.(type) {
	case *whittlev1.ApplyPolicyRequest:
		m.ExpectedVersion = got.GetVersion()
	case *whittlev1.RollbackPolicyRequest:
		m.ExpectedVersion = got.GetVersion()
	}
}

// ask calls a method and keeps the text of an error, with its details.
func (c *careful) ask(method string, request proto.Message, answer protoreflect.MessageDescriptor) error {
	c.t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(answer.FullName())
	if err != nil {
		c.t.Fatal(err)
	}
	c.current(request)
	ctx, cancel := context.WithTimeout(c.context(), time.Minute)
	defer cancel()
	stream, err := c.Conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err == nil {
		_ = stream.SendMsg(request)
		_ = stream.CloseSend()
		err = stream.RecvMsg(kind.New().Interface()) // of many, one will do
	}
	if err != nil && !errors.Is(err, io.EOF) {
		said := status.Convert(err)
		_, _ = io.WriteString(c.answers, said.Message()+" "+prototext.Format(said.Proto())+"\n")
		for _, d := range said.Details() {
			if m, ok := d.(proto.Message); ok {
				_, _ = io.WriteString(c.answers, prototext.Format(m)+"\n")
			}
		}
		return err
	}
	return nil
}

// textFields is the way to each text of a message and of the messages in it.
func textFields(m protoreflect.MessageDescriptor) (paths [][]protoreflect.FieldDescriptor) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		switch {
		case f.Kind() == protoreflect.StringKind:
			paths = append(paths, []protoreflect.FieldDescriptor{f})
		case f.Message() != nil && strings.HasPrefix(string(f.Message().FullName()), "whittle."):
			for _, rest := range textFields(f.Message()) {
				paths = append(paths, append([]protoreflect.FieldDescriptor{f}, rest...))
			}
		}
	}
	return paths
}

// with is the message with one more text, or another text, in a field.
func with(m proto.Message, path []protoreflect.FieldDescriptor, text string) proto.Message {
	m = proto.Clone(m)
	in := m.ProtoReflect()
	for _, f := range path[:len(path)-1] {
		if !f.IsList() {
			in = in.Mutable(f).Message()
		} else if list := in.Mutable(f).List(); list.Len() > 0 {
			in = list.Get(0).Message()
		} else {
			in = list.AppendMutable().Message()
		}
	}
	if last := path[len(path)-1]; last.IsList() {
		in.Mutable(last).List().Append(protoreflect.ValueOfString(text))
	} else {
		in.Set(last, protoreflect.ValueOfString(text))
	}
	return m
}

// holdsNone ends the server and looks through all that it wrote, of which the named texts had something to hide.
func (c *careful) holdsNone(t *testing.T, hide ...string) {
	t.Helper()
	c.Stop()
	c.config.Logger = nil // what follows is about the record
	logged := c.log.String()
	c.Boot(c.config)
	entries, person := c.record(), c.person("corp:rita")+c.person("corp:drill")+c.person("all")
	c.Stop()
	texts := map[string]string{"the server's log": logged, "an error": c.answers.String(), "an entry": entries, "what is held of a person": person}
	for where, text := range texts {
		if slices.Contains(hide, where) != strings.Contains(text, "(hidden)") {
			t.Errorf("%s: something is hidden: %t", where, !slices.Contains(hide, where))
		}
	}
	readAll(t, texts, c.config.DataDir, filepath.Dir(c.config.Forward.File))
	for where, text := range texts {
		for secret, kind := range c.secrets {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s holds %s, %s", where, kind, around(text, at, len(secret)))
			}
		}
	}
}

// around is what stands around a secret.
func around(text string, at, length int) string {
	if ledger.On() { // which looks for parts, too
		return "somewhere"
	}
	return "in " + strings.ToValidUTF8(text[max(0, at-60):at]+"THE SECRET"+text[at+length:min(len(text), at+length+60)], "?")
}

// record is all entries, as they are stored and as they are read.
func (c *careful) record() string {
	var all strings.Builder
	for page := ""; ; {
		got, err := whittlev1.NewAuditServiceClient(c.Conn).ListEntries(c.context(), &whittlev1.ListEntriesRequest{PageSize: 1000, PageToken: page})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, e := range got.GetEntries() {
			all.Write(e.GetSealed())
			all.WriteString("\n" + prototext.Format(e) + "\n")
		}
		if page = got.GetNextPageToken(); page == "" {
			return all.String()
		}
	}
}

// person is all that is held about somebody, opened.
func (c *careful) person(subject string) string {
	stream, err := whittlev1.NewPersonExportServiceClient(c.Conn).ExportPerson(c.context(), &whittlev1.ExportPersonRequest{Subject: subject})
	if err != nil {
		c.t.Fatal(err)
	}
	items, err := held(stream.Recv)
	if err != nil {
		c.t.Fatal(err)
	}
	var all strings.Builder
	for _, item := range items {
		all.WriteString(prototext.Format(item) + "\n")
	}
	return all.String()
}

var counted atomic.Int64

// unique is a name that wasn't there before.
func unique() string { return "unique-" + strconv.FormatInt(counted.Add(1), 10) }
