package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/cli"
	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// auditing answers with what a service would.
type auditing struct {
	verdict audit.Verdict
	head    domain.AuditHead
	err     error
	kept    *domain.AuditHead // that came in
}

func (a *auditing) run(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), cli.Actions{AuditActions: cli.AuditActions{
		VerifyAudit: func(_ context.Context, _ cli.Config, kept *domain.AuditHead, _ func(audit.Verdict)) (audit.Verdict, error) {
			a.kept = kept
			return a.verdict, a.err
		},
		AuditHead: func(context.Context, cli.Config) (domain.AuditHead, error) { return a.head, a.err },
	}}, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, append([]string{"audit"}, args...))
	return result{code, stdout.String(), stderr.String()}
}

const headText = `{
  "seq": 7,
  "mac": "00ff3030303030303030303900ff00ff00ff00ff00ff00ff00ff00ff00ff00ff",
  "key_id": "k1",
  "at": "2026-03-01T12:30:52.123456Z",
  "proof": "00ff3030303030303030313000ff00ff00ff00ff00ff00ff00ff00ff00ff00ff"
}
`

func TestAuditVerifyTellsFaultsByItsExitCode(t *testing.T) {
	t.Parallel()
	kept := filepath.Join(t.TempDir(), "head.json")
	if err := os.WriteFile(kept, fileOf(t, fake.AuditHead(7)), 0o600); err != nil {
		t.Fatal(err)
	}
	notHead := filepath.Join(t.TempDir(), "no.json")
	if err := os.WriteFile(notHead, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := audit.Verdict{Events: 12, Head: fake.AuditHead(14), Anchor: fake.AuditHead(2)}
	tail, compared, faulty := good, good, good
	tail.Unchained, tail.Oldest, tail.Anonymised = 3, fake.Epoch(), 4
	compared.Compared = true
	faulty.Faults, faulty.First = 2, audit.Fault{Kind: audit.FaultChanged, Seq: 9, EventID: "id\x1b[2J"}
	cases := []struct {
		what     string
		args     []string
		verdict  audit.Verdict
		err      error
		code     int
		out, say string // parts of standard output and error
	}{
		{"good", nil, good, nil, 0, "Verified 12 events, from 3 to 14.\nNo faults.\n", ""},
		{"with a tail", nil, tail, nil, 0, "4 of them were anonymised by erasures.\n3 are not sealed yet, the oldest of 2026-03-01T12:30:45Z.\nNo faults.\n", ""},
		{"a long tail", nil, audit.Verdict{Unchained: audit.MaxUnchained}, nil, 0, "10000 or more are not sealed yet", ""},
		{"as JSON", []string{"--json"}, tail, nil, 0, `"oldest_unchained": "2026-03-01T12:30:45.123456Z"`, ""},
		{"faulty", nil, faulty, nil, 1, "2 faults, the first one:\n  changed at 9, event id", "the audit log has faults"},
		{"faulty, as JSON", []string{"--json"}, faulty, nil, 1, `"kind": "changed"`, "the audit log has faults"},
		{"compared", []string{"--head", kept}, compared, nil, 0, "They agree with the kept head.\nNo faults.\n", ""},
		{"nothing to compare with", []string{"--head", kept}, good, nil, 1, "No faults.", "keep a newer one"},
		{"no such file", []string{"--head", kept + ".gone"}, good, nil, 1, "", "no such file"},
		{"another file", []string{"--head", notHead}, good, nil, 1, "", "this is no head of the audit log"},
		{"a database that is away", nil, good, ports.ErrUnavailable, 1, "", "authserve: "},
		{"an argument", []string{"all"}, good, nil, 2, "", "all"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			a := auditing{verdict: c.verdict, err: c.err}
			got := a.run(t, append([]string{"verify"}, c.args...)...)
			if got.code != c.code {
				t.Errorf("exit code = %d, want %d; stderr: %s", got.code, c.code, got.err)
			}
			wantPart(t, "stdout", got.out, c.out)
			wantPart(t, "stderr", got.err, c.say)
			if strings.Contains(got.out, "\x1b") {
				t.Errorf("stdout = %q, with a control character of the database", got.out)
			}
			if c.what == "compared" && (a.kept == nil || !reflect.DeepEqual(*a.kept, fake.AuditHead(7))) {
				t.Errorf("the kept head came in as %+v, want %+v", a.kept, fake.AuditHead(7))
			}
		})
	}
}

func TestAuditVerifyAsJSON(t *testing.T) {
	t.Parallel()
	a := auditing{verdict: audit.Verdict{
		Events: 3, Unchained: 1, Oldest: fake.Epoch(), Head: fake.AuditHead(5), Anchor: fake.AuditHead(2), Compared: true,
		Faults: 1, First: audit.Fault{Kind: audit.FaultCut, Seq: 5},
	}}
	var got map[string]any
	if err := json.Unmarshal([]byte(a.run(t, "verify", "--json").out), &got); err != nil {
		t.Fatal(err)
	}
	head, _ := got["head"].(map[string]any)
	first, _ := got["first_fault"].(map[string]any)
	if head["seq"] != 5.0 || first["kind"] != "cut" || first["meaning"] == "" {
		t.Errorf("head %v, first fault %v", head, first)
	}
	delete(got, "head")
	delete(got, "first_fault")
	want := map[string]any{
		"ok": false, "events": 3.0, "anonymised": 0.0, "unchained": 1.0, "oldest_unchained": "2026-03-01T12:30:45.123456Z",
		"begins_after": 2.0, "compared_to_head": true, "faults": 1.0,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	a = auditing{}
	if out := a.run(t, "verify", "--json").out; !strings.Contains(out, `"ok": true`) || !strings.Contains(out, `"head": null`) || !strings.Contains(out, `"first_fault": null`) {
		t.Errorf("of an empty log: got %s", out)
	}
}

// fileOf is what `audit head --json` prints.
func fileOf(t *testing.T, h domain.AuditHead) []byte {
	t.Helper()
	got := (&auditing{head: h}).run(t, "head", "--json")
	if got.code != 0 || got.err != "" {
		t.Fatalf("audit head: got exit code %d, stderr %q", got.code, got.err)
	}
	return []byte(got.out)
}

func TestAuditHead(t *testing.T) {
	t.Parallel()
	text := fileOf(t, fake.AuditHead(7))
	if string(text) != headText {
		t.Errorf("got %s\nwant %s", text, headText)
	}
	got := (&auditing{head: fake.AuditHead(7)}).run(t, "head")
	wantPart(t, "stdout", got.out, "Event 7, sealed 2026-03-01T12:30:52Z.\nMAC   00ff")
	got = (&auditing{err: ports.ErrNotFound}).run(t, "head")
	if got.code != 1 || !strings.Contains(got.err, "nothing was sealed yet") {
		t.Errorf("before the first event: got %+v", got)
	}
	got = (&auditing{err: errors.New("trouble")}).run(t, "head")
	if got.code != 1 || got.out != "" {
		t.Errorf("with trouble: got %+v", got)
	}
}

func TestParseAuditHeadRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(string) string{
		"nothing":               func(string) string { return "" },
		"more behind":           func(s string) string { return s + "{}" },
		"a field more":          func(s string) string { return strings.Replace(s, "{", `{"x":1,`, 1) },
		"number 0":              func(s string) string { return strings.Replace(s, "7", "0", 1) },
		"a fraction":            func(s string) string { return strings.Replace(s, "7", "7.5", 1) },
		"a short MAC":           func(s string) string { return strings.Replace(s, "00ff", "", 1) },
		"a MAC that is no hex":  func(s string) string { return strings.Replace(s, "00ff", "zzff", 1) },
		"no key":                func(s string) string { return strings.Replace(s, "k1", "", 1) },
		"a long key":            func(s string) string { return strings.Replace(s, "k1", strings.Repeat("k", 65), 1) },
		"no time":               func(s string) string { return strings.Replace(s, "2026", "soon", 1) },
		"a time we never write": func(s string) string { return strings.Replace(s, "123456Z", "1234567Z", 1) },
		"a big file":            func(s string) string { return s + strings.Repeat(" ", 5000) },
	} {
		if got, err := cli.ParseAuditHead([]byte(change(headText))); err == nil {
			t.Errorf("%s: got %+v, want an error", what, got)
		}
	}
}

func FuzzParseAuditHead(f *testing.F) {
	f.Add([]byte(headText))
	f.Add([]byte(`{"seq":1}`))
	f.Add([]byte(strings.Replace(headText, "Z", "+01:00", 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		head, err := cli.ParseAuditHead(text)
		if err != nil {
			if !reflect.DeepEqual(head, domain.AuditHead{}) {
				t.Errorf("beside %v: got %+v", err, head)
			}
			return
		}
		if head.Seq < 1 || len(head.MAC) != 32 || len(head.Proof) != 32 || head.KeyID == "" || head.At.Location() != time.UTC {
			t.Errorf("accepted %+v", head)
		}
		var stdout bytes.Buffer
		code := cli.Run(t.Context(), cli.Actions{AuditActions: cli.AuditActions{
			AuditHead: func(context.Context, cli.Config) (domain.AuditHead, error) { return head, nil },
		}}, cli.Streams{Out: &stdout, Err: io.Discard}, []string{"audit", "head", "--json"})
		if again, err := cli.ParseAuditHead(stdout.Bytes()); code != 0 || err != nil || !reflect.DeepEqual(again, head) {
			t.Errorf("written and read again: got %+v, %v, want %+v", again, err, head)
		}
	})
}
