package account_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
	"authserve/ports/fake"
)

// importRow is row n of a file without faults.
func importRow(n int, options ...func(*account.ImportRow)) account.ImportRow {
	row := account.ImportRow{
		Line: n, SourceID: fmt.Sprint(n), Email: fmt.Sprintf("User%d@Example.org", n), Username: fmt.Sprintf("User%d", n),
		PasswordHash: fake.ForeignHash(world.Password), CreatedAt: time.Date(2024, time.May, 1, 12, 34, 56, 789012345, time.UTC),
	}
	for _, option := range options {
		option(&row)
	}
	return row
}

func importRows(n int) []account.ImportRow {
	rows := make([]account.ImportRow, n)
	for i := range rows {
		rows[i] = importRow(i + 1)
	}
	return rows
}

// reading gives rows as a reader of a file does.
func reading(rows ...account.ImportRow) iter.Seq2[account.ImportRow, error] {
	return func(yield func(account.ImportRow, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// failing gives rows and then fails with err.
func failing(err error, rows ...account.ImportRow) iter.Seq2[account.ImportRow, error] {
	return func(yield func(account.ImportRow, error) bool) {
		for row, err := range reading(rows...) {
			if !yield(row, err) {
				return
			}
		}
		yield(account.ImportRow{}, err)
	}
}

type importing struct {
	report   account.ImportReport
	refusals []account.Refusal
}

func runImport(t *testing.T, w *world.World, rows iter.Seq2[account.ImportRow, error], dryRun bool) importing {
	t.Helper()
	got, err := tryImport(t.Context(), w, rows, dryRun)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	if r := got.report; r.Imported+r.AlreadyImported+r.Refused != r.Rows || int(r.Refused) != len(got.refusals) {
		t.Errorf("the counts do not add up: %+v with %d refusals told", r, len(got.refusals))
	}
	return got
}

func tryImport(ctx context.Context, w *world.World, rows iter.Seq2[account.ImportRow, error], dryRun bool) (importing, error) {
	var got importing
	var err error
	got.report, err = w.Accounts.Import(ctx, rows, account.ImportOptions{DryRun: dryRun, Refused: func(r account.Refusal) error {
		got.refusals = append(got.refusals, r)
		return nil
	}})
	return got, err
}

// stored returns the account of an e-mail address.
func stored(t *testing.T, w *world.World, email string) (a domain.Account, c domain.Credential) {
	t.Helper()
	err := w.Store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		if a, err = tx.Accounts().ByEmail(ctx, email); err != nil {
			return err
		}
		if c, err = tx.Credentials().ByAccount(ctx, a.ID); errors.Is(err, ports.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", email, err)
	}
	return a, c
}

// wantStored checks that exactly the rows were imported, each once and whole.
func wantStored(t *testing.T, w *world.World, rows []account.ImportRow) {
	t.Helper()
	events := importEvents(t, w)
	if len(events) != len(rows) {
		t.Errorf("%d accounts were imported by the audit log; want %d", len(events), len(rows))
	}
	for _, row := range rows {
		a, c := stored(t, w, strings.ToLower(row.Email))
		if c.Hash.IsZero() || events[a.ID] != 1 {
			t.Errorf("%s: has a password: %v, %d events; want one", row.Email, !c.Hash.IsZero(), events[a.ID])
		}
	}
}

// importEvents counts the imports in the audit log by account.
func importEvents(t *testing.T, w *world.World) map[domain.ID]int {
	t.Helper()
	events := map[domain.ID]int{}
	for request := (domain.PageRequest{Limit: domain.MaxPageLimit}); ; {
		var page domain.Page[domain.AuditEvent]
		err := w.Store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
			page, err = tx.Audit().List(ctx, domain.AuditFilter{Action: domain.AuditAccountImported}, request)
			return err
		})
		if err != nil {
			t.Fatalf("read the audit log: %v", err)
		}
		for _, e := range page.Items {
			events[e.Subject]++
		}
		if request.After = page.Next; page.Next == nil {
			return events
		}
	}
}

func TestImportCreatesOrdinaryAccounts(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	row := importRow(1, func(r *account.ImportRow) { r.DisplayName, r.EmailVerified = "Ada Lovelace", true })
	operator := domain.Actor{Kind: domain.ActorOperator, ID: "root"}
	got, err := tryImport(domain.WithActor(t.Context(), operator), w, reading(row), false)
	if err != nil || !reflect.DeepEqual(got.report, account.ImportReport{Rows: 1, Imported: 1}) {
		t.Fatalf("report = %+v, %v", got.report, err)
	}
	a, c := stored(t, w, "user1@example.org")
	want := domain.Account{
		ID: a.ID, Email: domain.Email{Address: "User1@Example.org", Canonical: "user1@example.org"},
		Username: domain.Username{Name: "User1", Canonical: "user1"}, DisplayName: "Ada Lovelace",
		Status: domain.AccountActive, Roles: []domain.Role{domain.RoleUser}, EmailVerifiedAt: w.Clock.Now(),
		Version:   domain.AccountVersion{AuthGeneration: 1, Credential: 1, Profile: 1},
		CreatedAt: time.Date(2024, time.May, 1, 12, 34, 56, 789012000, time.UTC), UpdatedAt: w.Clock.Now(),
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("account = %+v\nwant      %+v", a, want)
	}
	if c.Hash.IsZero() || c.Version != 1 {
		t.Errorf("credential = %+v", c)
	}
	events := w.Audit(t, a.ID)
	if len(events) != 1 || events[0].Action != domain.AuditAccountImported || events[0].Actor != operator || !events[0].At.Equal(w.Clock.Now()) {
		t.Errorf("audit = %+v", events)
	}
	for _, name := range []string{"user1@example.org", "USER1"} {
		attempt := login.Attempt{Identifier: name, Password: domain.NewSecret(world.Password)}
		if _, err := w.Logins.WithPassword(t.Context(), attempt); err != nil {
			t.Errorf("log in as %s: %v", name, err)
		}
		attempt.Password = domain.NewSecret("wrong " + world.Password)
		if _, err := w.Logins.WithPassword(t.Context(), attempt); domain.CodeOf(err) != domain.CodeInvalidCredentials {
			t.Errorf("log in as %s with a wrong password: %v", name, err)
		}
	}
}

func TestImportRefusesEveryFaultyRow(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, "taken@example.org")
	mark := func(change func(*account.ImportRow)) account.ImportRow { return importRow(100, change) }
	cases := []struct {
		name  string
		row   account.ImportRow
		field string
		code  domain.Code
	}{
		{"no e-mail", mark(func(r *account.ImportRow) { r.Email = "" }), "email", domain.CodeRequired},
		{"bad e-mail", mark(func(r *account.ImportRow) { r.Email = "ada@" }), "email", domain.CodeInvalidFormat},
		{"blank around the e-mail", mark(func(r *account.ImportRow) { r.Email = " ada@example.org" }), "email", domain.CodeInvalidFormat},
		{"taken e-mail", mark(func(r *account.ImportRow) { r.Email = "TAKEN@example.org" }), "email", domain.CodeEmailTaken},
		{"bad username", mark(func(r *account.ImportRow) { r.Username = "ada@example.org" }), "username", domain.CodeInvalidFormat},
		{"reserved username", mark(func(r *account.ImportRow) { r.Username = "Admin" }), "username", domain.CodeReserved},
		{"username twice", mark(func(r *account.ImportRow) { r.Username = "USER1" }), "username", account.CodeDuplicate},
		{"e-mail twice", mark(func(r *account.ImportRow) { r.Email = "user1@EXAMPLE.org" }), "email", account.CodeDuplicate},
		{"bad display name", mark(func(r *account.ImportRow) { r.DisplayName = "a\u202eb" }), "display_name", domain.CodeInvalidCharacter},
		{"long display name", mark(func(r *account.ImportRow) { r.DisplayName = strings.Repeat("x", 101) }), "display_name", domain.CodeTooLong},
		{"unknown hash", mark(func(r *account.ImportRow) { r.PasswordHash = domain.NewSecret("plaintext-hunter2") }), "password_hash", domain.CodeInvalidFormat},
		{"long source id", mark(func(r *account.ImportRow) { r.SourceID = strings.Repeat("1", 256) }), "source_id", domain.CodeTooLong},
		{"source id of bytes", mark(func(r *account.ImportRow) { r.SourceID = "\xff" }), "source_id", domain.CodeInvalidCharacter},
		{"before 1970", mark(func(r *account.ImportRow) { r.CreatedAt = time.Unix(0, -1) }), "created_at", account.CodeOutOfRange},
		{"in the future", mark(func(r *account.ImportRow) { r.CreatedAt = w.Clock.Now().Add(time.Microsecond) }), "created_at", account.CodeOutOfRange},
	}
	rows := []account.ImportRow{importRow(1)}
	for i, c := range cases {
		c.row.Line = 10 + i
		rows = append(rows, c.row)
	}
	edges := []account.ImportRow{
		importRow(200, func(r *account.ImportRow) { r.CreatedAt = time.Unix(0, 0) }),
		importRow(201, func(r *account.ImportRow) { r.CreatedAt = w.Clock.Now() }),
		importRow(202, func(r *account.ImportRow) {
			r.CreatedAt, r.SourceID, r.Username = time.Time{}, strings.Repeat("1", 255), ""
		}),
	}
	for _, dryRun := range []bool{true, false} {
		got := runImport(t, w, reading(append(rows, edges...)...), dryRun)
		if got.report.Imported != 4 || len(got.refusals) != len(cases) {
			t.Fatalf("dry run %v: report = %+v with %d refusals; want 4 imported and %d refused", dryRun, got.report, len(got.refusals), len(cases))
		}
		for i, c := range cases {
			refusal := got.refusals[i]
			if refusal.Line != 10+i || refusal.Field != c.field || refusal.Code != c.code || refusal.Message == "" {
				t.Errorf("dry run %v: %s: %+v; want %s: %s", dryRun, c.name, refusal, c.field, c.code)
			}
			if refusal.Email != c.row.Email || refusal.SourceID != c.row.SourceID {
				t.Errorf("%s: refusal %+v does not lead to its row", c.name, refusal)
			}
			if strings.Contains(fmt.Sprintf("%+v", refusal), "hunter2") {
				t.Errorf("%s: the refusal tells the hash: %+v", c.name, refusal)
			}
		}
		var rows int64
		for _, reason := range got.report.Reasons {
			rows += reason.Rows
		}
		invalid := account.ImportReason{Field: "email", Code: domain.CodeInvalidFormat, Rows: 2}
		if rows != got.report.Refused || !slices.Contains(got.report.Reasons, invalid) {
			t.Errorf("reasons = %+v; want them to add up to %d, %+v among them", got.report.Reasons, got.report.Refused, invalid)
		}
	}
	if a, _ := stored(t, w, "user202@example.org"); !a.CreatedAt.Equal(w.Clock.Now()) {
		t.Errorf("an account of unknown age was created at %v; want now", a.CreatedAt)
	}
}

func TestRowsThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	rows := func(yield func(account.ImportRow, error) bool) {
		_ = yield(importRow(1), nil) &&
			yield(account.ImportRow{Line: 2}, domain.NewError(domain.KindMalformed, account.CodeMalformedRow, "This is no row.")) &&
			yield(importRow(3), domain.Invalid(domain.FieldError{Field: "created_at", Code: domain.CodeInvalidFormat, Message: "This is no date."})) &&
			yield(importRow(4), nil)
	}
	got := runImport(t, w, rows, false)
	want := []account.Refusal{
		{Line: 2, Code: account.CodeMalformedRow, Message: "This is no row."},
		{Line: 3, SourceID: "3", Email: "User3@Example.org", Field: "created_at", Code: domain.CodeInvalidFormat, Message: "This is no date."},
	}
	if got.report.Imported != 2 || !reflect.DeepEqual(got.refusals, want) {
		t.Errorf("report %+v, refusals %+v; want %+v", got.report, got.refusals, want)
	}
}

func TestAccountsWithoutPasswordAndDisabledOnes(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	got := runImport(t, w, reading(
		importRow(1, func(r *account.ImportRow) { r.PasswordHash = domain.Secret{} }),
		importRow(2, func(r *account.ImportRow) { r.PasswordHash = domain.NewSecret("!Zq0unusable") }),
		importRow(3, func(r *account.ImportRow) { r.Disabled = true }),
	), false)
	if want := (account.ImportReport{Rows: 3, Imported: 3, WithoutPassword: 2, Disabled: 1}); !reflect.DeepEqual(got.report, want) {
		t.Errorf("report = %+v; want %+v", got.report, want)
	}
	for n := 1; n <= 3; n++ {
		a, c := stored(t, w, fmt.Sprintf("user%d@example.org", n))
		if c.Hash.IsZero() != (n < 3) || a.IsActive() != (n < 3) {
			t.Errorf("account %d: hash %v, active %v", n, !c.Hash.IsZero(), a.IsActive())
		}
		for _, password := range []string{world.Password, "!", "!Zq0unusable"} {
			_, err := w.Logins.WithPassword(t.Context(), login.Attempt{Identifier: a.Email.Address, Password: domain.NewSecret(password)})
			if domain.CodeOf(err) != domain.CodeInvalidCredentials {
				t.Errorf("account %d logs in with %q: %v", n, password, err)
			}
		}
	}
}

func TestDuplicatesAreFoundAcrossBatches(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	rows := importRows(domain.MaxImportBatch)
	rows = append(rows,
		importRow(2001, func(r *account.ImportRow) { r.Email = rows[0].Email }),
		importRow(2002, func(r *account.ImportRow) { r.Username = rows[1].Username }),
		rows[2], // word for word
		importRow(2003, func(r *account.ImportRow) { r.Email, r.Username = "twice", rows[3].Username }), // refused, so
		importRow(2004, func(r *account.ImportRow) { r.Email = "2004@example.org" }),
		importRow(2005, func(r *account.ImportRow) { r.Email, r.Username = "2004@example.org", "bad name" }),
		importRow(2006, func(r *account.ImportRow) { r.Email, r.Username = "2004@example.org", "free" }),
		importRow(2007, func(r *account.ImportRow) { r.Username = "free" }), // its first row was refused
	)
	for _, step := range []struct {
		name              string
		dryRun            bool
		imported, already int64
	}{
		{"dry run", true, 1002, 0},
		{"import", false, 1002, 0},
		{"import again", false, 0, 1002},
		{"dry run after", true, 0, 1002},
	} {
		got := runImport(t, w, reading(rows...), step.dryRun)
		if got.report.Imported != step.imported || got.report.AlreadyImported != step.already || got.report.Refused != 6 {
			t.Errorf("%s: report = %+v; want %d imported, %d already, 6 refused", step.name, got.report, step.imported, step.already)
		}
		var told []string
		for _, r := range got.refusals {
			told = append(told, fmt.Sprint(r.Line, " ", r.Field, " ", r.Code))
		}
		want := []string{
			"2001 email duplicate", "2002 username duplicate", "3 email duplicate", "2003 email invalid_format",
			"2005 username invalid_format", "2006 email duplicate",
		}
		if !slices.Equal(told, want) {
			t.Errorf("%s: refusals = %q; want %q", step.name, told, want)
		}
		if !strings.Contains(got.refusals[0].Message, "Row 1 ") {
			t.Errorf("%s: message %q does not lead to row 1", step.name, got.refusals[0].Message)
		}
	}
}

func TestImportingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	rows := importRows(3)
	runImport(t, w, reading(rows...), false)
	before, credential := stored(t, w, "user1@example.org")
	w.Clock.Advance(time.Hour)
	changed := slices.Clone(rows)
	changed[0].DisplayName, changed[0].Disabled, changed[0].PasswordHash = "New", true, fake.ForeignHash("another password")
	got := runImport(t, w, reading(changed...), false)
	if want := (account.ImportReport{Rows: 3, AlreadyImported: 3}); !reflect.DeepEqual(got.report, want) {
		t.Errorf("report = %+v; want %+v", got.report, want)
	}
	if after, now := stored(t, w, "user1@example.org"); !reflect.DeepEqual(after, before) || now != credential {
		t.Errorf("account = %+v, %v; want it unchanged: %+v", after, now, before)
	}
	wantStored(t, w, rows)
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	rows := importRows(domain.MaxImportBatch + 3)
	got := runImport(t, w, reading(rows...), true)
	if want := (account.ImportReport{Rows: 1003, Imported: 1003}); !reflect.DeepEqual(got.report, want) {
		t.Errorf("report = %+v; want %+v", got.report, want)
	}
	wantStored(t, w, nil)
	runImport(t, w, reading(rows[:2]...), false)
	if got := runImport(t, w, reading(rows...), true); got.report.AlreadyImported != 2 || got.report.Imported != 1001 {
		t.Errorf("after two were imported: %+v", got.report)
	}
}
