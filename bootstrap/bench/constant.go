package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"authserve/adapters/outbound/entstore"
	"authserve/adapters/outbound/system"
	"authserve/bootstrap/bench/stat"
	"authserve/bootstrap/harness"
	"authserve/core/domain"
	"authserve/ports"
)

// Bounds of the difference of two refusals. Both must be passed for a failure: a
// difference that is sure and that nobody could use is none, and neither is one
// that chance explains.
const (
	constantShare  = 0.01  // of a login
	constantMillis = 0.3   // or so many milliseconds, whichever is more
	constantP      = 0.001 // of the signed-rank test
	constantZ      = 3.29  // the same, for the interval that is printed
	constantWarm   = 10    // refusals of each kind before it counts
)

// attemptKind is one way to be refused.
type attemptKind struct{ name, identifier, password string }

const (
	present  = "present@example.com"
	disabled = "disabled@example.com"
)

// attemptKinds are those that must look alike, the one that the others are
// compared with first. A disabled account is tried with its right password.
func attemptKinds() []attemptKind {
	return []attemptKind{
		{"wrong password", present, "not the password of this account"},
		{"unknown account", "unknown@example.com", harness.Password},
		{"disabled account", disabled, harness.Password},
	}
}

// refusal is one answer: what it says, and when it came.
type refusal struct {
	said         string
	first, whole float64 // milliseconds to the first byte, and to the last
}

// constantCase is one configuration under which refusals are compared.
type constantCase struct {
	name    string
	environ []string
	share   float64 // of the time
}

// constantCases are the algorithms, and the cheapest hash that can be configured:
// it hides less of the difference that anything around the hash makes, and in its
// time there are many times the pairs.
func constantCases() []constantCase {
	return []constantCase{
		{argon2id.String(), argon2id.environ(), 0.35},
		{bcrypt12.String(), bcrypt12.environ(), 0.45},
		{"argon2id, 1 MiB", []string{"AUTHSERVE_PASSWORD_ARGON2_MEMORY_KIB=1024", "AUTHSERVE_PASSWORD_ARGON2_TIME=1"}, 0.2},
	}
}

// constantCost compares refused logins and fails where they can be told apart.
func constantCost(ctx context.Context, s settings, binary string) error {
	fmt.Printf("\nrefused logins, one caller, in random order; median difference in ms and its 99.9 %% interval; fails beyond both bounds\n")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\tpairs\tlogin\tdifference\tinterval\tbound\tp\tbound")
	failed := false
	for i, c := range constantCases() {
		refusals, err := collectRefusals(ctx, binary, dataDir(binary, "constant", i), c, s.constant)
		if err == nil {
			err = sameAnswers(refusals)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		failed = printDifferences(w, c.name, refusals) || failed
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println("(PASS?: no difference was found, and the interval is too wide to exclude one beyond the bound)")
	if failed {
		return fmt.Errorf("%w: refused logins can be told apart by their time", errBounds)
	}
	return nil
}

// collectRefusals returns rounds of one refusal of each kind, by kind.
func collectRefusals(ctx context.Context, binary, dir string, c constantCase, all time.Duration) ([][]refusal, error) {
	// Thousands of wrong passwords in a row are what the limits are against.
	environ := harness.Environ(dir, append(c.environ, "AUTHSERVE_RATE_LIMIT_ENABLED=false")...)
	client, end, err := startWithDisabled(ctx, binary, dir, environ)
	if err != nil {
		return nil, err
	}
	defer end()
	kinds := attemptKinds()
	order := make([]int, len(kinds))
	for i := range order {
		order[i] = i
	}
	var rounds [][]refusal
	until := now().Add(time.Duration(c.share * float64(all)))
	for n := 0; n < constantWarm+2 || now().Before(until); n++ {
		shuffle(order)
		round := make([]refusal, len(kinds))
		for _, i := range order {
			if round[i], err = refuse(ctx, client, kinds[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", kinds[i].name, err)
			}
		}
		if n >= constantWarm {
			rounds = append(rounds, round)
		}
	}
	return rounds, nil
}

// startWithDisabled starts a service that has one account and one disabled one.
func startWithDisabled(ctx context.Context, binary, dir string, environ []string) (client harness.Client, end func(), err error) {
	if err := makeDir(dir); err != nil {
		return client, nil, err
	}
	p, err := harness.Start(ctx, binary, dir, environ)
	if err != nil {
		return client, nil, err
	}
	for _, email := range []string{present, disabled} {
		answer, registerErr := harness.NewClient(p.HTTP).Register(ctx, email)
		err = errors.Join(err, expect(answer, registerErr, http.StatusCreated))
	}
	if _, stopErr := p.Terminate(); err == nil {
		err = stopErr
	}
	if err == nil {
		err = disable(ctx, dir, disabled)
	}
	if err == nil {
		p, err = harness.Start(ctx, binary, dir, environ)
	}
	if err != nil {
		return client, nil, err
	}
	return harness.NewClient(p.HTTP), func() { _ = p.Kill() }, nil
}

// disable disables an account of a service that is not running.
func disable(ctx context.Context, dir, email string) error {
	store, err := entstore.Open(ctx, entstore.Config{URL: "sqlite://" + dir + "/data/authserve.db"})
	if err != nil {
		return err
	}
	err = store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		account, err := tx.Accounts().ByEmail(ctx, email)
		if err != nil {
			return err
		}
		from := account.Version
		account.Status = domain.AccountDisabled
		return tx.Accounts().Update(ctx, account, from)
	})
	return errors.Join(err, store.Close())
}

func refuse(ctx context.Context, client harness.Client, k attemptKind) (refusal, error) {
	body, err := json.Marshal(map[string]string{"identifier": k.identifier, "password": k.password})
	if err != nil {
		return refusal{}, err
	}
	var first time.Time
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { first = now() }})
	request, err := http.NewRequestWithContext(traced, http.MethodPost, client.Base+"/api/v1/auth/login", bytes.NewReader(body))
	if err != nil {
		return refusal{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Correlation-Id", "bench") // comes back in body and header
	began := now()
	answer, err := client.Send(request)
	whole := now().Sub(began)
	if err := expect(answer, err, http.StatusUnauthorized); err != nil {
		return refusal{}, err
	}
	said, err := withoutIDs(answer)
	return refusal{said: said, first: millis(first.Sub(began)), whole: millis(whole)}, err
}

// withoutIDs is all that an answer says, less what differs between any two: the
// date, and the ids of the trace.
func withoutIDs(a harness.Answer) (string, error) {
	var fields map[string]any
	if err := a.Decode(&fields); err != nil {
		return "", err
	}
	trace, _ := fields["trace_id"].(string)
	var lines []string
	for name, values := range a.Header {
		if name != "Date" {
			lines = append(lines, name+": "+strings.Join(values, " | "))
		}
	}
	slices.Sort(lines)
	text := fmt.Sprintf("%d\n%s\n\n%s", a.Status, strings.Join(lines, "\n"), a.Body)
	if trace == "" {
		return text, nil
	}
	return strings.ReplaceAll(text, trace, "TRACE"), nil
}

// sameAnswers compares every answer with the first.
func sameAnswers(rounds [][]refusal) error {
	for _, round := range rounds {
		for i, r := range round {
			if want := rounds[0][0].said; r.said != want {
				return fmt.Errorf("%w: %s is answered\n%s\nand %s\n%s", errBounds,
					attemptKinds()[i].name, r.said, attemptKinds()[0].name, want)
			}
		}
	}
	return nil
}

// printDifferences prints a line for each difference and reports whether one fails.
func printDifferences(w *tabwriter.Writer, name string, rounds [][]refusal) (failed bool) {
	for _, part := range []struct {
		name string
		of   func(refusal) float64
	}{
		{"first byte", func(r refusal) float64 { return r.first }},
		{"whole answer", func(r refusal) float64 { return r.whole }},
	} {
		usual := make([]float64, len(rounds))
		for i := range rounds {
			usual[i] = part.of(rounds[i][0])
		}
		login := stat.Median(usual)
		bound := max(constantShare*login, constantMillis)
		for k, kind := range attemptKinds() {
			if k == 0 {
				continue
			}
			differences := make([]float64, len(rounds))
			for i := range rounds {
				differences[i] = part.of(rounds[i][k]) - usual[i]
			}
			median := stat.Median(differences)
			low, high := stat.MedianInterval(differences, constantZ)
			_, p := stat.SignedRank(differences)
			word := "PASS"
			switch {
			case math.Abs(median) > bound && p < constantP:
				word, failed = "FAIL", true
			case max(-low, high) > bound:
				word = "PASS?"
			}
			_, _ = fmt.Fprintf(w, "%s %s, %s, %s\t%d\t%.2f\t%+.3f\t%+.3f to %+.3f\t≤ %.2f\t%.2g\t≥ %v\n", word, name, kind.name, part.name,
				len(rounds), login, median, low, high, bound, p, constantP)
		}
	}
	return failed
}

// shuffle puts the indexes into random order.
func shuffle(order []int) {
	random := system.Random{}.Bytes(len(order))
	for i := len(order) - 1; i > 0; i-- {
		j := int(random[i]) % (i + 1)
		order[i], order[j] = order[j], order[i]
	}
}
