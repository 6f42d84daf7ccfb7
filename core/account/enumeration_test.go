package account_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/ports"
)

// spy notes what is done through a store: its transactions, and the writes in them.
type spy struct {
	ports.Store
	mu    sync.Mutex
	calls []string
}

func (s *spy) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// since returns what was done since the last call.
func (s *spy) since() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *spy) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	s.note("view")
	return s.Store.View(ctx, fn)
}

func (s *spy) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	s.note("update")
	return s.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, spiedTx{tx, s}) })
}

type spiedTx struct {
	ports.Tx
	spy *spy
}

func (t spiedTx) Accounts() ports.Accounts       { return spiedAccounts{t.Tx.Accounts(), t.spy} }
func (t spiedTx) Outbox() ports.Outbox           { return spiedOutbox{t.Tx.Outbox(), t.spy} }
func (t spiedTx) Audit() ports.Audit             { return spiedAudit{t.Tx.Audit(), t.spy} }
func (t spiedTx) Idempotency() ports.Idempotency { return spiedIdempotency{t.Tx.Idempotency(), t.spy} }

func (t spiedTx) OneTimeTokens() ports.OneTimeTokens { return spiedTokens{t.Tx.OneTimeTokens(), t.spy} }

type spiedAccounts struct {
	ports.Accounts
	spy *spy
}

func (a spiedAccounts) Create(ctx context.Context, account domain.Account) error {
	a.spy.note("account")
	return a.Accounts.Create(ctx, account)
}

func (a spiedAccounts) ByEmail(ctx context.Context, canonical string) (domain.Account, error) {
	a.spy.note("look")
	return a.Accounts.ByEmail(ctx, canonical)
}

type spiedOutbox struct {
	ports.Outbox
	spy *spy
}

func (o spiedOutbox) Enqueue(ctx context.Context, m domain.Message) error {
	call := "message of " + string(m.Kind)
	if m.Locale != "" || m.Generation != 0 || len(m.Data) != 0 {
		call += " that tells of its account"
	}
	o.spy.note(call)
	return o.Outbox.Enqueue(ctx, m)
}

type spiedAudit struct {
	ports.Audit
	spy *spy
}

func (a spiedAudit) Append(ctx context.Context, e domain.AuditEvent) error {
	a.spy.note("event " + string(e.Action) + " " + string(e.Subject))
	return a.Audit.Append(ctx, e)
}

type spiedIdempotency struct {
	ports.Idempotency
	spy *spy
}

func (i spiedIdempotency) Create(ctx context.Context, r domain.IdempotencyRecord) error {
	i.spy.note("record")
	return i.Idempotency.Create(ctx, r)
}

type spiedTokens struct {
	ports.OneTimeTokens
	spy *spy
}

func (t spiedTokens) Put(ctx context.Context, token domain.OneTimeToken) error {
	t.spy.note("token")
	return t.OneTimeTokens.Put(ctx, token)
}

// Whoever asks for a mail has the same done, whether the address is one of a verified,
// an unverified or a disabled account, or nobody's.
func TestAskingForAMailTellsNothing(t *testing.T) {
	t.Parallel()
	store := &spy{Store: memstore.New()}
	p := newWorldPost(t, world.WithStore(store))
	p.verified(t, "verified@example.com")
	p.Register(t, "unverified@example.com")
	disabled := p.verified(t, "disabled@example.com")
	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		disabled.Status = domain.AccountDisabled
		return tx.Accounts().Update(ctx, disabled, disabled.Version)
	})
	asks := map[string]func(context.Context, string) error{"forgot": p.Passwords.Forgot, "resend": p.Emails.Resend}
	want := map[string][]string{
		"forgot": {"update", "message of reset_password", "event password.reset_requested "},
		"resend": {"update", "message of verify_email", "event email.verification_requested "},
	}
	for name, ask := range asks {
		for _, address := range []string{"verified@example.com", "unverified@example.com", "disabled@example.com", "nobody@example.com"} {
			store.since()
			fits(t, name+" "+address, ask(t.Context(), address))
			if got := store.since(); !slices.Equal(got, want[name]) {
				t.Errorf("%s %s: did %q; want %q", name, address, got, want[name])
			}
		}
	}
	mails := p.kinds(t)
	if want := []string{"reset_password unverified@example.com", "reset_password verified@example.com", "verify_email unverified@example.com"}; !slices.Equal(mails, want) {
		t.Errorf("sent %q; want %q", mails, want)
	}
}

func privately(username, key string, change ...func(*account.Registration)) account.Registration {
	r := registration(owner)
	if username != "" {
		r.Username = &username
	}
	r.IdempotencyKey = key
	for _, c := range change {
		c(&r)
	}
	return r
}

// Private registration answers the same, at the same cost, whether the address is taken
// or free: one hash, one question about breaches, one transaction of one message and
// one event.
func TestPrivateRegistrationTellsNothing(t *testing.T) {
	t.Parallel()
	const key = "8e03978e-40d5-43dd-bc93-6894a57f9324"
	store := &spy{Store: memstore.New()}
	p := newWorldPost(t, world.WithStore(store), world.WithPrivacy())
	cost := func(r account.Registration) (calls []string) {
		t.Helper()
		store.since()
		hashes, asked := p.Hasher.Hashes(), p.Breaches.Asked()
		a, err := p.Accounts.Register(t.Context(), r)
		fits(t, "register", err)
		if a.ID != "" {
			t.Errorf("account %+v is given away", a)
		}
		if p.Hasher.Hashes()-hashes != 1 || p.Breaches.Asked()-asked != 1 {
			t.Errorf("%d hashes, %d questions about breaches; want one of each", p.Hasher.Hashes()-hashes, p.Breaches.Asked()-asked)
		}
		for _, call := range store.since() {
			if call == "view" || call == "update" || call[0] == 'm' || call[0] == 'e' {
				calls = append(calls, call[:1])
			}
		}
		return calls
	}
	free := cost(privately("ada", key))
	taken := cost(privately("grace", ""))
	again := cost(privately("ada", key))
	if !slices.Equal(free, taken) || !slices.Equal(free, []string{"v", "u", "m", "e"}) {
		t.Errorf("a free address: %q; a taken one: %q", free, taken)
	}
	if !slices.Equal(again, []string{"v", "u"}) { // rolled back where the record is met
		t.Errorf("the same call again: %q", again)
	}
	if got, want := p.kinds(t), []string{"registered_before " + owner, "verify_email " + owner}; !slices.Equal(got, want) {
		t.Errorf("sent %q; want %q", got, want)
	}
	_, err := p.Accounts.Register(t.Context(), privately("ada", key, func(r *account.Registration) { r.DisplayName = "other" }))
	refused(t, "the key with another body", err, domain.CodeIdempotencyMismatch)
}

// A username says whether the registration before made an account, unless it is out of
// use either way.
func TestAUsernameDoesNotTellOfAnAddress(t *testing.T) {
	t.Parallel()
	outcomes := map[bool][]domain.Code{}
	for _, known := range []bool{false, true} {
		p := newWorldPost(t, world.WithPrivacy())
		if known {
			fits(t, "first", register(t, p, owner))
		}
		fits(t, "stranger", register(t, p, thief))
		_, err := p.Accounts.Register(t.Context(), privately("probe", ""))
		fits(t, "probe", err)
		try := func(email, username string) {
			t.Helper()
			_, err := p.Accounts.Register(t.Context(), privately(username, "", func(r *account.Registration) { r.Email = email }))
			code := domain.CodeOf(err)
			if err == nil {
				code = "fine"
			}
			outcomes[known] = append(outcomes[known], code)
		}
		try("new1@example.com", "PROBE")
		try("new2@example.com", "probe2")
		fits(t, "verify", p.Emails.Verify(t.Context(), p.token(t, domain.MessageVerifyEmail, thief)))
		eve := authenticated(t, p.World, p.Login(t, thief))
		name := "probe"
		_, err = p.Accounts.UpdateProfile(t.Context(), eve, account.ProfileChange{Username: &name})
		outcomes[known] = append(outcomes[known], domain.CodeOf(err))
	}
	if want := []domain.Code{domain.CodeUsernameTaken, "fine", domain.CodeUsernameTaken}; !slices.Equal(outcomes[false], want) || !slices.Equal(outcomes[true], want) {
		t.Errorf("a free address: %q; a taken one: %q; want %q", outcomes[false], outcomes[true], want)
	}
}

func TestAHeldUsernameIsFreeAfterAWeek(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t, world.WithPrivacy())
	fits(t, "first", register(t, p, owner))
	_, err := p.Accounts.Register(t.Context(), privately("probe", ""))
	fits(t, "probe", err)
	other := privately("probe", "", func(r *account.Registration) { r.Email = "new@example.com" })
	p.Clock.Advance(7*24*time.Hour - time.Microsecond)
	_, err = p.Accounts.Register(t.Context(), other)
	refused(t, "before the week is over", err, domain.CodeUsernameTaken)
	p.Clock.Advance(time.Microsecond)
	_, err = p.Accounts.Register(t.Context(), other)
	fits(t, "after a week", err)
	fits(t, "verify", p.Emails.Verify(t.Context(), p.token(t, domain.MessageVerifyEmail, "new@example.com")))
	if p.Login(t, "probe").Access.IsZero() {
		t.Error("the account was not made")
	}
}

// Of sixteen equal calls at once one is made, and all are answered alike.
func TestParallelPrivateRegistrations(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"with a key": "8e03978e-40d5-43dd-bc93-6894a57f9324", "without": ""} {
		p := newWorldPost(t, world.WithStore(memstore.New()), world.WithPrivacy())
		var group sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			group.Go(func() { _, errs[i] = p.Accounts.Register(t.Context(), privately("", key)) })
		}
		group.Wait()
		for _, err := range errs {
			fits(t, name, err)
		}
		verify, before := 0, 0
		for _, l := range p.deliver(t) {
			switch l.Kind {
			case domain.MessageVerifyEmail:
				verify++
			case domain.MessageRegisteredBefore:
				before++
			default:
				t.Errorf("%s: sent %s", name, l.Kind)
			}
		}
		if want := map[string]int{"with a key": 0, "without": 15}[name]; verify != 1 || before != want {
			t.Errorf("%s: %d verifications, %d notices; want 1 and %d", name, verify, before, want)
		}
	}
}

func TestAPrivateChangeOfAddressTellsNothing(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t, world.WithPrivacy())
	for _, email := range []string{owner, thief} {
		fits(t, email, register(t, p, email))
		fits(t, email, p.Emails.Verify(t.Context(), p.token(t, domain.MessageVerifyEmail, email)))
	}
	who := authenticated(t, p.World, p.Login(t, thief))
	for _, wanted := range []string{owner, "free@example.com"} {
		fits(t, wanted, p.Emails.Change(t.Context(), who, wanted, domain.NewSecret(world.Password)))
	}
	if got := p.kinds(t); !slices.Equal(got, []string{"change_email free@example.com"}) {
		t.Errorf("sent %q; want the link to the free address alone", got)
	}
}
