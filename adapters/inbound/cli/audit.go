package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
)

func auditCommand(a Actions, given *Config) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "audit",
		Short: "Verify the audit log",
		Long: `Verify the audit log. Every event is sealed into a chain within two seconds, under a key
of the master key: whoever can write the database and lacks that key can change, remove,
insert or reorder nothing of the chain that "audit verify" would not find.`,
	})
	c.AddCommand(auditVerifyCommand(a, given), auditHeadCommand(a, given))
	return c
}

// errFaulty follows the verdict on standard output.
var errFaulty = errors.New("the audit log has faults")

// errNotCompared: a script must not take silence for agreement.
var errNotCompared = errors.New("the kept head is of before what was removed by audit.retention, so there is nothing to compare it with: keep a newer one")

func auditVerifyCommand(a Actions, given *Config) *cobra.Command {
	var kept string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Go along the whole chain and tell the first fault",
		Long: `Go along the whole chain of the audit log, tell the first fault, and count them. It
changes nothing, and works while the service runs.

With --head FILE, which "audit head --json" wrote before, it also finds that the
database was taken back to an earlier state. That includes a restored backup.

What it does not find: what was done to events before they were sealed, which takes two
seconds while a service runs (they are counted as unchained); and anything done by
somebody who has the master key.

The exit code is 1 when there is a fault, or when it could not be done.`,
		Example: `  authserve audit verify
  authserve audit verify --head /elsewhere/head-2026-11-23.json --json`,
		Args: cobra.NoArgs,
		RunE: action(func(c *cobra.Command, _ []string) error {
			head, err := keptHead(kept)
			if err != nil {
				return err
			}
			progress := newProgress(c.ErrOrStderr())
			verdict, err := a.VerifyAudit(c.Context(), *given, head, func(v audit.Verdict) {
				progress.tell(fmt.Sprintf("%d events, %d faults", v.Events, v.Faults))
			})
			progress.end()
			if err != nil {
				return err
			}
			write := writeVerdict
			if asJSON {
				write = func(w io.Writer, v audit.Verdict, _ bool) error { return writeJSON(w, newVerdictJSON(v)) }
			}
			switch err := write(c.OutOrStdout(), verdict, head != nil); {
			case err != nil:
				return err
			case verdict.Faults > 0:
				return errFaulty
			case head != nil && !verdict.Compared:
				return errNotCompared
			}
			return nil
		}),
	}
	c.Flags().StringVar(&kept, "head", "", "compare with the head in this file, which \"audit head --json\" wrote")
	addJSON(c, &asJSON)
	return c
}

func auditHeadCommand(a Actions, given *Config) *cobra.Command {
	c := &cobra.Command{
		Use:   "head",
		Short: "Print where the chain ends, to be kept elsewhere",
		Long: `Print where the chain of the audit log ends: a number, a MAC, and a proof that this
service wrote them. Keep it, with --json, where who can write the database cannot write:
"audit verify --head" then finds that the database was taken back.

The exit code is 1 when nothing was sealed yet.`,
		Example: `  authserve audit head --json > /elsewhere/head-$(date -u +%F).json`,
		Args:    cobra.NoArgs,
	}
	return resultCommand(c, func(c *cobra.Command, _ []string) (domain.AuditHead, error) {
		head, err := a.AuditHead(c.Context(), *given)
		if errors.Is(err, ports.ErrNotFound) {
			err = errors.New("nothing was sealed yet: a running service does so every second")
		}
		return head, err
	}, func(h domain.AuditHead) any { return newHeadJSON(h) }, func(w io.Writer, h domain.AuditHead) error {
		_, err := fmt.Fprintf(w, "Event %d, sealed %s.\nMAC   %x\nProof %x, by key %s\n", h.Seq, h.At.UTC().Format(time.RFC3339), h.MAC, h.Proof, h.KeyID)
		return err
	})
}

// keptHead reads the file; nil: none is named.
func keptHead(file string) (*domain.AuditHead, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	f, err := os.Open(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxHeadFile+1))
	if err != nil {
		return nil, err
	}
	head, err := ParseAuditHead(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &head, nil
}

func writeVerdict(w io.Writer, v audit.Verdict, compared bool) error {
	lines := []string{fmt.Sprintf("Verified %d events, from %d to %d.", v.Events, v.Anchor.Seq+1, v.Head.Seq)}
	if v.Anonymised > 0 {
		lines = append(lines, fmt.Sprintf("%d of them were anonymised by erasures.", v.Anonymised))
	}
	if v.Unchained > 0 {
		more := ""
		if v.Unchained >= audit.MaxUnchained {
			more = " or more"
		}
		lines = append(lines, fmt.Sprintf("%d%s are not sealed yet, the oldest of %s.", v.Unchained, more, v.Oldest.UTC().Format(time.RFC3339)))
	}
	switch {
	case v.Faults == 0 && compared && v.Compared:
		lines = append(lines, "They agree with the kept head.", "No faults.")
	case v.Faults == 0:
		lines = append(lines, "No faults.")
	default:
		lines = append(lines, fmt.Sprintf("%d faults, the first one:", v.Faults), "  "+v.First.String())
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, string(printable([]byte(line)))); err != nil {
			return err
		}
	}
	return nil
}

type verdictJSON struct {
	OK              bool       `json:"ok"`
	Events          int64      `json:"events"`
	Anonymised      int64      `json:"anonymised"`
	Unchained       int        `json:"unchained"`
	OldestUnchained *time.Time `json:"oldest_unchained"` // null: there is none
	BeginsAfter     int64      `json:"begins_after"`
	Head            *headJSON  `json:"head"` // null: nothing was sealed yet
	ComparedToHead  bool       `json:"compared_to_head"`
	Faults          int64      `json:"faults"`
	FirstFault      *faultJSON `json:"first_fault"` // null: there is none
}

type faultJSON struct {
	Kind    audit.FaultKind `json:"kind"`
	Seq     int64           `json:"seq"`
	EventID domain.ID       `json:"event_id"` // empty: it is no fault of one event
	Meaning string          `json:"meaning"`
}

func newVerdictJSON(v audit.Verdict) verdictJSON {
	out := verdictJSON{
		OK: v.Faults == 0, Events: v.Events, Anonymised: v.Anonymised, Unchained: v.Unchained,
		BeginsAfter: v.Anchor.Seq, ComparedToHead: v.Compared, Faults: v.Faults,
	}
	if !v.Oldest.IsZero() {
		at := v.Oldest.UTC()
		out.OldestUnchained = &at
	}
	if v.Head.Seq > 0 {
		head := newHeadJSON(v.Head)
		out.Head = &head
	}
	if v.Faults > 0 {
		out.FirstFault = &faultJSON{v.First.Kind, v.First.Seq, v.First.EventID, v.First.Kind.Meaning()}
	}
	return out
}

// headJSON is the file of a kept head.
type headJSON struct {
	Seq   int64     `json:"seq"`
	MAC   string    `json:"mac"` // hexadecimal, as proof
	KeyID string    `json:"key_id"`
	At    time.Time `json:"at"`
	Proof string    `json:"proof"`
}

func newHeadJSON(h domain.AuditHead) headJSON {
	return headJSON{h.Seq, hex.EncodeToString(h.MAC), h.KeyID, h.At.UTC(), hex.EncodeToString(h.Proof)}
}

// AuditActions are the functions behind `authserve audit`. Neither writes anything.
type AuditActions struct {
	// VerifyAudit and AuditHead are Verify and Head of audit.Service on the configured
	// store.
	VerifyAudit func(ctx context.Context, c Config, kept *domain.AuditHead, progress func(audit.Verdict)) (audit.Verdict, error)
	AuditHead   func(ctx context.Context, c Config) (domain.AuditHead, error)
}
