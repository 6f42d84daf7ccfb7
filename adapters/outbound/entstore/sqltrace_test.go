package entstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// recorded opens a store whose spans can be read.
func recorded(t *testing.T) (*entstore.Store, *tracetest.SpanRecorder, *sdktrace.TracerProvider) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	cfg := config(t)
	cfg.TracerProvider = provider
	return open(t, cfg), spans, provider
}

// everything calls each method of each store, in each form that makes another
// statement. What the calls find does not matter.
func everything(ctx context.Context, tx ports.Tx) {
	account, session, now := fake.Account(1), fake.Session(1, fake.Account(1)), fake.Epoch()
	id, key, at := account.ID, []byte("key"), domain.Position{At: now, ID: account.ID}
	_ = tx.Accounts().Create(ctx, account)
	_, _ = tx.Accounts().ByID(ctx, id)
	_, _ = tx.Accounts().ByEmail(ctx, account.Email.Canonical)
	_, _ = tx.Accounts().ByUsername(ctx, account.Username.Canonical)
	for _, order := range []domain.AccountOrder{domain.AccountsByEmail, domain.AccountsByUsername} {
		for _, prefix := range []string{"", "user"} {
			for _, after := range []*domain.Position{nil, {Text: "user1"}} {
				_, _ = tx.Accounts().Search(ctx, domain.AccountSearch{Order: order, Prefix: prefix}, domain.PageRequest{Limit: 10, After: after})
			}
		}
	}
	_ = tx.Accounts().Update(ctx, account, account.Version)
	_ = tx.Accounts().RecordLogin(ctx, id, 1, 1, now)
	_ = tx.Credentials().Create(ctx, fake.Credential(account))
	_, _ = tx.Credentials().ByAccount(ctx, id)
	_ = tx.Credentials().Replace(ctx, fake.Credential(account), 1)
	_, _ = tx.Credentials().CountSettings(ctx)
	for range 2 { // the second time it is taken back
		_ = tx.Imports().Create(ctx, []domain.ImportedAccount{imported(2), imported(3)})
	}
	_, _ = tx.Imports().Taken(ctx, []string{"a", "b"}, []string{"a", "b"})
	_ = tx.Sessions().Create(ctx, session)
	_, _ = tx.Sessions().ByID(ctx, session.ID)
	for _, page := range []domain.PageRequest{{Limit: 10}, {Limit: 10, After: &at}} {
		_, _ = tx.Sessions().ListActive(ctx, id, now, 0, page)
		_, _ = tx.Sessions().SeenFrom(ctx, id, session.UserAgent, session.IP)
		for _, filter := range []domain.AuditFilter{
			{}, {Subject: id}, {Action: domain.AuditLoginFailed}, {Subject: id, Action: domain.AuditLoginFailed},
		} {
			_, _ = tx.Audit().List(ctx, filter, page)
		}
	}
	_ = tx.Sessions().Advance(ctx, session, session.Refresh.RefreshPosition)
	_, _ = tx.Sessions().End(ctx, session.ID, domain.EndedByLogout, now)
	_, _ = tx.Sessions().EndAll(ctx, id, "", domain.EndedByOwner, now)
	_, _ = tx.Sessions().EndAll(ctx, id, session.ID, domain.EndedByOwner, now)
	_ = tx.Keys().Create(ctx, fake.SigningKey(1))
	_, _ = tx.Keys().List(ctx)
	_ = tx.Keys().SetState(ctx, fake.SigningKey(1).ID, domain.KeyActive, domain.KeyRetired, now)
	_ = tx.Keys().Delete(ctx, fake.SigningKey(1).ID)
	_ = tx.Guards().Advance(ctx, "guard", 0)
	_ = tx.Guards().Advance(ctx, "guard", 1)
	_, _ = tx.Guards().Read(ctx, "guard")
	for n := range 4 {
		_ = tx.Outbox().Enqueue(ctx, fake.Message(n))
	}
	_, _ = tx.Outbox().Claim(ctx, now, now, 10)
	_ = tx.Outbox().Sent(ctx, fake.Message(0).ID, 1, now)
	_ = tx.Outbox().Retry(ctx, fake.Message(1).ID, 1, now, "peer said no")
	_ = tx.Outbox().Abandon(ctx, fake.Message(2).ID, 1, now, "peer said no")
	_ = tx.Outbox().Return(ctx, fake.Message(3).ID, 1, now)
	_, _ = tx.Outbox().Purge(ctx, now.Add(time.Hour), 10)
	_ = tx.Audit().Append(ctx, fake.AuditEvent(1))
	_ = tx.Idempotency().Create(ctx, domain.IdempotencyRecord{Key: key, Body: key, Resource: id, CreatedAt: now, ExpiresAt: now})
	_, _ = tx.Idempotency().ByKey(ctx, key)
	_, _ = tx.Idempotency().Purge(ctx, now.Add(time.Hour), 10)
	_, _ = tx.Sessions().Purge(ctx, now.Add(time.Hour), 10)
}

func TestSpansHoldStatementsWithoutArguments(t *testing.T) {
	t.Parallel()
	store, spans, provider := recorded(t)
	account := fake.Account(1)
	ctx, root := provider.Tracer("test").Start(t.Context(), "request")
	err := store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		everything(ctx, tx)
		everythingOnce(ctx, tx)
		_ = tx.Accounts().Create(ctx, account) // a violation: its error is recorded as well
		return nil
	})
	root.End()
	if err != nil {
		t.Fatal(err)
	}

	verbs := map[string]bool{}
	for _, span := range spans.Ended() {
		verbs[span.Name()] = true
		if span.SpanContext().TraceID() != root.SpanContext().TraceID() {
			t.Errorf("span %q is outside of the request's trace", span.Name())
		}
		text := span.Name() + " " + span.Status().Description
		for _, kv := range span.Attributes() {
			text += " " + kv.Value.String()
		}
		for _, event := range span.Events() {
			for _, kv := range event.Attributes {
				text += " " + kv.Value.String()
			}
		}
		for _, secret := range []string{
			string(account.ID), account.Email.Canonical, account.Email.Address, account.Username.Name, account.DisplayName,
			fake.Credential(account).Hash.Reveal(), fake.Session(1, account).IP, "2026-03-01", "peer said no",
		} {
			if strings.Contains(text, secret) {
				t.Errorf("span %q holds the argument %q: %s", span.Name(), secret, text)
			}
		}
	}
	for _, want := range []string{"INSERT", "SELECT", "UPDATE", "DELETE"} {
		if !verbs[want] {
			t.Errorf("got spans %v, want one named %s", verbs, want)
		}
	}
}

func TestNoSpansOutsideOfATrace(t *testing.T) {
	t.Parallel()
	store, spans, _ := recorded(t)
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Fatal(err)
	}
	if got := spans.Ended(); len(got) > 0 {
		t.Errorf("got %d spans without a request, the first is %q", len(got), got[0].Name())
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	cfg := config(t)
	cfg.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	store := open(t, cfg)
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Fatal(err)
	}
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			names[m.Name] = true
		}
	}
	for _, want := range []string{"db.client.operation.duration", "db.sql.connection.open", "db.sql.connection.wait_duration"} {
		if !names[want] {
			t.Errorf("got metrics %v, want %s among them", names, want)
		}
	}
}
