package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"authserve/adapters/inbound/cli"
)

func examine(ctx context.Context, t *testing.T, checks []cli.Check, args ...string) result {
	t.Helper()
	r := &calls{}
	actions := r.actions()
	actions.Doctor = func(_ context.Context, c cli.Config) []cli.Check {
		r.config = c
		return checks
	}
	var stdout, stderr bytes.Buffer
	code := cli.Run(ctx, actions, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, args)
	if got := r.config.File; got != "x.yaml" {
		t.Errorf("the doctor looked at %q", got)
	}
	return result{code, stdout.String(), stderr.String()}
}

func TestDoctorTellsWhatItFound(t *testing.T) {
	t.Parallel()
	checks := []cli.Check{
		{Name: "configuration", Status: cli.CheckOK, Summary: "valid"},
		{Name: "password hashing", Status: cli.CheckWarn, Summary: "2 inside the service", Facts: []string{"2 usable cores.", "At most 256 more wait."}, Advice: "Let it start processes."},
	}
	got := examine(t.Context(), t, checks, "doctor", "--config", "x.yaml")
	want := `[ok]   configuration: valid
[warn] password hashing: 2 inside the service
         2 usable cores.
         At most 256 more wait.
       > Let it start processes.
`
	if got.code != 0 || got.out != want || got.err != "" {
		t.Errorf("exit %d, stderr %q, stdout\n%s\nwant\n%s", got.code, got.err, got.out, want)
	}
	got = examine(t.Context(), t, checks, "doctor", "--config", "x.yaml", "--json")
	var back []cli.Check
	if err := json.Unmarshal([]byte(got.out), &back); err != nil || got.code != 0 || !reflect.DeepEqual(back, checks) {
		t.Errorf("exit %d, %v, %+v; want %+v", got.code, err, back, checks)
	}
}

func TestDoctorFailsWithItsChecks(t *testing.T) {
	t.Parallel()
	failed := []cli.Check{{Name: "a", Status: cli.CheckOK}, {Name: "b", Status: cli.CheckFail, Summary: "it cannot be used"}, {Name: "c", Status: cli.CheckOK}}
	for _, form := range [][]string{nil, {"--json"}} {
		got := examine(t.Context(), t, failed, append([]string{"doctor", "--config", "x.yaml"}, form...)...)
		if got.code != cli.ExitFailure || !strings.Contains(got.out, "it cannot be used") || got.err != "authserve: a check failed\n" {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", form, got.code, got.out, got.err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := examine(ctx, t, failed[:1], "doctor", "--config", "x.yaml"); got.code != cli.ExitFailure || !strings.Contains(got.err, "interrupted") {
		t.Errorf("interrupted: exit %d, stderr %q", got.code, got.err)
	}
}
